"""Bad input: each piece gets its reason, costs its neighbours nothing, and is kept."""

import json
import socket

import pytest
from cartograph import ANSWER_SECONDS_MAX, assert_balanced, gzipped, ndjson
from lake import Lake
from shop import Shop

MEGABYTE = 1 << 20


def altered(event, **changes):
    """The event with fields changed, or removed where the change is None."""
    merged = event | changes
    return json.dumps({name: value for name, value in merged.items() if value is not None}).encode()


def bad_events():
    shop = Shop(seed=5, name="bad")
    purchase = shop.purchase
    line = {"product_id": "p", "quantity": 1, "unit_price": "1.00"}
    return [
        (b"not json at all", "not_json"),
        (b'{"type": "click", "event_id": ', "not_json"),
        (altered(shop.click(), type=None), "missing_field:type"),
        (altered(shop.click(), type="teleport"), "unknown_type"),
        (altered(shop.click(), user_id=None), "missing_field:user_id"),
        (altered(shop.click(), user_id=7), "wrong_type:user_id"),
        (altered(shop.click(), user_id="u" * 129), "wrong_type:user_id"),
        (altered(shop.cart(), quantity="two"), "wrong_type:quantity"),
        (altered(shop.cart(), quantity=0), "bad_quantity"),
        (altered(purchase(), items=[]), "empty_items"),
        (altered(purchase(), items=[line | {"quantity": 0}]), "bad_quantity"),
        (altered(purchase(), total_amount="1.23456"), "bad_money"),
        (altered(purchase(), currency="DOLLAR"), "bad_currency"),
        (altered(shop.click(), ts="yesterday"), "bad_timestamp"),
        (altered(shop.click(), ts="2024-02-30T10:00:00Z"), "bad_timestamp"),
        (altered(shop.click(), ts=5), "bad_timestamp"),
        (altered(shop.click(), ts="9999-12-31T23:59:59Z"), "too_far_in_future"),
        (altered(shop.click(), ts=99_999_999_999_999), "too_far_in_future"),
        (altered(shop.click(), page="PAGE").replace(b"PAGE", b"caf\xe9"), "bad_utf8"),
        (altered(shop.click(), page="x" * (3 * MEGABYTE // 2)), "too_large"),
    ]


def test_each_bad_event_gets_its_reason_and_its_neighbours_are_accepted(up, data):
    server = up(data)
    shop, bad = Shop(seed=6), bad_events()
    lines = []
    for raw, _ in bad:
        lines += [json.dumps(shop.event()).encode(), raw]
    status, answer = server.post(b"\n".join(lines))

    assert status == 202
    assert answer["accepted"] == len(bad)
    assert answer["rejected_count"] == len(bad)
    assert [entry["index"] for entry in answer["rejected"]] == list(range(1, 2 * len(bad), 2))
    got = [(raw[:80], entry["reason"]) for (raw, _), entry in zip(bad, answer["rejected"])]
    assert got == [(raw[:80], reason) for raw, reason in bad]

    totals = server.applied(answer["commit"])["totals"]
    assert (totals["received"], totals["accepted"], totals["quarantined"]) == (2 * len(bad), len(bad), len(bad))
    server.batch()
    server.stop_cleanly()
    assert_balanced(data)
    with Lake(data) as lake:
        kept = lake.rows("bronze.quarantine", "reason", "raw").to_pylist()
    assert sorted((row["reason"], row["raw"]) for row in kept) == sorted((reason, raw) for raw, reason in bad)


def test_a_json_array_is_taken_apart_and_a_broken_body_is_kept(up, data):
    server = up(data)
    shop = Shop(seed=7)
    events = [shop.click(), shop.click() | {"user_id": 1}, shop.purchase()]
    status, answer = server.post(json.dumps(events).encode(), "application/json")
    assert (status, answer["accepted"]) == (202, 2)
    assert answer["rejected"] == [{"index": 1, "reason": "wrong_type:user_id"}]

    status, answer = server.post(json.dumps(shop.click()).encode(), "application/json; charset=utf-8")
    assert (status, answer["accepted"], answer["rejected_count"]) == (202, 1, 0)

    status, answer = server.post(b'{"type": "click", "event', "application/json")
    assert (status, answer["accepted"]) == (202, 0)
    assert answer["rejected"] == [{"index": 0, "reason": "not_json"}]
    assert answer["rejected_count"] == 1

    totals = server.applied(answer["commit"])["totals"]
    assert (totals["received"], totals["accepted"], totals["quarantined"]) == (5, 3, 2)


def test_at_most_a_hundred_rejections_are_listed_and_all_are_counted(up, data):
    server = up(data)
    status, answer = server.post(b"{}\n" * 250)
    assert (status, answer["accepted"], answer["rejected_count"]) == (202, 0, 250)
    assert [entry["index"] for entry in answer["rejected"]] == list(range(100))


def test_gzip_is_accepted(up, data):
    server = up(data)
    events = Shop(seed=8).events(200)
    status, answer = server.post(gzipped(ndjson(events)), **{"Content-Encoding": "gzip"})
    assert (status, answer["accepted"], answer["rejected_count"]) == (202, 200, 0)


def send_raw(server, head, pieces):
    """Sends a request by hand and returns the status line, also when the server answers before it has all of it."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=ANSWER_SECONDS_MAX) as connection:
        connection.sendall(head)
        try:
            for piece in pieces:
                connection.sendall(piece)
        except OSError:
            pass  # It stopped listening; what counts is what it said.
        with connection.makefile("rb") as answer:
            return answer.readline().decode("ascii", "replace").strip()


HEAD = b"POST /v1/events HTTP/1.1\r\nHost: shop\r\nContent-Type: application/x-ndjson\r\n"


def test_a_body_of_20_mb_is_refused_and_nothing_of_it_stored(up, data):
    server = up(data)
    piece = b" " * MEGABYTE
    told = HEAD + b"Content-Length: %d\r\n\r\n" % (20 * MEGABYTE)
    assert " 413 " in f"{send_raw(server, told, [piece] * 20)} "

    chunked = [b"%x\r\n%s\r\n" % (len(piece), piece)] * 20 + [b"0\r\n\r\n"]
    untold = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    assert " 413 " in f"{send_raw(server, untold, chunked)} "

    click = json.dumps(Shop(seed=9).click()).encode() + b"\n"
    bomb = gzipped(click * (20 * MEGABYTE // len(click)))
    status, _ = server.post(bomb, **{"Content-Encoding": "gzip"})
    assert status == 413

    assert server.totals["received"] == 0
    server.accept(Shop(seed=10).events(10))


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [("application/xml", None), ("image/png", None), ("application/json", "compress")],
)
def test_what_is_not_json_by_its_own_word_is_refused(up, data, content_type, encoding):
    server = up(data)
    headers = {"Content-Encoding": encoding} if encoding else {}
    status, _ = server.post(json.dumps(Shop(seed=1).click()).encode(), content_type, **headers)
    assert status == 415
    assert server.totals["received"] == 0


def test_a_body_that_is_not_the_gzip_it_says_is_refused(up, data):
    server = up(data)
    status, _ = server.post(b"this is not gzip", **{"Content-Encoding": "gzip"})
    assert 400 <= status < 500
    server.accept(Shop(seed=2).events(5))
