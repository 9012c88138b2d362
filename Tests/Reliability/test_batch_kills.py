"""kill -9 at random moments of the models' run and of a backfill: the next one finishes, and the tables are those of one run."""

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


def killed(chance, seconds, *words):
    """Runs a command and kills it within that time; whether it was still at work."""
    process = subprocess.Popen(
        [BINARY, *map(str, words)], cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    try:
        process.wait(chance.uniform(0.01, seconds))
    except subprocess.TimeoutExpired:
        process.kill()
    process.wait()
    assert process.returncode in (0, -9), f"{words} exited {process.returncode}"
    return process.returncode == -9


def whole(data, folder):
    """A copy whose tables are made by one run over the log."""
    shutil.copytree(data, folder)
    for name in ("lake", "stream"):
        shutil.rmtree(folder / name, ignore_errors=True)
    must("batch", "run", "--data", folder)
    return folder


def test_a_killed_run_is_finished_by_the_next(data, tmp_path, seed, sizes, rounds, table):
    chance = random.Random(f"{seed} batch")
    must("simulate", "--events", EVENTS, "--seed", 1, "--to", "log", "--data", data)
    began = time.monotonic()
    must("batch", "run", "--data", data)
    seconds = time.monotonic() - began
    names = tables(data)
    kills = 0
    for number in rounds(max(1, sizes.batch_kills // KILLS_A_ROUND)):
        # More of the same shop: late ones, too, and every third time the statements change and change back.
        must("simulate", "--events", EVENTS, "--seed", 1, "--run", number + 1, "--to", "log", "--data", data)
        changed = ("--vars", '{"session_gap_minutes": 45}') if chance.random() < 0.3 else ()
        for _ in range(KILLS_A_ROUND):
            kills += killed(chance, seconds, "batch", "run", "--data", data, *changed)
    assert kills, "no kill came before the end, which proves nothing"
    must("batch", "run", "--data", data)
    found = contents(data, names)
    assert found == contents(whole(data, tmp_path / "whole"), names)
    assert all(found[name] for name in ("silver.sessions", "gold.daily_sales", "gold.customer_rfm"))
    assert_balanced(data)
    table(SUMMARY, f"{kills} kills in runs", f"{len(names)} tables", f"{sum(map(len, found.values()))} rows", "")


def test_a_killed_backfill_goes_on(data, seed, sizes, table):
    chance = random.Random(f"{seed} backfill")
    must("simulate", "--events", EVENTS, "--seed", 2, "--to", "log", "--data", data)
    must("batch", "run", "--data", data)
    names = tables(data)
    before = contents(data, names)
    with Lake(data) as lake:
        days = sorted(lake.rows("silver.sessions", "business_day")["business_day"].to_pylist())
    words = ("batch", "backfill", "--from", days[0], "--to", days[-1], "--data", data)
    began = time.monotonic()
    must(*words)
    seconds = time.monotonic() - began
    assert contents(data, names) == before
    kills = sum(killed(chance, seconds, *words) for _ in range(max(3, sizes.batch_kills // 3)))
    assert kills, "no kill came before the end, which proves nothing"
    must(*words)
    assert contents(data, names) == before
    assert not (data / "backfill.json").exists()
    assert json.loads(must("batch", "run", "--data", data, "--json").out)["models"] == 0
    table(SUMMARY, f"{kills} kills in backfills", f"{len(names)} tables", "", "")
