#!/usr/bin/env python3
"""Writes the files beside it with PyIceberg's own code, as golden input for the tests of the room Iceberg.

    pip install pyiceberg==0.12.0 python-snappy zstandard pyarrow && python make_fixtures.py

The files are committed; run it again only to change what they hold (Avro's sync markers are random, so every run
changes the bytes)."""

import gzip, json, os, uuid
from datetime import date, datetime, time, timezone
from decimal import Decimal
from pathlib import Path

from pyiceberg.conversions import to_bytes
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.manifest import (
    DataFile, DataFileContent, FileFormat, ManifestContent, ManifestEntry, ManifestEntryStatus, write_manifest,
    write_manifest_list,
)
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.metadata import TableMetadataV1, TableMetadataV2
from pyiceberg.table.name_mapping import create_mapping_from_schema
from pyiceberg.table.snapshots import Operation, Snapshot, Summary
from pyiceberg.table.refs import SnapshotRef, SnapshotRefType
from pyiceberg.table.sorting import NullOrder, SortDirection, SortField, SortOrder
from pyiceberg.transforms import (
    BucketTransform, DayTransform, HourTransform, IdentityTransform, MonthTransform, TruncateTransform, VoidTransform,
    YearTransform,
)
from pyiceberg.typedef import Record
from pyiceberg.types import *

HERE = Path(__file__).parent
IO = PyArrowFileIO()

PRIMITIVES = [
    BooleanType(), IntegerType(), LongType(), FloatType(), DoubleType(), DecimalType(38, 10), DecimalType(9, 2),
    DateType(), TimeType(), TimestampType(), TimestamptzType(), StringType(), UUIDType(), FixedType(3), BinaryType(),
]

VALUES = {
    "boolean": [True, False],
    "int": [0, 1, -1, 34, -34, 2**31 - 1, -(2**31) + 1000],
    "long": [0, 1, -1, 34, -(2**40) - 7, 2**63 - 1],
    "float": [1.0, -0.5],
    "double": [1.0, -1e300],
    "decimal(38, 10)": [Decimal("0.0000000001"), Decimal("-12345678901234567890.1234567891"), Decimal("0.0000000000")],
    "decimal(9, 2)": [Decimal("14.20"), Decimal("10.65"), Decimal("-10.65"), Decimal("-0.01"), Decimal("9999999.99")],
    "date": [0, -1, -365, 17486, 19000, -719162, 11016],
    "time": [0, 81068000000, 86399999999],
    "timestamp": [0, -1, 1510871468000001, -62135596800000000, -86400000000, 951782400000000, -3600000000],
    "timestamptz": [0, -1, 1510871468000001, -62135596800000000],
    "string": ["", "iceberg", "Hà Nội, phở", "\U0001F600\U0001F601\U0001F602", "a" * 40],
    "uuid": [uuid.UUID("f79c3e09-677c-4bbd-a479-3f349cb785e7").bytes, bytes(16), b"\xff" * 16],
    "fixed[3]": [b"\x00\x01\x02", b"\xff\xff\xff"],
    "binary": [b"", b"\x00\x01\x02\x03", b"\xff" * 20],
}

TRANSFORMS = [
    IdentityTransform(), BucketTransform(16), BucketTransform(2147483647), TruncateTransform(1), TruncateTransform(10),
    TruncateTransform(50), YearTransform(), MonthTransform(), DayTransform(), HourTransform(), VoidTransform(),
]


def hexed(value):
    return None if value is None else bytes(value).hex()


def vectors():
    rows = []
    for kind in PRIMITIVES:
        for transform in TRANSFORMS:
            accepts = transform.can_transform(kind)
            cases = []
            if accepts:
                apply = transform.transform(kind)
                result = transform.result_type(kind)
                for value in VALUES[str(kind)]:
                    made = apply(value)
                    cases.append([hexed(to_bytes(kind, value)), None if made is None else hexed(to_bytes(result, made))])
            rows.append({"type": str(kind), "transform": str(transform), "accepts": accepts, "cases": cases})
    return rows


# A table with a column of every type, three of them nested, partitioned by every transform.
SCHEMA = Schema(
    NestedField(1, "flag", BooleanType()),
    NestedField(2, "count", IntegerType(), required=True, doc='how "many"\n'),
    NestedField(3, "total", LongType()),
    NestedField(4, "ratio", FloatType()),
    NestedField(5, "score", DoubleType()),
    NestedField(6, "price", DecimalType(38, 10)),
    NestedField(7, "day", DateType()),
    NestedField(8, "at_time", TimeType()),
    NestedField(9, "local", TimestampType()),
    NestedField(10, "at", TimestamptzType(), required=True),
    NestedField(11, "name", StringType(), required=True),
    NestedField(12, "id", UUIDType()),
    NestedField(13, "code", FixedType(3)),
    NestedField(14, "blob", BinaryType()),
    NestedField(15, "items", ListType(16, StructType(
        NestedField(17, "sku", StringType(), required=True), NestedField(18, "price", DecimalType(9, 2))), True)),
    NestedField(19, "tags", MapType(20, StringType(), 21, ListType(22, IntegerType(), False), False)),
    NestedField(23, "where", StructType(NestedField(24, "lat", DoubleType()), NestedField(25, "city", StringType()))),
    schema_id=3, identifier_field_ids=[11, 2],
)

SPEC = PartitionSpec(
    PartitionField(1, 1000, IdentityTransform(), "flag"), PartitionField(2, 1001, BucketTransform(16), "count_bucket"),
    PartitionField(3, 1002, TruncateTransform(10), "total_trunc"), PartitionField(5, 1003, IdentityTransform(), "score"),
    PartitionField(6, 1004, IdentityTransform(), "price"), PartitionField(7, 1005, YearTransform(), "day_year"),
    PartitionField(9, 1006, MonthTransform(), "local_month"), PartitionField(10, 1007, DayTransform(), "at_day"),
    PartitionField(10, 1008, HourTransform(), "at_hour"), PartitionField(11, 1009, TruncateTransform(3), "name trunc!"),
    PartitionField(12, 1010, IdentityTransform(), "id"), PartitionField(13, 1011, IdentityTransform(), "code"),
    PartitionField(14, 1012, VoidTransform(), "blob_null"), PartitionField(25, 1013, IdentityTransform(), "where.city"),
    PartitionField(8, 1014, IdentityTransform(), "at_time"),
    spec_id=2,
)

SORT = SortOrder(
    SortField(10, DayTransform(), SortDirection.DESC, NullOrder.NULLS_LAST),
    SortField(11, BucketTransform(4), SortDirection.ASC, NullOrder.NULLS_FIRST), order_id=5)

PARTITIONS = [
    Record(True, 7, -20, 2.5, Decimal("-1.0000000001"), -1, -574, 17486, 419686, "Hà ",
           uuid.UUID("f79c3e09-677c-4bbd-a479-3f349cb785e7"), b"\x00\x01\x02", None, "Huế", 81068000000),
    # PyIceberg has no nulls in fields of required columns.
    Record(None, 3, None, None, None, None, None, 0, 0, "x", None, None, None, None, None),
    Record(False, 0, 2**40, float("nan"), Decimal("0E-10"), 47, 574, -1, -1, "", uuid.UUID(int=0), b"\xff\xff\xff", None,
           "", 0),
]


def data_file(index, content=DataFileContent.DATA, **more):
    return DataFile.from_args(
        content=content, file_path=f"file:///lake/t/data/{index}.parquet", file_format=FileFormat.PARQUET,
        partition=PARTITIONS[index % 3], record_count=10 + index, file_size_in_bytes=1000 + index,
        column_sizes={2: 50, 11: 60}, value_counts={2: 10 + index, 11: 10}, null_value_counts={2: 0, 1: 3},
        nan_value_counts={4: 0, 5: 2}, lower_bounds={2: to_bytes(IntegerType(), -5), 11: b"a"},
        upper_bounds={2: to_bytes(IntegerType(), 2**31 - 1), 11: "ế".encode()}, key_metadata=b"\x07\x08",
        split_offsets=[4, 512], sort_order_id=5 if content == DataFileContent.DATA else None, spec_id=2, **more)


def entry(status, snapshot, sequence, file_sequence, file):
    return ManifestEntry.from_args(
        status=status, snapshot_id=snapshot, sequence_number=sequence, file_sequence_number=file_sequence,
        data_file=file)


def shown(value):
    if isinstance(value, float): return repr(value)
    if isinstance(value, (bytes, uuid.UUID)): return (value.bytes if isinstance(value, uuid.UUID) else value).hex()
    if isinstance(value, Decimal): return str(int(value.scaleb(10)))
    return value if value is None or isinstance(value, (bool, str)) else str(value)


def manifest(name, version, codec, entries, content=ManifestContent.DATA):
    path = HERE / name
    output = IO.new_output(f"file://{path}")
    writer = write_manifest(version, SPEC, SCHEMA, output, 42, codec)
    if content == ManifestContent.DELETES:
        # PyIceberg writes no manifests of deletes by itself; its writer does, when told that it is one.
        base = type(writer)
        writer.__class__ = type("Deletes", (base,), {
            "content": lambda self: ManifestContent.DELETES,
            "_meta": property(lambda self: {**base._meta.fget(self), "content": "deletes"})})
    with writer:
        for made in entries: writer.add_entry(made)
    file = writer.to_manifest_file()
    file[0] = f"file:///lake/t/metadata/{name}"  # where it would be, not where it is
    return file


def expected(file, io=IO):
    rows = []
    for made in file.fetch_manifest_entry(io, discard_deleted=False):
        data = made.data_file
        rows.append({
            "status": int(made.status), "snapshot": str(made.snapshot_id), "sequence": made.sequence_number,
            "file-sequence": made.file_sequence_number, "content": int(data.content), "path": data.file_path,
            "partition": [shown(data.partition[i]) for i in range(len(SPEC.fields))],
            "records": data.record_count, "bytes": data.file_size_in_bytes, "equality-ids": data.equality_ids,
            "lower": {str(k): v.hex() for k, v in data.lower_bounds.items()},
            "upper": {str(k): v.hex() for k, v in data.upper_bounds.items()},
            "nulls": {str(k): v for k, v in data.null_value_counts.items()},
        })
    return rows


def summaries(file):
    return [[s.contains_null, s.contains_nan, hexed(s.lower_bound), hexed(s.upper_bound)] for s in file.partitions]


def manifests():
    out = {}
    v2 = [
        entry(ManifestEntryStatus.ADDED, 42, None, None, data_file(0)),
        entry(ManifestEntryStatus.EXISTING, 7, 3, 2, data_file(1)),
        entry(ManifestEntryStatus.DELETED, 42, 4, 4, data_file(2)),
    ]
    deletes = [
        entry(ManifestEntryStatus.ADDED, 42, None, None, data_file(3, DataFileContent.POSITION_DELETES)),
        entry(ManifestEntryStatus.EXISTING, 8, 5, 5, data_file(4, DataFileContent.EQUALITY_DELETES, equality_ids=[11, 2])),
    ]
    v1 = [
        entry(ManifestEntryStatus.ADDED, 42, None, None, data_file(0)),
        entry(ManifestEntryStatus.EXISTING, 7, None, None, data_file(1)),
    ]
    made = {}
    for codec in ("null", "deflate", "snappy", "zstandard"):
        made[f"manifest-v2-{codec}.avro"] = manifest(f"manifest-v2-{codec}.avro", 2, codec, v2)
    made["deletes-v2.avro"] = manifest("deletes-v2.avro", 2, "deflate", deletes, ManifestContent.DELETES)
    made["manifest-v1.avro"] = manifest("manifest-v1.avro", 1, "deflate", v1)
    for version, names in ((2, [n for n in made if "v2" in n]), (1, ["manifest-v1.avro"])):
        name = f"list-v{version}.avro"
        with write_manifest_list(version, IO.new_output(f"file://{HERE / name}"), 42, 7, 9, "deflate") as writer:
            writer.add_manifests([made[n] for n in names])
        from pyiceberg.manifest import read_manifest_list
        for listed in read_manifest_list(IO.new_input(f"file://{HERE / name}")):
            base = os.path.basename(listed.manifest_path)
            listed[0] = f"file://{HERE / base}"
            out[base] = {
                "sequence": listed.sequence_number or 0, "min-sequence": listed.min_sequence_number or 0,
                "content": int(listed.content or 0), "spec": listed.partition_spec_id,
                "counts": [listed.added_files_count, listed.existing_files_count, listed.deleted_files_count],
                "rows": [listed.added_rows_count, listed.existing_rows_count, listed.deleted_rows_count],
                "summaries": summaries(listed), "entries": expected(listed),
            }
    return out


def metadata():
    common = dict(
        location="file:///lake/t", last_updated_ms=1700000000123, last_column_id=25, table_uuid=uuid.UUID(int=77),
        schemas=[Schema(NestedField(1, "flag", BooleanType()), schema_id=0), SCHEMA], current_schema_id=3,
        partition_specs=[PartitionSpec(spec_id=0), SPEC], default_spec_id=2, last_partition_id=1014,
        properties={"a": "b", "ü": "\"\\\n"}, current_snapshot_id=3051729675574597004,
        snapshots=[
            Snapshot(snapshot_id=9007199254740993, parent_snapshot_id=None, sequence_number=1, timestamp_ms=1600000000000,
                     manifest_list="file:///lake/t/metadata/one.avro", summary=Summary(Operation.APPEND), schema_id=0),
            Snapshot(snapshot_id=3051729675574597004, parent_snapshot_id=9007199254740993, sequence_number=9,
                     timestamp_ms=1700000000000, manifest_list="file:///lake/t/metadata/list-v2.avro",
                     summary=Summary(Operation.OVERWRITE, **{"total-records": "21"}), schema_id=3)],
        snapshot_log=[{"snapshot-id": 3051729675574597004, "timestamp-ms": 1700000000000}],
        metadata_log=[{"metadata-file": "file:///lake/t/metadata/0.json", "timestamp-ms": 1600000000001}],
        sort_orders=[SortOrder(order_id=0), SORT], default_sort_order_id=5,
        refs={"main": SnapshotRef(snapshot_id=3051729675574597004, snapshot_ref_type=SnapshotRefType.BRANCH),
              "old": SnapshotRef(snapshot_id=9007199254740993, snapshot_ref_type=SnapshotRefType.TAG, max_ref_age_ms=99)})
    second = TableMetadataV2(**common, last_sequence_number=9)
    first = TableMetadataV1(**common, schema=SCHEMA, partition_spec=[json.loads(f.model_dump_json()) for f in SPEC.fields])
    text = second.model_dump_json()
    (HERE / "metadata-v2.json").write_text(text)
    (HERE / "00007-x.gz.metadata.json").write_bytes(gzip.compress(text.encode(), mtime=0))
    (HERE / "metadata-v1.json").write_text(first.model_dump_json())
    (HERE / "name-mapping.json").write_text(create_mapping_from_schema(SCHEMA).model_dump_json())


if __name__ == "__main__":
    metadata()
    golden = {"transforms": vectors(), "manifests": manifests()}
    (HERE / "expected.json").write_text(json.dumps(golden, ensure_ascii=False))
