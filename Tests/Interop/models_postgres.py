"""What dbt reads and makes in a PostgreSQL database, in the environment that dbt is installed in: one order as JSON from standard
input, the answer as JSON on standard output.

`load` makes tables of a folder's Parquet files, named schema.table.parquet; `export` writes each table of the schemas named
in the order as such a file, with the column types of the file of the same name in the folder `like`."""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import duckdb
import psycopg2

TYPES = {
    "VARCHAR": "text", "TIMESTAMP WITH TIME ZONE": "timestamptz", "INTEGER": "integer", "BIGINT": "bigint", "DATE": "date",
    "BOOLEAN": "boolean"}
CSV = "(format csv, header, null '\\N')"


def columns(engine, file):
    """The columns of a Parquet file by name, with DuckDB's types."""
    return {row[0]: row[1] for row in engine.execute(f"describe from '{file}'").fetchall()}


def load(engine, database, order):
    with tempfile.TemporaryDirectory() as folder:
        for file in sorted(Path(order["folder"]).glob("*.parquet")):
            schema, name = file.stem.split(".")
            made, read = [], []
            for column, kind in columns(engine, file).items():
                # Purchases have items, which go as JSON and become an array of a composite type.
                is_list = kind.endswith("[]")
                made.append(f'"{column}" {"text" if is_list else TYPES.get(kind, kind)}')
                read.append(f"""to_json(list_transform("{column}", lambda item: {{product_id: item.product_id,
                    quantity: item.quantity, unit_price: cast(item.unit_price as varchar)}})) as "{column}" """
                            if is_list else f'"{column}"')
            engine.execute(f"copy (select {', '.join(read)} from '{file}') to '{folder}/rows' (format csv, header, nullstr '\\N')")
            database.execute(f"create schema if not exists {schema}")
            database.execute(f"drop table if exists {file.stem} cascade; create table {file.stem} ({', '.join(made)})")
            with open(f"{folder}/rows") as rows:
                database.copy_expert(f"copy {file.stem} from stdin {CSV}", rows)
            if name == "purchases":
                database.execute(ITEMS.format(schema=schema))
            database.execute(f"analyze {file.stem}")


ITEMS = """
    do $$ begin
        if to_regtype('{schema}.item') is null then
            create type {schema}.item as (product_id text, quantity integer, unit_price numeric(18, 4));
        end if;
    end $$;
    create or replace function {schema}.items(list text) returns {schema}.item[] language sql immutable as $$
        select coalesce(array_agg(jsonb_populate_record(null::{schema}.item, item) order by number), '{{}}')
        from jsonb_array_elements(list::jsonb) with ordinality as listed(item, number)
    $$;
    alter table {schema}.purchases alter column items type {schema}.item[] using {schema}.items(items);
"""


def export(engine, database, order):
    target = Path(order["folder"])
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    schemas = ", ".join(f"'{schema}'" for schema in order["schemas"])
    database.execute(
        f"select schemaname || '.' || tablename from pg_tables where schemaname in ({schemas}) order by 1")
    with tempfile.TemporaryDirectory() as folder:
        for (table,) in database.fetchall():
            kinds = columns(engine, Path(order["like"]) / f"{table}.parquet")
            database.execute(f"select * from {table} limit 0")
            names = [column.name for column in database.description]
            # As text, since a number of JSON may be read as a floating-point one.
            listed = ", ".join(
                f"""(select cast(coalesce(jsonb_agg(jsonb_build_object('product_id', product_id, 'quantity', quantity,
                    'unit_price', cast(unit_price as text))), '[]') as text) from unnest("{name}")) as "{name}" """
                if kinds.get(name, "").endswith("[]") else f'"{name}"' for name in names)
            with open(f"{folder}/rows", "w") as rows:
                database.copy_expert(f"copy (select {listed} from {table}) to stdout {CSV}", rows)
            types = ", ".join(
                f"'{name}': '{'JSON' if kinds.get(name, '').endswith('[]') else kinds.get(name, 'VARCHAR')}'" for name in names)
            read = ", ".join(
                f'cast("{name}" as {kinds[name]}) as "{name}"' if kinds.get(name, "").endswith("[]") else f'"{name}"'
                for name in names)
            engine.execute(
                f"copy (select {read} from read_csv('{folder}/rows', header = true, auto_detect = false, delim = ',', "
                f"quote = '\"', escape = '\"', nullstr = '\\N', allow_quoted_nulls = false, columns = {{{types}}})) "
                f"to '{target}/{table}.parquet' (format parquet)")


def main():
    order = json.load(sys.stdin)
    engine = duckdb.connect(config={"threads": 2})
    engine.execute("set TimeZone = 'UTC'")
    with psycopg2.connect(order["database"], options="-c timezone=UTC") as connection, connection.cursor() as database:
        {"load": load, "export": export}[order["what"]](engine, database, order)
    json.dump({}, sys.stdout)


if __name__ == "__main__":
    main()
