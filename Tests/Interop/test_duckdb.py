"""DuckDB's own Iceberg extension, in a process of its own, on our REST catalog: reading what we write, and writing."""

import canonical
from cartograph import run

EVERYTHING = """
    id BIGINT, yes BOOLEAN, small INTEGER, single FLOAT, twice DOUBLE, money DECIMAL(38,10), cents DECIMAL(9,2), day DATE,
    clock TIME, moment TIMESTAMP WITH TIME ZONE, wall TIMESTAMP, text VARCHAR, bytes BLOB, key UUID,
    point STRUCT(x INTEGER, label VARCHAR), tags VARCHAR[], counts MAP(VARCHAR, INTEGER),
    deep STRUCT(name VARCHAR, scores DOUBLE[])[]"""

VALUES = r"""
    (1, true, -2147483648, 1.5, 1e300, 1234567890123456789012345678.0123456789, -0.01, '1899-12-31', '23:59:59.999999',
     '1969-12-31 23:59:59.999999+00', '1931-05-06 07:08:09.123456', 'naïve — 東京 🛒 "quoted" \ back', '\x00\xFF\x10',
     '00112233-4455-6677-8899-aabbccddeeff', {'x': 1, 'label': 'one'}, ['a', NULL, ''], MAP {'k': 1, 'l': NULL},
     [{'name': 'n', 'scores': [1.5, NULL]}]),
    (2, false, 2147483647, 'nan', 'nan', -0.0000000001, 9999999.99, '9999-12-31', '00:00:00', '2026-11-21 12:00:00+00',
     '2026-11-21 12:00:00', '', '', 'ffffffff-ffff-ffff-ffff-ffffffffffff', {'x': NULL, 'label': NULL}, [], MAP {}, [NULL]),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)"""


def assert_alike(platform, name):
    """Fails unless both read the same rows, which are returned."""
    theirs = platform.duckdb(f"SELECT * FROM lake.{name}")
    assert canonical.rows(platform.sql(f"SELECT * FROM {name}")) == theirs
    return theirs


def test_every_table_of_a_shop_reads_alike(platform):
    for name in ("bronze.clicks", "bronze.purchases", "bronze.orders", "silver.purchases", "silver.purchase_items",
                 "silver.sessions", "gold.daily_sales", "gold.daily_funnel"):
        assert assert_alike(platform, name), name


def test_time_travel_reads_alike(platform):
    snapshots = platform.rest().load_table("bronze.purchases").snapshots()
    assert len(snapshots) > 1
    for snapshot in snapshots:
        theirs = platform.duckdb(f"SELECT * FROM lake.bronze.purchases AT (VERSION => {snapshot.snapshot_id})")
        assert canonical.rows(platform.sql("SELECT * FROM bronze.purchases", "--at", snapshot.snapshot_id)) == theirs


def test_what_duckdb_creates_changes_and_deletes_reads_alike(platform):
    platform.duckdb(
        "CREATE SCHEMA lake.duck", f"CREATE TABLE lake.duck.everything ({EVERYTHING})",
        f"INSERT INTO lake.duck.everything VALUES {VALUES}")
    assert len(assert_alike(platform, "duck.everything")) == 3
    assert platform.sql("SELECT count(*) AS n FROM duck.everything WHERE isnan(twice)") == [{"n": 1}]

    # DuckDB deletes and updates by position deletes.
    platform.duckdb(
        "CREATE TABLE lake.duck.numbers AS SELECT i AS id, i * 2 AS twice, 'n' || i AS name FROM range(20000) t(i)",
        "INSERT INTO lake.duck.numbers SELECT i, 0, 'late' FROM range(20000, 20100) t(i)")
    platform.duckdb("DELETE FROM lake.duck.numbers WHERE id % 7 = 3")
    platform.duckdb("UPDATE lake.duck.numbers SET name = 'changed' WHERE id % 1000 = 1")
    platform.duckdb("INSERT INTO lake.duck.numbers VALUES (3, 6, 'back')")
    rows = assert_alike(platform, "duck.numbers")
    kept = [i for i in range(20_100) if i % 7 != 3]
    assert len(rows) == len(kept) + 1
    found = platform.sql("SELECT sum(id) AS ids, count(*) FILTER (name = 'changed') AS changed FROM duck.numbers")
    assert found == [{"ids": sum(kept) + 3, "changed": sum(i % 1000 == 1 for i in kept)}]
    deletes = platform.rest().load_table("duck.numbers").inspect.delete_files()
    assert deletes.num_rows > 0


def test_rows_that_duckdb_deletes_under_another_partition_spec_are_not_shown_again(platform):
    # DuckDB's extension puts deletes under the newest spec, also those of files of an older one, where readers that go by
    # the specification do not find them.
    platform.duckdb(
        "CREATE SCHEMA IF NOT EXISTS lake.duck",
        "CREATE TABLE lake.duck.parted AS SELECT i AS id, 'r' || i % 2 AS region, DATE '2026-01-01' AS day FROM range(10) t(i)")
    for field in ("region", "day"):
        table = platform.rest().load_table("duck.parted")
        with table.update_spec() as spec:
            if field == "day":
                spec.remove_field("region")
            spec.add_identity(field)
        platform.duckdb(
            "INSERT INTO lake.duck.parted VALUES (100, 'r0', DATE '2026-01-02')",
            f"DELETE FROM lake.duck.parted WHERE id IN ({2 if field == 'region' else 3}, 100)")
        for condition in ("true", "region = 'r0'", "day = DATE '2026-01-01'"):
            refused = platform.try_sql(f"SELECT id FROM duck.parted WHERE {condition}")
            assert refused.code == 1 and "-deletes.parquet" in refused.complaint, refused
            assert "another partition" in refused.complaint and "duck.parted" in refused.complaint
        refused = run("lake", "compact", "duck.parted", "--data", platform.data)
        assert refused.code == 1 and "another partition" in refused.complaint
    # What was before is still there.
    first = platform.rest().load_table("duck.parted").snapshots()[0]
    assert len(platform.sql("SELECT id FROM duck.parted", "--at", first.snapshot_id)) == 10


def test_columns_that_duckdb_alters_read_alike(platform):
    platform.duckdb(
        "CREATE SCHEMA IF NOT EXISTS lake.duck", "CREATE TABLE lake.duck.altered (id INTEGER, name VARCHAR)",
        "INSERT INTO lake.duck.altered VALUES (1, 'one')")
    platform.duckdb(
        "ALTER TABLE lake.duck.altered RENAME COLUMN name TO title",
        "ALTER TABLE lake.duck.altered ADD COLUMN name VARCHAR",
        "ALTER TABLE lake.duck.altered ALTER COLUMN id TYPE BIGINT",
        "INSERT INTO lake.duck.altered VALUES (5000000000, 'two', 'new')")
    rows = assert_alike(platform, "duck.altered")
    assert len(rows) == 2 and '"title": "one"' in "".join(rows)
