"""The lake through the Iceberg REST catalog of a running `up`, as PyIceberg sees it: none of our code reads or writes."""

import json

import pyarrow as pa
import pytest
from cartograph import assert_balanced, environment, eventually, must
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import (
    CommitFailedException, ForbiddenError, NamespaceNotEmptyError, NoSuchTableError, RESTError, TableAlreadyExistsError,
    UnauthorizedError)
from pyiceberg.types import LongType, StringType

ROWS = pa.table({"id": pa.array([1, 2, 3], pa.int64()), "name": ["a", "b", "c"]})
SEARCHES = 40


def connect(server, **properties):
    return RestCatalog("shop", uri=f"{server.url}iceberg", **properties)


def searches(first, count):
    return [
        {"type": "search", "event_id": f"e{number}", "user_id": f"u{number % 7}", "session_id": "s",
         "ts": "2026-01-02T03:04:05Z", "query": "tea"}
        for number in range(first, first + count)
    ]


def bronze(catalog, rows):
    """The table of the searches, once it has as many rows."""

    def table():
        try:
            found = catalog.load_table("bronze.searches")
        except Exception as error:  # Nothing was written yet: neither the namespace nor the table is there.
            assert "NoSuch" in str(error), error
            return None
        return found if found.scan(selected_fields=("event_id",)).to_arrow().num_rows == rows else None

    return eventually(f"bronze.searches has {rows} rows", table)


@pytest.fixture
def shop(up, data):
    server = up(data)
    return server, connect(server)


def test_bronze_is_read(shop):
    server, catalog = shop
    server.accept(searches(0, SEARCHES))
    table = bronze(catalog, SEARCHES)
    rows = table.scan().to_arrow()
    assert sorted(rows["event_id"].to_pylist()) == sorted(event["event_id"] for event in searches(0, SEARCHES))
    assert json.loads(rows["raw"][0].as_py())["query"] == "tea"
    assert ("bronze",) in catalog.list_namespaces() and ("bronze", "searches") in catalog.list_tables("bronze")


def test_a_table_of_ones_own_lives_its_life(shop, data):
    server, catalog = shop
    catalog.create_namespace("mine", {"owner": "me"})
    table = catalog.create_table("mine.people", schema=ROWS.schema)
    assert table.location().startswith(f"file://{data}/lake/mine/")
    table.append(ROWS)
    with table.update_schema() as change:
        change.add_column("city", StringType())
        change.rename_column("name", "called")
    with table.update_schema() as change:
        change.add_column("age", LongType())
    table.append(pa.table({"id": [4], "called": ["d"], "city": ["Hue"], "age": [30]}))
    table.delete("id = 2")
    assert sorted(table.scan().to_arrow()["id"].to_pylist()) == [1, 3, 4]
    with table.manage_snapshots() as change:
        change.create_tag(table.current_snapshot().snapshot_id, "kept")
    with table.update_spec() as change:
        change.add_identity("city")
    table.overwrite(pa.table({"id": [5], "called": ["e"], "city": ["Hue"], "age": [1]}), "id = 4")
    with table.transaction() as change:
        change.set_properties({"team": "data"})
        change.append(pa.table({"id": [6], "called": ["f"], "city": ["Da Lat"], "age": [2]}))

    again = connect(server).load_table("mine.people")
    assert sorted(again.scan().to_arrow()["id"].to_pylist()) == [1, 3, 5, 6]
    kept = again.scan(snapshot_id=again.snapshot_by_name("kept").snapshot_id).to_arrow()
    assert sorted(kept["id"].to_pylist()) == [1, 3, 4]
    assert again.properties["team"] == "data"
    assert {field.name for field in again.spec().fields} == {"city"}

    before = len(again.snapshots())
    again.maintenance.expire_snapshots().by_ids([again.snapshots()[0].snapshot_id]).commit()
    assert len(connect(server).load_table("mine.people").snapshots()) == before - 1

    catalog.rename_table("mine.people", "mine.folk")
    with pytest.raises(NoSuchTableError):
        catalog.load_table("mine.people")
    with pytest.raises(NamespaceNotEmptyError):
        catalog.drop_namespace("mine")
    folder = data / "lake/mine/people"
    assert any(folder.rglob("*.parquet"))
    catalog.purge_table("mine.folk")
    assert not any(path.is_file() for path in folder.rglob("*"))
    catalog.drop_namespace("mine")


def test_a_table_is_created_and_filled_in_one_commit(shop):
    _, catalog = shop
    catalog.create_namespace("mine")
    with catalog.create_table_transaction("mine.copy", schema=ROWS.schema) as change:
        change.append(ROWS)
    assert catalog.load_table("mine.copy").scan().to_arrow().num_rows == 3
    with pytest.raises(TableAlreadyExistsError):
        catalog.create_table("mine.copy", schema=ROWS.schema)


def test_two_writers_do_not_lose_each_other(shop):
    server, catalog = shop
    catalog.create_namespace("mine")
    first = catalog.create_table("mine.people", schema=ROWS.schema)
    second = connect(server).load_table("mine.people")
    with first.update_schema() as change:
        change.add_column("one", StringType())
    with pytest.raises(CommitFailedException), second.update_schema() as change:
        change.add_column("two", StringType())
    first.append(ROWS.append_column("one", pa.array(["x"] * 3)))
    second.refresh()
    second.append(ROWS)
    assert connect(server).load_table("mine.people").scan().to_arrow().num_rows == 6


def test_bronze_takes_columns_and_tags_of_others_but_no_data(shop, data):
    server, catalog = shop
    server.accept(searches(0, SEARCHES))
    table = bronze(catalog, SEARCHES)
    for attempt in (lambda: table.delete(), lambda: catalog.drop_table("bronze.searches"),
                    lambda: catalog.rename_table("bronze.searches", "bronze.other"),
                    lambda: catalog.create_table("bronze.mine", schema=ROWS.schema)):
        with pytest.raises(ForbiddenError, match="fed from the event log"):
            attempt()
    with pytest.raises(RESTError), table.update_schema() as change:
        change.delete_column("query")
    table = catalog.load_table("bronze.searches")
    with table.update_schema() as change:
        change.add_column("note", StringType())
    with table.manage_snapshots() as change:
        change.create_tag(table.current_snapshot().snapshot_id, "monday")
    # The feeding goes on with the new column, and the books balance.
    server.accept(searches(SEARCHES, SEARCHES))
    after = bronze(catalog, 2 * SEARCHES)
    assert after.scan().to_arrow()["note"].null_count == 2 * SEARCHES
    assert after.scan(snapshot_id=after.snapshot_by_name("monday").snapshot_id).to_arrow().num_rows == SEARCHES
    server.stop_cleanly()
    assert_balanced(data)


def test_what_was_committed_is_there_after_a_kill(up, data):
    server = up(data)
    catalog = connect(server)
    catalog.create_namespace("mine")
    table = catalog.create_table("mine.people", schema=ROWS.schema)
    table.append(ROWS)
    server.kill()
    again = connect(up(data))
    assert again.load_table("mine.people").scan().to_arrow().num_rows == 3
    # The catalog's file is readable without us too.
    assert again.load_table("mine.people").metadata_location == table.metadata_location


def test_the_token_is_asked_for(up, data):
    server = up(data, env=environment(CARTOGRAPH_TOKEN="s3cret"))
    with pytest.raises(UnauthorizedError):
        connect(server)
    with pytest.raises(UnauthorizedError):
        connect(server, token="wrong")
    for properties in ({"token": "s3cret"}, {"credential": "me:s3cret"}):
        assert connect(server, **properties).list_namespaces() == []


def test_the_command_says_how_to_connect(shop, data):
    server, _ = shop
    said = json.loads(must("catalog", "--data", data, "--json").out)
    assert said["running"] and said["uri"] == f"{server.url}iceberg" and not said["token_needed"]
    text = must("catalog", "--data", data).out
    for word in ("PyIceberg", "DuckDB", "Spark", "Trino"):
        assert word in text
    assert text.count(said["uri"]) >= 4
