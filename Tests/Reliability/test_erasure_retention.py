"""Customers are erased whose records the log's retention has removed, all or some of them."""

import itertools
import json
import shutil
from pathlib import Path

import pyarrow
import pyarrow.compute as compute
import pyarrow.parquet as parquet
import pytest
from cartograph import eventually, must, ndjson
from lake import Lake
from test_erasure_many import events

GONE, HALF, HERE = "customer-Zoë-0001", "customer-Zoë-0002", "customer-Zoë-0003"
VICTIMS = [GONE, HALF, HERE]
MANY = 2_300_000


def places(data, person):
    """Every file in which a person's id stands, as it is or as it was sent, Parquet decoded: quick over millions of rows."""
    needles = {person, json.dumps(person)[1:-1]}
    found = []
    for path in sorted(Path(data).rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        if any(needle.encode() in content for needle in needles):
            found.append(str(path.relative_to(data)))
        elif path.suffix == ".parquet":
            table = parquet.ParquetFile(path).read()
            texts = [table[name] for name in table.column_names if table[name].type in (pyarrow.string(), pyarrow.binary())]
            if any(compute.any(compute.match_substring(column, needle)).as_py() for column in texts for needle in needles):
                found.append(str(path.relative_to(data)))
    return found


def count(data):
    """Rows in bronze's tables of events."""
    with Lake(data) as lake:
        return sum(lake.rows(f"bronze.{topic}", "log_offset").num_rows
                   for topic in ("clicks", "carts", "purchases", "searches") if lake.exists(f"bronze.{topic}"))


def test_customers_whose_records_retention_removed_are_erased_and_stay_out(up, data, tmp_path, sizes):
    """The live view needs its last two million ids from the log, so that is how many events it takes until one may go."""
    if sizes.name == "short":
        pytest.skip("takes ten minutes: a part of `make torture`")
    first = events(1, GONE, HALF, "customer-1")
    second = events(2, HALF, HERE, "customer-1")
    server = up(data)
    server.accept(first)
    server.stop_cleanly()
    must("simulate", "--to", "log", "--events", MANY, "--seed", 3, "--duplicates", "0", "--data", data, timeout=600)
    config = tmp_path / "cartograph.yaml"
    config.write_text("log_retention_gigabytes: 0.3\nbatch_seconds: 3600\n")
    server = up(data, "--config", config)
    server.accept(second)
    beginning = data / "log/segments/00000000000000000001.log"
    assert beginning.exists()

    # As long as a checkpoint that may be needed starts before it, it stays; new ones come with new events.
    seeds = itertools.count(100)

    def is_gone():
        server.accept(events(next(seeds), "customer-1"))
        return not beginning.exists()

    eventually("the first segment is gone", is_gone, 900)
    server.stop_cleanly()
    read = "".join(path.read_bytes().decode("utf-8", "replace") for path in (data / "log/segments").glob("*.log"))
    assert json.dumps(GONE) not in read and json.dumps(HALF) in read and json.dumps(HERE) in read
    everybody = count(data)
    # The models may have been stopped amid a file; bronze holds everybody.
    assert all(places(data / "lake/bronze", person) for person in VICTIMS)

    people = tmp_path / "people.txt"
    people.write_text(f"{GONE}\n\n{HALF}\r\n{GONE}\n")
    words = ["lake", "erase", "--user", HERE, "--users-file", people, "--data", data, "--json"]
    erased = [event for event in first + second if event["user_id"] in VICTIMS]
    certificate = json.loads(must(*words, timeout=1_200).out)
    assert certificate["complete"] and certificate["verification"]["scan"]["leftovers"] == []
    assert sum(certificate["log"]["records"].values()) == len(erased) and len(certificate["subjects"]) == 3
    for person in VICTIMS:
        assert places(data, person) == []
    assert count(data) == everybody - len(erased)

    # The live view and gold are built anew, and all of it is sent again.
    shutil.rmtree(data / "stream/checkpoints")
    config.write_text("timezone: Asia/Tokyo\nbatch_seconds: 3600\n")
    must("batch", "run", "--config", config, "--data", data, timeout=1_200)
    server = up(data, "--config", config)
    status, answer = server.post(ndjson(first + second))
    assert status == 202 and answer["erased"] == len(erased), answer
    server.stop_cleanly()
    for person in VICTIMS:
        assert places(data, person) == []
    assert must("log", "check", "--data", data)
    users = json.loads(must("lake", "sql", "SELECT user_id FROM gold.customer_rfm WHERE user_id LIKE 'customer-%'",
                            "--json", "--data", data).out)
    assert [row["user_id"] for row in users] == ["customer-1"]
