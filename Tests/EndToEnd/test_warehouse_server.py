"""A server that loads its warehouse by itself: its metrics, a warehouse that is away for a while, and people who are erased."""

import json
import re

import pytest
from cartograph import environment, eventually, must
from postgres import PASSWORD, Postgres, SQLError
from shop import Shop
from test_warehouse import FACTS, contents, warehouse

VICTIM = "customer-Zoë-4711"
# Runs of the models and loads come every second, and take longer where much else is going on.
WAIT_SECONDS_MAX = 180


@pytest.fixture(scope="module")
def postgres():
    """Of this module's own: it is stopped and started."""
    with Postgres() as server:
        yield server


@pytest.fixture
def configured(tmp_path, data, postgres, request):
    """A configuration whose server runs the models and loads every second; the database has the star schema."""
    database = postgres.create(re.sub(r"\W+", "_", request.node.name)[-40:].lower())
    config = tmp_path / "cartograph.yaml"
    config.write_text(
        f"timezone: Asia/Kolkata\nwarehouse: {postgres.address(database)}\nwarehouse_seconds: 1\nbatch_seconds: 1\n")
    return config, database


def init(data, postgres, config, database):
    """The catalog is made by a first server; the tables by an administrator."""
    warehouse(["init"], data, postgres.address(database), config=config)


def events_of(seed, count=600):
    events = Shop(seed=seed, name=f"w{seed}").events(count)
    for index, event in enumerate(events):
        if index % 7 == 3:
            event["user_id"], event["session_id"] = VICTIM, "s-victim"
    return events


def metrics(server):
    """The values of the metrics without labels."""
    status, text = server.request("GET", "/metrics")
    assert status == 200
    return {name: float(value) for name, value in re.findall(r"^(cartograph_warehouse_\w+) ([-+.\deE]+)$", text, re.M)}


def counts(postgres, database):
    """The rows of each fact; None while the server is away."""
    try:
        return {fact: int(postgres.sql(f"SELECT count(*) FROM star.{fact}", database)[0]["count"]) for fact in FACTS}
    except SQLError:
        return None


def expected(events):
    known = {event["event_id"]: event for event in events}.values()
    orders, items = set(), 0
    for event in known:
        if event["type"] == "purchase" and (event.get("order_id") or event["event_id"]) not in orders:
            orders.add(event.get("order_id") or event["event_id"])
            items += len(event["items"])
    return {
        "fact_clicks": sum(event["type"] == "click" for event in known),
        "fact_cart": sum(event["type"] == "cart" for event in known), "fact_orders": len(orders), "fact_order_items": items}


def test_a_server_loads_by_itself(configured, data, postgres, up):
    """Nobody asks for a run or a load: events come, and the warehouse has them; when it is away nothing waits for it."""
    config, database = configured
    names = environment(PGPASSWORD=PASSWORD)
    server = up(data, "--config", config, env=names)
    # Before there are tables the server says what to do, and goes on.
    first = events_of(1)
    server.accept(first)
    eventually("the load failed", lambda: metrics(server).get("cartograph_warehouse_ok") == 0,
               WAIT_SECONDS_MAX)
    assert any("warehouse init" in problem for problem in server.request("GET", "/api/v1/status")[1]["problems"])
    init(data, postgres, config, database)
    # A load comes after a run of the models.
    second = events_of(2)
    server.accept(second)
    sent = first + second
    eventually("the events are loaded", lambda: counts(postgres, database) == expected(sent), WAIT_SECONDS_MAX)
    told = eventually("the load is told", lambda: (
        (found := metrics(server))["cartograph_warehouse_ok"] == 1 and found["cartograph_warehouse_rows_total"]
        and found), WAIT_SECONDS_MAX)
    days = int(postgres.sql("SELECT count(*) FROM star.loads", database)[0]["count"])
    assert told["cartograph_warehouse_days_total"] == days > 0
    assert told["cartograph_warehouse_rows_total"] >= sum(expected(sent).values())
    assert 0 < told["cartograph_warehouse_load_seconds"] < 60

    # Away: events are still taken and the models still run; back again, the next load carries on.
    postgres.stop()
    third = events_of(3)
    server.accept(third)
    eventually("the load failed", lambda: metrics(server)["cartograph_warehouse_ok"] == 0, WAIT_SECONDS_MAX)
    assert server.request("GET", "/readyz")[0] == 200
    postgres.start()
    fourth = events_of(4)
    server.accept(fourth)
    sent += third + fourth
    eventually("the events are loaded", lambda: counts(postgres, database) == expected(sent), WAIT_SECONDS_MAX)
    eventually("the load is told", lambda: metrics(server)["cartograph_warehouse_ok"] == 1, WAIT_SECONDS_MAX)
    server.stop_cleanly()
    books = json.loads(must("verify", "--data", data, "--config", config, "--json", env=names).out)
    assert books["balanced"] and sum(line["name"].endswith(", warehouse") for line in books["lines"]) == 12


def rows_with(postgres, database, person):
    """Every table of the star schema, partitions too, with rows in which a person's id stands."""
    tables = [row["name"] for row in postgres.sql(
        "SELECT oid::regclass::text AS name FROM pg_class WHERE relnamespace = 'star'::regnamespace AND relkind = 'r'",
        database)]
    assert len(tables) >= 13 + len(FACTS)
    return sorted(name for name in tables if postgres.sql(
        f"SELECT 1 FROM {name} AS t WHERE strpos(t::text, '{person}') > 0 LIMIT 1", database))


@pytest.mark.parametrize("serving", [True, False], ids=["in a server", "without one"])
def test_the_erased_are_gone_from_the_warehouse(configured, data, postgres, up, serving):
    config, database = configured
    names = environment(PGPASSWORD=PASSWORD)
    events = events_of(5, 1_500)
    server = up(data, env=names)
    server.accept(events)
    server.batch()
    server.stop_cleanly()
    init(data, postgres, config, database)
    warehouse(["load"], data, postgres.address(database), config=config)
    assert counts(postgres, database) == expected(events)
    found = rows_with(postgres, database, VICTIM)
    assert "star.dim_user" in found and "star.user_days" in found
    keys = "SELECT user_key FROM star.dim_user WHERE user_id = '%s'" % VICTIM
    old = {row["user_key"] for row in postgres.sql(keys, database)}
    assert all(int(postgres.sql(
        f"SELECT count(*) FROM star.{fact} WHERE user_key IN ({keys})", database)[0]["count"]) for fact in FACTS)
    if serving:
        server = up(data, "--config", config, env=names)
    must("lake", "erase", "--user", VICTIM, "--data", data, "--config", config, env=names)
    if serving:
        server.stop_cleanly()
    # The erasure loads by itself: nothing is left to do, and nothing of the person is there.
    assert rows_with(postgres, database, VICTIM) == []
    for fact in FACTS:
        assert postgres.sql(
            f"SELECT 1 FROM star.{fact} WHERE user_key IN ({', '.join(old)}) LIMIT 1", database) == []
    rest = [event for event in events if event["user_id"] != VICTIM]
    assert counts(postgres, database) == expected(rest)
    # What is left is what a new warehouse would hold.
    postgres.create("anew")
    try:
        init(data, postgres, config, "anew")
        warehouse(["load"], data, postgres.address("anew"), config=config)
        assert contents(postgres, "anew") == contents(postgres, database)
    finally:
        postgres.sql("DROP DATABASE anew")
    books = json.loads(must("verify", "--data", data, "--config", config, "--json", env=names).out)
    assert books["balanced"]
