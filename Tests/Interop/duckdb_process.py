"""DuckDB with its own Iceberg extension, in a process of its own: it reads statements as a JSON list from standard input, and
prints the rows of the last one in the common spelling, or the error."""

import json
import sys
from pathlib import Path

import canonical


def main():
    import duckdb
    import duckdb_extension_avro
    import duckdb_extension_iceberg

    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    for package, name in ((duckdb_extension_avro, "avro"), (duckdb_extension_iceberg, "iceberg")):
        file = next(Path(package.__file__).parent.rglob(f"{name}.duckdb_extension"))
        connection.execute(f"LOAD '{file}'")
    httpfs = sys.argv[1]
    connection.execute(f"LOAD '{httpfs}'")
    connection.execute("SET TimeZone = 'UTC'")
    rows = []
    for statement in json.load(sys.stdin):
        connection.execute(statement)
    if connection.description:
        rows = connection.fetch_arrow_table().to_pylist(maps_as_pydicts="strict")
    json.dump(canonical.rows(rows), sys.stdout)


if __name__ == "__main__":
    main()
