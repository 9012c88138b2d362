"""A real Spark with Iceberg's runtime on our REST catalog: reading what we write, writing, and maintaining what we wrote.

Run by `make test-spark`; the tables that Spark writes are also in Fixtures/, for `make test`.
"""

import pytest

import canonical
from make_fixtures import ALL_ROWS, ALL_TYPES

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def spark(platform):
    from spark import session

    made = session({
        "spark.sql.catalog.lake": "org.apache.iceberg.spark.SparkCatalog", "spark.sql.catalog.lake.type": "rest",
        "spark.sql.catalog.lake.uri": platform.uri, "spark.sql.catalog.lake.cache-enabled": "false"})
    made.sql("CREATE NAMESPACE IF NOT EXISTS lake.spark")
    yield made
    made.stop()


def assert_alike(platform, spark, name, at=None):
    """Fails unless both read the same rows, which are returned."""
    version = f" VERSION AS OF {at}" if at else ""
    theirs = canonical.of_spark(spark.sql(f"SELECT * FROM lake.{name}{version}"))
    assert canonical.rows(platform.sql(f"SELECT * FROM {name}", *(["--at", at] if at else []))) == theirs
    return theirs


def snapshots(spark, name):
    return [row.snapshot_id for row in spark.sql(f"SELECT snapshot_id FROM lake.{name}.snapshots ORDER BY committed_at").collect()]


def test_every_layer_of_a_shop_reads_alike(platform, spark):
    for name in ("bronze.clicks", "bronze.purchases", "silver.purchases", "silver.purchase_items", "silver.sessions",
                 "gold.daily_sales", "gold.daily_funnel", "gold.daily_channel"):
        assert assert_alike(platform, spark, name), name


def test_time_travel_reads_alike(platform, spark):
    history = snapshots(spark, "bronze.purchases")
    assert len(history) > 1
    for snapshot in history:
        assert_alike(platform, spark, "bronze.purchases", at=snapshot)


def test_all_types_that_spark_writes_read_alike(platform, spark):
    spark.sql(f"CREATE TABLE lake.spark.everything ({ALL_TYPES}) USING iceberg")
    spark.sql(f"INSERT INTO lake.spark.everything VALUES {ALL_ROWS}")
    assert len(assert_alike(platform, spark, "spark.everything")) == 4


@pytest.mark.parametrize("mode", ["copy-on-write", "merge-on-read"])
def test_what_spark_merges_updates_and_deletes_reads_alike(platform, spark, mode):
    name = "spark.changes_" + mode.replace("-", "_")
    spark.sql(
        f"CREATE TABLE lake.{name} (id BIGINT, region STRING, amount DECIMAL(12,2)) USING iceberg PARTITIONED BY (region) "
        f"TBLPROPERTIES ('write.delete.mode'='{mode}', 'write.update.mode'='{mode}', 'write.merge.mode'='{mode}')")
    spark.sql(f"INSERT INTO lake.{name} SELECT id, CONCAT('r', id % 3), id / 4 FROM range(1000)")
    spark.sql(f"DELETE FROM lake.{name} WHERE id % 10 = 7")
    spark.sql(f"UPDATE lake.{name} SET amount = -1, region = 'moved' WHERE id % 100 = 1")
    spark.sql(
        f"MERGE INTO lake.{name} t USING (SELECT id + 990 AS id FROM range(20)) s ON t.id = s.id WHEN MATCHED THEN DELETE "
        "WHEN NOT MATCHED THEN INSERT (id, region, amount) VALUES (s.id, 'new', 0)")
    assert len(assert_alike(platform, spark, name)) == 902
    deletes = spark.sql(f"SELECT * FROM lake.{name}.delete_files").count()
    assert (deletes > 0) == (mode == "merge-on-read")
    for snapshot in snapshots(spark, name):
        assert_alike(platform, spark, name, at=snapshot)
    # Spark's own compaction takes the deletes in, and changes no row.
    before = assert_alike(platform, spark, name)
    spark.sql(f"CALL lake.system.rewrite_data_files(table => '{name}', options => map('rewrite-all', 'true'))")
    spark.sql(f"CALL lake.system.rewrite_position_delete_files(table => '{name}', options => map('rewrite-all', 'true'))")
    assert assert_alike(platform, spark, name) == before


def test_schema_and_partitions_that_spark_changes_read_alike(platform, spark):
    name = "spark.evolving"
    spark.sql(f"CREATE TABLE lake.{name} (id INT, name STRING, at TIMESTAMP, place STRUCT<city: STRING>) USING iceberg")
    spark.sql(f"INSERT INTO lake.{name} VALUES (1, 'one', TIMESTAMP'2026-01-01 00:00:00Z', named_struct('city', 'Ghent'))")
    for change in ("RENAME COLUMN name TO title", "ADD COLUMN name STRING", "ALTER COLUMN id TYPE BIGINT",
                   "RENAME COLUMN place.city TO town", "ADD PARTITION FIELD days(at)", "WRITE ORDERED BY id"):
        spark.sql(f"ALTER TABLE lake.{name} {change}")
    spark.sql(f"INSERT INTO lake.{name} VALUES (5000000000, 'two', TIMESTAMP'2026-02-01 00:00:00Z', named_struct('town', 'Namur'), 'n')")
    spark.sql(f"ALTER TABLE lake.{name} REPLACE PARTITION FIELD at_day WITH bucket(4, id)")
    spark.sql(f"INSERT INTO lake.{name} VALUES (3, 'three', NULL, NULL, NULL)")
    assert len(assert_alike(platform, spark, name)) == 3


def test_branches_and_tags_that_spark_makes_are_kept(platform, spark):
    name = "spark.branched"
    spark.sql(f"CREATE TABLE lake.{name} (id BIGINT) USING iceberg")
    spark.sql(f"INSERT INTO lake.{name} VALUES (1)")
    spark.sql(f"ALTER TABLE lake.{name} CREATE TAG first")
    spark.sql(f"ALTER TABLE lake.{name} CREATE BRANCH trial")
    spark.sql(f"INSERT INTO lake.{name}.branch_trial VALUES (2)")
    spark.sql(f"INSERT INTO lake.{name} VALUES (3)")
    assert len(assert_alike(platform, spark, name)) == 2
    refs = {row["name"]: row["snapshot_id"] for row in spark.sql(f"SELECT name, snapshot_id FROM lake.{name}.refs").collect()}
    assert set(refs) == {"main", "first", "trial"}
    assert [row["id"] for row in platform.sql(f"SELECT id FROM {name} ORDER BY id", "--at", refs["trial"])] == [1, 2]
    assert platform.sql(f"SELECT id FROM {name}", "--at", refs["first"]) == [{"id": 1}]


def test_spark_maintains_what_we_wrote_and_no_answer_changes(platform, spark):
    name = "gold.daily_product_clicks"
    before = assert_alike(platform, spark, name)
    assert before
    spark.sql(f"CALL lake.system.rewrite_data_files(table => '{name}', options => map('rewrite-all', 'true'))")
    spark.sql(f"CALL lake.system.rewrite_manifests(table => '{name}')")
    spark.sql(f"CALL lake.system.expire_snapshots(table => '{name}', older_than => TIMESTAMP'2099-01-01 00:00:00', retain_last => 1)")
    assert assert_alike(platform, spark, name) == before
    assert len(snapshots(spark, name)) == 1
    # The models go on with the table as it is now.
    platform.server.batch()
    assert_alike(platform, spark, name)
