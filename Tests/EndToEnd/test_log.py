"""The log's own commands: listing, checking, repairing and reading it, beside a server and without one."""

import json
import os
import random
import shutil
import subprocess
import threading

import pytest
from cartograph import BINARY, ROOT, Server, assert_balanced, environment, must, run, verify
from shop import Shop


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A stopped platform that has some requests' events in its log and in its tables, and these events."""
    data = tmp_path_factory.mktemp("log") / "data"
    server = Server(data).ready()
    try:
        shop = Shop(seed=21)
        events = []
        for _ in range(5):
            batch = shop.events(200)
            server.accept(batch)
            events += batch
        server.post(b'{"type":"click"}\nnonsense\n')
        server.batch()
        server.stop_cleanly()
    finally:
        server.close()
    return data, events


@pytest.fixture
def copy(filled, tmp_path):
    """A copy of it that a test may change."""
    data = tmp_path / "data"
    shutil.copytree(filled[0], data)
    return data


def lines(outcome):
    return [json.loads(line) for line in outcome.out.splitlines()]


def segment(data):
    return sorted((data / "log/segments").glob("*.log"))[0]


def flip(path, at):
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


def contents(data):
    return {path: path.read_bytes() for path in (data / "log").rglob("*") if path.is_file()}


def test_what_the_log_holds_is_listed(filled):
    data, events = filled
    listing = json.loads(must("log", "ls", "--data", data, "--json").out)
    held = {}
    for entry in listing["topics"]:
        assert entry["start"] == 0
        held[entry["topic"]] = held.get(entry["topic"], 0) + entry["end"]
    assert held["clicks"] == sum(event["type"] == "click" for event in events)
    assert held["purchases"] == sum(event["type"] == "purchase" for event in events)
    assert held["quarantine"] == 2
    assert listing["bytes"] == sum(path.stat().st_size for path in (data / "log/segments").glob("*.log"))
    assert listing["segments"][-1]["last_commit"] == listing["commit"] >= 6
    assert sum(entry["records"] for entry in listing["segments"]) == len(events) + 2
    assert "clicks" in must("log", "ls", "--data", data).out


def test_a_topic_is_read_as_it_came(filled):
    data, events = filled
    for topic, kind in [("clicks", "click"), ("carts", "cart"), ("purchases", "purchase")]:
        sent = {event["event_id"]: event for event in events if event["type"] == kind}
        read = lines(must("log", "read", "--data", data, "--topic", topic))
        assert len(read) == len(sent) and {event["event_id"]: event for event in read} == sent
    told = lines(must("log", "read", "--data", data, "--topic", "purchases", "--envelope"))
    for partition in (0, 1):
        offsets = [line["offset"] for line in told if line["partition"] == partition]
        assert offsets == list(range(len(offsets))) and offsets
        only = must("log", "read", "--data", data, "--topic", "purchases", "--partition", partition, "--from-offset", 3)
        assert lines(only) == [line["event"] for line in told if line["partition"] == partition][3:]
    times = [line["received_at"] for line in told]
    assert times == sorted(times)
    later = [line for line in told if line["received_at"] >= times[len(times) // 2]]
    since = must("log", "read", "--data", data, "--topic", "purchases", "--envelope", "--from-time", later[0]["received_at"])
    assert lines(since) == later
    assert lines(must("log", "read", "--data", data, "--topic", "purchases", "--limit", 7, "--envelope")) == told[:7]
    rejected = lines(must("log", "read", "--data", data, "--topic", "quarantine"))
    assert [line["raw"] for line in rejected] == ['{"type":"click"}', "nonsense"]


def test_a_group_goes_on_where_it_was(copy, filled):
    everything = must("log", "read", "--data", copy, "--topic", "clicks").out
    read = ""
    counts = [1, 10, 250, 3]
    for count in counts:
        read += must("log", "read", "--data", copy, "--topic", "clicks", "--group", "etl", "--limit", count).out
    assert read == "".join(everything.splitlines(True)[: sum(counts)])
    [group] = json.loads(must("log", "groups", "--data", copy, "--json").out)
    total = len(everything.splitlines())
    assert (group["group"], group["topics"], group["lag"]) == ("etl", ["clicks"], total - sum(counts))
    read += must("log", "read", "--data", copy, "--topic", "clicks", "--group", "etl").out
    assert read == everything
    assert must("log", "read", "--data", copy, "--topic", "clicks", "--group", "etl").out == ""
    assert run("log", "read", "--data", copy, "--topic", "carts", "--group", "etl").code == 1
    assert run("log", "read", "--data", copy, "--topic", "clicks", "--group", "a/b").code == 2
    must("log", "groups", "set", "etl", "--to", "start", "--data", copy)
    assert must("log", "read", "--data", copy, "--topic", "clicks", "--group", "etl").out == everything
    must("log", "groups", "remove", "etl", "--data", copy)
    assert json.loads(must("log", "groups", "--data", copy, "--json").out) == []
    assert run("log", "groups", "remove", "etl", "--data", copy).code == 1


def follow(data, *words):
    return subprocess.Popen(
        [BINARY, "log", "read", "--data", str(data), "--follow", *words], cwd=ROOT, env=environment(),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def test_a_group_that_follows_a_server_and_is_killed_misses_nothing(up, data):
    """Killed again and again while the server takes events: each is printed at least once, in order."""
    chance = random.Random(4)
    server = up(data)
    shop = Shop(seed=9)
    sent = []
    server.accept([shop.click()])
    seen = {}
    stop = threading.Event()

    def send():
        while not stop.is_set():
            batch = [shop.click() for _ in range(50)]
            server.accept(batch)
            sent.extend(event["event_id"] for event in batch)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        for _ in range(6):
            reader = follow(data, "--topic", "clicks", "--group", "tail", "--envelope")
            for _ in range(chance.randrange(100, 2_000)):
                line = json.loads(reader.stdout.readline())
                place = (line["partition"], line["offset"])
                assert seen.setdefault(place, line["event"]["event_id"]) == line["event"]["event_id"]
            reader.kill()
            # What it had printed counts as read, also what still lies in the pipe; it may have been killed within a line.
            for line in reader.stdout:
                if line.endswith("\n"):
                    line = json.loads(line)
                    seen[line["partition"], line["offset"]] = line["event"]["event_id"]
            reader.stdout.close()
            reader.wait(30)
    finally:
        stop.set()
        sender.join(60)
    reader = follow(data, "--topic", "clicks", "--group", "tail", "--envelope")
    # One that misses something waits for it for ever.
    watch = threading.Timer(60, reader.kill)
    watch.start()
    try:
        while missing := set(sent) - set(seen.values()):
            line = reader.stdout.readline()
            assert line, f"{len(missing)} of {len(sent)} events were not printed"
            line = json.loads(line)
            seen[line["partition"], line["offset"]] = line["event"]["event_id"]
    finally:
        watch.cancel()
        reader.kill()
        reader.stdout.close()
        reader.wait(30)
    for partition in (0, 1):
        offsets = sorted(offset for part, offset in seen if part == partition)
        assert offsets == list(range(len(offsets)))
    server.stop_cleanly()
    assert_balanced(data)


def test_a_log_under_load_is_checked_without_false_alarm(up, data):
    server = up(data)
    load = subprocess.Popen(
        [BINARY, "simulate", "--to", server.url.rstrip("/"), "--for", "8s", "--seed", "3"], cwd=ROOT, env=environment(),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        checks = 0
        while load.poll() is None or checks < 3:
            outcome = run("log", "check", "--data", data, "--json")
            report = json.loads(outcome.out)
            assert outcome.code == 0 and report["damages"] == [], report["damages"]
            checks += 1
    finally:
        load.kill()
        load.wait(30)
    server.stop_cleanly()


def test_damage_is_told_repaired_and_booked(copy, filled, up):
    _, events = filled
    path = segment(copy)
    flip(path, path.stat().st_size // 2)
    damaged = contents(copy)

    outcome = run("log", "check", "--data", copy)
    assert outcome.code == 1 and "log repair" in outcome.complaint and path.name in outcome.out
    [damage] = json.loads(run("log", "check", "--data", copy, "--json").out)["damages"]
    assert damage["file"] == path.name and damage["from"] <= path.stat().st_size // 2 < damage["to"]

    plan = must("log", "repair", "--dry-run", "--data", copy)
    assert "Nothing was changed" in plan.out and contents(copy) == damaged

    report = json.loads(must("log", "repair", "--data", copy, "--json").out)
    assert report["damages"] == [damage]
    [aside] = report["set_aside"]
    assert (copy / "log" / aside).read_bytes() == damaged[path][damage["from"]:damage["to"]]
    must("log", "check", "--data", copy)
    assert "nothing to repair" in must("log", "repair", "--data", copy).out

    # The tables had taken in what is lost: the books tell it, and balance.
    outcome, books = verify(copy)
    assert outcome.code == 0 and books["balanced"], books
    assert any(name.startswith("lost in repairs") for name in books["notes"]) == (damage["lost_records"] > 0)

    server = up(copy)
    more = Shop(seed=77, name="later").events(100)
    server.accept(more)
    server.batch()
    assert server.totals["accepted"] == len(events) + len(more)
    server.stop_cleanly()
    assert_balanced(copy)


def test_a_log_that_lost_its_end_gives_no_offset_out_twice(copy, filled, up):
    _, events = filled
    path = segment(copy)
    os.truncate(path, path.stat().st_size // 2)
    # The tables hold more than the log now.
    outcome = run("up", "--data", copy, timeout=30)
    assert outcome.code == 1 and path.name in outcome.complaint
    assert run("log", "check", "--data", copy).code == 1
    must("log", "repair", "--data", copy)
    server = up(copy)
    server.accept(Shop(seed=78, name="later").events(100))
    server.batch()
    assert server.totals["accepted"] == len(events) + 100
    server.stop_cleanly()
    assert_balanced(copy)


def test_a_log_in_use_is_not_repaired(up, data):
    server = up(data)
    server.accept(Shop(seed=1).events(10))
    outcome = run("log", "repair", "--data", data)
    assert outcome.code == 1 and "in use" in outcome.complaint
    assert run("log", "check", "--data", data).code == 0
    server.stop_cleanly()


@pytest.mark.parametrize("words", [
    ["read"], ["read", "--topic", "nonsense"], ["read", "--topic", "clicks", "--limit", "0"],
    ["read", "--topic", "clicks", "--from-time", "yesterday"],
    ["read", "--topic", "clicks", "--from-time", "2026-01-01T00:00:00Z", "--from-offset", "1"],
    ["read", "--topic", "clicks", "--group", "g", "--partition", "1"],
])
def test_wrong_use_exits_with_2(filled, words):
    outcome = run("log", *words, "--data", filled[0])
    assert outcome.code == 2, f"exit {outcome.code}\n{outcome.out}\n{outcome.err}"


def test_there_is_nothing_to_look_at_without_a_log(data):
    for words in (["ls"], ["check"], ["repair"], ["read", "--topic", "clicks"], ["groups"]):
        outcome = run("log", *words, "--data", data)
        assert outcome.code == 1 and str(data) in outcome.complaint
