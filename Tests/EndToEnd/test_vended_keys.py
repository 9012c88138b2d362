"""A catalog that gives its clients the keys to the tables' files: a client without any of its own reads and commits."""

import json

import pytest
from pyiceberg.catalog.rest import RestCatalog

from cartograph import Server, environment, must, run
from object_store import SECRET_KEY, ObjectStore

TOKEN = "let-me-in"


@pytest.fixture(scope="session")
def store():
    store = ObjectStore()
    yield store
    store.close()


def shop(store, tmp_path, *lines):
    """A shop with its lake in the store: its folder and its configuration, with more lines."""
    data = tmp_path / "shop"
    config = store.configuration(tmp_path, store.new_prefix())
    config.write_text(config.read_text() + "".join(line + "\n" for line in (f"token: {TOKEN}", *lines)))
    must("simulate", "--events", 3_000, "--seed", 7, "--to", "log", "--data", data, "--config", config)
    must("batch", "run", "--data", data, "--config", config)
    return data, config


class Client:
    """`cartograph` on a machine that knows the catalog's address and token, and nothing of the store."""

    def __init__(self, server, tmp_path):
        self.data = tmp_path / "client"
        self.data.mkdir()
        self.config = tmp_path / "client.yaml"
        self.config.write_text(f"catalog: {server.url}iceberg\n")
        names = {name: value for name, value in environment().items() if not name.startswith("AWS_")}
        self.environment = names | {
            "CARTOGRAPH_CATALOG_TOKEN": TOKEN, "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path / "nobody")}

    def run(self, *words):
        return run("lake", *words, "--data", self.data, "--config", self.config, env=self.environment)

    def answer(self, *words):
        outcome = self.run(*words, "--json")
        assert outcome.code == 0, f"{words}\n{outcome.out}\n{outcome.err}"
        return json.loads(outcome.out)


def test_a_client_without_keys_reads_and_commits_by_those_that_the_catalog_gives(tmp_path, store):
    data, config = shop(store, tmp_path, "catalog_vends_keys: true")
    ours = json.loads(must(
        "lake", "sql", "SELECT count(*) AS n FROM bronze.clicks", "--json", "--data", data, "--config", config).out)
    server = Server(data, "--config", config).ready()
    try:
        client = Client(server, tmp_path)
        assert client.answer("sql", "SELECT count(*) AS n FROM bronze.clicks") == ours
        assert ours[0]["n"] > 0
        # PyIceberg, too, needs nothing but the catalog.
        theirs = RestCatalog("shop", uri=f"{server.url}iceberg", token=TOKEN)
        assert theirs.load_table("bronze.clicks").scan().to_arrow().num_rows == ours[0]["n"]
        # Reads files, writes others in their place, and commits that through the catalog.
        before = client.answer("sql", "SELECT count(*) AS n, sum(log_offset) AS s FROM silver.clicks")
        done = client.answer("compact", "silver.clicks", "--sort-by", "session_id")
        assert done[0]["groups"] > 0 and done[0]["rows"] == before[0]["n"], done
        assert client.answer("sql", "SELECT count(*) AS n, sum(log_offset) AS s FROM silver.clicks") == before
        assert theirs.load_table("silver.clicks").scan().to_arrow().num_rows == before[0]["n"]
        assert client.answer("expire", "silver.clicks", "--older-than", "0s", "--keep", "1")[0]["snapshots"] > 0
        assert client.answer("orphans", "silver.clicks")[0]["orphans"] == []
        assert SECRET_KEY not in server.words
    finally:
        server.stop()


def test_keys_are_kept_unless_the_configuration_says_otherwise(tmp_path, store):
    data, config = shop(store, tmp_path)
    server = Server(data, "--config", config).ready()
    try:
        client = Client(server, tmp_path)
        outcome = client.run("sql", "SELECT count(*) FROM bronze.clicks")
        assert outcome.code == 1 and "there are no keys" in outcome.complaint, outcome
    finally:
        server.stop()


def test_keys_are_given_to_nobody_who_shows_no_token(tmp_path, store):
    config = store.configuration(tmp_path, store.new_prefix())
    config.write_text(config.read_text() + "catalog_vends_keys: true\n")
    outcome = run("up", "--data", tmp_path / "data", "--config", config)
    assert outcome.code in (1, 2) and "set a token" in outcome.complaint
    local = tmp_path / "local.yaml"
    local.write_text("catalog_vends_keys: true\ntoken: x\n")
    assert "object store" in run("up", "--data", tmp_path / "data", "--config", local).complaint
