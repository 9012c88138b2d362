"""Checksums of our files as other readers see them: of each page, where they are asked to look."""

import os
import random
from pathlib import Path
from urllib.parse import unquote, urlparse

import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest

FLIPS = 40


@pytest.fixture(scope="module")
def bronze(busy_shop):
    """The files of bronze.clicks."""
    tasks = busy_shop.catalog.load_table("bronze.clicks").scan().plan_files()
    return sorted(Path(unquote(urlparse(task.file.file_path).path)) for task in tasks)


def test_every_page_has_a_checksum_that_holds(bronze):
    for file in bronze:
        checked = parquet.ParquetFile(file, page_checksum_verification=True).read()
        assert checked.num_rows == parquet.ParquetFile(file).metadata.num_rows > 0


def test_a_flipped_bit_in_a_page_is_seen_by_whoever_looks_at_checksums(bronze, tmp_path):
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    content = bronze[0].read_bytes()
    groups = parquet.ParquetFile(bronze[0]).metadata
    sound = parquet.ParquetFile(bronze[0]).read()
    silent = 0
    for flip in range(FLIPS):
        group = groups.row_group(chance.randrange(groups.num_row_groups))
        columns = [group.column(number) for number in range(group.num_columns)]
        column = chance.choice([column for column in columns if column.total_compressed_size > 1_000])
        # The last bytes of a column's last page: values, and no header.
        end = (column.dictionary_page_offset or column.data_page_offset) + column.total_compressed_size
        damaged = bytearray(content)
        damaged[end - 1 - chance.randrange(200)] ^= 1 << chance.randrange(8)
        file = tmp_path / f"{flip}.parquet"
        file.write_bytes(damaged)
        with pytest.raises(OSError, match="[Cc][Rr][Cc]|checksum"):
            parquet.ParquetFile(file, page_checksum_verification=True).read()
        try:
            silent += parquet.ParquetFile(file).read() != sound
        except (OSError, arrow.ArrowInvalid):
            pass
    assert silent, f"no flip of seed {seed} gave other values to a reader that does not look: nothing was shown"


def test_the_names_of_all_our_files_say_what_they_sum_to(busy_shop):
    names = [
        os.path.basename(task.file.file_path)
        for namespace in busy_shop.catalog.list_namespaces()
        for name in busy_shop.catalog.list_tables(namespace)
        for task in busy_shop.catalog.load_table(name).scan().plan_files()
    ]
    assert len(names) > 10 and all(".crc32c-" in name for name in names), names
