"""Fraud scores at the surfaces: what is found is measured against what is true, and neither a kill nor a duplicate nor a
restart changes a score; of an erased customer nothing is left."""

import json
import random
import shutil
from decimal import Decimal

import pytest

from cartograph import ROOT, eventually, must, run

RULES_LINE = 3


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    """Eight days of a shop with thieves in it: the events, and the truth about each purchase."""
    folder = tmp_path_factory.mktemp("attacked")
    must("simulate", "--scenario", "fraud", "--rate", 1, "--events", 8 * 86_400, "--seed", 31,
         "--labels", folder / "labels", "--to", f"file:{folder}/events", timeout=300)
    events = [json.loads(line) for line in (folder / "events").read_bytes().splitlines()]
    # What the scores read, in the order in which it came.
    kept = [event for event in events if event["type"] in ("purchase", "order_status")]
    truth = {}
    for line in (folder / "labels").read_bytes().splitlines():
        label = json.loads(line)
        truth[label["event_id"]] = label["label"]
    return kept, truth


def average_precision(ranked):
    """Of truths in the order of falling scores: the mean of the precision at each that is true."""
    found, total = 0, 0.0
    for place, is_true in enumerate(ranked, 1):
        if is_true:
            found += 1
            total += found / place
    return total / max(1, found)


def send(server, events):
    """Posts events one batch after the other, so that the log holds them in their order; returns the last commit."""
    commit = 0
    for start in range(0, len(events), 5_000):
        commit = server.accept(events[start:start + 5_000])["commit"]
    return commit


def fraud(server, query=""):
    status, report = server.request("GET", f"/api/v1/fraud?limit=1000{query}")
    assert status == 200, report
    return report


def command(data, *words):
    return json.loads(must("fraud", "--data", data, "--json", "--limit", 1000, *words).out)


def test_what_is_found_is_fraud(up, data, attacked):
    events, truth = attacked
    server = up(data)
    server.applied(send(server, events))
    report = eventually("all are scored", lambda: (r := fraud(server))["scored"] == len(truth) and r)
    alerts = report["alerts"]
    assert 0 < report["alerted"] == len(alerts) < len(truth) / 20
    assert all(report["alert_score"] <= alert["score"] <= 100 for alert in alerts)
    assert all(alert["reasons"] and alert["reasons"][0]["text"] for alert in alerts)
    purchases = {event["event_id"]: event for event in events if event["type"] == "purchase"}
    for alert in alerts:
        event = purchases[alert["event_id"]]
        assert alert["order_id"] == event["order_id"] and alert["user_id"] == event["user_id"]
        assert Decimal(alert["amount"]) == Decimal(str(event["total_amount"])), (alert, event)

    # Those without an alert come last, in the order of chance; each of the others has its score.
    chance = random.Random(1)
    scores = {alert["event_id"]: alert["probability"] for alert in alerts}
    order = sorted(truth, key=lambda event: (-scores.get(event, 0), chance.random()))
    ours = average_precision([truth[event] for event in order])
    by_chance = average_precision([truth[event] for event in chance.sample(sorted(truth), len(truth))])
    by_amount = average_precision(
        [truth[event] for event in sorted(truth, key=lambda event: -float(purchases[event]["total_amount"]))])
    floor = 0.35
    assert ours > floor, f"average precision {ours:.3f}; chance {by_chance:.3f}, amount {by_amount:.3f}"
    assert by_chance < floor / 2 and by_amount < floor / 2, f"the floor proves nothing: {by_chance:.3f} {by_amount:.3f}"
    print(f"average precision {ours:.3f}, by amount {by_amount:.3f}, by chance {by_chance:.3f}")

    # Filters, and the other ways to the same.
    severe = fraud(server, "&min_score=80")["alerts"]
    assert severe == [alert for alert in alerts if alert["score"] >= 80]
    since = alerts[len(alerts) // 2]["at"]
    assert fraud(server, f"&since={since}")["alerts"] == [alert for alert in alerts if alert["at"] >= since]
    assert fraud(server, "&limit=3")["alerts"] in (alerts, alerts[:3])
    assert server.request("GET", "/api/v1/fraud?limit=3")[1]["alerts"] == alerts[:3]
    assert server.snapshot()["fraud"]["alerts"] == alerts[:8]
    metrics = server.request("GET", "/metrics")[1]
    assert eventually(
        "the gauges have it", lambda: f"cartograph_fraud_scored {len(truth)}" in server.request("GET", "/metrics")[1])
    assert f"cartograph_fraud_alerts {len(alerts)}" in server.request("GET", "/metrics")[1]
    assert "cartograph_fraud_state_bytes" in metrics
    server.stop_cleanly()
    assert command(data)["alerts"] == alerts
    table = must("fraud", "--data", data, "--limit", 5).out
    assert all(len(line) <= 120 for line in table.splitlines()) and alerts[0]["reasons"][0]["text"][:40] in table


def test_kills_and_duplicates_change_no_score(up, data, attacked, tmp_path):
    events, truth = attacked
    events = events[:len(events) // 2]
    purchases = sum(event["type"] == "purchase" for event in events)
    third = len(events) // 3
    server = up(data)
    for part in range(3):
        # The third part comes with everything of the second once more.
        again = events[third:2 * third] if part == 2 else []
        upto = len(events) if part == 2 else (part + 1) * third
        commit = send(server, again + events[part * third:upto])
        if part == 2:
            break
        server.applied(commit)
        if part == 0:
            server.stop_cleanly()
        else:
            server.kill()
        server = up(data)
    server.applied(commit)
    report = eventually("all are scored once", lambda: (r := fraud(server))["scored"] == purchases and r)
    assert server.totals["duplicates"] > 0
    server.stop_cleanly()
    assert len(report["alerts"]) > 5
    # The same log from its beginning, without a stop on the way.
    whole = tmp_path / "whole"
    shutil.copytree(data, whole)
    shutil.rmtree(whole / "stream")
    server = up(whole)
    anew = eventually("all are scored anew", lambda: (r := fraud(server))["scored"] == purchases and r)
    assert anew == report


def label(server, said):
    for start in range(0, len(said), 1_000):
        body = json.dumps([{"order_id": order, "fraud": bool(fraud)} for order, fraud in said[start:start + 1_000]])
        status, answer = server.request("POST", "/api/v1/fraud/labels", body, {"Content-Type": "application/json"})
        assert status == 202 and answer == {"accepted": len(said[start:start + 1_000])}, answer


def precision_of(report, purchases, truth):
    scores = {alert["event_id"]: alert["probability"] for alert in report["alerts"]}
    order = sorted(purchases, key=lambda event: -scores.get(event["event_id"], 0))
    return average_precision([truth[event["event_id"]] for event in order])


def test_labels_teach_and_survive_kills_and_replays(up, data, attacked, tmp_path):
    events, truth = attacked
    half = len(events) * 6 // 10
    bought = [event for event in events[:half] if event["type"] == "purchase"]
    later = [event for event in events[half:] if event["type"] == "purchase"]
    data.mkdir()
    # Low scores are listed as well, so that the order of all is compared and not how many are called alerts.
    rules = (ROOT / "config/fraud-rules.yaml").read_text()
    assert "alert_score: 30" in rules
    (data / "fraud-rules.yaml").write_text(rules.replace("alert_score: 30", "alert_score: 2"))
    server = up(data)
    server.applied(send(server, events[:half]))
    label(server, [(event["order_id"], truth[event["event_id"]]) for event in bought] + [("nobody's", True)])
    frauds = sum(truth[event["event_id"]] for event in bought)
    report = eventually("all labels are learnt", lambda: (r := fraud(server))["labels"] == len(bought) and r)
    assert report["frauds"] == frauds and report["unknown_labels"] == 1
    assert all(alert["fraud"] == truth[alert["event_id"]] for alert in report["alerts"])
    # Killed, it has them still; those that come now are learnt as well.
    server.kill()
    server = up(data)
    commit = send(server, events[half:])
    server.applied(commit)
    label(server, [(later[0]["order_id"], truth[later[0]["event_id"]])])
    report = eventually("the last label is learnt", lambda: (r := fraud(server))["labels"] == len(bought) + 1 and r)
    server.stop_cleanly()

    def replayed(name, *without):
        folder = tmp_path / name
        shutil.copytree(data, folder)
        shutil.rmtree(folder / "stream")
        for file in without:
            (folder / file).unlink()
        server = up(folder)
        try:
            return eventually("all is scored", lambda: (
                r := fraud(server))["scored"] == len(truth) and (without or r["labels"] == report["labels"]) and r)
        finally:
            server.stop_cleanly()

    assert replayed("again") == report
    bare = replayed("bare", "fraud-labels.json")
    assert bare["labels"] == 0
    with_labels, without = precision_of(report, later, truth), precision_of(bare, later, truth)
    print(f"average precision of later purchases: {with_labels:.3f} with labels, {without:.3f} without")
    assert with_labels > without


@pytest.mark.parametrize("body, headers, wanted", [
    ({"order_id": "", "fraud": True}, {}, 400), ({"order_id": "o"}, {}, 400), ([], {}, 400),
    ({"order_id": "o" * 129, "fraud": True}, {}, 400), ([{"order_id": "o", "fraud": "yes"}], {}, 400),
    ({"order_id": "o", "fraud": True}, {"Content-Type": "text/plain"}, 415),
    ({"order_id": "o", "fraud": True}, {"Origin": "http://elsewhere.example"}, 403)])
def test_a_label_that_says_nothing_is_refused(up, data, body, headers, wanted):
    server = up(data)
    status, answer = server.request(
        "POST", "/api/v1/fraud/labels", json.dumps(body), {"Content-Type": "application/json"} | headers)
    assert status == wanted and answer["error"]
    assert not (data / "fraud-labels.json").exists()


def test_nothing_of_an_erased_customer_is_left(up, data, attacked):
    events, _ = attacked
    events = events[:len(events) // 2]
    server = up(data)
    server.applied(send(server, events))
    before = eventually("an alert", lambda: (r := fraud(server))["alerts"] and r)
    victim = before["alerts"][0]["user_id"]
    theirs = [event for event in events if event["user_id"] == victim]
    other = next(event["order_id"] for event in events if event["type"] == "purchase" and event["user_id"] != victim)
    label(server, [(before["alerts"][0]["order_id"], True), (other, False)])
    eventually("both labels are learnt", lambda: fraud(server)["labels"] == 2)
    server.stop_cleanly()
    must("lake", "erase", "--data", data, "--user", victim, timeout=300)
    server = up(data)
    others = sum(event["type"] == "purchase" for event in events) - sum(e["type"] == "purchase" for e in theirs)
    after = eventually("all others are scored", lambda: (r := fraud(server))["scored"] == others and r)
    assert all(alert["user_id"] != victim for alert in after["alerts"])
    assert after["labels"] == 1 and after["frauds"] == 0
    assert len(json.loads((data / "fraud-labels.json").read_text())["labels"]) == 1
    server.stop_cleanly()
    for file in (data / "stream").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            for event in theirs:
                assert event["event_id"].encode() not in content and event["order_id"].encode() not in content


@pytest.mark.parametrize("query, word", [
    ("since=yesterday", "since"), ("min_score=high", "min_score"), ("min_score=101", "min_score")])
def test_what_cannot_be_read_is_refused(up, data, query, word):
    status, answer = up(data).request("GET", f"/api/v1/fraud?{query}")
    assert status == 400 and word in answer["error"]


def test_rules_of_ones_own_count_and_mistakes_are_told_with_their_line(up, data):
    data.mkdir()
    rules = data / "fraud-rules.yaml"
    rules.write_text("version: 1\nrules:\n  - {name: dear, when: amunt > 100, points: 90, reason: dear}\n")
    outcome = run("up", "--data", data)
    assert outcome.code == 1
    assert f"{rules}:{RULES_LINE}: " in outcome.complaint and "amunt" in outcome.complaint
    assert "docs/fraud.md" in outcome.complaint
    rules.write_text("version: 1\nrules:\n  - {name: dear, when: amount > 100, points: 90, reason: '{amount} is much'}\n")
    server = up(data)

    def purchase(number, amount):
        return {
            "type": "purchase", "event_id": f"e{number}", "order_id": f"o{number}", "user_id": f"u{number}",
            "session_id": "s", "ts": 1_763_700_000_000, "items": [{"product_id": "p", "quantity": 1, "unit_price": amount}],
            "total_amount": amount, "currency": "USD"}

    server.applied(server.accept([purchase(1, "99.00"), purchase(2, "250.00")])["commit"])
    report = eventually("both are scored", lambda: (r := fraud(server))["scored"] == 2 and r)
    assert [(alert["order_id"], alert["reasons"][0]["name"]) for alert in report["alerts"]] == [("o2", "dear")]
    assert report["alerts"][0]["reasons"][0]["text"] == "250 is much"
    document = server.request("GET", "/openapi.json")[1]
    schema = document["components"]["schemas"]["FraudAlert"]
    assert set(report["alerts"][0]) == set(schema["properties"]) == set(schema["required"])
