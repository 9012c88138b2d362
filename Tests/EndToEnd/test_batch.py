"""The models are run beside a server."""

import json

import pytest
from cartograph import must, run
from lake import Lake
from shop import Shop


@pytest.fixture
def server(up, data):
    server = up(data, "--config", slow(data))
    server.accept(Shop(seed=1).events(200))
    return server


def slow(data):
    """A configuration by which the models run when they are asked to."""
    config = data.parent / "cartograph.yaml"
    config.write_text("batch_seconds: 86400\n")
    return config


def filled(data):
    with Lake(data) as lake:
        names = [f"{space}.{name}" for space in ("silver", "gold") for _, name in lake.tables(space)]
        return {name for name in names if lake.rows(name).num_rows}


def test_a_server_runs_the_models_that_are_selected(server, data):
    said = json.loads(must("batch", "run", "--select", "+daily_sales", "--data", data, "--json").out)
    assert said["ok"] and said["models"] > 0
    some = filled(data)
    assert {"silver.sales", "gold.daily_sales"} <= some and "silver.clicks" not in some
    # Again there is nothing to do, unless all of it is asked for.
    again = json.loads(must("batch", "run", "--select", "daily_sales", "--data", data, "--json").out)
    assert again["models"] == 0
    fresh = json.loads(
        must("batch", "run", "--select", "daily_sales", "--full-refresh", "--data", data, "--json").out)
    assert fresh["models"] == 1
    json.loads(must("batch", "run", "--exclude", "daily_sales", "--data", data, "--json").out)
    assert "silver.clicks" in filled(data)


def test_what_a_server_cannot_run_is_told(server, data):
    outcome = run("batch", "run", "--select", "nobody", "--data", data)
    assert outcome.code == 1 and "400" in outcome.err and "nobody" in outcome.err
    outcome = run("batch", "run", "--vars", "{session_gap_minutes: 45}", "--data", data)
    assert outcome.code == 1 and "stop it" in outcome.err
    assert server.request("POST", "/api/v1/batch", b"{}", {"Content-Type": "text/plain"})[0] == 415
    json_type = {"Content-Type": "application/json"}
    for body in (b"[]", b"{", b'{"select": "clicks"}', b'{"select": ["state:young"]}'):
        assert server.request("POST", "/api/v1/batch", body, json_type)[0] == 400, body
    # None of it is a fault of the server's.
    status, answer = server.request("GET", "/api/v1/status")
    assert status == 200 and "nobody" not in json.dumps(answer)
    assert server.batch()["ok"]
