"""Real dbt runs the project in models/ unchanged with Spark, and its tables are those of `cartograph batch run` and of dbt with
DuckDB (test_dbt.py), in what is a shop with dirt: on a first build, on a build after more and late events, and on one that
replaces named days only."""

import json
import os
from pathlib import Path

import pytest
from cartograph import ROOT
from models_shop import Engine, assert_same

pytestmark = pytest.mark.spark
ENVIRONMENT = Path(os.environ.get("CARTOGRAPH_DBT_SPARK") or ROOT / ".deps/dbt-spark")
SCHEMAS = ["silver", "gold"]


class OnSpark(Engine):
    """All steps are one process's, since its tables are known to its session alone."""

    def __init__(self, folder):
        super().__init__(ENVIRONMENT, folder, {"type": "spark", "method": "session", "host": "none", "schema": "main"})

    def run(self, steps, zone):
        self.process("models_spark.py", {
            "work": str(self.folder), "answer": str(self.folder / "answer.json"), "memory": "1g", "partitions": "1",
            "zone": zone, "steps": steps})
        return json.loads((self.folder / "answer.json").read_text())["steps"]


def test_first_second_and_partial_builds_give_the_native_tables(dirty_shop, tmp_path):
    engine = OnSpark(tmp_path)
    steps = []
    for number, moment in enumerate(dirty_shop.moments):
        steps.append({"load": str(moment.bronze)})
        # The project's tests are run once, over the tables that came about in two steps.
        steps.append({"dbt": engine.words("build" if number == 1 else "run", moment.variables)})
        steps.append({"export": str(tmp_path / f"theirs-{number}"), "schemas": SCHEMAS})
    # Whatever zone the session has, the business day is the project's.
    said = engine.run(steps, "America/New_York")
    rows = [assert_same(moment.native, tmp_path / f"theirs-{number}") for number, moment in enumerate(dirty_shop.moments)]
    assert all(rows[1].values()) and rows[1]["silver.clicks"] > rows[0]["silver.clicks"] and rows[2] == rows[1]
    tests = set(said[4]["nodes"]) - set(said[1]["nodes"])
    assert len(tests) > 100, f"only {len(tests)} tests were run"
