"""The simulated shop: the same seed makes the same events, and they add up in every place they are sent to."""

import json
from collections import Counter
from decimal import Decimal

from cartograph import assert_balanced, must
from lake import Lake, total

EVENTS = 3_000
TOPICS = {
    "click": "clicks", "search": "searches", "cart": "carts", "wishlist": "wishlists", "purchase": "purchases",
    "order_status": "orders", "stock": "stock",
}


def simulated(path, seed):
    """The bytes that the simulator writes to a file."""
    must("simulate", "--events", EVENTS, "--seed", seed, "--to", f"file:{path}")
    return path.read_bytes()


def test_the_same_seed_gives_identical_bytes(tmp_path):
    first = simulated(tmp_path / "first.ndjson", seed=42)
    assert simulated(tmp_path / "again.ndjson", seed=42) == first
    assert simulated(tmp_path / "other.ndjson", seed=43) != first
    events = [json.loads(line) for line in first.splitlines()]
    assert len(events) == EVENTS
    assert len({event["event_id"] for event in events}) == EVENTS
    assert {"click", "cart", "purchase"} <= {event["type"] for event in events}


def assert_holds(data, events):
    """Fails unless the lake holds exactly these events, to the cent."""
    expected = Counter(TOPICS[event["type"]] for event in events)
    paid = sum(Decimal(str(event["total_amount"])) for event in events if event["type"] == "purchase")
    with Lake(data) as lake:
        stored = {topic: lake.rows(f"bronze.{topic}", "event_id").num_rows for topic in expected}
        assert stored == dict(expected)
        assert total(lake.rows("bronze.purchases", "total_amount"), "total_amount") == paid
        assert lake.rows("silver.purchases", "event_id").num_rows == expected["purchases"]


def events_of(path):
    # Amounts are read as decimals, so that no float touches them.
    return [json.loads(line, parse_float=Decimal) for line in path.read_bytes().splitlines()]


def test_events_simulated_over_http_add_up(up, data, tmp_path):
    simulated(tmp_path / "same.ndjson", seed=7)
    server = up(data)
    must("simulate", "--events", EVENTS, "--seed", 7, "--to", server.url)
    server.batch()
    totals = server.totals
    assert (totals["received"], totals["accepted"], totals["quarantined"]) == (EVENTS, EVENTS, 0)
    server.stop_cleanly()
    assert_balanced(data)
    assert_holds(data, events_of(tmp_path / "same.ndjson"))


def test_events_simulated_straight_to_the_log_add_up(data, tmp_path):
    simulated(tmp_path / "same.ndjson", seed=8)
    must("simulate", "--events", EVENTS, "--seed", 8, "--to", "log", "--data", data)
    must("batch", "run", "--data", data)
    assert_balanced(data)
    assert_holds(data, events_of(tmp_path / "same.ndjson"))


def test_labels_of_fraud_stand_in_a_file_of_their_own(tmp_path):
    events, labels, plain = tmp_path / "events.ndjson", tmp_path / "labels.ndjson", tmp_path / "plain.ndjson"
    # A day and a half at one event a second.
    wanted = ("simulate", "--scenario", "fraud", "--rate", 1, "--events", 130_000, "--seed", 5)
    must(*wanted, "--labels", labels, "--to", f"file:{events}")
    must(*wanted, "--to", f"file:{plain}")
    assert events.read_bytes() == plain.read_bytes()
    purchases = {event["event_id"]: event for event in events_of(events) if event["type"] == "purchase"}
    kinds = {}
    for line in labels.read_bytes().splitlines():
        label = json.loads(line)
        assert set(label) == {"event_id", "label", "kind"}
        assert label["label"] == (label["kind"] != "honest")
        kinds[label["event_id"]] = label["kind"]
    assert set(kinds) == set(purchases)
    frauds = [id for id, kind in kinds.items() if kind != "honest"]
    assert 5 <= len(frauds) <= len(kinds) * 0.03
    # Nothing in the events says it.
    text = events.read_text()
    assert not any(word in text for word in ("fraud", "label", *set(kinds.values())))
