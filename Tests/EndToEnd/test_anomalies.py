"""Anomalies at the surfaces: until enough is learned they say what they wait for; the API refuses what it cannot read."""

import json
import urllib.error
import urllib.request

import pytest
from cartograph import eventually


def ask(server, path):
    with urllib.request.urlopen(server.url + path) as answer:
        return json.load(answer)


def test_a_young_shop_says_what_it_waits_for(up, data):
    server = up(data, "--simulate", 200)
    report = eventually(
        "live events have begun", lambda: (r := ask(server, "/api/v1/anomalies")).get("settled_until") and r)
    assert report["ready"] is False and report["anomalies"] == []
    assert "alarms begin at" in report["waits_for"]
    assert server.snapshot()["anomalies"]["ready"] is False, "the live view tells it as well"
    document = ask(server, "/openapi.json")
    assert "/api/v1/anomalies" in document["paths"]
    assert set(document["components"]["schemas"]["Anomaly"]["required"]) == \
        set(document["components"]["schemas"]["Anomaly"]["properties"])


@pytest.mark.parametrize("query, word", [("since=yesterday", "since"), ("severity=loud", "severity")])
def test_what_cannot_be_read_is_refused(up, data, query, word):
    server = up(data)
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(server, f"/api/v1/anomalies?{query}")
    assert refused.value.code == 400
    assert word in json.load(refused.value)["error"]
