"""A PostgreSQL server of a test's own, and SQL as its own client sends it."""

import csv
import io
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from cartograph import eventually, free_port

ADMIN = "postgres"
PASSWORD = "s3cr3t/of@the:test"


def programs():
    """The folder of the newest server's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.fail("PostgreSQL is missing: run scripts/bootstrap test")
    return found[-1].parent


class SQLError(Exception):
    """What the server said."""


class Postgres:
    """One server on a free loopback port. A context manager."""

    def __init__(self, **settings):
        self.folder = Path(tempfile.mkdtemp(prefix="cartograph-postgres-"))
        self.port = free_port()
        self._data = self.folder / "data"
        self._settings = {
            "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "port": self.port, "fsync": "off",
            "autovacuum_naptime": "1s", "log_statement": "none", **settings}
        # PostgreSQL refuses to run as root.
        self._as_user = []
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
            self._as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        word = self.folder / "password"
        word.write_text(PASSWORD)
        word.chmod(0o644)
        self._run(
            "initdb", f"--pgdata={self._data}", f"--username={ADMIN}", "--auth=scram-sha-256", "--encoding=UTF8",
            "--no-locale", "--no-sync", f"--pwfile={word}")
        self._process = None
        self.start()

    def _run(self, program, *words):
        done = subprocess.run(
            [*self._as_user, programs() / program, *words], cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def start(self):
        words = [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        with open(self.folder / "log", "a") as log:
            self._process = subprocess.Popen(
                [*self._as_user, programs() / "postgres", "-D", self._data, *words], cwd=self.folder, stderr=log,
                stdout=log, stdin=subprocess.DEVNULL)
        eventually("PostgreSQL answers", self._answers, 60)

    def _answers(self):
        assert self._process.poll() is None, (self.folder / "log").read_text()[-2000:]
        try:
            return self.sql("SELECT 1") == [{"?column?": "1"}]
        except SQLError:
            return False

    def stop(self):
        """Ends it at once, open sessions or not."""
        if self._process.poll() is None:
            self._process.send_signal(2)
            self._process.wait(60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def said(self):
        """The server's log."""
        return (self.folder / "log").read_text()

    def address(self, database="postgres", user=ADMIN):
        """Where it is, without a password."""
        return f"postgres://{user}@127.0.0.1:{self.port}/{database}"

    def sql(self, statement, database="postgres", user=ADMIN, password=PASSWORD):
        """The rows of a statement as dictionaries of texts; null is an empty text."""
        done = subprocess.run(
            [programs() / "psql", "--no-psqlrc", "--csv", "--set=ON_ERROR_STOP=1", "--dbname",
             self.address(database, user), "--command", statement],
            capture_output=True, text=True, env=os.environ | {"PGPASSWORD": password})
        if done.returncode:
            raise SQLError(done.stderr)
        return list(csv.DictReader(io.StringIO(done.stdout)))

    def create(self, database):
        """A new, empty database."""
        self.sql(f"CREATE DATABASE {database}")
        return database
