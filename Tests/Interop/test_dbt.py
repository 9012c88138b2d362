"""Real dbt runs the project in models/ unchanged, with DuckDB and with PostgreSQL, and its tables are those of `cartograph batch
run`: on a first build, on a build after more and late events, and on one that replaces named days only."""

import os
from pathlib import Path

import pytest
from cartograph import ROOT
from models_shop import Engine, assert_same
from postgres import ADMIN, PASSWORD, Postgres

ENVIRONMENT = Path(os.environ.get("CARTOGRAPH_DBT") or ROOT / ".deps/dbt")
SCHEMAS = ["silver", "gold"]


class OnDuckDB(Engine):
    def __init__(self, folder):
        self.database = str(folder / "shop.duckdb")
        super().__init__(ENVIRONMENT, folder, {
            "type": "duckdb", "path": self.database, "schema": "main", "settings": {"TimeZone": "UTC"}})

    def load(self, folder):
        self.process("models_duckdb.py", {"what": "load", "database": self.database, "folder": str(folder)})

    def export(self, folder, native):
        self.process("models_duckdb.py", {
            "what": "export", "database": self.database, "folder": str(folder), "schemas": SCHEMAS})


class OnPostgreSQL(Engine):
    def __init__(self, folder, server):
        # Lower case is that of the database's language, and C alone knows no letters but those of ASCII.
        server.sql("CREATE DATABASE shop TEMPLATE template0 LC_CTYPE 'C.UTF-8'")
        self.database = f"host=127.0.0.1 port={server.port} user={ADMIN} password='{PASSWORD}' dbname=shop"
        super().__init__(ENVIRONMENT, folder, {
            "type": "postgres", "host": "127.0.0.1", "port": server.port, "user": ADMIN, "password": PASSWORD,
            "dbname": "shop", "schema": "main"})

    def load(self, folder):
        self.process("models_postgres.py", {"what": "load", "database": self.database, "folder": str(folder)})

    def export(self, folder, native):
        self.process("models_postgres.py", {
            "what": "export", "database": self.database, "folder": str(folder), "schemas": SCHEMAS, "like": str(native)})


@pytest.fixture(params=["DuckDB", "PostgreSQL"])
def engine(request, tmp_path):
    if request.param == "DuckDB":
        yield OnDuckDB(tmp_path)
    else:
        with Postgres() as server:
            yield OnPostgreSQL(tmp_path, server)


def test_first_second_and_partial_builds_give_the_native_tables(engine, dirty_shop, tmp_path):
    rows = []
    for number, moment in enumerate(dirty_shop.moments):
        engine.load(moment.bronze)
        # The project's tests are run once, over the tables that came about in two steps.
        engine.dbt("build" if number == 1 else "run", moment.variables)
        engine.export(tmp_path / "theirs", moment.native)
        rows.append(assert_same(moment.native, tmp_path / "theirs"))
    first, second, third = rows
    empty = [table for table, count in second.items() if not count]
    assert not empty, f"{empty} have no rows, which proves nothing"
    assert second["silver.clicks"] > first["silver.clicks"] and second["silver.conflicts"] > first["silver.conflicts"]
    assert third == second
