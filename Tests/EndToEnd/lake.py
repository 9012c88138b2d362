"""The lake as somebody else's engine sees it: PyIceberg over the catalogue and the files, none of our code."""

from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote, urlparse

import pyarrow.compute as compute
from pyiceberg.catalog.sql import SqlCatalog


class Lake:
    """Reads the tables of a data folder's catalogue, wherever its files are. A context manager."""

    def __init__(self, data, **properties):
        self._catalog = SqlCatalog(
            "cartograph", uri=f"sqlite:///{data}/lake/catalog.sqlite", warehouse=f"file://{data}/lake",
            init_catalog_tables="false", **properties)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._catalog.close()

    def rows(self, table, *columns):
        """The rows of a table's current snapshot, as an Arrow table."""
        return self._catalog.load_table(table).scan(selected_fields=columns or ("*",)).to_arrow()

    def table(self, name):
        """A table, to look at or to write to."""
        return self._catalog.load_table(name)

    def tables(self, namespace):
        """The tables of a namespace, as (namespace, name)."""
        return self._catalog.list_tables(namespace)

    def files(self, table):
        """The paths of the data files behind a table's current snapshot."""
        tasks = self._catalog.load_table(table).scan().plan_files()
        return sorted(unquote(urlparse(task.file.file_path).path) for task in tasks)

    def exists(self, table):
        """Whether the table is there."""
        return self._catalog.table_exists(table)

    def summary(self, table):
        """What the current snapshot says of itself; nothing for an empty table."""
        snapshot = self._catalog.load_table(table).current_snapshot()
        return snapshot.summary.additional_properties if snapshot else None

    def metadata_path(self, table):
        """The file that the catalogue names as the table's metadata."""
        return Path(unquote(urlparse(self._catalog.load_table(table).metadata_location).path))

    def snapshots(self, table):
        """How many snapshots a table has."""
        return len(self._catalog.load_table(table).metadata.snapshots)

    def set_properties(self, table, properties):
        """Sets properties of a table, as somebody else does."""
        with self._catalog.load_table(table).transaction() as transaction:
            transaction.set_properties(properties)

    def offsets(self, topic):
        """How many rows bronze holds of each log partition of a topic, and the last offset among them."""
        rows = self.rows(f"bronze.{topic}", "log_partition", "log_offset")
        groups = rows.group_by("log_partition").aggregate([("log_offset", "count"), ("log_offset", "max")])
        return {row["log_partition"]: (row["log_offset_count"], row["log_offset_max"]) for row in groups.to_pylist()}


def total(rows, column):
    """The sum of a column, exact for decimals; 0 for none."""
    return compute.sum(rows[column]).as_py() or Decimal(0)
