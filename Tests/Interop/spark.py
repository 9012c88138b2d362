"""A Spark session with Iceberg's runtime, all of it on this machine."""

import os
import time
from pathlib import Path

# Python shows Spark's timestamps in the process's own zone.
os.environ["TZ"] = "UTC"
time.tzset()

ROOT = Path(__file__).resolve().parents[2]
JAR = Path(os.environ.get("CARTOGRAPH_SPARK_JAR") or ROOT / ".deps/spark/iceberg-spark-runtime.jar")


def session(settings):
    """A session with these settings. One for each process: Spark keeps the first."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[1]").appName("cartograph")
    settings = {
        "spark.jars": str(JAR), "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "1", "spark.sql.session.timeZone": "UTC",
        "spark.driver.memory": "1g", "spark.default.parallelism": "1",
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        "spark.sql.ansi.enabled": "false", "spark.sql.adaptive.enabled": "false",
    } | settings
    for name, setting in settings.items():
        builder = builder.config(name, setting)
    made = builder.getOrCreate()
    made.sparkContext.setLogLevel("ERROR")
    return made
