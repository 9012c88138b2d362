"""PyIceberg and Cartograph on one lake: what either writes, both read alike."""

from datetime import datetime

import pytest
from pyiceberg.expressions import EqualTo, GreaterThan
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.transforms import BucketTransform, DayTransform, IdentityTransform, MonthTransform
from pyiceberg.types import DoubleType, LongType, StringType

import canonical
import rows

LAYERS = {"bronze", "silver", "gold"}


def theirs(table, **options):
    """The rows as PyIceberg reads them."""
    return canonical.rows(table.scan(**options).to_arrow().to_pylist(maps_as_pydicts="strict"))


def assert_alike(shop, name, table=None):
    """Fails unless both read the same rows, which are returned."""
    table = table or shop.catalog.load_table(name)
    ours = canonical.rows(shop.sql(f"SELECT * FROM {name}"))
    assert ours == theirs(table)
    return ours


def test_every_table_of_a_shop_reads_alike(busy_shop):
    names = [".".join(name) for layer in LAYERS for name in busy_shop.catalog.list_tables(layer)]
    counts = {name: len(assert_alike(busy_shop, name)) for name in names}
    assert {name.split(".")[0] for name, count in counts.items() if count} == LAYERS
    assert counts["bronze.clicks"] > 1_000 and counts["bronze.purchases"] and counts["gold.daily_sales"]


def test_every_snapshot_of_bronze_reads_alike(busy_shop):
    table = busy_shop.catalog.load_table("bronze.purchases")
    snapshots = table.snapshots()
    assert len(snapshots) > 1
    for snapshot in snapshots:
        ours = busy_shop.sql("SELECT * FROM bronze.purchases", "--at", snapshot.snapshot_id)
        assert canonical.rows(ours) == theirs(table, snapshot_id=snapshot.snapshot_id)


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_table_of_all_types_that_pyiceberg_writes_reads_alike(shop, version):
    shop.catalog.create_namespace("theirs")
    table = shop.catalog.create_table("theirs.everything", rows.SCHEMA, properties={"format-version": version})
    table.append(rows.table())
    table.append(rows.table().slice(0, 1))
    assert len(assert_alike(shop, "theirs.everything")) == 5
    found = shop.sql("SELECT count(*) AS n, count(*) FILTER (isnan(twice)) AS nan, sum(money) AS money FROM theirs.everything")
    assert found == [{"n": 5, "nan": 1, "money": "2469135780246913578024691356.0246913577"}]


def test_a_table_that_pyiceberg_partitions_changes_and_deletes_from_reads_alike(shop):
    shop.catalog.create_namespace("theirs")
    schema = rows.SCHEMA
    table = shop.catalog.create_table("theirs.changing", schema)
    with table.update_spec() as update:
        update.add_field("yes", IdentityTransform())
        update.add_field("day", MonthTransform())
    table.append(rows.table())
    assert_alike(shop, "theirs.changing", table)
    with table.update_schema() as update:
        update.rename_column("text", "words")
        update.update_column("single", DoubleType())
        update.update_column("small", LongType())
        update.rename_column("point.label", "name")
        update.delete_column("cents")
        update.move_first("day")
    # Other columns under the names that the renamed ones had.
    with table.update_schema() as update:
        update.add_column("text", StringType())
        update.add_column(("point", "label"), LongType())
    with table.update_spec() as update:
        update.remove_field("day_month")
        update.add_field("day", DayTransform())
        update.add_field("id", BucketTransform(8))
    assert_alike(shop, "theirs.changing", table)
    later = table.scan().to_arrow().slice(0, 2)
    table.append(later)
    # Copy on write: files are exchanged.
    table.delete(EqualTo("id", 1))
    ours = assert_alike(shop, "theirs.changing", table)
    assert len(ours) < 6
    table.overwrite(later, overwrite_filter=GreaterThan("small", 0))
    assert_alike(shop, "theirs.changing", table)
    for snapshot in table.snapshots():
        found = shop.sql("SELECT * FROM theirs.changing", "--at", snapshot.snapshot_id)
        assert canonical.rows(found) == theirs(table, snapshot_id=snapshot.snapshot_id)


def test_files_that_pyiceberg_took_in_without_ids_read_alike(shop, tmp_path):
    import pyarrow.parquet as parquet

    shop.catalog.create_namespace("theirs")
    table = shop.catalog.create_table("theirs.added", rows.SCHEMA)
    file = tmp_path / "foreign.parquet"
    parquet.write_table(rows.table(), file)
    table.add_files([f"file://{file}"])
    with table.update_schema() as update:
        update.rename_column("text", "words")
    # PyIceberg itself reads null lists of such files as empty ones, so what counts is what was written.
    written = [{name.replace("text", "words"): item for name, item in row.items()}
               for row in rows.table().to_pylist(maps_as_pydicts="strict")]
    assert canonical.rows(shop.sql("SELECT * FROM theirs.added")) == canonical.rows(written)
    # Without the mapping nobody can tell which column is which.
    with table.transaction() as change:
        change.remove_properties("schema.name-mapping.default")
    refused = shop.try_sql("SELECT * FROM theirs.added")
    assert refused.code == 1 and file.name in refused.complaint and "no field ids" in refused.complaint
