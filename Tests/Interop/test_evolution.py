"""Tables whose schema changes at random while rows are added: every engine reads every row alike."""

import decimal
import json
import os
import random
from decimal import Decimal

import pyarrow as arrow
import pytest
from pyiceberg.types import (
    DecimalType, DoubleType, FloatType, IntegerType, ListType, LongType, MapType, NestedField, StringType, StructType,
)

import canonical
from cartograph import must

STEPS = int(os.environ.get("STEPS", 14))


class Evolution:
    """A table, and one random change of its schema after the other."""

    def __init__(self, table, chance):
        self.table, self.chance, self.names = table, chance, 0

    def name(self):
        self.names += 1
        # Names that were in use before come again for other columns.
        return f"c{self.chance.randrange(self.names + 1)}"

    def type(self, depth=0):
        kind = self.chance.randrange(8 if depth < 2 else 5)
        # The ids are given by the table.
        match kind:
            case 0: return IntegerType()
            case 1: return FloatType()
            case 2: return DecimalType(9, 2)
            case 3: return StringType()
            case 4: return LongType()
            case 5: return StructType(NestedField(9001, "a", self.type(depth + 1)), NestedField(9002, "b", StringType()))
            case 6: return ListType(9003, self.type(depth + 1), element_required=False)
            case 7: return MapType(9004, StringType(), 9005, self.type(depth + 1), value_required=False)

    def columns(self):
        """Every column at every depth that may be changed, with its path."""
        found = []

        def visit(fields, path):
            for field in fields:
                found.append((path + (field.name,), field.field_type))
                inner(field.field_type, path + (field.name,))

        def inner(kind, path):
            if isinstance(kind, StructType):
                visit(kind.fields, path)
            elif isinstance(kind, ListType):
                inner(kind.element_type, path + ("element",))
            elif isinstance(kind, MapType):
                inner(kind.value_type, path + ("value",))

        visit(self.table.schema().fields, ())
        return [(path, kind) for path, kind in found if path != ("id",)]

    def step(self):
        pick = self.chance.choice
        path, kind = pick(self.columns())
        parent = path[:-1]
        siblings = {other[-1].lower() for other, _ in self.columns() if other[:-1] == parent}
        change = self.chance.randrange(6)
        with self.table.update_schema() as update:
            if change <= 1:
                name = self.name()
                places = [()] + [other for other, kind in self.columns() if isinstance(kind, StructType)]
                place = pick(places)
                if name not in {other[-1] for other, _ in self.columns() if other[:-1] == place}:
                    update.add_column(place + (name,), self.type(len(place)))
            elif change == 2:
                name = self.name()
                if name not in siblings:
                    update.rename_column(path, name)
            elif change == 3 and len(siblings) > 1 and (parent or len(siblings) > 3):
                update.delete_column(path)
            elif change == 4:
                others = sorted(other for other in siblings if other != path[-1].lower())
                if others and isinstance(path, tuple):
                    update.move_first(path)
            else:
                for path, kind in self.columns():
                    wider = {IntegerType: LongType(), FloatType: DoubleType()}.get(type(kind))
                    if isinstance(kind, DecimalType) and kind.precision < 38:
                        wider = DecimalType(min(38, kind.precision + 7), kind.scale)
                    if wider and self.chance.random() < 0.5:
                        update.update_column(path, wider)

    def value(self, kind):
        pick = self.chance.randrange
        if pick(5) == 0:
            return None
        match kind:
            case IntegerType(): return pick(-2**31, 2**31)
            case LongType(): return pick(-2**63, 2**63)
            case FloatType(): return pick(-1000, 1000) / 8
            case DoubleType(): return pick(-1000, 1000) / 7
            case DecimalType(): return Decimal(pick(-10**kind.precision + 1, 10**kind.precision)).scaleb(-kind.scale)
            case StringType(): return "tëxt " * pick(3) + str(pick(100))
            case StructType(): return {field.name: self.value(field.field_type) for field in kind.fields}
            case ListType(): return [self.value(kind.element_type) for _ in range(pick(3))]
            case MapType(): return [(f"k{n}", self.value(kind.value_type)) for n in range(pick(3))]

    def append(self, start):
        schema = self.table.schema().as_arrow()
        rows = []
        for number in range(start, start + 5):
            row = {field.name: self.value(field.field_type) for field in self.table.schema().fields}
            rows.append(row | {"id": number})
        with decimal.localcontext(prec=60):
            self.table.append(arrow.Table.from_pylist(rows, schema=schema))


@pytest.mark.parametrize("seed", range(int(os.environ.get("SEED", 1)), int(os.environ.get("SEED", 1)) + int(os.environ.get("SEEDS", 3))))
def test_a_schema_that_changes_at_random_reads_alike_in_all_engines(platform, seed):
    chance = random.Random(seed)
    catalog = platform.rest()
    catalog.create_namespace_if_not_exists("evolving")
    name = f"evolving.random{seed}"
    table = catalog.create_table(name, arrow.schema([
        ("id", arrow.int64()), ("n", arrow.int32()), ("f", arrow.float32()), ("d", arrow.decimal128(9, 2)),
        ("point", arrow.struct([("x", arrow.int32()), ("label", arrow.string())])),
        ("tags", arrow.list_(arrow.struct([("k", arrow.int32()), ("v", arrow.float32())]))),
        ("counts", arrow.map_(arrow.string(), arrow.struct([("m", arrow.int32())]))),
    ]))
    evolution = Evolution(table, chance)
    evolution.append(0)
    for step in range(STEPS):
        evolution.step()
        evolution.append(5 * (step + 1))
    table = catalog.load_table(name)
    theirs = canonical.rows(table.scan().to_arrow().to_pylist(maps_as_pydicts="strict"))
    ours = canonical.rows(platform.sql(f"SELECT * FROM {name}"))
    assert ours == theirs, seed
    assert len(ours) == 5 * (STEPS + 1)
    ids = {json_id(row) for row in platform.duckdb(f"SELECT * FROM lake.{name}")}
    assert ids == set(range(5 * (STEPS + 1)))
    # As they were, with the columns of then.
    for snapshot in table.snapshots()[:: max(1, STEPS // 3)]:
        then = table.scan(snapshot_id=snapshot.snapshot_id).to_arrow().to_pylist(maps_as_pydicts="strict")
        assert canonical.rows(platform.sql(f"SELECT * FROM {name}", "--at", snapshot.snapshot_id)) == canonical.rows(then), seed
    # Compacted, all files have the columns of now.
    done = json.loads(must("lake", "compact", name, "--json", "--data", platform.data).out)[0]
    assert done["files"] == STEPS + 1
    assert canonical.rows(platform.sql(f"SELECT * FROM {name}")) == theirs
    again = catalog.load_table(name).scan().to_arrow().to_pylist(maps_as_pydicts="strict")
    assert canonical.rows(again) == theirs
    assert platform.duckdb(f"SELECT * FROM lake.{name}") == theirs, seed


def json_id(row):
    return json.loads(row)["id"]


def test_the_catalog_says_which_format_versions_it_makes(platform):
    catalog = platform.rest()
    catalog.create_namespace_if_not_exists("evolving")
    schema = arrow.schema([("id", arrow.int64())])
    for version in ("1", "3"):
        try:
            made = catalog.create_table(f"evolving.version{version}", schema, properties={"format-version": version})
        except Exception as refused:
            assert "format" in str(refused) and version in str(refused), refused
            continue
        # One that is upgraded says so.
        assert version == "1" and made.format_version == 2
        made.append(arrow.table({"id": [1, 2]}))
        assert platform.sql("SELECT sum(id) AS n FROM evolving.version1") == [{"n": 3}]
