"""Rejected events are looked at, mended and let in: each at most once, whenever the replay is killed."""

import json
import random
import subprocess

import pytest
from cartograph import BINARY, ROOT, assert_balanced, environment, eventually, must, ndjson, run
from lake import Lake
from shop import Shop

# A decimal comma, as some trackers write it, and what mends it.
MEND = r"""sed 's/\("total_amount": *"[0-9]*\),\([0-9]*"\)/\1.\2/'"""
KILLS_MAX = 40


def spoiled(shop, count):
    """Purchases with a decimal comma in their total: the lines, and the events as they should be."""
    good = [shop.purchase() for _ in range(count)]
    for event in good:
        event["total_amount"] = f"{float(event['total_amount']):.2f}"
    bad = [dict(event, total_amount=event["total_amount"].replace(".", ",")) for event in good]
    return bad, good


def reject(server, events):
    for at in range(0, len(events), 2_000):
        part = events[at:at + 2_000]
        status, answer = server.post(ndjson(part))
        assert status == 202 and answer["rejected_count"] == len(part), f"{status} {answer}"


def replay(data, *words, **options):
    return json.loads(must("quarantine", "replay", "--data", data, "--json", *words, **options).out)


def purchases(data):
    """The ids of all stored purchases, repeats included."""
    told = must("log", "read", "--topic", "purchases", "--data", data).out
    return sorted(json.loads(line)["event_id"] for line in told.splitlines())


@pytest.fixture
def rejected(up, data):
    """A stopped platform with some accepted events, spoiled purchases and worse in its quarantine."""
    shop = Shop(seed=31)
    bad, good = spoiled(shop, 300)
    server = up(data)
    accepted = [shop.click() for _ in range(50)]
    server.accept(accepted)
    reject(server, bad)
    status, _ = server.post(b"\x1b[31mred\x07\n\xff\xfe{\n" + b'{"type":"click"}\n')
    assert status == 202
    server.stop_cleanly()
    return data, bad, good


def test_the_quarantine_is_counted_and_shown(rejected):
    data, bad, _ = rejected
    counts = {entry["reason"]: entry for entry in json.loads(must("quarantine", "ls", "--data", data, "--json").out)}
    assert sum(entry["count"] for entry in counts.values()) == len(bad) + 3
    [reason] = [name for name, entry in counts.items() if entry["count"] == len(bad)]
    assert counts[reason]["replayed"] == 0 and counts[reason]["oldest"] <= counts[reason]["newest"]
    assert reason in must("quarantine", "ls", "--data", data).out

    shown = [json.loads(line) for line in
             must("quarantine", "show", "--data", data, "--json", "--reason", reason.split(":")[0], "--limit", 5).out.splitlines()]
    assert [json.loads(entry["raw"]) for entry in shown] == bad[-5:]
    assert all(entry["reason"] == reason and entry["source"] and entry["received_at"] for entry in shown)

    # What a terminal would obey is not printed.
    text = must("quarantine", "show", "--data", data, "--limit", 10).out
    assert "\x1b" not in text and "\x07" not in text and r"\u{1b}[31mred\u{7}" in text
    newest = json.loads(must("quarantine", "show", "--data", data, "--json", "--limit", 1).out)
    raw = subprocess.run(
        [BINARY, "quarantine", "show", "--data", str(data), "--raw", "--offset", str(newest["offset"] - 1)], cwd=ROOT,
        env=environment(), capture_output=True, check=True).stdout
    assert raw == b"\xff\xfe{\n"
    assert run("quarantine", "show", "--data", data, "--offset", 99_999).code == 1


def test_nothing_is_let_in_that_is_still_wrong(rejected):
    data, bad, _ = rejected
    before = must("quarantine", "ls", "--data", data, "--json").out
    told = replay(data)
    assert (told["judged"], told["accepted"]) == (len(bad) + 3, 0)
    assert sum(told["still_rejected"].values()) == len(bad) + 3
    assert must("quarantine", "ls", "--data", data, "--json").out == before, "rejected a second time"
    assert_balanced(data)


def test_mended_events_are_let_in_once(rejected):
    data, bad, good = rejected
    dry = replay(data, "--through", MEND, "--dry-run")
    assert dry["accepted"] == len(good) and purchases(data) == []
    assert replay(data, "--through", MEND, "--limit", 100)["accepted"] == 100
    told = replay(data, "--through", MEND)
    assert (told["accepted"], told["let_in_before"]) == (len(good) - 100, 100)
    assert purchases(data) == sorted(event["event_id"] for event in good)
    again = replay(data, "--through", MEND)
    assert (again["accepted"], again["let_in_before"], again["judged"]) == (0, len(good), 3)
    counts = json.loads(must("quarantine", "ls", "--data", data, "--json").out)
    assert sum(entry["replayed"] for entry in counts) == len(good)
    assert sum(entry["count"] for entry in counts) == len(bad) + 3

    must("batch", "run", "--data", data)
    books = assert_balanced(data)
    # Received twice, accepted once, and the old record stays.
    assert books["events"][0] == str(50 + len(bad) + 3 + len(good))
    with Lake(data) as lake:
        assert sorted(lake.rows("silver.purchases", "event_id")["event_id"].to_pylist()) == purchases(data)


def test_a_command_that_leaves_some_alone(rejected):
    data, _, good = rejected
    ids = sorted(event["event_id"] for event in good)
    # An empty line leaves an event where it is.
    only = "awk '/" + ids[0] + "\"/ { gsub(/,[0-9][0-9]\"/, \".00\\\"\"); print; next } { print \"\" }'"
    told = replay(data, "--through", only)
    assert told["left_alone"] == len(good) + 2 and told["judged"] == len(good) + 3
    assert told["accepted"] + sum(told["still_rejected"].values()) == 1


@pytest.mark.parametrize("command", ["false", "head -1", "cat; echo more", "exit 3", "kill -9 $$", "nonsense-command"])
def test_a_command_that_fails_changes_nothing(rejected, command):
    data, _, _ = rejected
    outcome = run("quarantine", "replay", "--data", data, "--through", command)
    assert outcome.code == 1 and command in outcome.err
    assert purchases(data) == [] and not (data / "log/replay/pending").exists()


def test_a_replay_goes_through_the_server_that_holds_the_folder(up, rejected):
    data, bad, good = rejected
    server = up(data)
    assert replay(data, "--through", MEND)["accepted"] == len(good)
    assert replay(data, "--through", MEND)["accepted"] == 0
    totals = eventually("all are in the live view", lambda: (seen := server.totals)["accepted"] == 50 + len(good) and seen)
    assert totals["quarantined"] == len(bad) + 3
    server.batch()
    server.stop_cleanly()
    assert purchases(data) == sorted(event["event_id"] for event in good)
    assert_balanced(data)


@pytest.mark.parametrize("through_server", [False, True])
def test_a_replay_that_is_killed_lets_each_in_once(up, data, through_server):
    shop = Shop(seed=44)
    bad, good = spoiled(shop, 30_000)
    server = up(data)
    reject(server, bad)
    if not through_server:
        server.stop_cleanly()
    chance = random.Random(12)
    kills = 0
    span = 0.2
    while True:
        # Let it live a little longer each time, so that it comes to its end.
        process = subprocess.Popen(
            [BINARY, "quarantine", "replay", "--data", str(data), "--through", MEND, "--json"], cwd=ROOT,
            env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            out, err = process.communicate(timeout=span * chance.uniform(0.5, 1.5))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            kills += 1
            span *= 1.15
            assert kills <= KILLS_MAX, "it never came to its end"
            continue
        assert process.returncode == 0, err
        break
    assert kills >= 3, f"only {kills} kills"
    if through_server:
        server.stop_cleanly()
    assert purchases(data) == sorted(event["event_id"] for event in good), f"after {kills} kills"
    assert replay(data, "--through", MEND)["accepted"] == 0
    assert_balanced(data)
    print(f"{kills} kills")
