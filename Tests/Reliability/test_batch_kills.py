"""kill -9 at random moments of the models' run and of a backfill: the next one finishes, and the tables are those of one run."""

import itertools
import json
import random
import shutil
import subprocess
import time

import pytest
from cartograph import BINARY, ROOT, assert_balanced, environment, must
from lake import Lake

SUMMARY = "kill -9 while the models run"
EVENTS = 1_500
KILLS_A_ROUND = 3
MOST_ATTEMPTS = 20
# Rows are compared as text: values of all types, lists and structures among them, spell the same when they are the same.
KINDS = ("model", "seed")


def tables(data):
    """The models' tables, by the product's own list."""
    nodes = json.loads(must("batch", "lineage", "--data", data, "--json").out)["nodes"]
    return [node["table"] for node in nodes if node["kind"] in KINDS and node["materialized"] != "ephemeral"]


def contents(data, names):
    """The rows of each table, in an order of their own; without the moment at which shipped rates came into this lake."""
    with Lake(data) as lake:
        rows = {name: lake.rows(name).to_pylist() for name in names}
    return {name: sorted(repr({k: v for k, v in row.items() if k != "fetched_at"}) for row in rows[name]) for name in names}


class Killer:
    """Runs a command again and again and kills it at a random moment of the time that it takes."""

    def __init__(self, chance, *words):
        self.chance = chance
        self.words = words
        self.seconds = self.kills = 0

    def finish(self, *more):
        """Runs the command to its end, and takes the time."""
        began = time.monotonic()
        must(*self.words, *more)
        self.seconds = time.monotonic() - began

    def strike(self, *more):
        """Whether the kill came before the end. A run that was done before tells how long one takes now."""
        began = time.monotonic()
        process = subprocess.Popen(
            [BINARY, *map(str, self.words), *more], cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(self.chance.uniform(0.01, self.seconds))
            self.seconds = time.monotonic() - began
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait()
        assert process.returncode in (0, -9), f"{self.words} exited {process.returncode}"
        self.kills += process.returncode == -9
        return process.returncode == -9


def whole(data, folder):
    """Makes a copy from before the first run, which has the shop's products, hold all events, and its tables by one run."""
    shutil.rmtree(folder / "log")
    shutil.copytree(data / "log", folder / "log")
    must("batch", "run", "--data", folder)
    return folder


def test_a_killed_run_is_finished_by_the_next(data, tmp_path, seed, sizes, rounds, table):
    chance = random.Random(f"{seed} batch")
    must("simulate", "--events", EVENTS, "--seed", 1, "--to", "log", "--data", data)
    shutil.copytree(data, tmp_path / "whole")
    killer = Killer(chance, "batch", "run", "--data", data)
    killer.finish()
    names = tables(data)
    runs = itertools.count(1)
    for number in rounds(max(1, sizes.batch_kills // KILLS_A_ROUND)):
        # Every third time the statements change and change back.
        changed = ("--vars", '{"session_gap_minutes": 45}') if chance.random() < 0.3 else ()
        aimed = killer.kills + KILLS_A_ROUND
        for attempt in range(MOST_ATTEMPTS):
            # More of the same shop, late ones, too: at first, and whenever a run got to its end.
            if attempt == 0 or not struck:
                must("simulate", "--events", EVENTS, "--seed", 1, "--run", next(runs), "--to", "log", "--data", data)
            struck = killer.strike(*changed)
            if killer.kills == aimed:
                break
        assert killer.kills == aimed, f"{killer.kills} kills after round {number}, aimed at {aimed}"
    must("batch", "run", "--data", data)
    found = contents(data, names)
    assert found == contents(whole(data, tmp_path / "whole"), names)
    assert all(found[name] for name in ("silver.sessions", "gold.daily_sales", "gold.customer_rfm"))
    assert_balanced(data)
    table(SUMMARY, f"{killer.kills} kills in runs", f"{len(names)} tables", f"{sum(map(len, found.values()))} rows", "")


def test_a_killed_backfill_goes_on(data, seed, sizes, table):
    chance = random.Random(f"{seed} backfill")
    must("simulate", "--events", EVENTS, "--seed", 2, "--to", "log", "--data", data)
    must("batch", "run", "--data", data)
    names = tables(data)
    before = contents(data, names)
    with Lake(data) as lake:
        days = sorted(lake.rows("silver.sessions", "business_day")["business_day"].to_pylist())
    killer = Killer(chance, "batch", "backfill", "--from", days[0], "--to", days[-1], "--data", data)
    killer.finish()
    assert contents(data, names) == before
    aimed = max(2, sizes.batch_kills // 3)
    for _ in range(aimed * MOST_ATTEMPTS):
        if killer.kills < aimed:
            killer.strike()
    assert killer.kills == aimed, "most backfills ended before they were killed"
    killer.finish()
    assert contents(data, names) == before
    assert not (data / "backfill.json").exists()
    assert json.loads(must("batch", "run", "--data", data, "--json").out)["models"] == 0
    table(SUMMARY, f"{killer.kills} kills in backfills", f"{len(names)} tables", "", "")
