"""Many months in a warehouse whose server was given no more locks than it comes with: months that are over are one table."""

import datetime
import json
import os
import subprocess
from collections import Counter

import pytest
from cartograph import Server, environment, must
from postgres import PASSWORD, Postgres, SQLError, programs
from test_warehouse import FACTS, LOADER, ROLE_PASSWORD, warehouse

DAYS, FIRST = 310, datetime.date(2025, 1, 3)
# A fact's table with its indexes and the like: in days alone they would be more locks than there are.
CONNECTIONS, LOCKS_EACH = 30, 64


def events_of(number, name=""):
    """A click, a cart and an order of one day."""
    day = FIRST + datetime.timedelta(days=number)
    user, kind = f"u{number % 17}", {"session_id": f"s{number}", "ts": f"{day}T12:00:00Z"}
    return [
        {"type": "click", "event_id": f"c{number}{name}", "user_id": user, "product_id": "p1", "page": "/", "referrer": "",
         **kind},
        {"type": "cart", "event_id": f"a{number}{name}", "user_id": user, "product_id": "p1", "quantity": 1,
         "action": "add", **kind},
        {"type": "purchase", "event_id": f"p{number}{name}", "user_id": user, "order_id": f"o{number}{name}",
         "items": [{"product_id": "p1", "quantity": 1, "unit_price": "2.50"}], "total_amount": "2.50",
         "currency": "USD", **kind}]


class Years:
    """A lake of ten months, and its warehouse."""

    def __init__(self, folder, postgres):
        self.data, self.postgres = folder / "data", postgres
        self.post([event for number in range(DAYS) if number != 40 for event in events_of(number)])
        self.database = postgres.create("years")
        warehouse(["init"], self.data, postgres.address("years"))
        postgres.sql(f"CREATE ROLE {LOADER} LOGIN PASSWORD '{ROLE_PASSWORD}' IN ROLE cartograph_loader")
        self.report = self.load()

    def post(self, events):
        server = Server(self.data).ready()
        try:
            server.accept(events)
            server.stop_cleanly()
        finally:
            server.close()
        must("batch", "run", "--data", self.data, timeout=600)

    def load(self, *words):
        outcome = must(
            "warehouse", "load", "--json", *words, "--data", self.data, "--url", self.postgres.address("years", LOADER),
            env=environment(PGPASSWORD=ROLE_PASSWORD), timeout=600)
        return json.loads(outcome.out)

    def sql(self, statement):
        return self.postgres.sql(statement, self.database)

    def parts(self, fact, month):
        """The tables that a month's rows are in."""
        return [row["part"] for row in self.sql(
            f"SELECT inhrelid::regclass::text AS part FROM pg_inherits "
            f"WHERE inhparent = to_regclass('star.{fact}_y{month[:4]}m{month[5:7]}') ORDER BY 1")]


@pytest.fixture(scope="module")
def years(tmp_path_factory):
    with Postgres(max_connections=CONNECTIONS, max_locks_per_transaction=LOCKS_EACH) as postgres:
        yield Years(tmp_path_factory.mktemp("years"), postgres)


def test_every_day_is_read_with_the_locks_that_there_are(years):
    assert len(years.report["days"]) == DAYS - 1
    locked = years.sql(
        "SELECT (SELECT count(*) FROM star.fact_clicks) AS clicks, (SELECT count(*) FROM star.fact_cart) AS carts, "
        "(SELECT count(*) FROM star.fact_orders) AS orders, (SELECT count(*) FROM star.fact_order_items) AS items, "
        "(SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()) AS locks")[0]
    assert {locked[name] for name in ("clicks", "carts", "orders", "items")} == {str(DAYS - 1)}
    # Two months and the newest one in days, and a table for each of the others.
    assert int(locked["locks"]) < CONNECTIONS * LOCKS_EACH
    leaves = len(FACTS) * (DAYS - 1)
    assert int(years.sql(
        "SELECT count(*) FROM pg_partition_tree('star.fact_clicks') WHERE isleaf")[0]["count"]) < 31 * 3 + 12 < leaves


def test_months_that_are_over_are_one_table_with_all_that_a_fact_has(years):
    for fact in FACTS:
        assert years.parts(fact, "2025-02") == [f"star.{fact}_y2025m02_days"]
        newest = str(FIRST + datetime.timedelta(days=DAYS - 1))
        assert len(years.parts(fact, newest)) == int(newest[8:])
        kinds = Counter(row["contype"] for row in years.sql(
            f"SELECT contype FROM pg_constraint WHERE conrelid = 'star.{fact}_y2025m02_days'::regclass AND convalidated"))
        wanted = Counter(row["contype"] for row in years.sql(
            f"SELECT contype FROM pg_constraint WHERE conrelid = 'star.{fact}'::regclass"))
        assert kinds == wanted and kinds["f"] >= 5 and kinds["p"] == 1
        # The fact's own indexes, and the one of days.
        indexes = [row["indexdef"] for row in years.sql(
            f"SELECT indexdef FROM pg_indexes WHERE schemaname = 'star' AND tablename = '{fact}_y2025m02_days'")]
        attached = years.sql(
            f"SELECT count(*) FROM pg_inherits i JOIN pg_index x ON x.indexrelid = i.inhrelid "
            f"WHERE x.indrelid = 'star.{fact}_y2025m02_days'::regclass")[0]["count"]
        assert len(indexes) == int(attached) + 1 and any("brin (business_day)" in text for text in indexes)
    # Who loads can neither drop it nor write past the fact.
    with pytest.raises(SQLError, match="permission denied"):
        years.postgres.sql("DELETE FROM star.fact_clicks_y2025m02_days", "years", LOADER, ROLE_PASSWORD)


def test_late_events_reach_days_of_such_months(years):
    """One on a day that is there, and a day that was not there at all."""
    before = years.sql("SELECT count(*) FROM star.fact_clicks")[0]["count"]
    years.post(events_of(35, "late") + events_of(40))
    assert [day["day"] for day in years.load()["days"]] == ["2025-02-07", "2025-02-12"]
    for fact in FACTS:
        found = {row["business_day"]: row["count"] for row in years.sql(
            f"SELECT business_day, count(*) FROM star.{fact} WHERE business_day BETWEEN '2025-02-06' AND '2025-02-12' "
            "GROUP BY 1")}
        assert found == {
            "2025-02-06": "1", "2025-02-07": "2", **{f"2025-02-{day:02}": "1" for day in range(8, 13)}}
    assert int(years.sql("SELECT count(*) FROM star.fact_clicks")[0]["count"]) == int(before) + 2
    assert years.load()["days"] == []
    books = json.loads(must(
        "verify", "--data", years.data, "--json", timeout=600,
        env=environment(PGPASSWORD=PASSWORD, CARTOGRAPH_WAREHOUSE=years.postgres.address("years"))).out)
    assert books["balanced"]


def test_who_reads_a_month_keeps_it_in_days_until_later(years):
    """The load does not wait for a long query, and joins the month when it is over."""
    month = years.sql(
        "SELECT to_char(date_trunc('month', max(business_day)) - interval '1 month', 'YYYY-MM-DD') AS month "
        "FROM star.loaded_days")[0]["month"]
    assert len(years.parts("fact_cart", month)) > 27
    before = years.sql("SELECT count(*) FROM star.fact_cart")[0]["count"]
    reader = subprocess.Popen(
        [programs() / "psql", "--no-psqlrc", "--quiet", "--tuples-only", "--dbname", years.postgres.address("years")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"PGPASSWORD": PASSWORD})
    try:
        reader.stdin.write(
            f"BEGIN; SELECT count(*) FROM star.fact_cart WHERE business_day >= '{month}';\n\\echo held\n")
        reader.stdin.flush()
        while "held" not in reader.stdout.readline():
            pass
        # The month after next begins, which closes this one.
        years.post(events_of(DAYS + 30))
        years.load()
        assert len(years.parts("fact_cart", month)) > 27
        assert len(years.parts("fact_clicks", month)) == 1
    finally:
        reader.communicate("\\q\n")
    years.load("--day", month)
    assert len(years.parts("fact_cart", month)) == 1
    assert int(years.sql("SELECT count(*) FROM star.fact_cart")[0]["count"]) == int(before) + 1
