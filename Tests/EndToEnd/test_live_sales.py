"""Live sales: exact by every dimension, through a kill, and however slowly a browser reads."""

import json
import socket
import urllib.error
import urllib.request
from datetime import datetime, timezone

import pytest
from cartograph import eventually


def ask(server, path):
    with urllib.request.urlopen(server.url + path) as answer:
        return json.load(answer)


def purchase(number, country, currency, amount):
    now = datetime.now(timezone.utc).isoformat()
    return {
        "type": "purchase", "event_id": f"e{number}", "user_id": f"u{number}", "session_id": f"s{number}", "ts": now,
        "currency": currency, "total_amount": amount, "country": country, "channel": "website", "store_id": "store 1",
        "order_id": f"o{number}",
        "items": [{"product_id": f"p{number % 2}", "quantity": 2, "unit_price": amount}]}


def sold(server, by, grain):
    lines = ask(server, f"/api/v1/live/sales?by={by}&grain={grain}&last=2")["lines"]
    sums = {}
    for line in lines:
        orders, units, revenue = sums.get((line["name"], line["currency"]), (0, 0, 0))
        sums[line["name"], line["currency"]] = (
            orders + line["orders"], units + line["units"], revenue + round(float(line["revenue"]) * 10_000))
    return sums


def test_every_dimension_and_grain_says_the_same_also_after_a_kill(up, data):
    server = up(data)
    commit = server.accept(
        [purchase(1, "VN", "USD", "10.5"), purchase(2, "VN", "USD", "0.0001"), purchase(3, "SG", "VND", "70000"),
         purchase(1, "VN", "USD", "10.5")])["commit"]
    server.applied(commit)

    def check(server):
        for grain in ("minute", "hour", "day"):
            assert sold(server, "country", grain) == {("VN", "USD"): (2, 4, 105_001), ("SG", "VND"): (1, 2, 700_000_000)}
            assert sold(server, "store", grain) == {
                ("store 1", "USD"): (2, 4, 105_001), ("store 1", "VND"): (1, 2, 700_000_000)}
            assert sold(server, "product", grain) == {
                ("p1", "USD"): (1, 2, 210_000), ("p0", "USD"): (1, 2, 2), ("p1", "VND"): (1, 2, 1_400_000_000)}
            assert sold(server, "channel", grain) == {
                ("website", "USD"): (2, 4, 105_001), ("website", "VND"): (1, 2, 700_000_000)}

    check(server)
    server.kill()
    server = up(data)
    server.applied(commit)
    check(server)
    server.stop_cleanly()
    server = up(data)
    server.applied(commit)
    check(server)


@pytest.mark.parametrize("query", ["by=planet", "grain=second"])
def test_what_it_does_not_know_is_refused(up, data, query):
    server = up(data)
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(server, f"/api/v1/live/sales?{query}")
    assert refused.value.code == 400
    assert "by is channel, store, country or product" in json.load(refused.value)["error"]


def test_a_browser_that_does_not_read_slows_nobody(up, data):
    server = up(data)
    deaf = []
    for _ in range(20):
        listener = socket.create_connection(("127.0.0.1", server.port))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        listener.sendall(b"GET /api/v1/live HTTP/1.1\r\nHost: x\r\n\r\n")
        deaf.append(listener)
    number = 0
    for _ in range(30):
        events = []
        for _ in range(1_000):
            number += 1
            events.append(purchase(number, "VN", "USD", "1"))
        server.applied(server.accept(events)["commit"])
    assert sold(server, "country", "day")[("VN", "USD")][0] == number
    eventually("the view goes on", lambda: server.snapshot()["totals"]["accepted"] == number)
    for listener in deaf:
        listener.close()


def test_best_sellers_stock_and_sessions_are_told(up, data):
    server = up(data)
    now = datetime.now(timezone.utc).isoformat()
    stock = [
        {"type": "stock", "event_id": f"st{number}", "product_id": "p1", "warehouse_id": warehouse, "change": change,
         "ts": now, "reason": "count"}
        for number, (warehouse, change) in enumerate([("w1", 30), ("w1", -20), ("w2", 5), ("w2", -5), ("w3", 50)])]
    # A session that began and ended an hour and a half ago is late by now, and counted as such.
    past = datetime.fromtimestamp(datetime.now(timezone.utc).timestamp() - 5_400, timezone.utc).isoformat()
    late = purchase(9, "VN", "USD", "1") | {"ts": past, "user_id": "u1"}
    commit = server.accept(
        stock + [purchase(1, "VN", "USD", "10"), purchase(2, "VN", "USD", "30"), purchase(4, "VN", "EUR", "99")])["commit"]
    server.applied(commit)
    server.applied(server.accept([late])["commit"])
    best = ask(server, "/api/v1/live/bestsellers?currency=USD&last=2")
    assert [(p["product_id"], p["units"], p["revenue"]) for p in best["products"]] == [
        ("p0", 2, "60.00"), ("p1", 2, "20.00")]
    assert [p["product_id"] for p in ask(server, "/api/v1/live/bestsellers?currency=EUR")["products"]] == ["p0"]
    told = ask(server, "/api/v1/live/stock")
    assert told["count"] == 2
    assert [(a["warehouse_id"], a["pieces"], a["state"]) for a in told["alerts"]] == [("w2", 0, "out"), ("w1", 10, "low")]
    sessions = ask(server, "/api/v1/live/sessions?days=7")
    assert (sessions["open"] >= 3, sessions["late"], sessions["channels"]) == (True, 1, [])
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(server, "/api/v1/live/bestsellers?currency=dollars")
    assert refused.value.code == 400


def test_an_answer_is_shared_by_those_who_take_an_older_one_and_by_no_others(up, data):
    server = up(data)
    server.applied(server.accept([purchase(1, "VN", "USD", "1")])["commit"])
    questions = {
        "/api/v1/live/sales?by=country&grain=day&last=2": lambda answer: sum(line["orders"] for line in answer["lines"]),
        "/api/v1/live/bestsellers?last=3": lambda answer: sum(product["orders"] for product in answer["products"]),
        "/api/v1/live/sessions?days=2": lambda answer: answer["open"],
    }
    for path, count in questions.items():
        assert count(ask(server, f"{path}&max_age=60")) == 1
    server.applied(server.accept([purchase(2, "VN", "USD", "1")])["commit"])
    for path, count in questions.items():
        assert count(ask(server, f"{path}&max_age=60")) == 1, "the answer of a moment ago"
        assert count(ask(server, path)) == 2, "whoever asks for no age gets the present"
        assert count(ask(server, path.replace("=2", "=1").replace("=3", "=4") + "&max_age=60")) == 2, "another question"


def test_the_best_are_told_apart_and_the_others_added_up(up, data):
    server = up(data)
    events = [purchase(number, f"C{number % 9}", "USD", f"{number}.25") for number in range(40)]
    events += [purchase(100, "C0", "EUR", "9000"), purchase(101, "C8", "EUR", "1")]
    server.applied(server.accept(events)["commit"])
    whole = sold(server, "country", "day")
    ask_top = ask(server, "/api/v1/live/sales?by=country&grain=day&last=2&top=3")
    names = {line["name"] for line in ask_top["lines"]}
    dollars = sorted(((cell[2], name) for (name, currency), cell in whole.items() if currency == "USD"), reverse=True)
    assert names == {name for _, name in dollars[:3]}
    rest = {}
    for line in ask_top["others"]:
        assert line["name"] == ""
        orders, units, revenue = rest.get(line["currency"], (0, 0, 0))
        rest[line["currency"]] = (
            orders + line["orders"], units + line["units"], revenue + round(float(line["revenue"]) * 10_000))
    for currency in ("USD", "EUR"):
        cells = [cell for (name, other), cell in whole.items() if other == currency and name not in names]
        assert cells and rest[currency] == tuple(map(sum, zip(*cells)))
