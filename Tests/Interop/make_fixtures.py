"""Makes the tables of Fixtures/ with Spark and Iceberg's Java library, and writes down what Spark reads from them.

    scripts/bootstrap spark && .deps/spark/bin/python Tests/Interop/make_fixtures.py

The tables are written below a made-up folder, whose name the tests replace when they copy them (relocate.py).
"""

import json
import shutil
import sys
import tarfile
from pathlib import Path

import canonical
from spark import session

PREFIX = Path("/tmp/cartograph-fixtures")
FOLDER = Path(__file__).parent / "Fixtures"

ALL_TYPES = """
    id BIGINT, yes BOOLEAN, small INT, big BIGINT, single FLOAT, twice DOUBLE, money DECIMAL(38,10), cents DECIMAL(9,2),
    day DATE, at TIMESTAMP, wall TIMESTAMP_NTZ, text STRING, bytes BINARY,
    point STRUCT<x: INT, label: STRING>, tags ARRAY<STRING>, counts MAP<STRING, INT>,
    deep ARRAY<STRUCT<name: STRING, scores: MAP<INT, ARRAY<DOUBLE>>>>"""

ALL_ROWS = """
    (1, true, -2147483648, -9223372036854775808, 1.5F, 1e300D, 1234567890123456789012345678.0123456789BD, -0.01BD,
     DATE'1899-12-31', TIMESTAMP'1969-12-31 23:59:59.999999Z', TIMESTAMP_NTZ'1931-05-06 07:08:09.123456',
     'naïve — 東京 🛒 "quoted" \\\\ back', X'00FF10', named_struct('x', 1, 'label', 'one'), array('a', NULL, ''),
     map('k', 1, 'l', NULL), array(named_struct('name', 'n', 'scores', map(7, array(1.5D, NULL))))),
    (2, false, 2147483647, 9223372036854775807, float('NaN'), double('NaN'), -0.0000000001BD, 9999999.99BD,
     DATE'9999-12-31', TIMESTAMP'2026-11-21 12:00:00Z', TIMESTAMP_NTZ'2026-11-21 12:00:00', '', X'',
     named_struct('x', NULL, 'label', NULL), array(), map(), array(NULL)),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (4, true, 0, 0, float('-Infinity'), double('Infinity'), 0BD, 0BD, DATE'1970-01-01', TIMESTAMP'1970-01-01 00:00:00Z',
     TIMESTAMP_NTZ'1970-01-01 00:00:00', 'plain', X'61', named_struct('x', -1, 'label', ''), NULL, NULL, NULL)"""

# Small files, and no codec that hides the paths in them from a look with `strings`.
PROPERTIES = "'write.metadata.metrics.default'='full', 'write.parquet.compression-codec'='zstd'"


def version_one(spark):
    """A table of format version 1 with several commits."""
    yield "CREATE TABLE lake.shop.version_one (id BIGINT, region STRING, amount DECIMAL(12,4)) USING iceberg " \
          f"PARTITIONED BY (region) TBLPROPERTIES ('format-version'='1', {PROPERTIES})"
    yield "INSERT INTO lake.shop.version_one VALUES (1,'north',1.5),(2,'south',2.25),(3,NULL,3)"
    yield "INSERT INTO lake.shop.version_one SELECT id+10, 'north', id FROM range(50)"
    yield "DELETE FROM lake.shop.version_one WHERE id IN (2, 15)"


def all_types(spark):
    """Every type that Spark's SQL has."""
    yield f"CREATE TABLE lake.shop.all_types ({ALL_TYPES}) USING iceberg TBLPROPERTIES ({PROPERTIES})"
    yield f"INSERT INTO lake.shop.all_types VALUES {ALL_ROWS}"


def merge_on_read(spark, name, granularity):
    """Position deletes by UPDATE, DELETE and MERGE, and rows added after them."""
    yield f"CREATE TABLE lake.shop.{name} (id BIGINT, region STRING, amount INT) USING iceberg PARTITIONED BY (region) " \
          f"TBLPROPERTIES ('format-version'='2', 'write.delete.mode'='merge-on-read', " \
          "'write.update.mode'='merge-on-read', 'write.merge.mode'='merge-on-read', " \
          f"'write.delete.granularity'='{granularity}', {PROPERTIES})"
    for start in (0, 100):
        yield f"INSERT INTO lake.shop.{name} SELECT id+{start}, CASE WHEN id%2=0 THEN 'even' ELSE 'odd' END, id FROM range(100)"
    yield f"DELETE FROM lake.shop.{name} WHERE id % 10 = 3"
    yield f"UPDATE lake.shop.{name} SET amount = amount + 1000 WHERE id % 25 = 0"
    yield f"MERGE INTO lake.shop.{name} t USING (SELECT id+190 AS id FROM range(20)) s ON t.id = s.id " \
          "WHEN MATCHED AND t.id % 2 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET amount = -1 " \
          "WHEN NOT MATCHED THEN INSERT (id, region, amount) VALUES (s.id, 'new', 0)"
    yield f"INSERT INTO lake.shop.{name} VALUES (3, 'odd', 33)"


def evolved(spark):
    """Columns renamed, dropped, added again under the same name, widened and moved, at the top and inside; and a
    partition spec that changed twice."""
    yield "CREATE TABLE lake.shop.evolved (id INT, name STRING, price FLOAT, cost DECIMAL(8,2), ts TIMESTAMP, " \
          "place STRUCT<city: STRING, zip: INT>, items ARRAY<STRUCT<sku: STRING, n: INT>>, attr MAP<STRING, STRUCT<v: INT>>) " \
          f"USING iceberg PARTITIONED BY (days(ts)) TBLPROPERTIES ('format-version'='2', {PROPERTIES})"
    row = "named_struct('city','Ghent','zip',9000), array(named_struct('sku','s1','n',1), NULL), map('a', named_struct('v',1))"
    yield f"INSERT INTO lake.shop.evolved SELECT 1,'one',1.25F,10.01,TIMESTAMP'2026-03-01 10:00:00Z',{row}"
    yield "ALTER TABLE lake.shop.evolved RENAME COLUMN name TO title"
    yield "ALTER TABLE lake.shop.evolved ADD COLUMN name STRING"
    yield "ALTER TABLE lake.shop.evolved ALTER COLUMN id TYPE BIGINT"
    yield "ALTER TABLE lake.shop.evolved ALTER COLUMN price TYPE DOUBLE"
    yield "ALTER TABLE lake.shop.evolved ALTER COLUMN cost TYPE DECIMAL(18,2)"
    yield "ALTER TABLE lake.shop.evolved RENAME COLUMN place.city TO town"
    yield "ALTER TABLE lake.shop.evolved ADD COLUMN place.city STRING"
    yield "ALTER TABLE lake.shop.evolved RENAME COLUMN items.element.n TO quantity"
    yield "ALTER TABLE lake.shop.evolved ADD COLUMN attr.value.w STRING"
    yield "ALTER TABLE lake.shop.evolved RENAME COLUMN attr.value.v TO weight"
    yield "ALTER TABLE lake.shop.evolved REPLACE PARTITION FIELD ts_day WITH months(ts)"
    place = "named_struct('town','Namur','zip',5000,'city','new')"
    items, attr = "array(named_struct('sku','s2','quantity',2))", "map('b', named_struct('weight',2,'w','ww'))"
    yield f"INSERT INTO lake.shop.evolved SELECT 5000000000,'two',2.5D,20000000.02,TIMESTAMP'2026-04-01 10:00:00Z',{place},{items},{attr},'n2'"
    yield "ALTER TABLE lake.shop.evolved DROP COLUMN place.zip"
    yield "ALTER TABLE lake.shop.evolved ADD COLUMN place.zip STRING"
    yield "ALTER TABLE lake.shop.evolved DROP COLUMN title"
    yield "ALTER TABLE lake.shop.evolved ADD COLUMN title STRING FIRST"
    yield "ALTER TABLE lake.shop.evolved ADD PARTITION FIELD bucket(4, id)"
    place = "named_struct('town','Liège','city',NULL,'zip','4000')"
    yield f"INSERT INTO lake.shop.evolved SELECT 'again',3,NULL,30.03,TIMESTAMP'2026-04-02 10:00:00Z',{place},NULL,NULL,'n3'"


def imported(spark):
    """Files of a Hive table, without field ids and without the partition's column, taken in by add_files; the column
    `amount` was renamed since."""
    folder = PREFIX / "hive/imported"
    spark.sql("SELECT id, CAST(id*1.5 AS DECIMAL(10,2)) AS amount, named_struct('a', id, 'b', CONCAT('b', id)) AS pair, "
              "TIMESTAMP'1969-07-20 20:17:40Z' + make_interval(0,0,0,0,0,0,id) AS at, "
              "CASE WHEN id%2=0 THEN 'even' ELSE 'odd side' END AS region FROM range(20)") \
        .coalesce(1).write.partitionBy("region").parquet(str(folder))
    yield "CREATE TABLE lake.shop.imported (id BIGINT, amount DECIMAL(10,2), pair STRUCT<a: BIGINT, b: STRING>, at TIMESTAMP, region STRING) " \
          f"USING iceberg PARTITIONED BY (region) TBLPROPERTIES ({PROPERTIES})"
    yield f"CALL lake.system.add_files(table => 'shop.imported', source_table => '`parquet`.`{folder}`')"
    yield "ALTER TABLE lake.shop.imported RENAME COLUMN amount TO price"
    yield "ALTER TABLE lake.shop.imported RENAME COLUMN pair.b TO label"
    yield "INSERT INTO lake.shop.imported VALUES (100, 1.00, named_struct('a', 100, 'label', 'own'), TIMESTAMP'2026-01-01 00:00:00Z', 'even')"


def equality_deletes(spark):
    """Equality deletes as streaming writers make them, by Java's own writers: of one column and of two, with a null,
    older and newer than rows that they match, in one partition and over all; and position deletes beside them."""
    yield "CREATE TABLE lake.shop.equality_deletes (id INT, region STRING, amount INT, note STRING) USING iceberg " \
          f"PARTITIONED BY (region) TBLPROPERTIES ('format-version'='2', 'write.delete.mode'='merge-on-read', {PROPERTIES})"
    yield "INSERT INTO lake.shop.equality_deletes SELECT CAST(id AS INT), CASE WHEN id%2=0 THEN 'even' ELSE 'odd' END, CAST(id AS INT), " \
          "CASE WHEN id%5=0 THEN NULL ELSE CONCAT('n', id%3) END FROM range(40)"
    delete_by_equality(spark, "equality_deletes", [1], {"region": "even"}, [(4,), (6,), (7,)])
    delete_by_equality(spark, "equality_deletes", [3, 4], {"region": "odd"}, [(5, None), (11, "n2"), (13, "n0")])
    # These came after the deletes, which leave them alone.
    yield "INSERT INTO lake.shop.equality_deletes VALUES (4, 'even', 4004, 'back'), (5, 'odd', 5, NULL)"
    yield "DELETE FROM lake.shop.equality_deletes WHERE id = 20 OR id = 21"
    # Deletes of an unpartitioned spec hold for all partitions of all specs.
    yield "ALTER TABLE lake.shop.equality_deletes DROP PARTITION FIELD region"
    delete_by_equality(spark, "equality_deletes", [1], {}, [(30,), (31,), (4,)])
    yield "INSERT INTO lake.shop.equality_deletes VALUES (30, 'even', 3030, 'x'), (31, NULL, 3131, NULL)"


def refused(spark):
    """What is not read: rows in Avro and ORC files, and format version 3 with a deletion vector."""
    for name, format in (("avro_rows", "avro"), ("orc_rows", "orc")):
        yield f"CREATE TABLE lake.shop.{name} (id BIGINT) USING iceberg TBLPROPERTIES ('write.format.default'='{format}')"
        yield f"INSERT INTO lake.shop.{name} SELECT id FROM range(5)"
    yield "CREATE TABLE lake.shop.version_three (id BIGINT) USING iceberg TBLPROPERTIES " \
          "('format-version'='3', 'write.delete.mode'='merge-on-read')"
    yield "INSERT INTO lake.shop.version_three SELECT id FROM range(5)"
    yield "DELETE FROM lake.shop.version_three WHERE id = 2"


def delete_by_equality(spark, name, field_ids, partition, keys):
    """Commits one equality delete file, with Iceberg's generic Parquet writer."""
    gateway, jvm = spark.sparkContext._gateway, spark._jvm
    iceberg = jvm.org.apache.iceberg
    table = jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergTable(spark._jsparkSession, f"lake.shop.{name}")
    names = [table.schema().findColumnName(field) for field in field_ids]
    columns = gateway.new_array(jvm.java.lang.String, len(names))
    ids = gateway.new_array(jvm.int, len(names))
    for index, column in enumerate(names):
        columns[index], ids[index] = column, field_ids[index]
    schema = table.schema().select(columns)
    key = None
    if partition:
        key = iceberg.data.GenericRecord.create(table.spec().partitionType())
        for column, item in partition.items():
            key.setField(column, item)
    factory = iceberg.data.GenericAppenderFactory(table.schema(), table.spec(), ids, schema, None)
    location = f"{table.location()}/data/equality-{jvm.java.util.UUID.randomUUID()}.parquet"
    out = jvm.org.apache.iceberg.encryption.EncryptedFiles.plainAsEncryptedOutput(table.io().newOutputFile(location))
    writer = factory.newEqDeleteWriter(out, iceberg.FileFormat.PARQUET, key)
    for values in keys:
        record = iceberg.data.GenericRecord.create(schema)
        for column, item in zip(names, values):
            record.setField(column, item)
        writer.write(record)
    writer.close()
    table.newRowDelta().addDeletes(writer.toDeleteFile()).commit()
    spark.sql(f"REFRESH TABLE lake.shop.{name}")


def main():
    shutil.rmtree(PREFIX, ignore_errors=True)
    spark = session({
        "spark.sql.catalog.lake": "org.apache.iceberg.spark.SparkCatalog", "spark.sql.catalog.lake.type": "hadoop",
        "spark.sql.catalog.lake.warehouse": f"file://{PREFIX}/lake", "spark.sql.catalog.lake.cache-enabled": "false"})
    steps = {
        "version_one": version_one(spark), "all_types": all_types(spark), "evolved": evolved(spark),
        "deletes_by_file": merge_on_read(spark, "deletes_by_file", "file"),
        "deletes_by_partition": merge_on_read(spark, "deletes_by_partition", "partition"),
        "imported": imported(spark), "equality_deletes": equality_deletes(spark), "refused": refused(spark)}
    expected = {}
    for name, statements in steps.items():
        for statement in statements:
            spark.sql(statement)
        if name == "refused":
            continue
        snapshots = spark.sql(f"SELECT snapshot_id FROM lake.shop.{name}.snapshots ORDER BY committed_at").collect()
        expected[name] = {
            "rows": canonical.of_spark(spark.table(f"lake.shop.{name}")),
            # Of an earlier snapshot the columns may be others: its number of rows is what is compared.
            "history": [
                [row.snapshot_id, spark.sql(f"SELECT * FROM lake.shop.{name} VERSION AS OF {row.snapshot_id}").count()]
                for row in snapshots]}
    spark.stop()

    FOLDER.mkdir(exist_ok=True)
    with tarfile.open(FOLDER / "tables.tar.xz", "w:xz", preset=9) as packed:
        for file in sorted(kept_files()):
            packed.add(file, file.relative_to(PREFIX), filter=anonymous)
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")
    shutil.rmtree(PREFIX)


def kept_files():
    """Everything but checksums and the metadata files of versions before the last."""
    for file in PREFIX.rglob("*"):
        if not file.is_file() or file.name.endswith(".crc") or file.name in ("_SUCCESS", "version-hint.text"):
            continue
        if file.name.endswith(".metadata.json"):
            version = int((file.parent / "version-hint.text").read_text())
            if file.name != f"v{version}.metadata.json":
                continue
        yield file


def anonymous(entry):
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


if __name__ == "__main__":
    sys.exit(main())
