"""kill -9 while the warehouse is loaded: every business day is the old one or the new, and the next load does the rest."""

import itertools
import json
import random
import subprocess
import time

import pytest
from cartograph import BINARY, ROOT, environment, eventually, must
from postgres import PASSWORD
from test_warehouse import FACTS, LOADER, ROLE_PASSWORD, Loaded, contents, warehouse

SUMMARY = "kill -9 while the warehouse is loaded"
MOST_ATTEMPTS = 20


@pytest.fixture(scope="module")
def shop(tmp_path_factory, postgres):
    return Loaded(tmp_path_factory.mktemp("kills"), postgres)


def start_load(shop, database):
    return subprocess.Popen(
        [BINARY, "warehouse", "load", "--data", shop.data, "--config", shop.config, "--url",
         shop.postgres.address(database, LOADER)],
        cwd=ROOT, env=environment(PGPASSWORD=ROLE_PASSWORD), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def strike(process, chance, seconds):
    """Kills a process at a random moment of the time that one takes: whether it was before the end, and that time, which is
    what this one took where it came to its end."""
    began = time.monotonic()
    try:
        process.wait(chance.uniform(0.02, 1) * seconds)
        seconds = time.monotonic() - began
    except subprocess.TimeoutExpired:
        process.kill()
    process.wait()
    assert process.returncode in (0, -9), f"{process.args} exited {process.returncode}"
    return process.returncode == -9, seconds


def states(postgres, database):
    """What each loaded day says it was made from."""
    return {row["business_day"]: json.loads(row["sources"])["silver.clicks"] for row in postgres.sql(
        "SELECT business_day, sources FROM star.loaded_days", database)}


def assert_days_are_whole(postgres, database, old, new, newest):
    """Each day's facts are all of the state that the day's load says; its versions fit. How many days are new."""
    said, found = states(postgres, database), contents(postgres, database, versions=False)
    for fact in FACTS:
        days = {day for name, day in [*old, *new, *found] if name == fact}
        for day in days:
            state = new if said.get(day) == newest else old
            assert found.get((fact, day)) == state.get((fact, day)), f"{fact} of {day} is neither old nor new"
        assert postgres.sql(
            f"SELECT f.business_day FROM star.{fact} f JOIN star.dim_user u USING (user_key) "
            "WHERE f.business_day < u.valid_from OR f.business_day >= u.valid_to LIMIT 1", database) == []
    return sum(state == newest for state in said.values())


def test_kills_leave_old_days_or_new_ones(shop, postgres, seed, sizes, rounds, table):
    began, chance = time.monotonic(), random.Random(seed)
    postgres.create("empty_before")
    warehouse(["init"], shop.data, postgres.address("empty_before"), config=shop.config)
    expected = contents(postgres, "shop")
    new = contents(postgres, "shop", versions=False)
    newest = states(postgres, "shop")[shop.second["days"][0]["day"]]
    olds = {name: contents(postgres, name, versions=False) for name in ("shop_before", "empty_before")}
    # How long a load takes, so that the kills fall anywhere in one.
    lengths = {}
    for name in olds:
        postgres.sql(f"CREATE DATABASE whole TEMPLATE {name}")
        started = time.monotonic()
        assert start_load(shop, "whole").wait(120) == 0
        lengths[name] = time.monotonic() - started
        assert contents(postgres, "whole") == expected
        postgres.sql("DROP DATABASE whole")
    kills, days = 0, []
    for number in rounds(sizes.warehouse_kills, "kill"):
        name = ("shop_before", "empty_before")[number % 2]
        database = f"killed_{number}"
        for _ in range(MOST_ATTEMPTS):
            postgres.sql(f"CREATE DATABASE {database} TEMPLATE {name}")
            struck, lengths[name] = strike(start_load(shop, database), chance, lengths[name])
            wait_for_sessions(postgres, database)
            if struck:
                break
            postgres.sql(f"DROP DATABASE {database}")
        assert struck, f"{MOST_ATTEMPTS} loads came to their end before they were killed"
        kills += 1
        days.append(assert_days_are_whole(postgres, database, olds[name], new, newest))
        # Without a manual step.
        assert start_load(shop, database).wait(120) == 0
        assert contents(postgres, database) == expected
        postgres.sql(f"DROP DATABASE {database}")
    table(SUMMARY, "loads", f"{kills} kills", f"{min(days)} to {max(days)} days done before",
          "each day old or new, and whole after the next load", f"{time.monotonic() - began:.0f} s")


def test_a_day_that_is_half_loaded_is_noticed(shop, postgres, table):
    """The promise broken on purpose: one fact of a day is new, the others are old."""
    old, new = (contents(postgres, name, versions=False) for name in ("shop_before", "shop"))
    newest = states(postgres, "shop")[shop.second["days"][0]["day"]]
    day = shop.second["days"][0]["day"]
    postgres.sql("CREATE DATABASE half TEMPLATE shop_before")
    postgres.sql(
        f"DELETE FROM star.fact_clicks WHERE ctid IN (SELECT ctid FROM star.fact_clicks WHERE business_day = '{day}' "
        "LIMIT 1)", "half")
    with pytest.raises(AssertionError, match="neither old nor new"):
        assert_days_are_whole(postgres, "half", old, new, newest)
    table(SUMMARY, "planted: a click is missing of a day", "1 fault", "noticed", "", "")


def wait_for_sessions(postgres, database):
    eventually("the server let the session go", lambda: postgres.sql(
        f"SELECT 1 FROM pg_stat_activity WHERE datname = '{database}' AND application_name = 'cartograph'") == [])


def test_kills_of_batches_and_loads_leave_books_that_balance(tmp_path, postgres, seed, sizes, rounds, table):
    """New events, then `batch run`, which loads the warehouse at its end: killed anywhere, and the next does the rest."""
    began, chance, kills = time.monotonic(), random.Random(seed), 0
    data, config = tmp_path / "data", tmp_path / "cartograph.yaml"
    config.write_text(f"warehouse: {postgres.address(postgres.create('batches'))}\n")
    names = environment(PGPASSWORD=PASSWORD)

    def start(*words):
        return subprocess.Popen(
            [BINARY, *words, "--data", data, "--config", config], cwd=ROOT, env=names, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)

    def must_end(*words):
        return must(*words, "--data", data, "--config", config, env=names, timeout=300).out

    def more(number):
        # A fifth of a day each, so that days are reopened again and again.
        must_end("simulate", "--to", "log", "--events", "2000", "--rate", "1", "--seed", str(number))

    more(0)
    must_end("warehouse", "init")
    started = time.monotonic()
    must_end("batch", "run")
    length, numbers = time.monotonic() - started, itertools.count(1)
    for number in rounds(sizes.warehouse_kills, "kill"):
        for _ in range(MOST_ATTEMPTS):
            more(next(numbers))
            struck, length = strike(start("batch", "run"), chance, length)
            wait_for_sessions(postgres, "batches")
            if struck:
                break
        assert struck, f"{MOST_ATTEMPTS} batches came to their end before they were killed"
        kills += 1
        # Without a manual step; every other batch follows upon a kill that nothing was done after.
        if number % 2 == 1 or number + 1 == sizes.warehouse_kills:
            books = json.loads(must_end("verify", "--json"))
            assert books["balanced"] and len([
                line for line in books["lines"] if line["name"].endswith(", warehouse")]) == 12, books
    table(SUMMARY, "batches with their loads", f"{kills} kills", "the books balance after restart",
          "bronze, silver, gold and the warehouse", f"{time.monotonic() - began:.0f} s")
