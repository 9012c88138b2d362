"""Gold as a shop's own events give it: each table beside a computation in plain Python over what was sent.

The shop is the simulator's with its hours stretched to days, few customers and some more disorder. Some events of two
of the days, among them receipts, statuses and first orders, come after the models ran once: the second run is an
increment, which has to reopen those days and the right ones around them.
"""

import json
from bisect import bisect_right
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from itertools import permutations

import pytest
from cartograph import Server, must, ndjson
from lake import Lake
from shop import Shop

EVENTS = 30_000
# A zone of a half hour, so that neither days nor hours begin with those of UTC.
ZONE = timezone(timedelta(hours=5, minutes=30))
ZONE_NAME = "Asia/Kolkata"
START = datetime(2026, 1, 28, tzinfo=timezone.utc)
STRETCH = 24
# The time whose late events the second run gets.
LATE = START + timedelta(days=2), START + timedelta(days=4)
# From payment to shipping the simulator takes 6 to 18 seconds: 12 to 36 hours, around the 24 that are promised.
ORDER_STRETCH = 7_200
BATCH = 5_000


def simulated(path):
    """What the simulator makes, spread over nine days around a month's end."""
    must(
        "simulate", "--rate", 1, "--events", EVENTS, "--seed", 5, "--to", f"file:{path}", "--products",
        path.with_suffix(".csv"))
    events, order_starts = [], {}
    for number, line in enumerate(path.read_bytes().splitlines()):
        event = json.loads(line, parse_float=str)
        seconds = (datetime.fromisoformat(event["ts"]) - datetime(2026, 1, 1, tzinfo=timezone.utc)).total_seconds()
        at = seconds * STRETCH
        if event["type"] == "order_status":
            first = order_starts.setdefault(event["order_id"], seconds)
            at = first * STRETCH + (seconds - first) * ORDER_STRETCH
        event["ts"] = (START + timedelta(seconds=at)).isoformat()
        if "user_id" in event:
            event["user_id"] = f"u-{int(event['user_id'].split('-')[1]) % 211}"
        if event["type"] == "purchase":
            if number % 11 == 0:
                event["currency"] = "EUR"
            if number % 13 == 0:
                del event["country"]
        if event["type"] == "search":
            if number % 3 == 0:
                event["query"] = f"  {event['query'].upper().replace(' ', '   ')} "
            if number % 5 == 0:
                del event["results"]
            elif number % 7 == 0:
                event["results"] = 0
        if event["type"] == "stock" and number % 4 == 0:
            event["warehouse_id"] = "wh-second"
        # What was lost on the way here: the order went on without it.
        is_lost = event["type"] == "order_status" and event["status"] in ("paid", "delivered") and number % 10 == 0
        if not is_lost:
            events.append(event)
    return events


def is_in_late_time(event):
    return LATE[0] <= datetime.fromisoformat(event["ts"]) < LATE[1]


def disorder(events):
    """The events as they are sent: most of them, then late ones, then repeats and orders that were sent twice."""
    late = [event for number, event in enumerate(events) if number % 3 == 1 and is_in_late_time(event)]
    late_ids = {event["event_id"] for event in late}
    early = [event for event in events if event["event_id"] not in late_ids]
    purchases = [event for event in early if event["type"] == "purchase" and is_in_late_time(event)]
    for count in (50, 51):
        basket = [{"product_id": f"p-bulk-{n}", "quantity": 1, "unit_price": "1.00"} for n in range(count)]
        for copy in range(2):
            late.append(purchases[copy] | {
                "event_id": f"bulk-{count}-{copy}", "order_id": f"bulk-{count}-{copy}", "items": basket,
                "total_amount": str(count)})
    repeats = [event for number, event in enumerate(early) if number % 100 == 7]
    again = [event | {"event_id": f"again-{event['event_id']}"} for event in purchases[::7]]
    return early, [late, repeats + again]


class Sent:
    """What was sent, read the way the definitions say: the first of an event_id, the first purchase of an order."""

    def __init__(self, posts):
        self.by_type = defaultdict(list)
        seen, orders = set(), set()
        for event in (event for post in posts for event in post):
            key = (event["type"], event["event_id"])
            if key in seen:
                continue
            seen.add(key)
            event = event | {"at": datetime.fromisoformat(event["ts"])}
            event["day"] = event["at"].astimezone(ZONE).date()
            self.by_type[event["type"]].append(event)
        self.lists = []
        self.sales = []
        for event in self.by_type["purchase"]:
            if event["order_id"] not in orders:
                orders.add(event["order_id"])
                self.sales.append(event)


# The day from which on some products are of another category.
RENEWED = date(2026, 2, 1)


def lists(folder):
    """Two lists of products, of which the first leaves some out and the second gives some another category from a day on."""
    head, *lines = (folder / "simulated.csv").read_text().splitlines()
    rows = [line.split(",") for line in lines]
    first = [row for number, row in enumerate(rows) if number % 6]
    second = [row[:2] + ["renewed"] + row[3:] for row in rows[::4]]
    found = []
    for name, day, chosen in (("first", date(2026, 2, 5), first), ("second", RENEWED, second)):
        path = folder / f"{name}.csv"
        path.write_text("\n".join([head, *(",".join(row) for row in chosen)]) + "\n")
        found.append((path, day, {row[0]: row[2] for row in chosen}))
    return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A data folder after two runs of the models, and what was sent into it."""
    folder = tmp_path_factory.mktemp("gold")
    config = folder / "cartograph.yaml"
    config.write_text(f"timezone: {ZONE_NAME}\n")
    early, rest = disorder(simulated(folder / "simulated.ndjson"))
    products = lists(folder)
    server = Server(folder / "data", "--config", config).ready()
    try:
        for post in [early, *rest]:
            for start in range(0, len(post), BATCH):
                status, answer = server.post(ndjson(post[start:start + BATCH]))
                assert status == 202 and not answer["rejected"], answer
            if post is early:
                server.batch()
                for path, day, _ in products:
                    must("products", "import", "--data", folder / "data", "--config", config, path, "--from", day)
        server.batch()
        server.stop_cleanly()
    finally:
        server.close()
    sent = Sent([early, *rest])
    sent.lists = [categories for _, _, categories in products]
    return folder / "data", sent


# What test_month.py looks at: the reporting currency, and bots.
ELSEWHERE = ("reporting_", "orders_without_rate", "bot_")


def gold(shop, table, *key):
    """A table's rows by key, which has to be one."""
    with Lake(shop[0]) as lake:
        rows = lake.rows(f"gold.{table}")
        rows = rows.select([name for name in rows.column_names if not name.startswith(ELSEWHERE)]).to_pylist()
    found = {tuple(row[name] for name in key): {n: v for n, v in row.items() if n not in key} for row in rows}
    assert len(found) == len(rows), f"{key} is no key of {table}"
    assert found, f"{table} is empty, which proves nothing"
    return found


def ratio(part, whole, decimals=4):
    """Rounded half up; None of nothing."""
    if not whole:
        return None
    return (Decimal(part) / Decimal(whole)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def test_the_tests_of_the_project_pass(shop):
    must("batch", "test", "--data", shop[0])


# Sales.


def costs(sent):
    """For each product, the instants of its receipts and what a piece cost."""
    found = defaultdict(dict)
    for event in sent.by_type["stock"]:
        if event.get("unit_cost") is not None and event["change"] > 0:
            found[event["product_id"]].setdefault(event["at"], Decimal(event["unit_cost"]))
    return {product: sorted(at.items()) for product, at in found.items()}


def sales_by(sent, key, *, customers):
    received = costs(sent)
    found = defaultdict(lambda: defaultdict(Decimal))
    users = defaultdict(set)
    for event in sent.sales:
        group = key(event) + (
            event["channel"], event.get("store_id") or "unknown", event.get("country") or "unknown",
            event["currency"])
        sums = found[group]
        users[group].add(event["user_id"])
        sums["orders"] += 1
        sums["revenue"] += Decimal(event["total_amount"])
        sums["discount"] += Decimal(event.get("discount", 0))
        for item in event["items"]:
            amount = item["quantity"] * Decimal(item["unit_price"])
            sums["units"] += item["quantity"]
            sums["gmv"] += amount
            known = received.get(item["product_id"], [])
            index = bisect_right(known, event["at"], key=lambda receipt: receipt[0])
            if index and event["currency"] == "USD":
                sums["costed_gmv"] += amount
                sums["cost"] += item["quantity"] * known[index - 1][1]
                sums["costed"] += 1
    rows = {}
    for group, sums in found.items():
        has_cost = sums["costed"] > 0
        rows[group] = {
            "orders": sums["orders"], "units": sums["units"], "gmv": sums["gmv"], "discount": sums["discount"],
            "revenue": sums["revenue"], "aov": ratio(sums["revenue"], sums["orders"]),
            "costed_gmv": sums["costed_gmv"], "cost": sums["cost"] if has_cost else None,
            "margin": sums["costed_gmv"] - sums["cost"] if has_cost else None}
        if customers:
            rows[group]["customers"] = len(users[group])
    return rows


DIMENSIONS = ("channel", "store_id", "country", "currency")


def test_sales_of_a_day_by_channel_store_and_country(shop):
    expected = sales_by(shop[1], lambda event: (event["day"],), customers=True)
    assert any(row["margin"] for row in expected.values()) and any(row["cost"] is None for row in expected.values())
    assert gold(shop, "daily_sales_breakdown", "business_day", *DIMENSIONS) == expected


def test_sales_of_an_hour_by_channel_store_and_country(shop):
    def hour(event):
        return event["day"], event["at"].astimezone(ZONE).replace(minute=0, second=0, microsecond=0)

    expected = sales_by(shop[1], hour, customers=False)
    assert gold(shop, "hourly_sales_breakdown", "business_day", "hour_start", *DIMENSIONS) == expected


def test_the_hour_that_a_clock_change_repeats_is_two(up, data, tmp_path):
    config = tmp_path / "cartograph.yaml"
    config.write_text("timezone: Europe/Berlin\n")
    server = up(data, "--config", config)
    small = Shop(1)
    # Half past two, and an hour later half past two again.
    instants = [datetime(2025, 10, 26, hour, 30, tzinfo=timezone.utc) for hour in (0, 1)]
    server.accept([small.purchase() | {"ts": at.isoformat(), "channel": "website"} for at in instants])
    server.batch()
    server.stop_cleanly()
    rows = gold((data, None), "hourly_sales_breakdown", "hour_start")
    assert {at for at, in rows} == {at.replace(minute=0) for at in instants}
    assert {row["business_day"] for row in rows.values()} == {date(2025, 10, 26)}


def test_sales_of_a_day(shop):
    found, users = defaultdict(Counter), defaultdict(set)
    for event in shop[1].sales:
        key = event["day"], event["currency"]
        users[key].add(event["user_id"])
        found[key].update({
            "orders": 1, "units": sum(item["quantity"] for item in event["items"]),
            "gmv": sum(item["quantity"] * Decimal(item["unit_price"]) for item in event["items"]),
            "discount": Decimal(event.get("discount", 0)), "revenue": Decimal(event["total_amount"])})
    expected = {
        key: dict(row) | {"customers": len(users[key]), "aov": ratio(row["revenue"], row["orders"])}
        for key, row in found.items()}
    assert gold(shop, "daily_sales", "business_day", "currency") == expected


def test_a_channel_of_a_day(shop):
    expected = defaultdict(lambda: dict.fromkeys(("clicks", "carts", "orders", "units", "revenue"), 0))
    for kind, column in (("click", "clicks"), ("cart", "carts")):
        for event in shop[1].by_type[kind]:
            expected[event["day"], event["channel"], ""][column] += 1
    for event in shop[1].sales:
        row = expected[event["day"], event["channel"], event["currency"]]
        row["orders"] += 1
        row["units"] += sum(item["quantity"] for item in event["items"])
        row["revenue"] += Decimal(event["total_amount"])
    assert gold(shop, "daily_channel", "business_day", "channel", "currency") == expected


def test_a_product_of_a_day(shop):
    clicks, users = Counter(), defaultdict(set)
    for event in shop[1].by_type["click"]:
        key = event["day"], event["product_id"]
        clicks[key] += 1
        users[key].add(event["user_id"])
    expected = {key: {"clicks": count, "users": len(users[key])} for key, count in clicks.items()}
    assert gold(shop, "daily_product_clicks", "business_day", "product_id") == expected

    sold, orders = defaultdict(Counter), defaultdict(set)
    for event in shop[1].sales:
        for item in event["items"]:
            key = event["day"], item["product_id"], event["currency"]
            orders[key].add(event["event_id"])
            sold[key].update({
                "units": item["quantity"], "gmv": item["quantity"] * Decimal(item["unit_price"])})
    expected = {key: dict(row) | {"orders": len(orders[key])} for key, row in sold.items()}
    assert gold(shop, "daily_product_sales", "business_day", "product_id", "currency") == expected


# Categories.


def category(sent, product, day):
    """The second list holds from a day on, and for what no other list has it holds before, too."""
    first, second = sent.lists
    if product in second and (day >= RENEWED or product not in first):
        return second[product]
    return first.get(product, "unknown")


def shares(amount, weights):
    """An amount shared by weights: each gets what falls to it and those before it, rounded, less what fell to those before."""
    fallen, upto, found = Decimal(0), 0, []
    for weight in weights:
        upto += weight
        part = (amount * upto / sum(weights)).quantize(Decimal("0.0001"), ROUND_HALF_UP)
        found.append(part - fallen)
        fallen = part
    assert sum(found) == amount
    return found


def test_sales_by_category(shop):
    sent = shop[1]
    received = costs(sent)
    daily, hourly = defaultdict(Counter), defaultdict(Counter)
    for event in sent.sales:
        parts = defaultdict(Counter)
        for item in event["items"]:
            part = parts[category(sent, item["product_id"], event["day"])]
            amount = item["quantity"] * Decimal(item["unit_price"])
            part.update({"units": item["quantity"], "gmv": amount, "costed_gmv": 0})
            known = received.get(item["product_id"], [])
            index = bisect_right(known, event["at"], key=lambda receipt: receipt[0])
            if index and event["currency"] == "USD":
                part.update({"costed_gmv": amount, "cost": item["quantity"] * known[index - 1][1]})
        names = sorted(parts)
        weights = [parts[name]["gmv"] for name in names]
        discounts = shares(Decimal(event.get("discount", 0)), weights)
        revenues = shares(Decimal(event["total_amount"]), weights)
        for name, discount, revenue in zip(names, discounts, revenues):
            hour = event["at"].astimezone(ZONE).replace(minute=0, second=0, microsecond=0)
            more = parts[name] | Counter({"discount": discount, "revenue": revenue, "orders": 1})
            for found, key in ((daily, (event["day"],)), (hourly, (event["day"], hour))):
                row = found[*key, name, event["currency"]]
                for column in ("orders", "units", "gmv", "discount", "revenue", "costed_gmv"):
                    row[column] += more[column]
                if "cost" in parts[name]:
                    row["cost"] += parts[name]["cost"]
    for found in (daily, hourly):
        for row in found.values():
            row["aov"] = ratio(row["revenue"], row["orders"])
            row["cost"] = row["cost"] if "cost" in row else None
            row["margin"] = None if row["cost"] is None else row["costed_gmv"] - row["cost"]
    names = {name for _, name, _ in daily}
    assert {"unknown", "renewed", "shoes"} < names and any(row["margin"] for row in daily.values())
    assert gold(shop, "daily_category_sales", "business_day", "category", "currency") == daily
    assert gold(shop, "hourly_category_sales", "business_day", "hour_start", "category", "currency") == hourly


def test_clicks_and_carts_by_category(shop):
    expected = defaultdict(lambda: {"clicks": 0, "carts": 0})
    for kind, column in (("click", "clicks"), ("cart", "carts")):
        for event in shop[1].by_type[kind]:
            expected[event["day"], category(shop[1], event["product_id"], event["day"])][column] += 1
    assert gold(shop, "daily_category_clicks", "business_day", "category") == expected


# Visits.


def test_the_funnel_of_a_day(shop):
    def instants(kind):
        found = defaultdict(list)
        for event in shop[1].by_type[kind]:
            found[event["session_id"]].append(event["at"])
        return found

    carts, purchases = instants("cart"), instants("purchase")
    found = defaultdict(Counter)
    for session, views in instants("click").items():
        viewed = min(views)
        carted = min((at for at in carts[session] if at >= viewed), default=None)
        is_bought = carted is not None and any(at >= carted for at in purchases[session])
        found[(viewed.astimezone(ZONE).date(),)].update({
            "views": 1, "carts": carted is not None, "purchases": is_bought})
    expected = {
        day: dict(row) | {
            "cart_rate": ratio(row["carts"], row["views"]), "purchase_rate": ratio(row["purchases"], row["carts"]),
            "conversion_rate": ratio(row["purchases"], row["views"])}
        for day, row in found.items()}
    assert any(row["conversion_rate"] for row in expected.values())
    assert gold(shop, "daily_funnel", "business_day") == expected


def test_carts_that_were_abandoned(shop):
    visits = defaultdict(list)
    counted = {event["event_id"] for event in shop[1].sales}
    for kind in ("click", "search", "cart", "wishlist", "purchase"):
        for event in shop[1].by_type[kind]:
            is_bought = kind == "purchase" and event["event_id"] in counted
            visits[event["user_id"], event["channel"]].append((event["at"], kind == "cart", is_bought))
    found = defaultdict(Counter)
    for (_, channel), moments in visits.items():
        moments.sort()
        sessions = []
        for number, moment in enumerate(moments):
            if number == 0 or moment[0] - moments[number - 1][0] >= timedelta(minutes=30):
                sessions.append([])
            sessions[-1].append(moment)
        for session in sessions:
            if any(is_cart for _, is_cart, _ in session):
                is_abandoned = not any(is_bought for _, _, is_bought in session)
                found[session[0][0].astimezone(ZONE).date(), channel].update({
                    "sessions_with_cart": 1, "abandoned": is_abandoned})
    expected = {
        key: dict(row) | {"abandonment_rate": ratio(row["abandoned"], row["sessions_with_cart"])}
        for key, row in found.items()}
    assert any(0 < row["abandoned"] < row["sessions_with_cart"] for row in expected.values())
    assert gold(shop, "cart_abandonment", "business_day", "channel") == expected


# Customers.


def test_customers_who_come_again(shop):
    orders = defaultdict(Counter)
    for event in shop[1].sales:
        orders[event["user_id"]][event["day"].replace(day=1)] += 1
    sizes = Counter(min(months) for months in orders.values())
    found = defaultdict(Counter)
    for months in orders.values():
        first = min(months)
        for month, count in months.items():
            since = (month.year - first.year) * 12 + month.month - first.month
            found[first, since].update({"customers": 1, "orders": count})
    expected = {
        key: dict(row) | {"cohort_customers": sizes[key[0]], "retention": ratio(row["customers"], sizes[key[0]])}
        for key, row in found.items()}
    assert any(since for _, since in expected)
    assert gold(shop, "cohort_retention", "cohort_month", "months_since") == expected


def test_new_and_returning_customers_of_a_day(shop):
    days = defaultdict(Counter)
    for event in shop[1].sales:
        days[event["user_id"]][event["day"]] += 1
    expected = defaultdict(Counter)
    for orders in days.values():
        for day, count in orders.items():
            is_new = day == min(orders)
            expected[(day,)].update({
                "customers": 1, "new_customers": is_new, "returning_customers": not is_new, "orders": count,
                "orders_of_new_customers": count * is_new})
    assert any(row["returning_customers"] for row in expected.values())
    assert gold(shop, "daily_customers", "business_day") == {day: dict(row) for day, row in expected.items()}


# The segment of each recency score, by the mean of the other two scores from 1 to 5.
SEGMENTS = {
    5: ["New Customers", "Potential Loyalist", "Potential Loyalist", "Champions", "Champions"],
    4: ["Promising", "Potential Loyalist", "Potential Loyalist", "Champions", "Champions"],
    3: ["About To Sleep", "About To Sleep", "Need Attention", "Loyal", "Loyal"],
    2: ["Hibernating", "Hibernating", "At Risk", "At Risk", "At Risk"],
    1: ["Lost", "Lost", "At Risk", "Can't Lose Them", "Can't Lose Them"],
}


def fifths(customers, measure):
    """Scores from 1 to 5 in the order of a measure; the first fifths take what does not divide."""
    ordered = sorted(customers, key=lambda customer: (customers[customer][measure], customer))
    size, more = divmod(len(ordered), 5)
    scores = [fifth + 1 for fifth in range(5) for _ in range(size + (fifth < more))]
    return dict(zip(ordered, scores))


def test_customers_have_scores_and_one_of_eleven_segments(shop):
    expected, seen = {}, set()
    last = max(event["day"] for event in shop[1].sales)
    for currency in {event["currency"] for event in shop[1].sales}:
        customers = {}
        for event in (event for event in shop[1].sales if event["currency"] == currency):
            customer = customers.setdefault(event["user_id"], {"days": [], "orders": 0, "revenue": Decimal(0)})
            customer["days"].append(event["day"])
            customer["last"] = max(customer["days"])
            customer["orders"] += 1
            customer["revenue"] += Decimal(event["total_amount"])
        recency, frequency, money = (fifths(customers, name) for name in ("last", "orders", "revenue"))
        for user, customer in customers.items():
            mean = Decimal(frequency[user] + money[user]) / 2
            segment = SEGMENTS[recency[user]][int(mean.quantize(Decimal(1), ROUND_HALF_UP)) - 1]
            seen.add(segment)
            expected[(user, currency)] = {
                "first_order_day": min(customer["days"]), "last_order_day": customer["last"],
                "recency_days": (last - customer["last"]).days, "orders": customer["orders"],
                "revenue": customer["revenue"], "recency_score": recency[user], "frequency_score": frequency[user],
                "monetary_score": money[user], "segment": segment}
    assert len(seen) == 11, f"only {seen}"
    assert gold(shop, "customer_rfm", "user_id", "currency") == expected


# Searches.


def test_search_terms_and_searches_that_found_nothing(shop):
    found, users = defaultdict(Counter), defaultdict(set)
    for event in shop[1].by_type["search"]:
        key = event["day"], " ".join(event["query"].lower().split())
        results = event.get("results")
        users[key].add(event["user_id"])
        found[key].update({
            "searches": 1, "searches_with_results_known": results is not None, "zero_result_searches": results == 0})
    expected = {
        key: dict(row) | {
            "users": len(users[key]),
            "zero_result_rate": ratio(row["zero_result_searches"], row["searches_with_results_known"])}
        for key, row in found.items()}
    assert any(row["zero_result_searches"] for row in expected.values())
    assert gold(shop, "daily_search_terms", "business_day", "term") == expected


# Products bought together.


def test_products_bought_together(shop):
    baskets = [{item["product_id"] for item in event["items"]} for event in shop[1].sales]
    baskets = [basket for basket in baskets if len(basket) <= 50]
    alone = Counter(product for basket in baskets for product in basket)
    together = Counter(pair for basket in baskets for pair in permutations(basket, 2))
    expected = {
        (one, other): {
            "orders_together": count, "product_orders": alone[one], "with_product_orders": alone[other],
            "all_orders": len(baskets), "support": ratio(count, len(baskets), 8),
            "confidence": ratio(count, alone[one], 8),
            "lift": ratio(count * len(baskets), alone[one] * alone[other])}
        for (one, other), count in together.items() if count >= 2}
    assert ("p-bulk-1", "p-bulk-2") in expected and ("p-bulk-1", "p-bulk-50") not in expected
    assert gold(shop, "product_affinity", "product_id", "with_product_id") == expected


# Orders on their way, and the shelves.


def test_orders_by_what_became_of_them(shop):
    reached = defaultdict(lambda: defaultdict(list))
    for event in shop[1].by_type["order_status"]:
        reached[event["order_id"]][event["status"]].append(event["at"])
    found = defaultdict(Counter)
    for event in shop[1].sales:
        firsts = {status: min(instants) for status, instants in reached.get(event["order_id"], {}).items()}
        is_judged = {"paid", "shipped"} <= firsts.keys()
        found[event["day"], event["channel"]].update({
            "orders": 1, "orders_with_status": bool(firsts), "shipped": "shipped" in firsts,
            "shipping_judged": is_judged,
            "shipped_in_time": is_judged and firsts["shipped"] - firsts["paid"] <= timedelta(hours=24),
            "delivered": "delivered" in firsts, "cancelled": "cancelled" in firsts, "returned": "returned" in firsts,
            "delivered_and_returned": {"delivered", "returned"} <= firsts.keys()})
    expected = {}
    for key, row in found.items():
        both = row.pop("delivered_and_returned")
        expected[key] = dict(row) | {
            "sla_rate": ratio(row["shipped_in_time"], row["shipping_judged"]),
            "return_rate": ratio(both, row["delivered"])}
    assert any(0 < (row["sla_rate"] or 0) < 1 for row in expected.values())
    assert any(row["return_rate"] for row in expected.values())
    assert gold(shop, "daily_fulfilment", "business_day", "channel") == expected


def test_stock_turnover_of_a_month(shop):
    moves = defaultdict(lambda: defaultdict(list))
    for event in shop[1].by_type["stock"]:
        moves[event["product_id"], event["warehouse_id"]][event["day"].replace(day=1)].append(event)
    expected = {}
    for (product, warehouse), months in moves.items():
        level = 0
        for month in sorted(months):
            opening = level
            of = Counter()
            for event in months[month]:
                level += event["change"]
                of[event["reason"]] += event["change"]
            sold = -of["sale"]
            expected[month, product, warehouse] = {
                "opening_level": opening, "received": of["restock"], "sold": sold, "returned": of["return"],
                "closing_level": level,
                "turnover": ratio(2 * max(sold, 0), opening + level) if opening >= 0 and level >= 0 else None}
    assert {key[0] for key in expected} >= {date(2026, 1, 1), date(2026, 2, 1)}
    assert any(row["opening_level"] and row["turnover"] for row in expected.values())
    assert gold(shop, "stock_turnover", "month", "product_id", "warehouse_id") == expected
