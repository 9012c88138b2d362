"""A statement opens only the files that may have its rows, and answers as if it had opened them all."""

import os
import random
import re
import struct
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pyarrow as arrow
import pytest
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import BucketTransform, DayTransform, IdentityTransform, TruncateTransform
from pyiceberg.types import (
    BooleanType, DateType, DecimalType, DoubleType, FloatType, IntegerType, LongType, NestedField, StringType,
    TimestampType, TimestamptzType,
)

UTC = timezone.utc
FILES = 12
ROWS = 40
SCHEMA = Schema(
    NestedField(1, "id", LongType(), required=False), NestedField(2, "level", IntegerType(), required=False),
    NestedField(3, "price", DoubleType(), required=False), NestedField(4, "weight", FloatType(), required=False),
    NestedField(5, "Name", StringType(), required=False), NestedField(6, "amount", DecimalType(18, 4), required=False),
    NestedField(7, "moment", TimestamptzType(), required=False), NestedField(8, "wall", TimestampType(), required=False),
    NestedField(9, "day", DateType(), required=False), NestedField(10, "sold", BooleanType(), required=False))
SPECS = {
    "plain": PartitionSpec(),
    "by_day": PartitionSpec(PartitionField(8, 1000, DayTransform(), "wall_day")),
    "by_bucket": PartitionSpec(
        PartitionField(1, 1000, BucketTransform(4), "id_bucket"), PartitionField(10, 1001, IdentityTransform(), "sold")),
    "by_text": PartitionSpec(PartitionField(5, 1000, TruncateTransform(2), "name_start")),
}


def single(number):
    """The number as a float of four bytes."""
    return struct.unpack("f", struct.pack("f", number))[0]


class Rows:
    """Random values that lie near each other within a file, as rows of one hour do, and what breaks readers."""

    def __init__(self, chance):
        self.chance = chance

    def value(self, name, around):
        pick = self.chance.randrange
        if pick(7) == 0:
            return None
        near = around * 10 + pick(-9, 10)
        match name:
            case "id": return near * self.chance.choice([1, 1, 1, 1 << 33])
            case "level": return near
            case "price": return self.chance.choice([near / 4, near / 4, float("nan"), -0.0, float("inf")] if pick(6) == 0 else [near / 4])
            case "weight": return self.chance.choice([single(near / 10), float("nan"), float("-inf")] if pick(6) == 0 else [single(near / 10)])
            case "Name": return self.chance.choice(["", "a", "źdź", "日本", "long " * 12, "O'", "100%_"]) + f"{near:04}"
            case "amount": return Decimal(near) / 16 * self.chance.choice([1, 1, -1])
            case "moment": return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=7 * near, microseconds=pick(3) - 1)
            case "wall": return datetime(1969, 12, 20) + timedelta(hours=5 * near, microseconds=pick(3) - 1)
            case "day": return date(1970, 1, 1) + timedelta(days=near)
            case "sold": return pick(3) == 0

    def table(self, around):
        return arrow.table(
            {field.name: [self.value(field.name, around) for _ in range(ROWS)] for field in SCHEMA.fields},
            schema=SCHEMA.as_arrow())

    def literal(self, name, around):
        value = self.value(name, around)
        text = "" if value is None else str(value).replace("'", "''")
        if value is None:
            return "NULL"
        match name:
            case "id" | "level" | "sold": return str(value)
            case "price" | "weight": return self.chance.choice([f"CAST('{text}' AS DOUBLE)", f"CAST('{text}' AS FLOAT)"] + ([text] if "n" not in text else []))
            case "Name": return f"'{text}'"
            case "amount": return self.chance.choice([text, f"{value:.1f}", str(int(value))])
            case "moment": return self.chance.choice([f"'{text}'", f"TIMESTAMPTZ '{text}'", f"TIMESTAMP '{text[:19]}'", f"DATE '{text[:10]}'"])
            case "wall": return self.chance.choice([f"'{text}'", f"TIMESTAMP '{text}'", f"DATE '{text[:10]}'", f"TIMESTAMP '{text}' - INTERVAL 3 HOUR"])
            case "day": return self.chance.choice([f"'{text}'", f"DATE '{text}'", f"(DATE '{text}' + INTERVAL 2 DAY)", f"TIMESTAMP '{text} 12:00:00'"])

    def condition(self, depth=0):
        pick, name = self.chance.randrange, self.chance.choice(SCHEMA.fields).name
        spelled = self.chance.choice([name, name.upper(), f"t.{name}"])
        around = pick(-FILES, FILES)
        kind = pick(11 if depth < 2 else 8)
        if kind < 3:
            sides = [spelled, self.literal(name, around)]
            if pick(4) == 0:
                sides.reverse()
            return f"{sides[0]} {self.chance.choice(['=', '<', '<=', '>', '>=', '<>'])} {sides[1]}"
        if kind == 3:
            return f"{spelled} {self.chance.choice(['', 'NOT'])} BETWEEN {self.literal(name, around)} AND {self.literal(name, around + 1)}"
        if kind == 4:
            return f"{spelled} {self.chance.choice(['', 'NOT'])} IN ({', '.join(self.literal(name, around + n) for n in range(pick(1, 4)))})"
        if kind == 5:
            return f"{spelled} IS {self.chance.choice(['', 'NOT'])} NULL"
        if kind == 6:
            start = (self.value("Name", around) or "a").replace("'", "''")[: pick(1, 12)]
            return self.chance.choice([f"t.name {self.chance.choice(['', 'NOT'])} LIKE '{start}{self.chance.choice(['%', '', '_%', '%a%'])}'", f"starts_with(Name, '{start}')" if not start.endswith("'") else "sold"])
        if kind == 7:
            return self.chance.choice(["sold", "NOT sold", "length(Name) > 6", "level % 3 = 1"])
        if kind == 8:
            return f"NOT ({self.condition(depth + 1)})"
        return "(" + self.chance.choice([" AND ", " OR "]).join(self.condition(depth + 1) for _ in range(pick(2, 4))) + ")"


def opened(outcome, table):
    """How many files the statement opened, of how many; none when it opened them all."""
    found = re.search(rf"{table}: opened ([\d,]+) of ([\d,]+) files", outcome.err)
    return found and tuple(int(number.replace(",", "")) for number in found.groups())


@pytest.mark.parametrize("name", SPECS)
def test_random_conditions_answer_the_same_with_and_without_pruning(shop, name):
    seed = 20261121
    rows = Rows(random.Random(seed))
    shop.catalog.create_namespace_if_not_exists("theirs")
    table = shop.catalog.create_table(f"theirs.{name}", SCHEMA, partition_spec=SPECS[name])
    for around in range(FILES):
        table.append(rows.table(around - FILES // 2))
    answer = "count(*) AS n, sum(id) AS ids, sum(hash(t)) AS rows"
    spared = 0
    for _ in range(int(os.environ.get("CONDITIONS", 15))):
        condition = rows.condition()
        statement = f"SELECT {answer} FROM theirs.{name} t WHERE {condition}"
        pruned, whole = shop.try_sql(statement), shop.try_sql(statement, "--all-files")
        assert not opened(whole, f"theirs.{name}"), (condition, whole.err)
        # A value that does not fit a column is the same error either way, unless no file with rows to meet it is opened.
        if whole.code == 0:
            assert (pruned.code, pruned.out) == (0, whole.out), (seed, condition)
            spared += bool(opened(pruned, f"theirs.{name}"))
    assert spared > 1, "no file was ever left out: the test shows nothing"


def test_a_filtered_scan_opens_the_files_it_must(shop):
    """Files of ids in a row: which ones a condition is about can be told by counting."""
    shop.catalog.create_namespace_if_not_exists("theirs")
    table = shop.catalog.create_table("theirs.ids", arrow.schema([("id", arrow.int64()), ("text", arrow.string())]))
    for start in range(0, 200, 10):
        table.append(arrow.table({"id": range(start, start + 10), "text": [f"{n:05}" for n in range(start, start + 10)]}))
    other = shop.catalog.create_table("theirs.others", arrow.schema([("id", arrow.int64()), ("day", arrow.date32())]))
    for start in range(0, 50, 10):
        other.append(arrow.table({"id": range(start, start + 10), "day": [date(2026, 1, 1 + start // 10)] * 10}))

    for condition, files in {
        "id = 55": 1, "id IN (5, 6, 199)": 2, "id BETWEEN 95 AND 104": 2, "id > 150": 5, "150 >= id": 16, "id < 0": 0,
        "text LIKE '0001%'": 1, "text LIKE '000__'": 10, "starts_with(text, '0019')": 1, "text >= '00190'": 1,
        "id IS NULL": 0, "id IS NOT NULL": 20, "NOT (id >= 10)": 1, "id > 10 AND id * 1 < 20": 19,
        "id > 190 AND (text = 'x' OR id + 0 = 195)": 1, "id = 1 OR text = '00199'": 2, "id * 1 = 5": 20,
        "id >= 190 AND text NOT LIKE '0019%'": 0, "id = 5.0": 1, "id = 10 - 5": 1, "id = '5'": 20,
    }.items():
        outcome = shop.try_sql(f"SELECT count(*) FROM theirs.ids WHERE {condition}")
        assert outcome.code == 0, outcome
        assert (opened(outcome, "theirs.ids") or (20, 20)) == (files, 20), condition

    for statement, ids, others in [
        ("SELECT * FROM theirs.ids a JOIN theirs.others b ON a.id = b.id WHERE a.id = 5 AND day = '2026-01-05'", 1, 1),
        ("SELECT * FROM theirs.ids a JOIN theirs.others b ON a.id = b.id AND b.day < DATE '2026-01-03'", 20, 2),
        # What an outer join fills up with nulls must not be left out for it.
        ("SELECT * FROM theirs.ids a LEFT JOIN theirs.others b ON a.id = b.id WHERE b.id IS NULL AND a.id > 189", 1, 5),
        ("SELECT * FROM theirs.ids a LEFT JOIN theirs.others b ON a.id = b.id AND b.id < 10", 20, 1),
        ("SELECT * FROM theirs.ids a FULL JOIN theirs.others b ON a.id = b.id AND a.id < 10 WHERE a.id = 3", 20, 5),
        ("SELECT * FROM theirs.ids a POSITIONAL JOIN theirs.others b WHERE a.id = 3", 20, 5),
        # Two mentions of a table: the files of both.
        ("SELECT * FROM theirs.ids WHERE id = 1 UNION ALL SELECT * FROM theirs.ids WHERE id = 199", 2, 0),
        ("SELECT (SELECT count(*) FROM theirs.ids) FROM theirs.ids WHERE id = 1", 20, 0),
        ("WITH few AS (SELECT * FROM theirs.ids WHERE id < 10) SELECT * FROM few JOIN theirs.others USING (id)", 1, 5),
        ("SELECT * FROM theirs.others o WHERE EXISTS (FROM theirs.ids i WHERE i.id = o.id AND i.id > 195) AND o.id < 5", 1, 1),
        # What the tree does not show.
        ("SELECT * FROM query('SELECT count(*) FROM theirs.ids'), theirs.ids WHERE id = 1", 20, 0),
        ("SELECT count(*) FROM theirs.ids USING SAMPLE 100% (bernoulli) WHERE id = 1", 20, 0),
        ("SELECT * FROM theirs.ids AS i(text, id) WHERE id = '00001'", 20, 0),
        ("SUMMARIZE theirs.ids", 20, 0),
    ]:
        outcome = shop.try_sql(statement)
        assert outcome.code == 0 or "syntax" in outcome.err, (statement, outcome)
        if outcome.code == 0:
            assert (opened(outcome, "theirs.ids") or (20, 20))[0] == ids, statement
            if others:
                assert (opened(outcome, "theirs.others") or (5, 5))[0] == others, statement


def test_files_that_are_left_out_are_not_even_looked_for(shop):
    shop.catalog.create_namespace_if_not_exists("theirs")
    table = shop.catalog.create_table("theirs.ids", arrow.schema([("id", arrow.int64())]))
    for start in (0, 10):
        table.append(arrow.table({"id": range(start, start + 10)}))
    lost = next(task.file.file_path for task in table.scan(row_filter="id >= 10").plan_files())
    Path(lost.removeprefix("file://")).unlink()
    assert shop.sql("SELECT sum(id) AS n FROM theirs.ids WHERE id < 5") == [{"n": 10}]
    refused = shop.try_sql("SELECT sum(id) AS n FROM theirs.ids WHERE id < 15")
    assert refused.code == 1 and lost in refused.complaint
