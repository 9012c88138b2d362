"""kill -9 at any moment: what was acknowledged is stored, once, and the platform mends itself."""

import random
import shutil
import subprocess
import time
from dataclasses import replace

import pytest
from books import assert_all_holds, assert_books_balance_online, assert_log_holds, assert_server_counts
from cartograph import BINARY, ROOT, assert_balanced, environment, eventually, must
from faults import Faults
from lake import Lake
from load import MARK, Senders
from segments import LOG, SEGMENT_BYTES, WRITTEN, paths, read

LOAD_SECONDS_MAX = 0.7
ROUNDS_A_FOLDER = 10
START_SECONDS_MAX = 0.12
# The audit rebuilds tables, and is done of every folder at its end as well.
VERIFIED_SHARE = 0.4
FIRST_ANSWER_SECONDS_MAX = 30
SUMMARY = "kill -9"


def load_and_kill(server, senders, chance):
    """Lets the senders send, and kills the server a random time after the first acknowledgement."""
    answered, join = senders.start(server)
    try:
        heard = answered.wait(FIRST_ANSWER_SECONDS_MAX)
        # This wait is the subject: a random moment, any moment.
        time.sleep(chance.random() * LOAD_SECONDS_MAX)
    finally:
        server.kill()
        join()
    assert heard, server.words


def test_kills_at_random_moments_under_load(tmp_path, up, seed, sizes, rounds, table):
    chance = random.Random(seed)
    began, held, acknowledgements, restarts = time.monotonic(), 0, 0, 0
    data = senders = None
    for number in rounds(sizes.kill_rounds):
        if number % ROUNDS_A_FOLDER == 0:
            if data:
                held += len(finish(up, data, senders).records)
                acknowledgements += senders.acknowledgements
            data, senders = tmp_path / f"data-{number}", Senders(f"{number}", seed)
        server = up(data)
        senders.finish(server)
        load_and_kill(server, senders, chance)
        contents = assert_log_holds(data, senders)
        if chance.random() < 0.5:
            # Again, while it starts: recovery itself is cut off at any point.
            restarts += kill_while_starting(data, chance, up)
        server = up(data)
        assert_server_counts(server, contents)
        if chance.random() < VERIFIED_SHARE:
            assert_books_balance_online(server)
        server.kill()
    held += len(finish(up, data, senders).records)
    acknowledgements += senders.acknowledgements
    table(
        SUMMARY, "under load", f"{sizes.kill_rounds} rounds", f"{restarts} killed again while starting",
        f"{acknowledgements} requests acknowledged, {held} records held, 0 lost, 0 twice, 0 torn",
        f"{time.monotonic() - began:.0f} s")


def kill_while_starting(data, chance, up):
    """Starts it and kills it before it is ready; 1 where that hit before it said its address."""
    server = up(data, ready=False)
    time.sleep(chance.random() * START_SECONDS_MAX)
    early = server.seconds_to_address is None
    server.kill()
    return int(early)


def finish(up, data, senders):
    """The last start of a folder: everything is sent to its end, and everything is checked."""
    server = up(data)
    senders.finish(server)
    server.stop_cleanly()
    return assert_all_holds(data, senders)


CRASH_KINDS = ("open", "write", "sync", "truncate", "rename", "mkdir", "unlink", "allocate")
LATE = 40


def crash_points(sizes):
    """Where to kill: before and after the n-th call on the log, and in the middle of a write."""
    positions = range(1, LATE, sizes.crash_point_stride)
    return [(action, n) for n in positions for action in ("kill_before", "kill_after")] + [
        ("short_kill", n) for n in positions]


def ended(server):
    """Waits until a process is gone, or has come as far as its address; whether it is gone."""
    return eventually(
        "it is gone or up", lambda: server.process.poll() is not None or server.seconds_to_address is not None) and (
            server.process.poll() is not None)


def test_kills_at_every_call_of_a_first_start_and_of_a_recovery(tmp_path, up, seed, sizes, rounds, table):
    """A folder that is just being made, and one whose last commit was cut off, killed at each call in turn."""
    began, kills, points = time.monotonic(), 0, crash_points(sizes)
    for number in rounds(len(points), "crash point"):
        action, nth = points[number]
        data, senders = tmp_path / f"data-{number}", Senders(f"{number}", seed, connections=1)
        with Faults(tmp_path / f"faults-{number}") as faults:
            kills += start_until_killed(faults, action, nth, data, up)
            server = up(data)
            senders.burst(server, 2)
            # In the middle of a commit, so that the next start has something to undo.
            server.kill()
            server = up(data, env=faults.environment())
            faults.clear()
            torn = faults.arm("short_kill", "write", path=WRITTEN, short=chance_of(seed, number))
            senders.all[0].load(server)
            eventually("it killed itself", lambda: server.process.poll() is not None)
            assert torn.fired == 1, f"the fault was never injected\n{server.words}"
            contents = assert_log_holds(data, senders)
            faults.clear()
            kills += start_until_killed(faults, action, nth, data, up)
            assert len(assert_log_holds(data, senders).records) == len(contents.records)
        server = up(data)
        assert_server_counts(server, contents)
        senders.finish(server)
        senders.burst(server, 1)
        server.stop_cleanly()
        assert_log_holds(data, senders)
    assert kills, "no crash point was ever reached"
    if number == len(points) - 1:
        assert_all_holds(data, senders)
    table(
        SUMMARY, "at each call on the log while starting", f"{len(points)} crash points", f"{kills} kills", "mended",
        f"{time.monotonic() - began:.0f} s")


def chance_of(seed, number):
    """How many bytes of a torn write get through: none, or part of a header, or many."""
    return random.Random(f"{seed}/{number}").choice([0, 1, 63, 64, 65, 511, 512, 4096, 20_000])


def start_until_killed(faults, action, nth, data, up):
    """Starts with a rule that kills at the n-th call on the log; 1 when that came before it was up."""
    before = faults.loaded
    rule = faults.arm(action, *CRASH_KINDS, path=LOG, nth=nth, short=100)
    server = up(data, ready=False, env=faults.environment())
    gone = ended(server)
    assert faults.loaded > before, "the shim was not loaded"
    assert gone == bool(rule.fired) or rule.fired, server.words
    assert not gone or server.process.returncode == -9, server.words
    server.kill()
    faults.clear()
    return int(gone)


def test_kills_at_the_nth_call_under_load(tmp_path, up, seed, sizes, rounds, table):
    """Each kind of call that a commit makes, before and after it and in its middle."""
    began, chance, data, senders = time.monotonic(), random.Random(seed), tmp_path / "data", Senders("nth", seed)
    up(data).stop_cleanly()
    for _ in rounds(sizes.nth_call_rounds):
        action = chance.choice(["kill_before", "kill_after", "short_kill"])
        kind = "write" if action == "short_kill" else chance.choice(["write", "sync"])
        with Faults(tmp_path / "faults") as faults:
            server = up(data, env=faults.environment())
            # Armed once it is up: what a start does is the subject of another test.
            rule = faults.arm(
                action, kind, path=WRITTEN, nth=chance.randint(1, 60), short=chance.choice([0, 1, 64, 700, 4096, 9000]))
            _, join = senders.start(server)
            join()
            server.kill()
            assert rule.fired == 1, f"{action} {kind} was never reached\n{server.words}"
        contents = assert_log_holds(data, senders)
        server = up(data)
        assert_server_counts(server, contents)
        senders.finish(server)
        server.stop_cleanly()
    assert_all_holds(data, senders)
    table(
        SUMMARY, "at the n-th write or sync under load", f"{sizes.nth_call_rounds} rounds",
        f"{senders.acknowledgements} requests acknowledged", "0 lost, 0 twice, 0 torn",
        f"{time.monotonic() - began:.0f} s")


ROLL_POINTS = 16


@pytest.mark.torture
def test_kills_at_every_call_while_a_segment_is_begun(tmp_path, up, seed, rounds, table):
    """The next commit finishes one segment and begins another: killed before, after and within each call of that."""
    began, kept, kills = time.monotonic(), tmp_path / "kept", 0
    server = up(kept)
    fillers = Senders("large", seed, connections=1)
    fillers.fill(server, lambda: paths(kept)[0].stat().st_size >= SEGMENT_BYTES)
    server.stop_cleanly()
    held = len(read(kept).records)
    points = [(action, n) for n in range(1, ROLL_POINTS) for action in ("kill_before", "kill_after", "short_kill")]
    for number in rounds(len(points), "crash point"):
        action, nth = points[number]
        data, senders = tmp_path / "data", Senders(f"roll.{number}", seed, connections=1)
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(kept / "log", data / "log")
        with Faults(tmp_path / "faults") as faults:
            server = up(data, env=faults.environment())
            rule = faults.arm(action, *CRASH_KINDS, path=LOG, nth=nth, short=number * 37)
            for _ in range(8):
                senders.all[0].load(server, limit=1)
            kills += rule.fired
            server.kill()
        contents = read(data)
        senders.check(without_large(contents, fillers))
        assert len(contents.records) >= held
        server = up(data)
        assert_server_counts(server, contents)
        senders.finish(server)
        senders.burst(server, 2)
        server.stop_cleanly()
        contents = read(data)
        assert len(paths(data)) == 2
        senders.check(without_large(contents, fillers))
    assert kills >= ROLL_POINTS, f"only {kills} of {len(points)} crash points were reached"
    table(
        SUMMARY, "at each call while a segment is begun", f"{len(points)} crash points", f"{kills} kills", "mended",
        f"{time.monotonic() - began:.0f} s")


def without_large(contents, fillers):
    """The records that others sent."""
    ids = {event_id.encode() for request in fillers.requests for event_id in request.wanted}
    return replace(
        contents, records=[record for record in contents.records if MARK.search(record.raw).group() not in ids])


def write_history(path, seed, count):
    """A history of purchases as CDNOW's file is laid out; returns what it comes to, in cents."""
    chance, cents = random.Random(seed), 0
    with path.open("w") as file:
        file.write("customer date number dollars\n")
        for number in range(count):
            price = chance.randrange(100, 9_000)
            cents += price
            day = f"1997{chance.randrange(1, 13):02}{chance.randrange(1, 29):02}"
            file.write(f" {number % 9_000:05} {day} {1:2} {price // 100:3}.{price % 100:02}\n")
    return cents


def test_kills_during_an_import(tmp_path, up, seed, sizes, rounds, table):
    """The import or the server under it is killed, and run again, until it ends; nothing is missing or twice."""
    began, chance, kills, count = time.monotonic(), random.Random(seed), 0, sizes.import_events
    for number in rounds(sizes.import_rounds):
        file, data = tmp_path / f"history-{number}.txt", tmp_path / f"data-{number}"
        cents = write_history(file, f"{seed}/{number}", count)
        words = ["import", "--data", data, "--mapping", "cdnow", file]
        through_server = number % 2 == 1
        for _ in range(4):
            server = up(data) if through_server else None
            process = subprocess.Popen(
                [BINARY, *map(str, words)], cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            # A random moment within it: an import of this many takes about as long.
            time.sleep((0.1 + chance.random() * 0.9) * count / 60_000)
            if server and chance.random() < 0.5:
                server.kill()
                process.wait(60)
            kills += process.poll() is None or bool(server)
            process.kill()
            process.wait(60)
            if server:
                server.kill()
        must(*words)
        must(*words)
        assert_balanced(data)
        events = read(data).records
        assert (len(events), {record.topic for record in events}) == (count, {"purchases"})
        with Lake(data) as lake:
            rows = lake.rows("bronze.purchases", "event_id", "total_amount")
        ids = rows["event_id"].to_pylist()
        assert (len(ids), len(set(ids))) == (count, count)
        assert int(sum(rows["total_amount"].to_pylist()) * 100) == cents
    assert kills, "every import ended before its kill"
    table(
        SUMMARY, "during an import", f"{sizes.import_rounds} imports of {count} purchases", f"{kills} kills",
        "to the cent", f"{time.monotonic() - began:.0f} s")
