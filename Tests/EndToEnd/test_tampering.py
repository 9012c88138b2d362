"""`verify` is seen to fail: on a changed or missing file of the lake, and on a missing piece of the log."""

import os
import random
import shutil
from contextlib import contextmanager
from decimal import Decimal

import pyarrow
import pyarrow.parquet as parquet
import pytest
from cartograph import Server, assert_balanced, free_port, run, verify
from lake import Lake
from shop import Shop


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A stopped platform whose books balance."""
    data = tmp_path_factory.mktemp("tampering") / "data"
    server = Server(data).ready()
    try:
        shop = Shop(seed=11)
        for _ in range(3):
            server.accept(shop.events(300))
        server.batch()
        server.stop_cleanly()
    finally:
        server.close()
    assert_balanced(data)
    return data


@contextmanager
def set_aside(path):
    """Keeps a file's bytes aside, and puts them back afterwards."""
    aside = f"{path}.aside"
    shutil.copy2(path, aside)
    try:
        yield
    finally:
        os.replace(aside, path)


def assert_unbalanced(data, *hints):
    """Fails unless `verify` exits 1 and names what is wrong, for machines and for people."""
    outcome, books = verify(data)
    assert outcome.code == 1, f"verify exited {outcome.code}\n{outcome.out}\n{outcome.err}"
    said = outcome.out + outcome.err
    assert any(hint in said for hint in hints), f"none of {hints} in:\n{said}"
    if books is not None:
        assert not books["balanced"]


def a_file(data, table):
    with Lake(data) as lake:
        return lake.files(table)[0]


def change_an_amount(rows):
    name = next(name for name in ("total_amount", "revenue") if name in rows.column_names)
    column = rows.schema.get_field_index(name)
    amounts = rows[name].to_pylist()
    amounts[0] += Decimal("1.00")
    return rows.set_column(column, rows.schema.field(column), pyarrow.array(amounts, rows.schema.field(column).type))


def remove_a_row(rows):
    return rows.slice(1)


def test_a_missing_file_of_a_table_is_noticed(kept):
    path = a_file(kept, "bronze.purchases")
    with set_aside(path):
        os.remove(path)
        assert_unbalanced(kept, "bronze.purchases", os.path.basename(path))
    assert_balanced(kept)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("bronze.purchases", change_an_amount),
        ("silver.purchases", change_an_amount),
        ("gold.daily_sales", change_an_amount),
        ("bronze.clicks", remove_a_row),
        ("silver.purchases", remove_a_row),
    ],
)
def test_a_changed_table_is_noticed(kept, table, change):
    path = a_file(kept, table)
    with set_aside(path):
        # As one file, not as a data set: names like event_day=… in the path must not become columns.
        with parquet.ParquetFile(path) as file:
            rows = file.read()
        parquet.write_table(change(rows), path, compression="zstd")
        assert_unbalanced(kept, table, table.split(".")[1], "revenue", "money")
    assert_balanced(kept)


@pytest.mark.parametrize("table", ["bronze.clicks", "bronze.purchases", "silver.purchases", "gold.daily_sales"])
def test_a_flipped_bit_in_a_file_of_the_lake_is_noticed_and_the_file_named(kept, table):
    """Anywhere in the file: in a value that nothing counts, too."""
    path = a_file(kept, table)
    size = os.path.getsize(path)
    chance = random.Random(size)
    for _ in range(4):
        with set_aside(path):
            with open(path, "r+b") as file:
                at = chance.randrange(size)
                file.seek(at)
                byte = file.read(1)[0]
                file.seek(at)
                file.write(bytes([byte ^ 1 << chance.randrange(8)]))
            assert_unbalanced(kept, os.path.basename(path))
    assert_balanced(kept)


def a_segment(kept):
    return sorted((kept / "log/segments").glob("*.log"))[0]


def test_a_missing_log_segment_is_noticed(kept):
    path = a_segment(kept)
    with set_aside(path):
        os.remove(path)
        assert_unbalanced(kept, path.name)
    assert_balanced(kept)


@pytest.mark.parametrize("place", [100, "the middle"])
def test_a_damaged_log_is_noticed_and_not_carried_on(kept, place):
    path = a_segment(kept)
    at = path.stat().st_size // 2 if place == "the middle" else place
    with set_aside(path):
        with path.open("r+b") as file:
            # Others stand behind it: no torn tail, and nothing to cut off.
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 1]))
        assert_unbalanced(kept, path.name)
        outcome = run("up", "--data", kept, "--port", free_port(), timeout=30)
        assert outcome.code == 1
        assert str(path) in outcome.complaint
    assert_balanced(kept)
