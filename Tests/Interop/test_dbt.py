"""Real dbt runs the project in models/ unchanged, and its tables are those of `cartograph batch run`: on a first build, on a
build after more and late events, and on one that replaces named days only."""

import json
import os
import shutil
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zlib import crc32

import pyarrow.parquet as parquet
import pytest
from cartograph import ROOT, must, ndjson
from lake import Lake

ENVIRONMENT = Path(os.environ.get("CARTOGRAPH_DBT", ROOT / ".deps/dbt")) / "bin"
ZONE = "Asia/Kolkata"
DURATION = 300
EVENTS = 6_000
START = datetime(2026, 1, 28, tzinfo=timezone.utc)
STRETCH = 110


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

    def arrive(self, up, events):
        """Events come, and the native runner brings the tables up to them."""
        server = up(self.data, "--config", self.config)
        status, answer = server.post(ndjson(events))
        assert status == 202 and not answer["rejected"], answer
        server.stop_cleanly()
        must("batch", "run", "--data", self.data, "--config", self.config)

    def tables(self, *kinds):
        """The tables that the project makes, or those that it reads and others make."""
        nodes = json.loads(must("batch", "lineage", "--data", self.data, "--json").out)["nodes"]
        return [node["table"] for node in nodes if node["kind"] in kinds and node["materialized"] != "ephemeral"]

    def export(self, tables, folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        with Lake(self.data) as lake:
            for table in tables:
                rows = lake.rows(table)
                parquet.write_table(rows, folder / f"{table}.parquet")

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
            self.export([table for table in self.tables("source") if lake.exists(table)], self.folder / "bronze")
        self.process("load", self.folder / "bronze")
        variables = {"business_timezone": ZONE, "reporting_currency": "USD", "cost_currency": "USD"} | (json.loads(words[1]) if words[:1] == ("--vars",) else {})
        done = subprocess.run(
            [ENVIRONMENT / "dbt", "--no-use-colors", "build", "--project-dir", self.project, "--profiles-dir", self.folder,
             "--vars", json.dumps(variables)], text=True, capture_output=True, timeout=DURATION, cwd=self.folder,
            env={**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_VERSION_CHECK": "false"})
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        return done.stdout

    def assert_same(self):
        """Fails unless each of our tables holds the same rows as dbt's."""
        tables = self.tables("model", "seed")
        self.export(tables, self.folder / "native")
        found = self.process("compare", self.folder / "native")
        assert sorted(found) == sorted(tables)
        different = {name: each for name, each in found.items() if each.get("ours alone", 1) or each.get("theirs alone", 1)}
        assert not different, different
        return {name: each["rows"] for name, each in found.items()}


def simulated(path):
    """The simulator's events spread over eight days around a month's end; users and products are few, so that they come again."""
    must("simulate", "--rate", 1, "--events", EVENTS, "--seed", 3, "--to", f"file:{path}")
    events = [json.loads(line, parse_float=str) for line in path.read_bytes().splitlines()]
    first = min(datetime.fromisoformat(event["ts"]) for event in events)
    for event in events:
        seconds = (datetime.fromisoformat(event["ts"]) - first).total_seconds()
        event["ts"] = (START + timedelta(seconds=seconds * STRETCH)).isoformat()
        if "user_id" in event:
            event["user_id"] = f"u-{int(event['user_id'].split('-')[1]) % 97}"
        for held in [event, *event.get("items", [])]:
            if "product_id" in held:
                held["product_id"] = f"p-{crc32(held['product_id'].encode()) % 40}"
        if event["type"] == "purchase":
            event["items"].append({"product_id": "p-1", "quantity": 2, "unit_price": "3.10"})
    return events


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    if not (ENVIRONMENT / "dbt").exists():
        pytest.fail(f"there is no dbt in {ENVIRONMENT}: run scripts/bootstrap test, or name another with CARTOGRAPH_DBT=")
    return Project(tmp_path_factory.mktemp("dbt"))


def test_first_second_and_partial_builds_give_the_native_tables(project, up):
    events = simulated(project.folder / "simulated.ndjson")
    # A seventh of the events of all days comes late, and some of the others come again, changed and unchanged.
    late = events[::7]
    early = [event for number, event in enumerate(events) if number % 7]
    again = early[::50] + [event | {"channel": "tiki"} for event in early[3::60] if event["type"] != "stock"]

    project.arrive(up, early)
    project.dbt()
    first = project.assert_same()
    for name in ("silver.clicks", "silver.sessions", "silver.sale_costs", "gold.daily_sales", "gold.customer_rfm",
                 "gold.daily_fulfilment", "gold.product_affinity"):
        assert first[name], f"{name} is empty, which proves nothing"

    project.arrive(up, late + again)
    project.dbt()
    second = project.assert_same()
    assert second["silver.clicks"] > first["silver.clicks"] and second["silver.conflicts"]

    # Named days are replaced, here all there are, and no others.
    with Lake(project.data) as lake:
        days = sorted(set(lake.rows("silver.sessions", "business_day")["business_day"].to_pylist()))
    assert len(days) > 5
    touched = ", ".join(f"date '{day}'" for day in days)
    output = project.dbt("--vars", json.dumps({"touched_days": touched}))
    assert "ERROR=0" in output
    assert project.assert_same() == second
