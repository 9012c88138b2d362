import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "EndToEnd")]

import relocate  # noqa: E402
from cartograph import BINARY, ROOT, Server, must, run  # noqa: E402
from models_shop import DirtyShop  # noqa: E402
from pyiceberg.catalog.sql import SqlCatalog  # noqa: E402
from pyiceberg.catalog.rest import RestCatalog  # noqa: E402

FIXTURES = Path(__file__).parent / "Fixtures"
HTTPFS = ROOT / ".deps/duckdb/httpfs.duckdb_extension"
# Where the fixtures' tables believe to be.
PREFIX = Path("/tmp/cartograph-fixtures")


def pytest_sessionstart(session):
    if not os.access(BINARY, os.X_OK):
        pytest.exit(f"there is no binary at {BINARY}: `make build` first, or name one with CARTOGRAPH=", returncode=2)


@pytest.fixture
def up():
    """Starts servers that are surely ended with the test: `up(data, *words)`."""
    servers = []

    def start(*arguments, ready=True, **options):
        servers.append(Server(*arguments, **options))
        return servers[-1].ready() if ready else servers[-1]

    yield start
    for server in servers:
        server.close()


class Shop:
    """A data folder with a lake, its catalogue as PyIceberg sees it, and our own answers."""

    def __init__(self, data):
        self.data = data
        self.catalog = SqlCatalog(
            "cartograph", uri=f"sqlite:///{data}/lake/catalog.sqlite", warehouse=f"file://{data}/lake",
            init_catalog_tables="false")

    def sql(self, statement, *words):
        """The rows that `lake sql` answers with."""
        return json.loads(must("lake", "sql", statement, "--data", self.data, "--json", *words).out)

    def try_sql(self, statement, *words):
        return run("lake", "sql", statement, "--data", self.data, "--json", *words)

    def register(self, folder, names):
        """Makes tables known by the newest metadata file in their folders; their namespace is `shop`."""
        self.catalog.create_namespace_if_not_exists("shop")
        for name in names:
            newest = max((folder / name / "metadata").glob("*.metadata.json"), key=version)
            self.catalog.register_table(("shop", name), f"file://{newest}")


def version(metadata_file):
    return int(metadata_file.name.split(".")[0].removeprefix("v").split("-")[0])


@pytest.fixture
def shop(tmp_path):
    """A data folder with empty tables."""
    data = tmp_path / "data"
    must("simulate", "--events", 10, "--seed", 1, "--to", "log", "--data", data)
    must("batch", "run", "--data", data)
    made = Shop(data)
    yield made
    made.catalog.close()


@pytest.fixture(scope="session")
def busy_shop(tmp_path_factory):
    """A shop with some thousand events in several commits, which tests leave as it is."""
    data = tmp_path_factory.mktemp("busy") / "data"
    for seed in (1, 2, 3):
        must("simulate", "--events", 2_000, "--seed", seed, "--to", "log", "--data", data)
        must("batch", "run", "--data", data)
    made = Shop(data)
    yield made
    made.catalog.close()


@pytest.fixture(scope="session")
def dirty_shop(tmp_path_factory):
    """What bronze held and what the native runner made of it, which tests leave as they are."""
    return DirtyShop(tmp_path_factory.mktemp("dirty"))


def unpacked(folder):
    """The fixtures' tables in a lake: the lake, and what Spark said of each table."""
    relocate.unpack(FIXTURES / "tables.tar.xz", PREFIX, folder)
    data = folder / "data"
    must("simulate", "--events", 10, "--seed", 1, "--to", "log", "--data", data)
    must("batch", "run", "--data", data)
    made = Shop(data)
    expected = json.loads((FIXTURES / "expected.json").read_text())
    made.register(folder / "lake/shop", expected)
    made.folder = folder
    return made, expected


@pytest.fixture(scope="session")
def spark_tables(tmp_path_factory):
    """The fixtures' tables, which tests leave as they are."""
    made, expected = unpacked(tmp_path_factory.mktemp("fixtures"))
    yield made, expected
    made.catalog.close()


@pytest.fixture(scope="module")
def own_spark_tables(tmp_path_factory):
    """The fixtures' tables, for tests that change them."""
    made, expected = unpacked(tmp_path_factory.mktemp("changing"))
    yield made, expected
    made.catalog.close()


class Catalog(Shop):
    """A running platform: its data folder, and the REST catalog that other engines use."""

    def __init__(self, data, server):
        super().__init__(data)
        self.server = server
        self.uri = server.url + "iceberg"

    def duckdb(self, *statements):
        """The rows of the last statement, by DuckDB's own extension in a process of its own."""
        attach = f"ATTACH '' AS lake (TYPE iceberg, ENDPOINT '{self.uri}', AUTHORIZATION_TYPE 'none')"
        done = subprocess.run(
            [sys.executable, Path(__file__).parent / "duckdb_process.py", HTTPFS], text=True, capture_output=True,
            input=json.dumps([attach, *statements]), timeout=300)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def rest(self):
        """PyIceberg on the REST catalog."""
        return RestCatalog("cartograph", uri=self.uri)


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    """A shop of some thousand events with its server up."""
    data = tmp_path_factory.mktemp("platform") / "data"
    for seed in (1, 2):
        must("simulate", "--events", 2_000, "--seed", seed, "--to", "log", "--data", data)
        must("batch", "run", "--data", data)
    server = Server(data).ready()
    made = Catalog(data, server)
    yield made
    made.catalog.close()
    server.close()
