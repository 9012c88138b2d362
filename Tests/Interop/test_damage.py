"""Damaged, exchanged and unreadable files: a named error, never a crash and never another answer in silence."""

import json
import os
import random
from collections import Counter
from pathlib import Path
from urllib.parse import unquote, urlparse

import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest


@pytest.fixture
def table(shop):
    """A table of two files of some thousand rows."""
    shop.catalog.create_namespace("theirs")
    made = shop.catalog.create_table(
        "theirs.numbers", arrow.schema([("id", arrow.int64()), ("text", arrow.string()), ("x", arrow.float64())]))
    for start in (0, 5_000):
        made.append(arrow.table({
            "id": range(start, start + 5_000), "text": [f"row {n * 7919 % 10_007}" for n in range(5_000)],
            "x": [n / 7 for n in range(5_000)]}))
    return made


def files(table):
    return sorted(Path(unquote(urlparse(task.file.file_path).path)) for task in table.scan().plan_files())


def assert_refused(shop, file, *words, statement="SELECT count(*), sum(id), min(text), max(x) FROM theirs.numbers"):
    """Fails unless the statement ends with one line that names the file and has these words."""
    refused = shop.try_sql(statement)
    assert refused.code == 1 and not refused.out.strip(), refused
    for word in (file.name, *words):
        assert word in refused.complaint
    return refused


def test_a_missing_file_is_named(shop, table):
    file = files(table)[0]
    file.unlink()
    assert_refused(shop, file, "missing")
    # Other tables are still there.
    assert shop.sql("SELECT count(*) > 0 AS yes FROM bronze.clicks") == [{"yes": True}]


@pytest.mark.parametrize("left", [0, 3, 11, 100, -1, -8])
def test_a_file_cut_short_is_named(shop, table, left):
    file = files(table)[0]
    content = file.read_bytes()
    file.write_bytes(content[:left])
    assert_refused(shop, file, "bytes")


def test_a_file_of_the_right_size_that_is_no_parquet_is_named(shop, table):
    file = files(table)[0]
    file.write_bytes(b"\0" * file.stat().st_size)
    assert_refused(shop, file, "does not end as a Parquet file does")


def test_a_file_that_claims_a_footer_longer_than_itself_is_named(shop, table):
    file = files(table)[0]
    content = bytearray(file.read_bytes())
    content[-8:-4] = (2**31 - 1).to_bytes(4, "little")
    file.write_bytes(content)
    assert_refused(shop, file, "damaged footer")


def test_a_file_that_was_exchanged_for_one_of_another_size_is_named(shop, table):
    first, second = files(table)
    first.write_bytes(second.read_bytes() + b"PAR1")
    assert_refused(shop, first, "bytes where the table knows")


def test_a_file_with_another_number_of_rows_is_named(shop, table):
    """The same bytes but for the number of rows in the footer, as a rewrite of the same size would have."""
    file = files(table)[0]
    content = file.read_bytes()
    # 5,000 as Thrift's compact protocol writes it, after the header of a 64-bit field. The footer's own count comes first.
    count = content.index(b"\x16\x90\x4e", len(content) - 8 - int.from_bytes(content[-8:-4], "little"))
    file.write_bytes(content[: count + 1] + b"\x8e" + content[count + 2 :])
    assert_refused(shop, file, "4999 rows where the table knows 5000")


# What is asked of each table: every column, so that every page is read.
EVERYTHING = {
    "theirs.numbers": "SELECT count(*) AS n, sum(id) AS ids, sum(hash(text)) AS texts, sum(hash(x)) AS xs FROM theirs.numbers",
    "bronze.clicks": "SELECT count(*) AS n, sum(hash(c)) AS rows FROM bronze.clicks c",
    "gold.daily_product_clicks": "SELECT count(*) AS n, sum(hash(d)) AS rows FROM gold.daily_product_clicks d",
}


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_bit_that_flips_never_ends_in_a_crash_or_an_error_without_a_name(shop, table, name):
    """One bit at a time, anywhere in a file. Two in three of them are inside of values, where Parquet as the engine reads it
    has no checksum: the answer is another one, and nothing says so. That is the format's limit, measured and printed here;
    the rest must be an error that names the file, or change nothing. Half of the bits are of the file's last quarter,
    where its own description is. FLIPS= and SEED= in the environment for more of them."""
    file = files(shop.catalog.load_table(name))[0]
    content = file.read_bytes()
    statement = EVERYTHING[name]
    right = shop.sql(statement)
    seed = int(os.environ.get("SEED", 20261121))
    chance = random.Random(seed)
    seen = Counter()
    for _ in range(int(os.environ.get("FLIPS", 30))):
        bit = chance.randrange(chance.choice([0, len(content) * 6]), len(content) * 8)
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        outcome = shop.try_sql(statement)
        if outcome.code == 0:
            seen["unchanged" if json.loads(outcome.out) == right else "silent"] += 1
        else:
            assert outcome.code == 1 and file.name in outcome.complaint, (seed, bit, outcome)
            seen["named"] += 1
    print(name, seed, dict(seen))
    assert seen["named"]
    file.write_bytes(content)
    assert shop.sql(statement) == right


def test_a_mistake_in_a_statement_is_not_looked_for_in_files(shop, table):
    file = files(table)[0]
    refused = shop.try_sql("SELECT nothing FROM theirs.numbers")
    assert refused.code == 1 and "nothing" in refused.complaint and file.name not in refused.complaint
    refused = shop.try_sql("SELECT CAST(text AS INTEGER) FROM theirs.numbers")
    assert refused.code == 1 and "row" in refused.complaint and "damaged" not in refused.complaint


REFUSED = {"avro_rows": "format AVRO", "orc_rows": "format ORC", "version_three": "version"}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_read_is_refused_by_name(spark_tables, name):
    lake, _ = spark_tables
    lake.register(lake.folder / "lake/shop", [name])
    refused = lake.try_sql(f"SELECT * FROM shop.{name}")
    assert refused.code == 1 and REFUSED[name] in refused.complaint and name in refused.complaint
    assert lake.sql("SELECT count(*) AS n FROM shop.version_one") == [{"n": 51}]


def test_a_lost_delete_file_is_named(spark_tables):
    lake, _ = spark_tables
    folder = lake.folder / "lake/shop/deletes_by_file/data"
    lost = next(file for file in sorted(folder.rglob("*deletes*.parquet")))
    content = lost.read_bytes()
    lost.unlink()
    try:
        refused = lake.try_sql("SELECT * FROM shop.deletes_by_file")
        assert refused.code == 1 and lost.name in refused.complaint and "missing" in refused.complaint
    finally:
        lost.write_bytes(content)
