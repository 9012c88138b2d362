"""Ctrl-C stops it cleanly; started again, it carries on where it was."""

import signal

import pytest
from cartograph import assert_balanced, eventually
from shop import Shop

ADDRESS_SECONDS_MAX = 3
STOPPING_SECONDS_MAX = 10


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_under_load_is_clean_and_the_next_start_carries_on(up, data, signal_number):
    server = up(data, "--simulate", 200)
    eventually("the simulator's events arrive", lambda: server.totals["accepted"] > 300)
    before = server.snapshot()
    code, seconds = server.stop(signal_number)
    assert code == 0, server.words
    assert seconds < STOPPING_SECONDS_MAX
    assert_balanced(data)

    server = up(data)
    after = server.snapshot()
    for name in ("received", "accepted"):
        assert after["totals"][name] >= before["totals"][name], f"{name} went back"
    if after["business_day"] == before["business_day"]:
        assert after["today"]["clicks"] >= before["today"]["clicks"]
        assert after["today"]["orders"] >= before["today"]["orders"]
    assert after["commit"] >= before["commit"]

    answer = server.accept(Shop(seed=1).events(50))
    view = server.applied(answer["commit"])
    assert view["totals"]["accepted"] == after["totals"]["accepted"] + 50


def test_the_address_is_printed_within_3_seconds(up, data):
    first = up(data, "--simulate", 200)
    assert first.seconds_to_address < ADDRESS_SECONDS_MAX
    eventually("the simulator's events arrive", lambda: first.totals["accepted"] > 100)
    first.stop_cleanly()
    again = up(data)
    assert again.seconds_to_address < ADDRESS_SECONDS_MAX
    status, _ = again.request("GET", "/healthz")
    assert status == 200
    print(f"address after {first.seconds_to_address:.2f} s, on the second start {again.seconds_to_address:.2f} s")


def test_an_open_live_stream_does_not_keep_it_from_stopping(up, data):
    server = up(data, "--simulate", 50)
    connection = server.connection()
    connection.request("GET", "/api/v1/live")
    stream = connection.getresponse()
    assert stream.status == 200 and stream.getheader("Content-Type").startswith("text/event-stream")
    assert stream.readline(), "the stream says something"
    code, seconds = server.stop()
    connection.close()
    assert code == 0, server.words
    assert seconds < STOPPING_SECONDS_MAX
