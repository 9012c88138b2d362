"""Compaction and expiry of tables that other engines wrote: no answer changes, ours or theirs."""

import json
import random
import signal
import subprocess
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as arrow
import pytest
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import SortField, SortOrder
from pyiceberg.transforms import BucketTransform, DayTransform, IdentityTransform
from pyiceberg.types import LongType, NestedField, StringType, TimestampType

import canonical
from cartograph import BINARY, must, run
from test_pruning import opened
from test_spark_tables import TABLES


def lake(shop, *words):
    """What a command of the lake says to a machine."""
    return json.loads(must("lake", *words, "--json", "--data", shop.data).out)


def theirs(table, **options):
    return canonical.rows(table.scan(**options).to_arrow().to_pylist(maps_as_pydicts="strict"))


def ours(shop, name, *words):
    return canonical.rows(shop.sql(f"SELECT * FROM {name}", *words))


@pytest.mark.parametrize("name", TABLES)
def test_what_spark_deleted_is_gone_from_the_files_and_from_nowhere_else(own_spark_tables, name):
    shop, expected = own_spark_tables
    rows = expected[name]["rows"]
    history = expected[name]["history"]
    planned = lake(shop, "compact", f"shop.{name}", "--dry-run")[0]
    done = lake(shop, "compact", f"shop.{name}")[0]
    assert ours(shop, f"shop.{name}") == rows
    if "deletes" in name:
        assert planned["delete_files"] > 0 and done["deleted_rows"] > 0 and done["delete_files"] > 0
        table = shop.catalog.load_table(f"shop.{name}")
        # PyIceberg does not read equality deletes; now there are none.
        assert theirs(table) == rows
        assert table.inspect.delete_files().num_rows == 0
        assert lake(shop, "compact", f"shop.{name}")[0]["groups"] == 0
    for snapshot, count in history:
        assert shop.sql(f"SELECT count(*) AS n FROM shop.{name}", "--at", snapshot) == [{"n": count}]
    must("lake", "expire", f"shop.{name}", "--older-than", "0s", "--keep", "1", "--data", shop.data)
    assert ours(shop, f"shop.{name}") == rows


def test_what_duckdb_wrote_in_pieces_and_deleted_from_reads_alike_after_compaction_and_expiry(platform):
    platform.duckdb(
        "CREATE SCHEMA IF NOT EXISTS lake.duck",
        "CREATE TABLE lake.duck.pieces AS SELECT i AS id, 'n' || i AS name FROM range(5000) t(i)",
        *[f"INSERT INTO lake.duck.pieces SELECT i, 'late' FROM range({n}00, {n + 1}00) t(i)" for n in range(60, 68)])
    platform.duckdb("DELETE FROM lake.duck.pieces WHERE id % 3 = 1")
    platform.duckdb("UPDATE lake.duck.pieces SET name = 'changed' WHERE id % 100 = 2")
    before = platform.duckdb("SELECT * FROM lake.duck.pieces")
    assert ours(platform, "duck.pieces") == before
    done = lake(platform, "compact", "duck.pieces")[0]
    assert done["files"] >= 9 and done["deleted_rows"] > 0 and done["delete_files"] > 0
    assert ours(platform, "duck.pieces") == before == platform.duckdb("SELECT * FROM lake.duck.pieces")
    table = platform.rest().load_table("duck.pieces")
    assert theirs(table) == before and table.inspect.delete_files().num_rows == 0
    must("lake", "expire", "duck.pieces", "--older-than", "0s", "--keep", "1", "--data", platform.data)
    # They go on from there.
    platform.duckdb("DELETE FROM lake.duck.pieces WHERE id < 10", "INSERT INTO lake.duck.pieces VALUES (1, 'back')")
    after = platform.duckdb("SELECT * FROM lake.duck.pieces")
    assert after != before and ours(platform, "duck.pieces") == after == theirs(platform.rest().load_table("duck.pieces"))


SCHEMA = Schema(
    NestedField(1, "id", LongType(), required=False), NestedField(2, "moment", TimestampType(), required=False),
    NestedField(3, "text", StringType(), required=False))


def batch(ids, **days):
    start = datetime(1969, 12, 30) + timedelta(**days)
    return arrow.table(
        {"id": ids, "moment": [start + timedelta(minutes=n % 1000) for n in ids], "text": [f"row {n * 7919 % 10_007}" for n in ids]},
        schema=SCHEMA.as_arrow())


def test_files_of_older_specs_stay_in_their_partitions(shop):
    shop.catalog.create_namespace("theirs")
    table = shop.catalog.create_table(
        "theirs.respeced", SCHEMA, partition_spec=PartitionSpec(PartitionField(1, 1000, BucketTransform(2), "id_bucket")))
    for n in range(6):
        table.append(batch(range(n * 100, n * 100 + 100)))
    with table.update_spec() as update:
        update.remove_field("id_bucket")
        update.add_field("moment", DayTransform(), "day")
    for n in range(12):
        table.append(batch(range(n * 100, n * 100 + 100), days=n % 2))
    with table.update_spec() as update:
        update.remove_field("day")
    table.append(batch(range(50)))
    before = theirs(table)
    done = lake(shop, "compact", "theirs.respeced")[0]
    assert done["groups"] >= 4
    table = shop.catalog.load_table("theirs.respeced")
    assert theirs(table) == before == ours(shop, "theirs.respeced")
    specs = Counter(task.file.spec_id for task in table.scan().plan_files())
    assert specs == {0: 2, 1: 2, 2: 1}
    for filter in ("id = 77", "moment >= '1969-12-31T00:00:00' and id < 300"):
        found = shop.sql(f"SELECT * FROM theirs.respeced WHERE {filter}")
        assert found and canonical.rows(found) == theirs(table, row_filter=filter)


@pytest.mark.parametrize("ordered", [False, True])
def test_a_sorted_table_opens_fewer_files(shop, ordered):
    shop.catalog.create_namespace("theirs")
    order = SortOrder(SortField(source_id=1, transform=IdentityTransform())) if ordered else SortOrder()
    table = shop.catalog.create_table(
        "theirs.mixed", SCHEMA, sort_order=order, properties={"write.target-file-size-bytes": "250000"})
    chance = random.Random(7)
    ids = list(range(100_000))
    chance.shuffle(ids)
    for n in range(0, 100_000, 10_000):
        table.append(batch(ids[n:n + 10_000]))
    statement = "SELECT count(*) AS n, sum(hash(m)) AS rows FROM theirs.mixed m WHERE id BETWEEN 70000 AND 70100"
    before = shop.try_sql(statement)
    assert not opened(before, "theirs.mixed")
    pieces = len(list(table.scan().plan_files()))
    by = ["--sort"] if ordered else ["--sort-by", "id"]
    done = lake(shop, "compact", "theirs.mixed", *by)[0]
    assert done["files"] == pieces and done["rows"] == 100_000 and done["new_files"] >= 3
    after = shop.try_sql(statement)
    assert after.out == before.out
    # One file has them, or two where one ends there: fewer than all.
    assert opened(after, "theirs.mixed")[0] in (1, 2) and opened(after, "theirs.mixed")[1] == done["new_files"]
    table = shop.catalog.load_table("theirs.mixed")
    assert len(list(table.scan(row_filter="id between 70000 and 70100").plan_files())) in (1, 2)
    assert theirs(table) == ours(shop, "theirs.mixed")
    if ordered:
        # What is in order is left alone.
        assert lake(shop, "compact", "theirs.mixed", "--sort")[0]["groups"] == 0
    else:
        refused = run("lake", "compact", "theirs.mixed", "--sort", "--data", shop.data)
        assert refused.code == 1 and "has no sort order" in refused.complaint
        refused = run("lake", "compact", "theirs.mixed", "--sort-by", "nothing", "--data", shop.data)
        assert refused.code == 1 and "nothing" in refused.complaint


def test_compaction_may_be_killed_at_any_moment(shop):
    shop.catalog.create_namespace("theirs")
    table = shop.catalog.create_table(
        "theirs.killed", SCHEMA, partition_spec=PartitionSpec(PartitionField(2, 1000, DayTransform(), "day")))
    for n in range(6):
        table.append(arrow.concat_tables([batch(range(n * 300, n * 300 + 20), days=day) for day in range(25)]))
    before = theirs(table)
    began = time.monotonic()
    must("lake", "compact", "theirs.killed", "--dry-run", "--data", shop.data)
    quick = time.monotonic() - began
    chance = random.Random(20261121)
    kills = Counter()
    for _ in range(12):
        process = subprocess.Popen(
            [BINARY, "lake", "compact", "theirs.killed", "--data", shop.data], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=quick / 2 + chance.random() * quick * 1.5)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        kills[process.wait()] += 1
        assert ours(shop, "theirs.killed") == before
    assert kills[-signal.SIGKILL], kills
    must("lake", "compact", "theirs.killed", "--data", shop.data)
    table = shop.catalog.load_table("theirs.killed")
    assert theirs(table) == before == ours(shop, "theirs.killed")
    assert len(list(table.scan().plan_files())) == 25


def test_the_rows_that_snapshots_differ_by(own_spark_tables):
    """Between all pairs of snapshots, also of those with delete files, as counting the rows of both says."""
    shop, expected = own_spark_tables
    shop.catalog.create_namespace_if_not_exists("theirs")
    table = shop.catalog.create_table("theirs.differing", SCHEMA)
    chance = random.Random(20261121)
    for n in range(4):
        table.append(batch([chance.randrange(40) for _ in range(30)]))
    table.delete("id < 10")
    table.overwrite(batch([3, 3, 4]), overwrite_filter="id >= 30")
    names = ["theirs.differing", "shop.deletes_by_file", "shop.imported"]
    seen = 0
    for name in names:
        snapshots = [(snapshot.snapshot_id, snapshot.schema_id) for snapshot in shop.catalog.load_table(name).snapshots()]
        states = {snapshot: Counter(ours(shop, name, "--at", snapshot)) for snapshot, _ in snapshots}
        for (first, schema), (last, later) in zip(snapshots, snapshots[1:]):
            # The rows of both have the later one's columns.
            if schema != later:
                continue
            found = lake(shop, "diff", name, first, last, "--rows")
            signs = {"+": Counter(), "-": Counter()}
            for row in found:
                sign = row.pop("change")
                signs[sign].update(canonical.rows([row]))
            assert signs["+"] == states[last] - states[first], (name, first, last)
            assert signs["-"] == states[first] - states[last], (name, first, last)
            seen += len(found)
    assert seen > 100


def test_only_changed_files_are_read_for_a_difference(shop):
    shop.catalog.create_namespace("theirs")
    table = shop.catalog.create_table("theirs.growing", SCHEMA)
    table.append(batch(range(10)))
    first = table.current_snapshot().snapshot_id
    old = next(iter(table.scan().plan_files())).file.file_path
    table.append(batch([77]))
    Path(old.removeprefix("file://")).unlink()
    assert [row["id"] for row in lake(shop, "diff", "theirs.growing", first, "--rows")] == [77]
