"""kill -9 at each step of what writes the lake: bronze is the log afterwards, exactly, as PyIceberg reads it."""

import json
import random
import shutil
import time

import pytest
from books import assert_lake_holds
from cartograph import assert_balanced, eventually
from faults import Faults
from lake import Lake
from load import Senders
from segments import TOPICS, read

LAKE = "/lake/"
SUMMARY = "kill -9 while the lake is written"
LAKE_SECONDS = 0.2
# Calls that change something, each of which a kill may come before or after.
KINDS = ("open", "write", "sync", "link", "unlink", "mkdir", "rename")
# A round of all tables makes some hundred calls; the first of all makes the tables, too.
NTH_MAX = 260
ROUND_SECONDS_MAX = 20


def settings(folder, **changes):
    """A configuration file, as `--config` words."""
    path = folder / "cartograph.yaml"
    path.write_text("".join(f"{key}: {value}\n" for key, value in {"lake_seconds": LAKE_SECONDS, **changes}.items()))
    return ["--config", path]


def assert_bronze_is_the_log(data):
    """Of a folder whose process has ended in peace: each record once, without a gap, and what the snapshots claim."""
    contents = read(data)
    assert_lake_holds(data, contents)
    with Lake(data) as lake:
        for topic in TOPICS:
            summary = lake.summary(f"bronze.{topic}")
            rows = lake.rows(f"bronze.{topic}", "log_partition", "log_offset").to_pylist()
            claimed = dict(enumerate(covered(summary, topic)))
            for partition, end in claimed.items():
                offsets = sorted(row["log_offset"] for row in rows if row["log_partition"] == partition)
                assert offsets == list(range(end)), (
                    f"bronze.{topic} says it covers {end} records of partition {partition}, and holds {len(offsets)}, "
                    f"of them {len(set(offsets))} different")
    return contents


def covered(summary, topic):
    """The offsets that a snapshot's summary claims for a topic, by partition."""
    if summary is None:
        return []
    words = dict(word.split(":") for word in summary["cartograph.offsets"].split())
    return [int(offset) for offset in words[topic].split(",")]


def crash_point(chance):
    """Before or after the n-th call of a kind, or in the middle of a write."""
    action = chance.choice(["kill_before", "kill_after", "kill_after", "short_kill"])
    if action == "short_kill":
        return action, ("write",), chance.randint(1, 60), chance.choice([0, 1, 100, 4000])
    kinds = chance.choice([KINDS, KINDS, ("sync",), ("link",), ("write",)])
    # Half of them among the first calls, where what happens once happens; the rest anywhere in some rounds.
    nth = chance.randint(1, 40) if chance.random() < 0.5 or kinds != KINDS else chance.randint(1, NTH_MAX)
    return action, kinds, nth, 0


def test_kills_while_bronze_is_committed(tmp_path, up, seed, sizes, rounds, table):
    """Batch, file, manifest, metadata, catalog, after the commit: killed at the n-th call on the lake under load."""
    began, chance, kills, held, places = time.monotonic(), random.Random(seed), 0, 0, {}
    data = senders = None
    for number in rounds(sizes.lake_kills, "kill"):
        if number % 6 == 0:
            # A lake that is just being made, and then one that goes on.
            data, senders = tmp_path / f"data-{number}", Senders(f"lake.{number}", seed, connections=2)
        words = settings(tmp_path)
        with Faults(tmp_path / f"faults-{number}") as faults:
            action, kinds, nth, short = crash_point(chance)
            server = up(data, *words, env=faults.environment())
            rule = faults.arm(action, *kinds, path=LAKE, nth=nth, short=short)
            deadline = time.monotonic() + ROUND_SECONDS_MAX
            while server.process.poll() is None and time.monotonic() < deadline:
                senders.all[number % 2].load(server, limit=4)
            server.kill()
            assert faults.loaded, "the shim was not loaded"
            kills += rule.fired > 0
            if rule.fired:
                places[place(rule.where)] = places.get(place(rule.where), 0) + 1
        server = up(data, *words)
        senders.finish(server)
        server.stop_cleanly()
        held = max(held, len(assert_bronze_is_the_log(data).records))
    assert_balanced(data)
    assert kills >= sizes.lake_kills * 0.7, f"only {kills} of {sizes.lake_kills} kills were reached: {places}"
    table(
        SUMMARY, "bronze commits under load", f"{kills} kills", f"up to {held} records, 0 lost, 0 twice",
        ", ".join(f"{count} at {where}" for where, count in sorted(places.items())),
        f"{time.monotonic() - began:.0f} s")


def place(where):
    """What kind of file a call was on."""
    kind, _, path = where.partition(" ")
    for part, name in [
        (".parquet", "data file"), ("catalog.sqlite", "catalog"), (".metadata.json", "metadata"), ("snap-", "list"),
        (".avro", "manifest"), (".cartograph-new-", "file being made"), ("/data", "data folder"),
    ]:
        if part in path:
            return f"{kind} {name}"
    return f"{kind} folder"


@pytest.fixture(scope="session")
def crowded(tmp_path_factory, request):
    """A folder whose clicks have enough small files to be joined, and snapshots to be forgotten."""
    folder = tmp_path_factory.mktemp("crowded")
    data, senders = folder / "data", Senders("crowded", request.config.option.seed, connections=1)
    from conftest import Starter

    starter = Starter()
    try:
        server = starter(data, *settings(folder))
        with_files = time.monotonic() + 60
        while True:
            senders.burst(server, 1)
            commit = read(data).state.commit
            eventually("bronze caught up", lambda: is_drained(data, commit))
            with Lake(data) as lake:
                if len(lake.files("bronze.clicks")) >= 20:
                    break
            assert time.monotonic() < with_files, "no files gather"
        senders.finish(server)
        server.stop_cleanly()
    finally:
        starter.end_all()
    with Lake(data) as lake:
        for topic in TOPICS:
            lake.set_properties(
                f"bronze.{topic}", {"history.expire.min-snapshots-to-keep": "2", "history.expire.max-snapshot-age-ms": "0"})
    # The lake's files name each other by their whole path: the folder is put back in its place for each kill.
    shutil.move(data, folder / "kept")
    return folder


def is_drained(data, commit):
    with Lake(data) as lake:
        if not lake.exists("bronze.clicks"):
            return False
        rows = sum(
            sum(covered(lake.summary(f"bronze.{topic}"), topic)) for topic in TOPICS
            if lake.exists(f"bronze.{topic}"))
    return rows >= len(read(data).records)


def test_kills_while_files_are_joined_and_snapshots_forgotten(tmp_path, up, seed, sizes, rounds, table, crowded):
    began, chance, kills, places = time.monotonic(), random.Random(seed), 0, {}
    data = crowded / "data"
    for number in rounds(sizes.upkeep_kills, "kill"):
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(crowded / "kept", data)
        with Lake(data) as lake:
            rows, files = len(lake.rows("bronze.clicks")), len(lake.files("bronze.clicks"))
            assert files >= 20 and lake.snapshots("bronze.clicks") > 4
        words = settings(tmp_path)
        with Faults(tmp_path / f"faults-{number}") as faults:
            action, kinds, nth, short = crash_point(chance)
            server = up(data, *words, env=faults.environment())
            rule = faults.arm(action, *kinds, path="/lake/bronze/clicks/", nth=nth, short=short)
            eventually(
                "it is killed, or done", lambda: server.process.poll() is not None or is_tidy(data), ROUND_SECONDS_MAX)
            server.kill()
            kills += rule.fired > 0
            if rule.fired:
                places[place(rule.where)] = places.get(place(rule.where), 0) + 1
        # Whatever was done of it: the rows are all there, and what is left is done by the next.
        assert_bronze_is_the_log(data)
        server = up(data, *words)
        eventually("it is tidied up", lambda: is_tidy(data))
        server.stop_cleanly()
        assert_bronze_is_the_log(data)
        with Lake(data) as lake:
            assert len(lake.rows("bronze.clicks")) == rows
            assert len(lake.files("bronze.clicks")) < files / 2
    assert kills >= sizes.upkeep_kills * 0.5, f"only {kills} of {sizes.upkeep_kills} kills were reached: {places}"
    table(
        SUMMARY, "joining files, forgetting snapshots", f"{kills} kills", f"{rows} clicks, 0 lost, 0 twice",
        ", ".join(f"{count} at {where}" for where, count in sorted(places.items())),
        f"{time.monotonic() - began:.0f} s")


def is_tidy(data):
    with Lake(data) as lake:
        return len(lake.files("bronze.clicks")) < 20 and lake.snapshots("bronze.clicks") <= 4


def test_offsets_that_are_one_commit_late_are_noticed(tmp_path, up, seed, table):
    """The promise broken on purpose: what a snapshot claims is what the one before it claimed."""
    data, senders = tmp_path / "data", Senders("late", seed, connections=1)
    words = settings(tmp_path)
    server = up(data, *words)
    for _ in range(3):
        senders.burst(server, 2)
        commit = read(data).state.commit
        eventually("bronze caught up", lambda: is_drained(data, commit))
    senders.finish(server)
    server.stop_cleanly()
    assert_bronze_is_the_log(data)
    with Lake(data) as lake:
        path = lake.metadata_path("bronze.clicks")
    metadata = json.loads(path.read_text())
    snapshots = {snapshot["snapshot-id"]: snapshot for snapshot in metadata["snapshots"]}
    last = snapshots[metadata["current-snapshot-id"]]
    last["summary"]["cartograph.offsets"] = snapshots[last["parent-snapshot-id"]]["summary"]["cartograph.offsets"]
    path.write_text(json.dumps(metadata))
    with pytest.raises(AssertionError, match="says it covers"):
        assert_bronze_is_the_log(data)
    up(data, *words).stop_cleanly()
    with pytest.raises(AssertionError, match="too many"):
        assert_bronze_is_the_log(data)
    table(SUMMARY, "planted: offsets one commit late", "1 fault", "noticed", "before and after the next start", "")
