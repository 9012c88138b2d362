"""Real dbt on the project in models/, in the environment that dbt is installed in: it reads one order as JSON from standard
input and prints the answer as JSON.

`load` makes tables of a DuckDB file of Parquet files; `compare` tells how its tables differ from those in Parquet files."""

import json
import sys
from pathlib import Path

import duckdb


def load(connection, folder):
    for file in sorted(Path(folder).glob("*.parquet")):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {file.stem.split('.')[0]}")
        connection.execute(f"CREATE OR REPLACE TABLE {file.stem} AS SELECT * FROM read_parquet('{file}')")


def compare(connection, folder):
    """By table: rows, and rows that only one of the two has."""
    found = {}
    for file in sorted(Path(folder).glob("*.parquet")):
        theirs, ours = file.stem, f"read_parquet('{file}')"
        columns = [row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {ours}").fetchall()]
        names = [row[0] for row in connection.execute(f"DESCRIBE {theirs}").fetchall()]
        if sorted(columns) != sorted(names):
            found[theirs] = {"ours": columns, "theirs": names}
            continue
        listed = ", ".join(f'"{name}"' for name in columns)

        def count(sql):
            return connection.execute(f"SELECT count(*) FROM ({sql})").fetchone()[0]

        one, other = f"SELECT {listed} FROM {ours}", f"SELECT {listed} FROM {theirs}"
        found[theirs] = {
            "rows": count(one), "ours alone": count(f"{one} EXCEPT ALL {other}"),
            "theirs alone": count(f"{other} EXCEPT ALL {one}")}
    return found


def main():
    order = json.load(sys.stdin)
    connection = duckdb.connect(order["database"])
    connection.execute("SET TimeZone = 'UTC'")
    answer = {"load": load, "compare": compare}[order["what"]](connection, order["folder"])
    connection.close()
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
