"""Real dbt on Spark in this very process (dbt-spark's method `session`): it reads an order as JSON from standard input, goes
through its steps, and writes what it has to say as JSON to the file that the order names.

    {"work": folder, "answer": file, "memory": "1g", "partitions": "2", "zone": "UTC", "steps": [...]}

Steps are `{"load": folder}`, which makes tables of Parquet files named schema.table.parquet; `{"dbt": [words]}`, which runs dbt and
fails when it fails; and `{"export": folder, "schemas": [...]}`, which writes each table of these schemas as one such file.
For each step the answer has its seconds and processor seconds, this process's and the JVM's, and for one of dbt's what became
of each node.
"""

import json
import os
import shutil
import sys
import time
from pathlib import Path

os.environ["TZ"] = "UTC"
time.tzset()


def session(order):
    """A session of two cores. dbt finds it because a process has one."""
    from pyspark.sql import SparkSession

    work = Path(order["work"])
    settings = {
        "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.memory": order["memory"], "spark.sql.warehouse.dir": str(work / "warehouse"),
        "spark.local.dir": str(work / "local"), "spark.sql.session.timeZone": order["zone"],
        "spark.sql.shuffle.partitions": order["partitions"],
        # Tables by day have many small files: their names are gathered here and not by a job of as many tasks.
        "spark.sql.sources.parallelPartitionDiscovery.threshold": "100000",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS", "spark.sql.catalogImplementation": "in-memory",
    }
    builder = SparkSession.builder.master("local[2]").appName("cartograph")
    for name, value in settings.items():
        builder = builder.config(name, value)
    made = builder.getOrCreate()
    made.sparkContext.setLogLevel("ERROR")
    return made


def spent(spark):
    """Processor seconds of this process and of the JVM so far."""
    own = os.times()
    # The fourteenth and fifteenth fields; the second, in brackets, may hold anything.
    fields = Path(f"/proc/{spark.sparkContext._gateway.proc.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return own.user + own.system + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(spark, folder):
    for file in sorted(Path(folder).glob("*.parquet")):
        schema, name = file.stem.split(".")
        spark.sql(f"create schema if not exists {schema}")
        spark.sql(f"drop table if exists {schema}.{name}")
        spark.sql(f"create table {schema}.{name} using parquet location '{file}'")


def build(words):
    from dbt.cli.main import dbtRunner

    done = dbtRunner().invoke(words)
    if done.exception:
        raise done.exception
    nodes = {each.node.name: [str(each.status), each.message, each.execution_time] for each in done.result or []}
    bad = {name: each for name, each in nodes.items() if each[0] not in ("success", "pass", "no-op")}
    if not done.success or bad:
        sys.exit(f"dbt failed: {bad}")
    return nodes


def export(spark, folder, schemas):
    """Files that lie in the folder itself, as other engines read them."""
    folder = Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for schema in schemas:
        for table in spark.sql(f"show tables in {schema}").collect():
            if table.isTemporary:
                continue
            name = f"{schema}.{table.tableName}"
            spark.table(name).coalesce(1).write.parquet(str(folder / "part"))
            next((folder / "part").glob("*.parquet")).rename(folder / f"{name}.parquet")
            shutil.rmtree(folder / "part")


def main():
    order = json.load(sys.stdin)
    began = time.monotonic()
    spark = session(order)
    answer = {"start": time.monotonic() - began, "steps": []}
    for step in order["steps"]:
        began, cpu, told = time.monotonic(), spent(spark), {}
        if "load" in step:
            load(spark, step["load"])
        elif "dbt" in step:
            told["nodes"] = build(step["dbt"])
        else:
            export(spark, step["export"], step["schemas"])
        answer["steps"].append(told | {"seconds": time.monotonic() - began, "cpu": spent(spark) - cpu})
    spark.stop()
    Path(order["answer"]).write_text(json.dumps(answer))
    print("{}")


if __name__ == "__main__":
    main()
