"""The rows that every writer writes: all types, with what breaks readers: nulls, not-a-numbers, times before 1970, text of
many scripts, and the ends of each type's range."""

import uuid
from datetime import date, datetime, time, timezone
from decimal import Decimal

import pyarrow as arrow

UTC = timezone.utc

SCHEMA = arrow.schema([
    arrow.field("id", arrow.int64(), nullable=False),
    arrow.field("yes", arrow.bool_()),
    arrow.field("small", arrow.int32()),
    arrow.field("single", arrow.float32()),
    arrow.field("twice", arrow.float64()),
    arrow.field("money", arrow.decimal128(38, 10)),
    arrow.field("cents", arrow.decimal128(9, 2)),
    arrow.field("day", arrow.date32()),
    arrow.field("clock", arrow.time64("us")),
    arrow.field("at", arrow.timestamp("us", tz="UTC")),
    arrow.field("wall", arrow.timestamp("us")),
    arrow.field("text", arrow.string()),
    arrow.field("bytes", arrow.binary()),
    arrow.field("four", arrow.binary(4)),
    arrow.field("key", arrow.uuid()),
    arrow.field("point", arrow.struct([("x", arrow.int32()), ("label", arrow.string())])),
    arrow.field("tags", arrow.list_(arrow.string())),
    arrow.field("counts", arrow.map_(arrow.string(), arrow.int32())),
    arrow.field("deep", arrow.list_(arrow.struct([
        ("name", arrow.string()), ("scores", arrow.map_(arrow.int32(), arrow.list_(arrow.float64())))]))),
])

_ROWS = [
    dict(id=1, yes=True, small=-2**31, single=1.5, twice=1e300, money=Decimal("1234567890123456789012345678.0123456789"),
         cents=Decimal("-0.01"), day=date(1899, 12, 31), clock=time(23, 59, 59, 999999),
         at=datetime(1969, 12, 31, 23, 59, 59, 999999, UTC), wall=datetime(1931, 5, 6, 7, 8, 9, 123456),
         text='naïve — 東京 🛒 "quoted" \\ back\nline', bytes=b"\x00\xff\x10", four=b"\x00\x01\x02\xff",
         key=uuid.UUID("00112233-4455-6677-8899-aabbccddeeff"), point={"x": 1, "label": "one"}, tags=["a", None, ""],
         counts=[("k", 1), ("l", None)], deep=[{"name": "n", "scores": [(7, [1.5, None])]}]),
    dict(id=2, yes=False, small=2**31 - 1, single=float("nan"), twice=float("nan"), money=Decimal("-0.0000000001"),
         cents=Decimal("9999999.99"), day=date(9999, 12, 31), clock=time(0), at=datetime(2026, 11, 21, 12, tzinfo=UTC),
         wall=datetime(2026, 11, 21, 12), text="", bytes=b"", four=b"\0\0\0\0",
         key=uuid.UUID("ffffffff-ffff-ffff-ffff-ffffffffffff"), point={"x": None, "label": None}, tags=[], counts=[],
         deep=[None]),
    dict(id=3),
    dict(id=-2**63, yes=True, small=0, single=float("-inf"), twice=float("inf"), money=Decimal(0), cents=Decimal(0),
         day=date(1970, 1, 1), clock=time(12, 30), at=datetime(1970, 1, 1, tzinfo=UTC), wall=datetime(1970, 1, 1),
         text="plain", bytes=b"a", four=b"abcd", key=uuid.UUID(int=0), point={"x": -1, "label": ""}, tags=None,
         counts=None, deep=None),
]


def table():
    """The rows as an Arrow table."""
    columns = []
    for field in SCHEMA:
        values = [row.get(field.name) for row in _ROWS]
        if field.type == arrow.uuid():
            stored = arrow.array([value and value.bytes for value in values], arrow.binary(16))
            columns.append(arrow.ExtensionArray.from_storage(field.type, stored))
        else:
            columns.append(arrow.array(values, field.type))
    return arrow.Table.from_arrays(columns, schema=SCHEMA)
