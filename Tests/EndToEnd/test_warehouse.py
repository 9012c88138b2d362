"""The star schema in a real PostgreSQL, beside gold and beside what was sent."""

import json
import os
import subprocess
from collections import defaultdict
from decimal import Decimal

import pytest
from cartograph import Server, environment, must, ndjson, run
from lake import Lake
from postgres import PASSWORD, SQLError, programs
from test_gold import BATCH, ZONE_NAME, Sent, disorder, simulated

FACTS = ["fact_clicks", "fact_cart", "fact_orders", "fact_order_items"]
LOADER, READER, ROLE_PASSWORD = "etl", "analyst", "an0ther"
ENDLESS = "9999-12-31"


def warehouse(words, data, address, password=PASSWORD, config=None, must_work=True):
    """`cartograph warehouse …`: its outcome."""
    more = ["--config", config] if config else []
    call = must if must_work else run
    return call("warehouse", *words, "--data", data, "--url", address, *more, env=environment(PGPASSWORD=password))


class Loaded:
    """A shop's lake and its warehouse, loaded twice: in between late events came."""

    def __init__(self, folder, postgres):
        self.folder, self.data, self.postgres = folder, folder / "data", postgres
        self.config = folder / "cartograph.yaml"
        self.config.write_text(f"timezone: {ZONE_NAME}\n")
        self.database = postgres.create("shop")
        early, rest = disorder(simulated(folder / "simulated.ndjson"))
        self.post([early])
        warehouse(["init"], self.data, postgres.address("shop"), config=self.config)
        for role, group in [(LOADER, "cartograph_loader"), (READER, "cartograph_reader")]:
            postgres.sql(f"CREATE ROLE {role} LOGIN PASSWORD '{ROLE_PASSWORD}' IN ROLE {group}")
        self.first = self.load()
        postgres.sql("CREATE DATABASE shop_before TEMPLATE shop")
        self.post(rest)
        self.second = self.load()
        self.early, self.rest, self.sent = early, rest, Sent([early, *rest])

    def post(self, posts):
        """Sends events and runs the models over them."""
        server = Server(self.data, "--config", self.config).ready()
        try:
            for post in posts:
                for start in range(0, len(post), BATCH):
                    status, answer = server.post(ndjson(post[start:start + BATCH]))
                    assert status == 202 and not answer["rejected"], answer
            server.batch()
            server.stop_cleanly()
        finally:
            server.close()

    def load(self, database="shop", *words):
        """Loads as the role that may load; returns its report."""
        outcome = warehouse(
            ["load", "--json", *words], self.data, self.postgres.address(database, LOADER), ROLE_PASSWORD, self.config)
        return json.loads(outcome.out)

    def sql(self, statement, **who):
        return self.postgres.sql(statement, self.database, **who)


@pytest.fixture(scope="module")
def shop(tmp_path_factory, postgres):
    return Loaded(tmp_path_factory.mktemp("warehouse"), postgres)


def gold(shop, table):
    with Lake(shop.data) as lake:
        rows = lake.rows(f"gold.{table}").to_pylist()
    assert rows, f"gold.{table} is empty, which proves nothing"
    return rows


def contents(postgres, database, versions=True):
    """All rows, keys replaced by what they stand for, as one hash a table and day; on request without the versions,
    which other days may move."""
    found = {}
    user = "dim_user.user_id, dim_user.valid_from" if versions else "dim_user.user_id"
    product = "product_id, dim_product.valid_from" if versions else "product_id"
    for fact in FACTS:
        names = [row["column_name"] for row in postgres.sql(
            f"SELECT column_name FROM information_schema.columns WHERE table_schema = 'star' AND table_name = '{fact}' "
            "ORDER BY ordinal_position", database)]
        shown, joins = [], ""
        for name in names:
            dimension = {
                "time_key": "dim_time", "user_key": "dim_user", "product_key": "dim_product",
                "channel_key": "dim_channel", "store_key": "dim_store", "currency_key": "dim_currency"}.get(name)
            if not dimension:
                shown.append(f"f.{name}")
                continue
            joins += f" JOIN star.{dimension} USING ({name})"
            shown.append({
                "dim_time": "hour_start, hour_of_day", "dim_user": user, "dim_product": product, "dim_channel": "channel",
                "dim_store": "store_id", "dim_currency": "currency"}[dimension])
        for row in postgres.sql(
                f"SELECT day, md5(string_agg(line, '|' ORDER BY line)) AS content FROM (SELECT f.business_day AS day, "
                f"row({', '.join(shown)})::text AS line FROM star.{fact} f{joins}) lines GROUP BY day", database):
            found[fact, row["day"]] = row["content"]
    if not versions:
        return found
    for dimension, order in [
            ("dim_user", "user_id, valid_from, valid_to, is_current, country, is_customer"),
            ("dim_product", "product_id, valid_from, valid_to, is_current, list_price, unit_cost")]:
        found[dimension, ""] = postgres.sql(
            f"SELECT md5(string_agg(line, '|' ORDER BY line)) AS content FROM (SELECT row({order})::text AS line "
            f"FROM star.{dimension}) lines", database)[0]["content"]
    return found


# Totals.


def test_orders_agree_with_gold_by_day_channel_and_currency(shop):
    expected = {
        (str(row["business_day"]), row["channel"], row["currency"]): (row["orders"], row["units"], row["revenue"])
        for row in gold(shop, "daily_channel") if row["orders"]}
    found = {
        (row["business_day"], row["channel"], row["currency"]):
            (int(row["orders"]), int(row["units"]), Decimal(row["revenue"]))
        for row in shop.sql(
            "SELECT business_day, channel, currency, count(*) AS orders, sum(units) AS units, sum(revenue) AS revenue "
            "FROM star.fact_orders JOIN star.dim_channel USING (channel_key) JOIN star.dim_currency USING (currency_key) "
            "GROUP BY 1, 2, 3")}
    assert found == expected
    assert {currency for _, _, currency in found} == {"USD", "EUR"}


def test_orders_agree_with_what_was_sent(shop):
    expected = defaultdict(lambda: [0, Decimal(0)])
    for event in shop.sent.sales:
        sums = expected[str(event["day"]), event["currency"]]
        sums[0] += 1
        sums[1] += Decimal(event["total_amount"])
    found = {
        (row["business_day"], row["currency"]): [int(row["orders"]), Decimal(row["revenue"])]
        for row in shop.sql(
            "SELECT business_day, currency, count(*) AS orders, sum(revenue) AS revenue "
            "FROM star.fact_orders JOIN star.dim_currency USING (currency_key) GROUP BY 1, 2")}
    assert found == dict(expected)


def test_amounts_in_the_reporting_currency_agree_with_gold(shop):
    expected = {
        str(row["business_day"]): (row["gmv"], row["discount"], row["revenue"], row["orders_without_rate"],
                                   row["bot_orders"])
        for row in gold(shop, "daily_totals")}
    found = {
        row["business_day"]: (*(Decimal(row[name] or 0) for name in ("gmv", "discount", "revenue")),
                              int(row["without"]), int(row["bots"]))
        for row in shop.sql(
            "SELECT business_day, sum(reporting_gmv) AS gmv, sum(reporting_discount) AS discount, "
            "sum(reporting_revenue) AS revenue, count(*) FILTER (WHERE reporting_revenue IS NULL) AS without, "
            "count(*) FILTER (WHERE is_bot) AS bots FROM star.fact_orders GROUP BY 1")}
    assert found == expected
    with Lake(shop.data) as lake:
        rates = {(str(row["business_day"]), row["currency"]): row["rate_per_eur"]
                 for row in lake.rows("silver.daily_rates").to_pylist()}
    kept = {(row["business_day"], row["currency"]): Decimal(row["rate_per_eur"]) if row["rate_per_eur"] else None
            for row in shop.sql("SELECT * FROM star.currency_rates JOIN star.dim_currency USING (currency_key)")}
    assert kept == rates and any(kept.values())


def test_items_add_up_to_their_orders(shop):
    assert shop.sql(
        "SELECT business_day, log_partition, log_offset FROM star.fact_orders o JOIN (SELECT business_day, "
        "log_partition, log_offset, sum(amount) AS amount, sum(quantity) AS pieces FROM star.fact_order_items "
        "GROUP BY 1, 2, 3) i USING (business_day, log_partition, log_offset) WHERE amount <> gmv OR pieces <> units") == []
    expected = sum(len(event["items"]) for event in shop.sent.sales)
    assert int(shop.sql("SELECT count(*) FROM star.fact_order_items")[0]["count"]) == expected


def test_clicks_and_carts_agree_with_gold(shop):
    expected = defaultdict(lambda: [0, 0])
    for row in gold(shop, "daily_channel"):
        if row["clicks"] or row["carts"]:
            sums = expected[str(row["business_day"]), row["channel"]]
            sums[0] += row["clicks"]
            sums[1] += row["carts"]
    found = defaultdict(lambda: [0, 0])
    for index, fact in enumerate(["fact_clicks", "fact_cart"]):
        for row in shop.sql(
                f"SELECT business_day, channel, count(*) FROM star.{fact} JOIN star.dim_channel USING (channel_key) "
                "GROUP BY 1, 2"):
            found[row["business_day"], row["channel"]][index] += int(row["count"])
    assert found == expected


def test_hours_are_those_of_gold(shop):
    sums = defaultdict(int)
    for row in gold(shop, "hourly_sales_breakdown"):
        sums[row["hour_start"].strftime("%Y-%m-%d %H:%M")] += row["orders"]
    found = {
        row["hour"]: int(row["count"]) for row in shop.sql(
            "SELECT to_char(hour_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') AS hour, count(*) "
            "FROM star.fact_orders JOIN star.dim_time USING (time_key) GROUP BY 1")}
    assert found == sums
    # The calendar's own hours, whether or not anything was sold in them, on a clock of a half hour.
    days = shop.sql(
        "SELECT business_day, count(*) AS hours, min(hour_of_day) AS first, max(hour_of_day) AS last, "
        "min(utc_offset_minutes) AS offset FROM star.dim_time WHERE time_key <> 0 GROUP BY 1")
    assert days and all(
        (row["hours"], row["first"], row["last"], row["offset"]) == ("24", "0", "23", "330") for row in days)


# Dimensions.


def histories(told):
    """From what each day told (day -> attributes, None for no news), the versions: (from, to, attributes)."""
    versions, state = [], None
    for day in sorted(told):
        new = tuple(
            (before or now) if isinstance(now, bool) else (now if now is not None else before)
            for before, now in zip(state or (None,) * len(told[day]), told[day]))
        if new != state:
            if versions:
                versions[-1] = (versions[-1][0], str(day), versions[-1][2])
            versions.append((str(day), ENDLESS, new))
            state = new
    return versions


def rows_by(rows, name):
    found = defaultdict(list)
    for row in rows:
        found[row[name]].append(row)
    return found


def test_versions_of_users_follow_from_what_was_sent(shop):
    told = defaultdict(dict)
    counted = {id(event) for event in shop.sent.sales}
    kinds = [("click", 1), ("cart", 2), ("purchase", 3)]
    events = sorted(
        ((event["at"], order, event) for kind, order in kinds for event in shop.sent.by_type[kind]),
        key=lambda entry: entry[:2])
    for _, _, event in events:
        country, ordered = told[event["user_id"]].get(event["day"], (None, False))
        named = event.get("country") if event["type"] != "cart" else None
        told[event["user_id"]][event["day"]] = (named or country, ordered or id(event) in counted)
    expected = {user: histories(days) for user, days in told.items()}
    found = {
        user: [(row["valid_from"], row["valid_to"], (row["country"] or None, row["is_customer"] == "t")) for row in rows]
        for user, rows in rows_by(shop.sql(
            "SELECT * FROM star.dim_user WHERE user_key <> 0 ORDER BY user_id, valid_from"), "user_id").items()}
    assert found == expected
    assert any(len(versions) > 2 for versions in found.values()), "nobody changed: that proves little"
    assert shop.sql(
        "SELECT user_id FROM star.dim_user GROUP BY user_id HAVING count(*) FILTER (WHERE is_current) <> 1") == []


def test_versions_of_products_follow_from_what_was_sent(shop):
    told = defaultdict(dict)
    news = []
    for event in shop.sent.by_type["click"]:
        news.append((event["at"], 1, 0, event["product_id"], event["day"], None, None))
    for event in shop.sent.by_type["cart"]:
        price = event.get("unit_price") if event.get("currency") == "USD" else None
        news.append((event["at"], 2, 0, event["product_id"], event["day"], price, None))
    for event in shop.sent.sales:
        for number, item in enumerate(event["items"]):
            price = item["unit_price"] if event["currency"] == "USD" else None
            news.append((event["at"], 3, number, item["product_id"], event["day"], price, None))
    for event in shop.sent.by_type["stock"]:
        cost = event.get("unit_cost") if event["change"] > 0 else None
        news.append((event["at"], 4, 0, event["product_id"], event["day"], None, cost))
    for _, _, _, product, day, price, cost in sorted(news, key=lambda entry: entry[:3]):
        before = told[product].get(day, (None, None))
        told[product][day] = (
            Decimal(price) if price is not None else before[0], Decimal(cost) if cost is not None else before[1])
    expected = {product: histories(days) for product, days in told.items()}
    found = {
        product: [
            (row["valid_from"], row["valid_to"],
             tuple(Decimal(row[name]) if row[name] else None for name in ("list_price", "unit_cost")))
            for row in rows]
        for product, rows in rows_by(shop.sql(
            "SELECT * FROM star.dim_product WHERE product_key <> 0 ORDER BY product_id, valid_from"),
            "product_id").items()}
    assert found == expected


@pytest.mark.parametrize("fact", FACTS)
def test_facts_have_the_version_of_their_day(shop, fact):
    for dimension in ["user"] + (["product"] if fact != "fact_orders" else []):
        assert shop.sql(
            f"SELECT count(*) FROM star.{fact} JOIN star.dim_{dimension} USING ({dimension}_key) "
            f"WHERE {dimension}_key = 0 OR business_day < valid_from OR business_day >= valid_to")[0]["count"] == "0"
    assert shop.sql(f"SELECT count(*) FROM star.{fact} WHERE time_key = 0 OR channel_key = 0")[0]["count"] == "0"


def test_what_is_missing_has_the_unknown_member(shop):
    without = sum("store_id" not in event for event in shop.sent.sales)
    assert 0 < without
    assert int(shop.sql(
        "SELECT count(*) FROM star.fact_orders JOIN star.dim_store USING (store_key) WHERE store_id = 'unknown'"
    )[0]["count"]) == without


def test_facts_are_partitioned_by_month(shop):
    months = {row["day"][:7] for row in shop.sql("SELECT DISTINCT business_day AS day FROM star.fact_clicks")}
    parts = {row["part"] for row in shop.sql(
        "SELECT inhrelid::regclass::text AS part FROM pg_inherits WHERE inhparent = 'star.fact_clicks'::regclass")}
    assert len(months) == 2
    assert parts == {f"star.fact_clicks_y{month[:4]}m{month[5:]}" for month in months}


# Loads.


def test_only_days_that_changed_are_loaded_again(shop):
    first, second = ([day["day"] for day in report["days"]] for report in (shop.first, shop.second))
    assert first == sorted(first) and len(first) >= 9
    known = {event["event_id"] for event in shop.early}
    news = Sent([[event for post in shop.rest for event in post if event["event_id"] not in known]])
    touched = {
        str(event["day"]) for kind in ("click", "cart", "purchase", "stock") for event in news.by_type[kind]}
    assert set(second) == touched and 0 < len(second) < len(first)


def test_a_second_load_changes_nothing(shop):
    before, loads = contents(shop.postgres, "shop"), shop.sql("SELECT count(*) FROM star.loads")
    assert shop.load()["days"] == []
    assert contents(shop.postgres, "shop") == before and shop.sql("SELECT count(*) FROM star.loads") == loads


def test_loads_say_which_snapshots_they_are_of(shop):
    with Lake(shop.data) as lake:
        current = {
            f"silver.{name}": lake.table(f"silver.{name}").current_snapshot().snapshot_id
            for name in ["clicks", "carts", "sales", "purchase_items", "stock", "bots", "daily_rates"]}
    newest = shop.second["days"][-1]["day"]
    rows = shop.sql(
        f"SELECT * FROM star.loads WHERE business_day = '{newest}' ORDER BY load_key DESC LIMIT 1")
    said = json.loads(rows[0]["sources"])
    assert {name: said[name] for name in current} == current
    assert rows[0]["loaded_by"] == LOADER
    assert {row["source"]: row["snapshot_id"] for row in shop.sql("SELECT * FROM star.sources")} == {
        name.removeprefix("silver."): str(value) for name, value in current.items()}


def test_a_warehouse_that_is_loaded_at_once_is_the_same(shop):
    """What came in two loads, with days reopened in between, is what one load of everything makes."""
    shop.postgres.create("anew")
    warehouse(["init"], shop.data, shop.postgres.address("anew"), config=shop.config)
    shop.load("anew")
    assert contents(shop.postgres, "anew") == contents(shop.postgres, "shop")


def test_keys_that_the_warehouse_looks_up_are_the_same(shop):
    """A day of more members than fit in memory goes through staged rows."""
    shop.postgres.create("looked_up")
    warehouse(["init"], shop.data, shop.postgres.address("looked_up"), config=shop.config)
    shop.load("looked_up", "--keys-in-memory", 0)
    assert contents(shop.postgres, "looked_up") == contents(shop.postgres, "shop")


def test_days_that_are_damaged_by_hand_are_noticed_and_loaded_again(shop):
    """The comparison's own test, and a way back: what the warehouse lost, a load brings back once it is told."""
    good = contents(shop.postgres, "shop")
    day = shop.second["days"][0]["day"]
    shop.sql(f"UPDATE star.fact_orders SET revenue = revenue + 0.01 WHERE business_day = '{day}'")
    assert contents(shop.postgres, "shop") != good
    assert shop.load()["days"] == []
    assert [entry["day"] for entry in shop.load("shop", "--day", day)["days"]] == [day]
    assert contents(shop.postgres, "shop") == good


def test_status_tells_what_is_there(shop):
    status = json.loads(warehouse(
        ["status", "--json"], shop.data, shop.postgres.address("shop", READER), ROLE_PASSWORD, shop.config).out)
    assert status["pending_days"] == []
    assert status["days"] == len(shop.first["days"]) and status["first_day"] < status["last_day"]
    assert status["rows"]["fact_orders"] == len(shop.sent.sales)


# The books.


def verify(shop, address):
    """The books with a warehouse: the exit code and the lines that do not balance."""
    outcome = run("verify", "--data", shop.data, "--config", shop.config, "--json",
                  env=environment(CARTOGRAPH_WAREHOUSE=address, PGPASSWORD=PASSWORD))
    books = json.loads(outcome.out)
    assert books["problems"] == [], books
    return outcome.code, {line["name"]: line for line in books["lines"] if not line["balanced"]}, books["lines"]


def test_the_books_balance_with_the_warehouse(shop):
    code, wrong, lines = verify(shop, shop.postgres.address("shop"))
    assert (code, wrong) == (0, {})
    assert len([line for line in lines if line["name"].endswith(", warehouse")]) == 12


@pytest.mark.parametrize("damage, line, by", [
    ("UPDATE star.fact_orders SET revenue = revenue - 0.01 WHERE event_id = '{id}'", "revenue, warehouse", "0.01"),
    ("DELETE FROM star.fact_orders WHERE event_id = '{id}'", "orders, warehouse", "1"),
    ("UPDATE star.fact_orders SET business_day = '{other}' WHERE event_id = '{id}'", "orders, warehouse", "0"),
])
def test_the_books_name_what_is_wrong_in_the_warehouse(shop, damage, line, by):
    good = contents(shop.postgres, "shop")
    row, other = shop.sql(
        "SELECT DISTINCT ON (business_day) business_day, event_id FROM star.fact_orders WHERE revenue > 1 "
        "ORDER BY business_day DESC, event_id LIMIT 2")
    shop.sql(damage.format(id=row["event_id"], other=other["business_day"]))
    code, wrong, _ = verify(shop, shop.postgres.address("shop"))
    assert code == 1 and line in wrong, wrong
    found = wrong[line]
    if by != "0":
        assert found["difference"] == by
    assert found["since"] == min(row["business_day"], other["business_day"] if by == "0" else row["business_day"])
    assert any(row["event_id"] in offender for offender in found["offending"]), found
    for day in (row["business_day"], other["business_day"]):
        shop.load("shop", "--day", day)
    assert contents(shop.postgres, "shop") == good
    assert verify(shop, shop.postgres.address("shop"))[:2] == (0, {})


# Rights.


@pytest.mark.parametrize("statement", [
    "DELETE FROM star.fact_orders", "UPDATE star.dim_user SET country = 'XX'", "INSERT INTO star.sources VALUES ('x', 1)",
    "SELECT star.make_leaf('fact_clicks', DATE '2030-01-01')", "CREATE TABLE star.mine (a int)", "DROP SCHEMA star CASCADE",
])
def test_a_reader_can_only_read(shop, statement):
    assert shop.sql("SELECT count(*) FROM star.fact_orders", user=READER, password=ROLE_PASSWORD)
    with pytest.raises(SQLError, match="permission denied|must be owner"):
        shop.sql(statement, user=READER, password=ROLE_PASSWORD)


@pytest.mark.parametrize("statement", [
    "DROP TABLE star.fact_orders", "DROP SCHEMA star CASCADE", "TRUNCATE star.fact_orders",
    "ALTER TABLE star.fact_orders ADD COLUMN mine int", "ALTER TABLE star.fact_orders DISABLE TRIGGER ALL",
    "CREATE TABLE star.mine (a int)", "DROP FUNCTION star.make_leaf", "CREATE ROLE mine", "SET ROLE cartograph_owner",
])
def test_a_loader_can_neither_drop_nor_change_tables(shop, statement):
    with pytest.raises(SQLError, match="permission denied|must be owner"):
        shop.sql(statement, user=LOADER, password=ROLE_PASSWORD)


def test_the_functions_make_no_other_tables(shop):
    with pytest.raises(SQLError, match="is no fact"):
        shop.sql("SELECT star.make_leaf('loads; DROP TABLE star.loads', DATE '2030-01-01')", user=LOADER,
                 password=ROLE_PASSWORD)


# Errors.


def complaint(words, shop, address, password=PASSWORD):
    outcome = warehouse(words, shop.data, address, password, shop.config, must_work=False)
    assert outcome.code == 1, outcome
    assert PASSWORD not in outcome.err and password not in outcome.err and ROLE_PASSWORD not in outcome.err
    return outcome.complaint


def test_errors_say_what_to_do(shop):
    there = shop.postgres
    assert "check the user, and the password" in complaint(["load"], shop, there.address("shop", LOADER), "wrong-one")
    assert "create the database" in complaint(["load"], shop, there.address("nowhere"))
    assert "check that the server runs" in complaint(["load"], shop, "postgres://postgres@127.0.0.1:1/shop")
    assert "warehouse init" in complaint(["load"], shop, there.address("postgres"))
    assert "member of cartograph_loader" in complaint(
        ["load"], shop, there.address("shop", READER), ROLE_PASSWORD)
    assert "who may create" in complaint(["init"], shop, there.address("postgres", READER), ROLE_PASSWORD)
    assert "postgres://" in complaint(["load"], shop, "mysql://db/shop")
    there.sql("UPDATE star.schema_version SET version = 0", "shop")
    try:
        assert "are of version 0" in complaint(["load"], shop, there.address("shop"))
    finally:
        there.sql("UPDATE star.schema_version SET version = 2", "shop")


@pytest.mark.parametrize("shape", [
    "postgres://postgres:{}@127.0.0.1:1/shop", "postgres://postgres@127.0.0.1:1/shop?password={}",
    "postgres://postgres:{}@127.0.0.1:port/shop", "postgres://postgres:{}@[::1/shop", "postgres://u:{}@h:1:2/%zz",
    "postgres:{}@127.0.0.1:1/shop",
])
def test_a_password_in_the_address_is_never_repeated(shop, shape):
    assert "hunter2" not in complaint(["load"], shop, shape.format("hunter2%21"))


def test_two_loads_at_once_are_refused(shop):
    holder = subprocess.Popen(
        [programs() / "psql", "--no-psqlrc", "--quiet", "--tuples-only", "--dbname", shop.postgres.address("shop")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"PGPASSWORD": PASSWORD})
    try:
        holder.stdin.write(f"SELECT pg_advisory_lock({0x0CA2_7062});\n\\echo held\n")
        holder.stdin.flush()
        while "held" not in holder.stdout.readline():
            pass
        assert "another load is going on" in complaint(["load"], shop, shop.postgres.address("shop"))
    finally:
        holder.communicate("\\q\n")


def test_days_of_a_clock_change_have_their_hours(tmp_path, postgres):
    """A day of 23 hours and one of 25, in a zone with summer time."""
    config = tmp_path / "cartograph.yaml"
    config.write_text("timezone: Europe/Berlin\n")
    data = tmp_path / "data"
    events = [
        {"type": "click", "event_id": f"e{n}", "user_id": "u\u0000x", "session_id": "s", "product_id": "p",
         "ts": ts, "page": "/", "referrer": ""}
        for n, ts in enumerate([
            "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", "2025-10-26T00:30:00Z", "2025-10-26T01:30:00Z"])]
    server = Server(data, "--config", config).ready()
    try:
        server.accept(events)
        server.batch()
        server.stop_cleanly()
    finally:
        server.close()
    postgres.create("clocks")
    warehouse(["init"], data, postgres.address("clocks"), config=config)
    warehouse(["load"], data, postgres.address("clocks"), config=config)
    hours = {row["business_day"]: int(row["count"]) for row in postgres.sql(
        "SELECT business_day, count(*) FROM star.dim_time WHERE time_key <> 0 GROUP BY 1", "clocks")}
    assert hours == {"2025-10-26": 25, "2026-03-29": 23}
    clicked = [row["hour_of_day"] for row in postgres.sql(
        "SELECT hour_of_day FROM star.fact_clicks JOIN star.dim_time USING (time_key) ORDER BY happened_at", "clocks")]
    assert clicked == ["2", "2", "1", "3"]
    assert postgres.sql("SELECT count(*) FROM star.fact_clicks WHERE user_key = 0", "clocks") == [{"count": "0"}]
    # PostgreSQL's texts cannot hold a zero: its picture stands there.
    assert [row["user_id"] for row in postgres.sql(
        "SELECT user_id FROM star.dim_user WHERE user_key <> 0", "clocks")] == ["u\u2400x"]
