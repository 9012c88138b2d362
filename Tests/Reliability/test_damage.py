"""Stored bytes that changed: said by name and left alone, or the one commit that was never confirmed is undone.

Every case damages a copy of a log in one place, asks the product's own doors about it, and compares with what is known:
never a wrong answer, a crash or a hang, and never a change to files that could still be mended.
"""

import os
import random
import shutil
import subprocess
import time
from collections import Counter, defaultdict

import pytest
from books import as_bytes
from cartograph import eventually, run, verify
from damage import ERROR, SHORTER, UNAFFECTED, UNDONE, Layout, damages, log_hash, segment_damages
from faults import Faults
from lake import Lake
from load import MARK, Senders
from segments import TOPICS, WRITTEN, Unreadable, paths, read

ANSWER_SECONDS_MAX = 120
COMMITS = 14
SHORT_SAMPLE = 16
SUMMARY = "stored bytes that changed"
WRONG, CRASH, HANG, CHANGED, SERVED = "WRONG ANSWER", "CRASH", "HANG", "FILES CHANGED", "SERVED ALL THE SAME"


class Master:
    """A log whose contents are known, kept aside; every case works on a copy of it at one and the same path."""

    def __init__(self, kept, place):
        self.kept, self.place = kept, place
        self.layout = Layout(kept)
        self.contents = read(kept)
        self.expected = {UNAFFECTED: ids(self.contents.records)}
        last = self.contents.commits[-1][0]
        self.expected[UNDONE] = ids(record for record in self.contents.records if record.commit < last)
        self._commits = [number for number, _ in self.contents.commits]

    def copy(self):
        """The whole of it; segments that are not written to any more are linked, since they may be large."""
        shutil.rmtree(self.place, ignore_errors=True)
        finished = {str(path) for path in self.layout.segments[:-1]}
        shutil.copytree(
            self.kept, self.place,
            copy_function=lambda of, to: (os.link if of in finished else shutil.copy2)(of, to))
        return self.place

    def name_of(self, found):
        """Which known state these records are: all, all but the last commit, an older one, or none."""
        for name, expected in self.expected.items():
            if found == expected:
                return name
        older = Counter(self.expected[UNAFFECTED])
        if any(found == ids(record for record in self.contents.records if record.commit <= number)
               for number in [0, *self._commits]) and found < older:
            return SHORTER
        return WRONG


def ids(records):
    return Counter((record.topic, MARK.search(record.raw).group()) for record in records)


def rows_of_lake(data):
    found = Counter()
    with Lake(data) as lake:
        for topic in TOPICS:
            rows = lake.rows(f"bronze.{topic}", "raw")["raw"].to_pylist()
            found.update((topic, MARK.search(as_bytes(raw)).group()) for raw in rows)
    return found


def fill(server, seed, commits=COMMITS):
    """Sends requests one after another, so that each is a commit of its own."""
    senders = Senders("damage", seed, connections=1)
    senders.burst(server, commits)
    assert len({commit for request in senders.requests for commit in request.commits}) >= commits // 2
    return senders


@pytest.fixture(scope="module")
def masters(tmp_path_factory, request):
    """Three logs: one that was stopped; one that was killed before its last commit was confirmed; one with its lake."""
    from conftest import Starter

    seed, folder, starter, found = request.config.option.seed, tmp_path_factory.mktemp("damage"), Starter(), {}
    try:
        place = folder / "shop/data"
        server = starter(place)
        fill(server, f"{seed}/shop")
        server.stop_cleanly()
        assert run("verify", "--data", place).code == 0
        shutil.copytree(place, folder / "kept-shop")
        found["with its lake"] = Master(folder / "kept-shop", place)
        shutil.copytree(place / "log", folder / "kept-stopped/log")
        found["stopped"] = Master(folder / "kept-stopped", folder / "stopped/data")
        data = kill_unconfirmed(starter, folder, f"{seed}/killed")
        shutil.copytree(data / "log", folder / "kept-killed/log")
        found["killed"] = Master(folder / "kept-killed", folder / "killed/data")
        assert found["stopped"].layout.is_confirmed and not found["killed"].layout.is_confirmed
    finally:
        starter.end_all()
    return found


def kill_unconfirmed(starter, folder, seed):
    """A folder whose process was killed at the write that would have confirmed the last commit."""
    for attempt in range(10):
        data = folder / f"killed-{attempt}/data"
        with Faults(folder / f"faults-{attempt}") as faults:
            server = starter(data, env=faults.environment())
            fill(server, seed)
            faults.arm("kill_before", "write", path=WRITTEN)
            eventually("it killed itself", lambda: server.process.poll() is not None)
        if not Layout(data).is_confirmed:
            return data
    raise AssertionError("the last commit was always confirmed before the rule was set")


def judge(data, master, starter, needs_refusal, goes_on=True):
    """What came of a damaged folder, by the product's doors; and what it said.

    `needs_refusal` for damage that a start has to notice too; `goes_on` to try new events where nothing is refused.
    """
    before = log_hash(data)
    try:
        outcome, books = verify(data)
    except subprocess.TimeoutExpired:
        return HANG, "verify"
    said = outcome.err + outcome.out
    if outcome.code not in (0, 1) or "Fatal error" in said or "Stack dump" in said:
        return CRASH, said[-2_000:]
    if outcome.code == 0:
        return judge_contents(data, master, starter if goes_on else None)
    if log_hash(data) != before:
        return CHANGED, said
    if books is None and len(outcome.err.strip().splitlines()) != 1:
        return CRASH, f"not one clear line: {said}"
    if "log" not in said:
        return WRONG, f"an error that does not name the log: {said}"
    if needs_refusal:
        server = starter(data, ready=False)
        eventually("it is gone or up", lambda: server.process.poll() is not None or server.seconds_to_address)
        if server.process.poll() is None:
            server.kill()
            return SERVED, said
        if server.process.returncode != 1 or "Fatal error" in server.words:
            return CRASH, server.words
        if log_hash(data) != before:
            return CHANGED, f"up: {server.words}"
    return ERROR, said.strip()


def judge_contents(data, master, starter):
    """Of a folder that is said to be right: which known state it is in, by the lake and by the files."""
    found = rows_of_lake(data)
    name = master.name_of(found)
    try:
        if ids(read(data).records) != found:
            return WRONG, "the log's files hold something else than the lake"
    except Unreadable as error:
        return WRONG, f"said to be right: {error}"
    if not starter:
        return name, ""
    server = starter(data)
    senders = Senders("afterwards", "1", connections=1)
    senders.burst(server, 1)
    server.stop_cleanly()
    outcome, _ = verify(data)
    if outcome.code != 0:
        return WRONG, f"with new events: {outcome.out}{outcome.err}"
    more = rows_of_lake(data)
    if found - more or len(more) == len(found):
        return WRONG, "new events did not come on top of the old ones"
    return name, ""


def examine(cases, master, starter, rounds, table, title, needs_refusal=True):
    """Makes each damage in turn; fails at the end with all that were not taken as they should be."""
    outcomes, wrong, seconds = defaultdict(Counter), [], []
    for number in rounds(len(cases), "damage"):
        case, began = cases[number], time.monotonic()
        data = master.copy()
        case.change(master.layout, data)
        # Twice in each region is enough to see that a log which was mended takes new events.
        goes_on = sum(outcomes[case.region].values()) - outcomes[case.region][ERROR] < 2
        outcome, said = judge(data, master, starter, needs_refusal, goes_on)
        outcomes[case.region][outcome] += 1
        if outcome not in case.allowed:
            wrong.append(f"{case.region}, {case.what}: {outcome}, not {sorted(case.allowed)}: {said[:600]}")
        seconds.append(time.monotonic() - began)
    for region, counts in outcomes.items():
        told = ", ".join(f"{count} x {outcome}" for outcome, count in counts.items())
        table(f"{SUMMARY}: {title}", region, told)
    table(f"{SUMMARY}: {title}", "all", f"{len(cases)} cases, {sum(seconds):.0f} s, slowest {max(seconds):.1f} s")
    assert not wrong, f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong)


@pytest.mark.parametrize("which", ["stopped", "killed", "with its lake"])
def test_damage_in_any_region_is_said_or_undone(masters, up, seed, sizes, rounds, table, which):
    master = masters[which]
    cases = damages(master.layout, seed)
    if which == "with its lake":
        cases = [case for case in cases if "flipped" not in case.what]
    if sizes.name == "short":
        cases = sample(cases, seed, SHORT_SAMPLE if which == "killed" else SHORT_SAMPLE // 2)
    examine(cases, master, up, rounds, table, which)


def sample(cases, seed, count):
    """Some cases of as many regions as possible."""
    chance, by_region = random.Random(seed), defaultdict(list)
    for case in cases:
        by_region[case.region].append(case)
    regions = list(by_region)
    chance.shuffle(regions)
    return [chance.choice(by_region[regions[number % len(regions)]]) for number in range(count)]


SEGMENTS = 3


@pytest.mark.torture
def test_damage_to_one_of_several_segments(tmp_path, up, seed, rounds, table):
    place = tmp_path / "data"
    server = up(place)
    senders = Senders("large", seed, connections=1)
    senders.fill(server, lambda: len(paths(place)) >= SEGMENTS)
    senders.burst(server, 3)
    server.stop_cleanly()
    assert run("verify", "--data", place).code == 0
    kept = tmp_path / "kept"
    place.rename(kept)
    master = Master(kept, place)
    cases = list(segment_damages(master.layout, random.Random(seed)))
    # Older segments are not read at a start: `verify` reads them.
    examine(cases, master, up, rounds, table, "several segments", needs_refusal=False)
