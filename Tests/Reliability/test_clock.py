"""The clock jumps, forward and back: order stays, nothing is lost or counted twice, and judgements are explained."""

import json
import random
import threading
import time
from datetime import datetime, timedelta, timezone

import pytest
from books import assert_all_holds, assert_books_balance_online, assert_log_holds, assert_server_counts
from cartograph import assert_balanced, eventually, ndjson
from faults import Faults
from load import Senders
from segments import read
from shop import Shop

SUMMARY = "clock jumps"
HOUR, DAY = 3_600, 86_400
JUMPS_SECONDS = [-9 * DAY, -2 * DAY, -DAY, -HOUR, -61, -1, -0.001, 0, 0.5, 59, HOUR, DAY, 2 * DAY, 9 * DAY, 400 * DAY]
JUMPS_A_ROUND = 4
SHOWN_SECONDS_MAX = 5
STOP_SECONDS_MAX = 10
# Events of a day that every one of these clocks takes for past, so that the clock in force decides over none of them.
PAST_DAYS = 30


def past():
    return moment(-PAST_DAYS * DAY)


def moment(seconds):
    at = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_a_clock_that_jumps_under_load_and_over_restarts(tmp_path, up, seed, sizes, rounds, table):
    began, chance, jumps = time.monotonic(), random.Random(seed), 0
    data, senders = tmp_path / "data", Senders("clock", seed, moment=past)
    with Faults(tmp_path / "faults") as faults:
        for number in rounds(sizes.clock_rounds):
            server = up(data, env=faults.environment())
            senders.finish(server)
            for _ in range(JUMPS_A_ROUND):
                faults.move_clock(chance.choice(JUMPS_SECONDS))
                senders.burst(server, 2)
                jumps += 1
            if chance.random() < 0.5:
                server.kill()
                contents = assert_log_holds(data, senders)
                # And it starts by yet another clock.
                faults.move_clock(chance.choice(JUMPS_SECONDS))
                server = up(data, env=faults.environment())
                assert_server_counts(server, contents)
                assert_books_balance_online(server)
            server.stop_cleanly()
        assert faults.clock_reads, "nothing ever read the clock that was moved"
    contents = assert_all_holds(data, senders)
    times = [received_at for _, received_at in contents.commits]
    assert times == sorted(set(times)), "the order of the commits is not that of their times"
    assert_balanced(data)
    table(
        SUMMARY, f"{jumps} jumps of up to 400 days",
        f"{len(contents.commits)} commits, {len(contents.records)} records",
        "in order, 0 lost, 0 twice", f"{time.monotonic() - began:.0f} s")


def test_events_are_judged_by_the_clock_in_force_and_the_quarantine_explains_it(tmp_path, up, table):
    """The same moments are past for one clock and far in the future for another; none of them is lost."""
    data, shop = tmp_path / "data", Shop(seed=1, name="ev.judged")

    def clicks(seconds):
        return [shop.click() | {"ts": moment(seconds)} for _ in range(10)]

    accepted, refused = [], []
    with Faults(tmp_path / "faults") as faults:
        server = up(data, env=faults.environment())
        for clock, ahead, is_taken in [
            (0, 0, True), (0, 23 * HOUR, True), (0, 25 * HOUR, False), (3 * DAY, 3 * DAY + 23 * HOUR, True),
            (-3 * DAY, 0, False), (-3 * DAY, -2 * DAY - 2 * HOUR, True), (0, 3 * DAY, False), (0, -DAY, True),
        ]:
            faults.move_clock(clock)
            events = clicks(ahead)
            status, answer = server.post(ndjson(events))
            assert (status, answer["accepted"]) == (202, len(events) * is_taken), f"{clock} {ahead}: {answer}"
            assert {line["reason"] for line in answer["rejected"]} <= {"too_far_in_future"}, answer
            (accepted if is_taken else refused).extend(events)
        server.stop_cleanly()
    assert_balanced(data)
    contents = read(data)
    stored = {json.loads(record.raw)["event_id"]: record for record in contents.records}
    assert len(stored) == len(contents.records) == len(accepted) + len(refused)
    assert all(stored[event["event_id"]].topic == "clicks" for event in accepted)
    for event in refused:
        record = stored[event["event_id"]]
        assert (record.topic, record.reason) == ("quarantine", "too_far_in_future"), record
    table(SUMMARY, "judged by the clock in force", f"{len(stored)} events", "explained in the quarantine", "")


def test_acknowledgements_go_on_while_the_clock_jumps(tmp_path, up, seed, sizes, table):
    """With several senders at once, whose batches wait for one another: no wait becomes one for the time that was."""
    data, senders, chance = tmp_path / "data", Senders("flow", seed, moment=past), random.Random(seed)
    stop, slowest, jumps = threading.Event(), 0.0, sizes.clock_rounds * 20
    with Faults(tmp_path / "faults") as faults:
        server = up(data, env=faults.environment())
        _, join = senders.start(server, stop)
        try:
            for _ in range(jumps):
                faults.move_clock(chance.choice(JUMPS_SECONDS))
                enough, began = senders.acknowledgements + 3 * len(senders.all), time.monotonic()
                eventually("acknowledgements go on", lambda: senders.acknowledgements >= enough, SHOWN_SECONDS_MAX)
                slowest = max(slowest, time.monotonic() - began)
        finally:
            stop.set()
            server.kill()
            join()
    server = up(data)
    senders.finish(server)
    server.stop_cleanly()
    assert_all_holds(data, senders)
    table(
        SUMMARY, f"{jumps} jumps under load", f"{senders.acknowledgements} requests acknowledged, 0 lost, 0 twice",
        f"no pause over {slowest:.1f} s", "")


def test_no_short_wait_is_by_the_time_of_day(tmp_path, up, seed, sizes, table):
    """Whoever waits by it until almost now would wait for hours once it is set back, and all senders with it: the door
    has such waits, and they are by a clock that only goes forward. A trap sets the clock back in the first that is not."""
    data, senders = tmp_path / "data", Senders("short", seed, moment=past)
    chance, rounds = random.Random(seed), sizes.clock_rounds * 5
    with Faults(tmp_path / "faults") as faults:
        server = up(data, env=faults.environment())
        for _ in range(rounds):
            # Senders come and go, so that those who are left are fewer than were waited for.
            stop = threading.Event()
            join = senders.start(server, stop)[1]
            faults.move_clock_at_short_wait(-HOUR)
            time.sleep(chance.random() * 0.05)
            stop.set()
            began = time.monotonic()
            join()
            assert faults.awaits_short_wait, "somebody waited for a moment that was almost there"
            seconds = time.monotonic() - began
            assert seconds < SHOWN_SECONDS_MAX, f"{seconds:.0f} s without an answer"
        server.kill()
    server = up(data)
    senders.finish(server)
    server.stop_cleanly()
    assert_all_holds(data, senders)
    table(SUMMARY, f"{rounds} times senders come and go", f"{senders.acknowledgements} requests acknowledged", "no pause", "")


@pytest.mark.parametrize("jump", [-3 * DAY, 3 * DAY], ids=["back", "forward"])
def test_nothing_waits_for_the_time_that_was(tmp_path, up, seed, table, jump):
    """With the clock set under it the platform goes on: it acknowledges, shows, audits and stops as ever."""
    data, senders = tmp_path / "data", Senders("waiting", seed, moment=past)
    with Faults(tmp_path / "faults") as faults:
        server = up(data, env=faults.environment())
        slowest = 0.0
        for number in range(1, 4):
            senders.burst(server, 2)
            # Once more after a pause, in which whoever waits has begun to.
            faults.move_clock(jump * number)
            began = time.monotonic()
            senders.burst(server, 2)
            newest = max(commit for request in senders.requests for commit in request.commits)
            server.applied(newest)
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < SHOWN_SECONDS_MAX, f"{slowest:.1f} s until the live view had what was acknowledged"
        assert_books_balance_online(server)
        code, seconds = server.stop()
        assert code == 0 and seconds < STOP_SECONDS_MAX, f"exit {code} after {seconds:.1f} s"
    assert_all_holds(data, senders)
    table(SUMMARY, f"3 jumps of {jump // DAY} days", f"shown within {slowest:.1f} s", f"stopped in {seconds:.1f} s", "")
