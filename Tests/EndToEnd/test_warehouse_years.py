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

# Every other day of ten months. A fact's day has a table with indexes and the like: in days alone that is more locks than there
# are; two months in days and the others whole are less.
DAYS, STEP, FIRST, MISSING = 154, 2, datetime.date(2025, 1, 3), 20
LOCKS = {"max_connections": 12, "max_locks_per_transaction": 64, "max_worker_processes": 2, "autovacuum_max_workers": 1,
         "max_wal_senders": 0}


def day_of(number):
    return FIRST + datetime.timedelta(days=STEP * number)


def events_of(number, name=""):
    """A click, a cart and an order of one day."""
    day = day_of(number)
    user, kind = f"u{number % 17}", {"session_id": f"s{number}", "ts": f"{day}T12:00:00Z"}
    return [
        {"type": "click", "event_id": f"click-{number}{name}", "user_id": user, "product_id": "p1", "page": "/", "referrer": "",
         **kind},
        {"type": "cart", "event_id": f"cart-{number}{name}", "user_id": user, "product_id": "p1", "quantity": 1,
         "action": "add", **kind},
        {"type": "purchase", "event_id": f"order-{number}{name}", "user_id": user, "order_id": f"o{number}{name}",
         "items": [{"product_id": "p1", "quantity": 1, "unit_price": "2.50"}], "total_amount": "2.50",
         "currency": "USD", **kind}]


class Years:
    """A lake of ten months, and its warehouse."""

    def __init__(self, folder, postgres):
        self.data, self.postgres = folder / "data", postgres
        self.post([event for number in range(DAYS) if number != MISSING for event in events_of(number)])
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
    with Postgres(**LOCKS) as postgres:
        yield Years(tmp_path_factory.mktemp("years"), postgres)


def test_every_day_is_read_with_the_locks_that_there_are(years):
    assert len(years.report["days"]) == DAYS - 1
    counts = years.sql("SELECT " + ", ".join(f"(SELECT count(*) FROM star.{fact}) AS {fact}" for fact in FACTS))[0]
    assert counts == {fact: str(DAYS - 1) for fact in FACTS}
    newest = day_of(DAYS - 1)
    open_days = [day_of(number) for number in range(DAYS) if day_of(number) >= newest.replace(month=newest.month - 1, day=1)]
    assert int(years.sql(
        "SELECT count(*) FROM pg_partition_tree('star.fact_clicks') WHERE isleaf")[0]["count"]) == newest.month - 2 + len(open_days)


def test_as_many_tables_as_there_are_days_would_be_too_many(years):
    """The promise of the test above: the server has not as many locks as the days' tables and indexes would take."""
    relations = sum(1 + int(years.sql(
        f"SELECT count(*) FROM pg_index WHERE indrelid = 'star.{fact}'::regclass")[0]["count"]) for fact in FACTS)
    years.postgres.create("many")
    years.postgres.sql("CREATE TABLE many (n int) PARTITION BY RANGE (n)", "many")
    years.postgres.sql(
        f"DO $$ BEGIN FOR n IN 1..{relations * (DAYS - 1)} LOOP EXECUTE format('CREATE TABLE many_%s PARTITION OF many "
        "FOR VALUES FROM (%s) TO (%s)', n, n, n + 1); COMMIT; END LOOP; END $$", "many")
    with pytest.raises(SQLError, match="out of shared memory"):
        years.postgres.sql("SELECT count(*) FROM many", "many")


def test_months_that_are_over_are_one_table_with_all_that_a_fact_has(years):
    for fact in FACTS:
        assert years.parts(fact, "2025-02") == [f"star.{fact}_y2025m02_days"]
        newest = day_of(DAYS - 1)
        assert len(years.parts(fact, str(newest))) == sum(day_of(number) >= newest.replace(day=1) for number in range(DAYS))
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
    years.post(events_of(MISSING - 3, "late") + events_of(MISSING))
    assert [day["day"] for day in years.load()["days"]] == [str(day_of(MISSING - 3)), str(day_of(MISSING))]
    for fact in FACTS:
        found = {row["business_day"]: row["count"] for row in years.sql(
            f"SELECT business_day, count(*) FROM star.{fact} WHERE business_day BETWEEN '{day_of(MISSING - 4)}' AND "
            f"'{day_of(MISSING + 1)}' GROUP BY 1")}
        assert found == {
            str(day_of(number)): "2" if number == MISSING - 3 else "1" for number in range(MISSING - 4, MISSING + 2)}
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
    assert len(years.parts("fact_cart", month)) > 13
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
        years.post(events_of(DAYS + 15))
        years.load()
        assert len(years.parts("fact_cart", month)) > 13
        assert len(years.parts("fact_clicks", month)) == 1
    finally:
        reader.communicate("\\q\n")
    years.load("--day", month)
    assert len(years.parts("fact_cart", month)) == 1
    assert int(years.sql("SELECT count(*) FROM star.fact_cart")[0]["count"]) == int(before) + 1
