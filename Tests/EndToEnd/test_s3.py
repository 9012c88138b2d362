"""A whole lake in an object store: every command as on the local disk, and others read the same from the bucket."""

import json
import random
import signal
import subprocess
import threading

import pytest

from cartograph import BINARY, ROOT, environment, eventually, must, run
from lake import Lake, total
from object_store import ACCESS_KEY, BUCKET, SECRET_KEY, ObjectStore

EVENTS = 20_000
KILLS = 6


@pytest.fixture(scope="session")
def store():
    store = ObjectStore()
    yield store
    store.close()


def books(data, config):
    outcome = run("verify", "--data", data, "--config", config, "--json")
    assert outcome.code == 0, f"{outcome.out}\n{outcome.err}"
    return json.loads(outcome.out)


def sql(data, config, statement, *more):
    return json.loads(must("lake", "sql", statement, "--data", data, "--config", config, "--json", *more).out)


def assert_lake_is_whole(store, data, config, prefix):
    """The books balance, PyIceberg reads the same counts from the bucket, and no data file lies on the disk."""
    books(data, config)
    with Lake(data, **store.properties) as lake:
        for table in ("bronze.clicks", "bronze.purchases", "silver.sales", "gold.daily_sales"):
            ours = sql(data, config, f"SELECT count(*) AS n FROM {table}")[0]["n"]
            assert lake.rows(table).num_rows == ours, table
            assert ours > 0, table
        revenue = sql(data, config, "SELECT sum(revenue)::VARCHAR AS r FROM gold.daily_sales")[0]["r"]
        assert str(total(lake.rows("gold.daily_sales"), "revenue")) == revenue
        files = lake.files("bronze.clicks")
    keys = store.keys(prefix)
    assert files and all(f"{BUCKET}{path}" in keys for path in files), files
    assert not list(data.rglob("*.parquet")) and not list(data.rglob("*.avro"))


def test_a_lake_in_a_bucket_works_like_one_on_the_disk(data, tmp_path, store):
    prefix = store.new_prefix()
    config = store.configuration(tmp_path, prefix)
    for place, words in ((data, ["--config", config]), (tmp_path / "local", [])):
        must("simulate", "--events", EVENTS, "--seed", 11, "--to", "log", "--data", place, *words)
        must("batch", "run", "--data", place, *words)
    assert_lake_is_whole(store, data, config, prefix)
    # The same events make the same tables, wherever these are.
    for table in ("bronze.clicks", "silver.sales", "gold.daily_sales"):
        local = must(
            "lake", "sql", f"SELECT count(*) AS n FROM {table}", "--data", tmp_path / "local", "--json").out
        assert sql(data, config, f"SELECT count(*) AS n FROM {table}") == json.loads(local)
    again = must("batch", "run", "--data", data, "--config", config, "--json")
    assert json.loads(again.out)["models"] == 0, "a second run had something to do"
    listed = must("lake", "ls", "--data", data, "--config", config)
    assert "gold.daily_sales" in listed.out
    snapshot = json.loads(must("lake", "history", "bronze.clicks", "--data", data, "--config", config, "--json").out)[0]
    count = sql(data, config, "SELECT count(*) AS n FROM bronze.clicks", "--at", snapshot["snapshot"])
    assert count[0]["n"] == int(snapshot["total_rows"])


def test_killed_in_the_middle_it_carries_on_and_counts_everything_once(data, tmp_path, store):
    prefix = store.new_prefix()
    config = store.configuration(tmp_path, prefix)
    chance = random.Random(5)
    for number in range(KILLS):
        must("simulate", "--events", 4_000, "--seed", 100 + number, "--to", "log", "--data", data, "--config", config)
        process = subprocess.Popen(
            [BINARY, "batch", "run", "--data", data, "--config", config], cwd=ROOT, env=environment(),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # Not before it has begun to write, and then at any moment.
        seen = len(store.keys(prefix))
        eventually("it writes", lambda: process.poll() is not None or len(store.keys(prefix)) > seen)
        threading.Event().wait(chance.uniform(0, 0.8))
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    must("batch", "run", "--data", data, "--config", config)
    assert_lake_is_whole(store, data, config, prefix)
    bronze = sum(
        sql(data, config, f"SELECT count(*) AS n, count(DISTINCT (log_partition, log_offset)) AS d FROM bronze.{topic}")[0]["n"]
        for topic in ("clicks", "searches", "carts", "wishlists", "purchases", "orders", "stock"))
    assert bronze == KILLS * 4_000


def test_a_server_with_its_lake_in_a_bucket_survives_the_store_going_away(data, tmp_path, up):
    store = ObjectStore()
    try:
        config = store.configuration(tmp_path, store.new_prefix())
        server = up(data, "--config", config, "--simulate", 300)
        eventually("bronze has rows", lambda: server.snapshot()["freshness"]["bronze_rows"] > 0)
    finally:
        store.close()
    # Events are still taken: the log does not depend on the store.
    before = server.totals
    eventually("events are still counted", lambda: server.totals != before)
    eventually("it says what is wrong", lambda: "s3://" in str(server.request("GET", "/readyz")[1]), seconds=120)
    assert SECRET_KEY not in server.words


def test_doctor_says_what_is_wrong_with_the_bucket(data, tmp_path, store):
    def doctor(config, **changes):
        outcome = run("doctor", "--data", data, "--config", config, "--json", env=environment(**changes))
        assert SECRET_KEY not in outcome.out + outcome.err
        finding = next(finding for finding in json.loads(outcome.out) if finding["name"] == "tables")
        return finding["ok"], finding["detail"]

    good, detail = doctor(store.configuration(tmp_path, store.new_prefix()))
    assert good and ACCESS_KEY in detail, detail
    good, detail = doctor(store.configuration(tmp_path, "s3://no-such-bucket/lake"))
    assert not good and "create it" in detail, detail
    good, detail = doctor(store.configuration(tmp_path, store.new_prefix(), secret_key="wrong"))
    assert not good and "secret" in detail and "SignatureDoesNotMatch" not in detail, detail
    good, detail = doctor(store.configuration(tmp_path, store.new_prefix(), endpoint="http://127.0.0.1:9"))
    assert not good and "refused" in detail, detail
    # Keys from the environment, as every tool for S3 takes them.
    bare = tmp_path / "bare.yaml"
    bare.write_text(f"lake: {store.new_prefix()}\n")
    keys = {
        "AWS_ENDPOINT_URL": store.endpoint, "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
    good, detail = doctor(bare, **keys)
    assert good and "environment" in detail, detail


@pytest.mark.parametrize(
    "text, words",
    [
        ("lake: s3://UPPER/x", "bucket"),
        ("lake: gs://bucket/x", "s3://bucket/prefix"),
        ("lake: s3://bucket/a?b", "letters"),
        ("lake: s3://bucket/x\ns3:\n  access_key: abc", "secret_key"),
        ("lake: s3://bucket/x\ns3:\n  acces_key: abc", "is not a setting"),
        ("lake: s3://bucket/x\ns3:\n  style: best", "path or virtual"),
        ("lake: s3://bucket/x\ns3:\n  endpoint: localhost:9000", "http://"),
        ("s3: yes", "keys such as"),
        ("catalog: sqlite", "https://"),
    ],
)
def test_settings_that_cannot_be_are_refused(data, tmp_path, text, words):
    config = tmp_path / "bad.yaml"
    config.write_text(text + "\n")
    outcome = run("lake", "ls", "--data", data, "--config", config)
    assert outcome.code == 1 and words in outcome.complaint, outcome.complaint
