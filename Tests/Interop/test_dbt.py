"""Real dbt runs the project in models/ unchanged, and its tables are those of `cartograph batch run`: on a first build, on a
build after more and late events, and on one that replaces named days only."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pyarrow.parquet as parquet
import pytest
from cartograph import ROOT, must
from lake import Lake

SOURCES = ("clicks", "searches", "carts", "wishlists", "purchases", "orders", "stock", "exchange_rates")
ENVIRONMENT = Path(os.environ.get("CARTOGRAPH_DBT", ROOT / ".deps/dbt")) / "bin"
ZONE = "Asia/Kolkata"
DURATION = 300


class Project:
    """A copy of the project with a DuckDB file of its own, and the data folder that it is compared with."""

    def __init__(self, folder):
        self.data = folder / "data"
        self.folder = folder
        self.config = folder / "cartograph.yaml"
        self.config.write_text(f"timezone: {ZONE}\n")
        self.project = folder / "project"
        shutil.copytree(ROOT / "models", self.project, ignore=shutil.ignore_patterns("target", "logs", "dbt_packages"))
        (folder / "profiles.yml").write_text(json.dumps({"cartograph": {"target": "test", "outputs": {"test": {
            "type": "duckdb", "path": str(folder / "shop.duckdb"), "schema": "main", "threads": 2,
            "settings": {"TimeZone": "UTC"}}}}}))

    def arrive(self, events, seed, *words):
        """Events come, and the native runner brings the tables up to them."""
        must("simulate", "--events", events, "--seed", seed, "--to", "log", "--data", self.data, *words)
        must("batch", "run", "--data", self.data, "--config", self.config)

    def tables(self):
        """The native runner's tables: those that the project's models and seeds make."""
        nodes = json.loads(must("batch", "lineage", "--data", self.data, "--json").out)["nodes"]
        return [node["table"] for node in nodes if node["kind"] in ("model", "seed") and node["materialized"] != "ephemeral"]

    def export(self, tables, folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        with Lake(self.data) as lake:
            for table in tables:
                rows = lake.rows(table)
                parquet.write_table(rows, folder / f"{table.removeprefix('bronze.')}.parquet")

    def process(self, what, folder):
        done = subprocess.run(
            [ENVIRONMENT / "python", Path(__file__).parent / "dbt_process.py"], text=True, capture_output=True,
            timeout=DURATION, input=json.dumps(
                {"what": what, "database": str(self.folder / "shop.duckdb"), "folder": str(folder)}))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def dbt(self, *words):
        """Runs dbt on what bronze holds now."""
        with Lake(self.data) as lake:
            self.export([f"bronze.{table}" for table in SOURCES if lake.exists(f"bronze.{table}")], self.folder / "bronze")
        self.process("load", self.folder / "bronze")
        variables = {"business_timezone": ZONE} | (json.loads(words[1]) if words[:1] == ("--vars",) else {})
        done = subprocess.run(
            [ENVIRONMENT / "dbt", "--no-use-colors", "build", "--project-dir", self.project, "--profiles-dir", self.folder,
             "--vars", json.dumps(variables)], text=True, capture_output=True, timeout=DURATION, cwd=self.folder,
            env={**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_VERSION_CHECK": "false"})
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        return done.stdout

    def assert_same(self):
        """Fails unless each of our tables holds the same rows as dbt's."""
        tables = self.tables()
        self.export(tables, self.folder / "native")
        found = self.process("compare", self.folder / "native")
        assert sorted(found) == sorted(tables)
        different = {name: each for name, each in found.items() if each.get("ours alone", 1) or each.get("theirs alone", 1)}
        assert not different, different
        return {name: each["rows"] for name, each in found.items()}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    if not (ENVIRONMENT / "dbt").exists():
        pytest.fail(f"there is no dbt in {ENVIRONMENT}: run scripts/bootstrap test, or name another with CARTOGRAPH_DBT=")
    return Project(tmp_path_factory.mktemp("dbt"))


def test_first_second_and_partial_builds_give_the_native_tables(project):
    project.arrive(4_000, 1)
    project.dbt()
    first = project.assert_same()
    for name in ("silver.clicks", "silver.sessions", "gold.daily_sales", "gold.customer_rfm"):
        assert first[name], f"{name} is empty, which proves nothing"

    # More of the same days, repeats and late ones among them.
    project.arrive(3_000, 2)
    project.dbt()
    second = project.assert_same()
    assert second["silver.clicks"] > first["silver.clicks"]

    # Named days are replaced, and no others.
    with Lake(project.data) as lake:
        days = sorted(set(lake.rows("silver.sessions", "business_day")["business_day"].to_pylist()))
    touched = ", ".join(f"date '{day}'" for day in days)
    project.dbt("--vars", json.dumps({"touched_days": touched}))
    assert project.assert_same() == second
