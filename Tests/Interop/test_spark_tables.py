"""Tables that Spark and Iceberg's Java library wrote (make_fixtures.py), read without them."""

import json

import pytest

import canonical

TABLES = ["version_one", "all_types", "evolved", "deletes_by_file", "deletes_by_partition", "imported", "equality_deletes"]


@pytest.mark.parametrize("name", TABLES)
def test_a_table_reads_as_spark_reads_it(spark_tables, name):
    lake, expected = spark_tables
    assert canonical.rows(lake.sql(f"SELECT * FROM shop.{name}")) == expected[name]["rows"]


@pytest.mark.parametrize("name", TABLES)
def test_every_snapshot_has_as_many_rows_as_spark_says(spark_tables, name):
    lake, expected = spark_tables
    for snapshot, count in expected[name]["history"]:
        assert lake.sql(f"SELECT count(*) AS n FROM shop.{name}", "--at", snapshot) == [{"n": count}]


def test_a_filter_sees_the_same_rows_as_the_whole(spark_tables):
    lake, expected = spark_tables
    for name in ("deletes_by_file", "equality_deletes"):
        rows = [json.loads(row) for row in expected[name]["rows"]]
        for region in ("even", "odd"):
            wanted = [row for row in rows if row["region"] == region and row["id"] > 20]
            found = lake.sql(f"SELECT * FROM shop.{name} WHERE region = '{region}' AND id > 20")
            assert wanted and canonical.rows(found) == canonical.rows(wanted)


def test_not_a_number_stays_not_a_number(spark_tables):
    lake, _ = spark_tables
    found = lake.sql("SELECT id, isnan(single) AS a, isnan(twice) AS b FROM shop.all_types WHERE id IN (2, 4) ORDER BY id")
    assert found == [{"id": 2, "a": True, "b": True}, {"id": 4, "a": False, "b": False}]
