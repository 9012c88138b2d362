"""What dbt reads and makes in a DuckDB file, in the environment that dbt is installed in: one order as JSON from standard input,
the answer as JSON on standard output.

`load` makes tables of a folder's Parquet files, named schema.table.parquet; `view` makes views of folders of such names; `export`
writes each table of the schemas named in the order as such a file."""

import json
import shutil
import sys
from pathlib import Path

import duckdb


def load(connection, order):
    for file in sorted(Path(order["folder"]).glob("*.parquet")):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {file.stem.split('.')[0]}")
        connection.execute(f"CREATE OR REPLACE TABLE {file.stem} AS SELECT * FROM read_parquet('{file}')")


def view(connection, order):
    for folder in sorted(Path(order["folder"]).glob("*.parquet")):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {folder.stem.split('.')[0]}")
        connection.execute(f"CREATE OR REPLACE VIEW {folder.stem} AS SELECT * FROM read_parquet('{folder}/*.parquet')")


def export(connection, order):
    folder = Path(order["folder"])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    tables = connection.execute("SELECT schema_name || '.' || table_name, schema_name FROM duckdb_tables()").fetchall()
    for table, schema in tables:
        if schema in order["schemas"]:
            connection.execute(f"COPY {table} TO '{folder}/{table}.parquet' (FORMAT parquet)")


def main():
    order = json.load(sys.stdin)
    connection = duckdb.connect(order["database"])
    connection.execute("SET TimeZone = 'UTC'")
    {"load": load, "view": view, "export": export}[order["what"]](connection, order)
    connection.close()
    json.dump({}, sys.stdout)


if __name__ == "__main__":
    main()
