import importlib.util
import os
import random
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

HERE = Path(__file__).parent
END_TO_END = HERE.parent / "EndToEnd"
sys.path[:0] = [str(HERE), str(END_TO_END)]

_specification = importlib.util.spec_from_file_location("end_to_end_conftest", END_TO_END / "conftest.py")
_end_to_end = importlib.util.module_from_spec(_specification)
_specification.loader.exec_module(_end_to_end)
pytest_sessionstart = _end_to_end.pytest_sessionstart
data = _end_to_end.data
postgres = _end_to_end.postgres

from cartograph import Server  # noqa: E402
from sizes import SHORT, TORTURE  # noqa: E402

ROWS = pytest.StashKey()
PROGRESS_SECONDS = 30


def pytest_addoption(parser):
    parser.addoption(
        "--torture", action="store_true", default=bool(os.environ.get("CARTOGRAPH_TORTURE")),
        help="the long form: hundreds of rounds, under an hour")
    parser.addoption(
        "--seed", default=os.environ.get("CARTOGRAPH_SEED"), help="the seed that a failed run printed")


def pytest_configure(config):
    config.stash[ROWS] = defaultdict(list)
    if config.option.seed is None:
        config.option.seed = str(random.SystemRandom().randrange(1 << 32))


def pytest_report_header(config):
    sizes = TORTURE if config.option.torture else SHORT
    return f"reliability: {sizes.name} form; --seed {config.option.seed} runs the same again"


def pytest_collection_modifyitems(config, items):
    if not config.option.torture:
        for item in items:
            if item.get_closest_marker("torture"):
                item.add_marker(pytest.mark.skip(reason="part of the long form (--torture)"))


def pytest_terminal_summary(terminalreporter, config):
    for title, rows in config.stash[ROWS].items():
        terminalreporter.section(title)
        widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            line = "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths))
            terminalreporter.write_line(line.rstrip())
    terminalreporter.write_line(f"seed {config.option.seed}")


class Starter:
    """Starts servers that are surely ended: `up(data, *words)`."""

    def __init__(self):
        self._servers = []

    def __call__(self, *arguments, ready=True, **options):
        # Of hundreds of rounds only the last server runs: what ended is let go.
        self._servers = [server for server in self._servers if not self._close_if_ended(server)]
        self._servers.append(Server(*arguments, **options))
        return self._servers[-1].ready() if ready else self._servers[-1]

    @staticmethod
    def _close_if_ended(server):
        if server.process.poll() is None:
            return False
        server.close()
        return True

    def end_all(self):
        for server in self._servers:
            server.close()
        self._servers = []


@pytest.fixture
def up():
    starter = Starter()
    yield starter
    starter.end_all()


@pytest.fixture(scope="session")
def sizes(request):
    return TORTURE if request.config.option.torture else SHORT


@pytest.fixture
def seed(request):
    """The run's seed, different for each test."""
    return f"{request.config.option.seed}/{request.node.name}"


@pytest.fixture(scope="session")
def table(request):
    """Adds a row to one of the tables at the end: `table(title, *cells)`."""
    return lambda title, *cells: request.config.stash[ROWS][title].append(cells)


@pytest.fixture
def rounds(request):
    """Counts rounds where people can see it: `for number in rounds(200)`."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def say(text, last):
        with capture.global_and_fixture_disabled():
            if sys.stdout.isatty():
                sys.stdout.write(f"\r\x1b[K{text}" + ("\n" if last else ""))
            else:
                sys.stdout.write(f"\n{text}")
            sys.stdout.flush()

    def count(total, what="round"):
        began = said = time.monotonic()
        for number in range(total):
            yield number
            now, last = time.monotonic(), number + 1 == total
            if sys.__stdout__.isatty() or now - said > PROGRESS_SECONDS:
                say(f"{request.node.name}: {what} {number + 1} of {total}, {now - began:.0f} s", last)
                said = now

    return count
