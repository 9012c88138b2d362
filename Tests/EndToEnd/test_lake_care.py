"""What `cartograph lake` does to tables: names, states, columns, manifests, files that nothing refers to."""

import json
import os
import re
import time
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
from cartograph import assert_balanced, eventually, must, run
from lake import Lake


@pytest.fixture
def shop(tmp_path):
    """The data folder of a shop whose models have run twice, with something new in between."""
    data = tmp_path / "data"
    for seed in (3, 4):
        must("simulate", "--to", "log", "--events", 2000, "--seed", seed, "--data", data)
        must("batch", "run", "--data", data)
    return data


def answer(data, *words):
    """What a command of the lake says to a machine."""
    return json.loads(must("lake", *words, "--json", "--data", data).out)


def refused(data, *words):
    """The one line of a command that is to fail."""
    outcome = run("lake", *words, "--data", data)
    assert outcome.code in (1, 2), outcome
    return outcome.err


def snapshots(data, table):
    return [row["snapshot"] for row in answer(data, "history", table)]


def count(data, table, *at):
    return answer(data, "sql", f"SELECT count(*) AS n FROM {table}", *at)[0]["n"]


def test_a_tag_keeps_a_state_and_reads_it(shop):
    first = snapshots(shop, "silver.clicks")[0]
    then = count(shop, "silver.clicks", "--at", first)
    now = count(shop, "silver.clicks")
    assert 0 < then < now
    assert answer(shop, "tag", "silver.clicks", "opening", "--at", first)["snapshot"] == int(first)
    assert count(shop, "silver.clicks", "--at", "opening") == then
    assert "exists already" in refused(shop, "tag", "silver.clicks", "opening")
    # What a tag names stays, however old.
    must("lake", "expire", "silver.clicks", "--older-than", "0s", "--keep", "1", "--data", shop)
    assert count(shop, "silver.clicks", "--at", "opening") == then
    with Lake(shop) as lake:
        assert lake.rows("silver.clicks").num_rows == now
    answer(shop, "tag", "silver.clicks", "opening", "--delete")
    must("lake", "expire", "silver.clicks", "--older-than", "0s", "--keep", "1", "--data", shop)
    assert first not in snapshots(shop, "silver.clicks")
    assert "neither" in refused(shop, "sql", "SELECT count(*) FROM silver.clicks", "--at", "opening")


def test_a_time_before_a_table_was_there_is_told(shop):
    said = refused(shop, "sql", "SELECT count(*) FROM silver.clicks", "--at", "2020-01-01T00:00:00Z")
    assert "silver.clicks" in said and "no rows yet" in said and "lake history" in said


def test_a_dry_expiry_changes_nothing(shop):
    before = snapshots(shop, "silver.clicks")
    dry = answer(shop, "expire", "silver.clicks", "--older-than", "0s", "--keep", "1", "--dry-run")
    assert snapshots(shop, "silver.clicks") == before
    wet = answer(shop, "expire", "silver.clicks", "--older-than", "0s", "--keep", "1")
    assert dry == wet
    assert wet[0]["snapshots"] == len(before) - 1 > 0


def test_a_rolled_back_table_is_brought_up_to_date_again(shop):
    first = snapshots(shop, "gold.daily_sales")[0]
    now = answer(shop, "sql", "SELECT sum(orders) AS n FROM gold.daily_sales")
    then = answer(shop, "sql", "SELECT sum(orders) AS n FROM gold.daily_sales", "--at", first)
    assert then != now
    assert answer(shop, "rollback", "gold.daily_sales", "--to", first)["to"] == int(first)
    assert answer(shop, "sql", "SELECT sum(orders) AS n FROM gold.daily_sales") == then
    must("batch", "run", "--data", shop)
    assert answer(shop, "sql", "SELECT sum(orders) AS n FROM gold.daily_sales") == now
    assert_balanced(shop)


def test_bronze_is_not_rolled_back(shop):
    first = snapshots(shop, "bronze.clicks")[0]
    assert "follows the log" in refused(shop, "rollback", "bronze.clicks", "--to", first)
    assert_balanced(shop)


def test_what_another_writer_did_to_bronze_is_undone_by_the_command_that_the_error_names(shop):
    must("simulate", "--to", "log", "--events", 500, "--seed", 5, "--data", shop)
    with Lake(shop) as lake:
        table = lake.table("bronze.wishlists")
        table.append(table.scan(limit=1).to_arrow())
    refused_run = run("batch", "run", "--data", shop)
    assert refused_run.code == 1 and "was last written by something else" in refused_run.err
    command = re.search(r"`cartograph (lake rollback bronze.wishlists --to \d+)`", refused_run.err).group(1)
    must(*command.split(), "--data", shop)
    must("batch", "run", "--data", shop)
    assert_balanced(shop)
    assert "follows the log" in refused(shop, "rollback", "bronze.wishlists", "--to", command.split()[-1])


def test_tables_have_gauges(shop, up):
    server = up(shop)

    def gauges():
        found = re.findall(r'^cartograph_table_(\w+)\{table="([\w.]+)"\} ([\d.e+]+)$', server.request("GET", "/metrics")[1], re.M)
        return {(name, table): float(value) for name, table, value in found}

    tables = [entry["table"] for entry in answer(shop, "ls")]
    # The last gauge of each: they come one after the other.
    eventually("the tables' gauges", lambda: all(("last_commit_seconds", table) in gauges() for table in tables))
    found = gauges()
    with Lake(shop) as lake:
        table = lake.table("silver.clicks")
        assert found["files", "silver.clicks"] == table.inspect.data_files().num_rows > 0
        assert found["rows", "silver.clicks"] == lake.rows("silver.clicks").num_rows
        assert found["snapshots", "silver.clicks"] == len(table.snapshots())
    assert found["manifests", "bronze.clicks"] > 0 and found["last_commit_seconds", "gold.daily_sales"] >= 0
    assert found["delete_files", "silver.clicks"] == 0
    assert {table for _, table in found} == set(tables)


def test_an_added_column_is_filled_from_the_events(shop, up):
    assert answer(shop, "add-column", "bronze.wishlists", "gift_wrap", "boolean", "--doc", "Wrapped?")["type"] == "boolean"
    assert "exists already" in refused(shop, "add-column", "bronze.wishlists", "gift_wrap", "boolean")
    assert "no type" in refused(shop, "add-column", "bronze.wishlists", "other", "blob")
    old = count(shop, "bronze.wishlists")
    wish = {"type": "wishlist", "user_id": "u", "product_id": "p", "ts": "2026-01-02T03:04:05Z", "action": "add"}
    wraps = [{"gift_wrap": True}, {"gift_wrap": False}, {"gift_wrap": "yes"}, {}]
    server = up(shop)
    server.accept([dict(wish, event_id=f"w{number}", **extra) for number, extra in enumerate(wraps)])
    server.stop_cleanly()
    rows = answer(
        shop, "sql",
        "SELECT event_id, gift_wrap FROM bronze.wishlists WHERE event_id LIKE 'w_' ORDER BY event_id")
    assert [row["gift_wrap"] for row in rows] == [True, False, None, None]
    assert count(shop, "bronze.wishlists WHERE gift_wrap IS NULL") == old + 2
    assert_balanced(shop)


def test_rewritten_manifests_say_the_same(shop):
    with Lake(shop) as lake:
        before = {table: lake.rows(table).num_rows for table in ("bronze.clicks", "silver.clicks", "gold.daily_sales")}
        offsets = lake.offsets("clicks")
    report = answer(shop, "rewrite-manifests")
    assert all(entry["manifests"] <= entry["before"] for entry in report)
    with Lake(shop) as lake:
        assert {table: lake.rows(table).num_rows for table in before} == before
        assert lake.offsets("clicks") == offsets
    # The writer and the models go on where they were.
    must("simulate", "--to", "log", "--events", 500, "--seed", 5, "--data", shop)
    must("batch", "run", "--data", shop)
    assert_balanced(shop)


def test_orphans_are_found_and_only_old_ones_deleted(shop):
    with Lake(shop) as lake:
        kept = lake.files("bronze.clicks")
    folder = os.path.dirname(kept[0])
    old, young = os.path.join(folder, "left.parquet"), os.path.join(folder, "on-its-way.parquet")
    for path in (old, young):
        with open(path, "wb") as file:
            file.write(b"PAR1")
    week = time.time() - 7 * 86_400
    os.utime(old, (week, week))
    found = answer(shop, "orphans", "bronze.clicks")[0]
    assert [unquote(urlparse(name).path) for name in found["orphans"]] == [old]
    assert os.path.exists(old) and not found["deleted"]
    must("lake", "orphans", "bronze.clicks", "--delete", "--data", shop)
    assert not os.path.exists(old) and os.path.exists(young)
    assert all(os.path.exists(path) for path in kept)
    assert_balanced(shop)


def spoil(file):
    """Makes the first pages of a Parquet file unreadable, and leaves its footer as it is."""
    content = bytearray(file.read_bytes())
    content[4:200] = b"\xff" * 196
    file.write_bytes(content)


def test_models_and_books_name_the_damaged_file(shop):
    with Lake(shop) as lake:
        files = [Path(file) for file in lake.files("bronze.clicks")]
    assert len(files) > 1
    spoil(files[-1])
    # Another time zone makes every table anew.
    config = shop.parent / "elsewhere.yaml"
    config.write_text("timezone: Asia/Tokyo\n")
    failed = run("batch", "run", "--config", config, "--data", shop)
    assert failed.code == 1 and files[-1].name in failed.err and "damaged" in failed.err, failed
    assert files[0].name not in failed.err
    outcome = run("verify", "--data", shop, "--json")
    named = [problem for problem in json.loads(outcome.out)["problems"] if files[-1].name in problem]
    assert outcome.code == 1 and any(problem.startswith("bringing") or "bronze" in problem for problem in named), outcome


@pytest.mark.parametrize("table, path", [
    ("gold.daily_sales", "/api/v1/sales/daily"), ("bronze.quarantine", "/api/v1/quarantine")])
def test_the_api_names_the_damaged_file(up, data, table, path):
    must("simulate", "--to", "log", "--events", 3000, "--seed", 3, "--malformed", "0.05", "--data", data)
    must("batch", "run", "--data", data)
    with Lake(data) as lake:
        file = Path(lake.files(table)[0])
    spoil(file)
    server = up(data)
    status, answer = server.request("GET", path)
    assert status >= 500 and file.name in json.dumps(answer), (status, answer)
