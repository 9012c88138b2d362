"""Uploads in parts that killed writers never ended: `lake orphans` finds them in an object store and gives them up."""

import json
import xml.etree.ElementTree as xml

import pytest
from cartograph import must
from object_store import ObjectStore
from test_erasure_s3 import ask, listed


@pytest.fixture(scope="session")
def store():
    store = ObjectStore()
    yield store
    store.close()


def begin(store, place):
    """Begins an upload, and sends a part of it."""
    place = place.removeprefix("s3://")
    upload = xml.fromstring(ask(store, "POST", place, uploads="")).findtext("{*}UploadId")
    ask(store, "PUT", place, b"x" * 1_000, partNumber=1, uploadId=upload)


def test_uploads_that_nobody_ended_are_listed_and_given_up(data, tmp_path, store):
    prefix = store.new_prefix()
    config = store.configuration(tmp_path, prefix)
    must("simulate", "--events", 500, "--seed", 3, "--to", "log", "--data", data, "--config", config)
    must("batch", "run", "--data", data, "--config", config)
    mine = [f"{prefix}/bronze/clicks/data/killed {number} é.parquet" for number in range(2)]
    others = f"{prefix}/bronze/clicks-and-more/data/theirs.parquet"
    for place in [*mine, others]:
        begin(store, place)

    def orphans(*words):
        outcome = must("lake", "orphans", "bronze.clicks", "--data", data, "--config", config, "--json", *words)
        return json.loads(outcome.out)[0]

    def left():
        return len(listed(store, "uploads", prefix, "Upload"))

    young = orphans("--delete")
    assert (young["uploads"], young["younger_uploads"], left()) == ([], 2, 3)
    dry = orphans("--older-than", "0s")
    assert (dry["uploads"], dry["younger_uploads"], left()) == (sorted(mine), 0, 3)
    told = must("lake", "orphans", "bronze.clicks", "--older-than", "0s", "--data", data, "--config", config).out
    assert "unfinished uploads" in told and f"upload of {mine[0]}" in told
    done = orphans("--older-than", "0s", "--delete")
    assert (done["uploads"], done["uploads_problem"] if "uploads_problem" in done else None) == (sorted(mine), None)
    # Another table's are left alone.
    assert left() == 1
    assert orphans("--older-than", "0s", "--delete")["uploads"] == []
    must("verify", "--data", data, "--config", config)
