import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cartograph import BINARY, ROOT, Server  # noqa: E402
from postgres import Postgres  # noqa: E402


def pytest_sessionstart(session):
    if not os.access(BINARY, os.X_OK):
        pytest.exit(f"there is no binary at {BINARY}: `make build` first, or name one with CARTOGRAPH=", returncode=2)


@pytest.fixture
def data(tmp_path):
    """A data folder that does not exist yet."""
    return tmp_path / "data"


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


@pytest.fixture(scope="module")
def postgres():
    """A PostgreSQL server of the module's own."""
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
def cdnow():
    """CDNOW's whole purchase history, which lies beside the clone and is not ours to ship."""
    file = Path(os.environ.get("CARTOGRAPH_SHARED") or ROOT.parent / "shared") / "data/cdnow_master.txt"
    if not file.is_file():
        pytest.skip(f"CDNOW's purchase history is not at {file}")
    return file
