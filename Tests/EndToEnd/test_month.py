"""A month of a shop, with all that goes wrong on the way, and a real shop's history: every gold table beside plain SQL.

`make test-month` runs the same with twenty million events.
"""

import json
import os
import zlib
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal

import pytest
from cartograph import NDJSON, Server, must
from lake import Lake
from plain_sql import GOLD, PlainShop

EVENTS = int(os.environ.get("CARTOGRAPH_MONTH_EVENTS") or 200_000)
IS_LONG = EVENTS > 1_000_000
# A zone of a half hour, and a reporting currency that every other one but the euro comes to by way of the euro.
ZONE, MINUTES, CURRENCY = "Asia/Kolkata", 330, "SGD"
# What people pay in; no rate of the dong is known.
CURRENCIES = ["SGD"] * 8 + ["USD", "USD", "EUR", "THB", "IDR", "JPY", "VND"]
POST_BYTES = 12 << 20


def month(folder):
    """The lines as they are sent, in a file, and those among them that are events, in another."""
    simulated, sent, good = folder / "simulated.ndjson", folder / "sent.ndjson", folder / "good.ndjson"
    must(
        "simulate", "--days", 30, "--start", "2026-01-12", "--events", EVENTS, "--seed", 6, "--duplicates", 0.01,
        "--late", 0.02, "--late-by", "3d", "--malformed", 0.005,
        "--products", folder / "products.csv", "--to", f"file:{simulated}", timeout=1_800)
    malformed = 0
    with open(simulated, "rb") as lines, open(sent, "wb") as all_lines, open(good, "wb") as events:
        again, (first, last) = [], nights()
        for event in first:
            line = json.dumps(event).encode() + b"\n"
            all_lines.write(line)
            events.write(line)
        for line in lines:
            # The simulator says which lines are no events.
            if b'"s-malformed' in line:
                malformed += 1
                all_lines.write(line)
                continue
            if line.startswith(b'{"type":"purchase"'):
                event = json.loads(line, parse_float=str)
                chance = zlib.crc32(event["event_id"].encode())
                event["currency"] = CURRENCIES[chance % len(CURRENCIES)]
                if chance % 13 == 0:
                    del event["order_id"]
                elif chance % 50 == 1 and event["ts"] > "2026-02-01":
                    again.append(event | {"event_id": f"again-{event['event_id']}"})
                line = json.dumps(event).encode() + b"\n"
            all_lines.write(line)
            events.write(line)
        for event in again + list(bots()) + last:
            line = json.dumps(event).encode() + b"\n"
            all_lines.write(line)
            events.write(line)
    simulated.unlink()
    assert malformed > EVENTS // 300, f"only {malformed} malformed lines"
    return sent, good, malformed


def lists(folder):
    """Lists of products in the order in which they are taken in, each with the day that it holds from.

    Of some products no list says anything; of some the second says something else, from a day in the middle on; and of some of
    all of these the third takes back what the others said, from an earlier day on, or says that they are of no category.
    """
    lines = (folder / "products.csv").read_text().splitlines()
    rows = [line.split(",") for line in lines[1:]]

    def write(name, chosen):
        path = folder / f"{name}.csv"
        path.write_text("\n".join([lines[0], *(",".join(row) for row in chosen)]) + "\n")
        return path

    return [
        (write("first", [row for number, row in enumerate(rows) if number % 7]), "2026-01-30"),
        (write("second", [row[:2] + ["renewed"] + row[3:] for row in rows[::3]]), "2026-02-01"),
        (write("third", [
            row[:2] + ["" if number % 2 else "corrected"] + row[3:] for number, row in enumerate(rows[::5])]),
            "2026-01-21")]


def nights():
    """What reaches from one day into another: one half of it at the file's beginning and the other at its end.

    No other event at the end is of the 14th or 15th, so that these days are right only if the others reopen them.
    """
    first, last = [], []
    # Visits over midnight of the business day, of which the evening or the morning comes last.
    for day, evening, morning in ((13, last, first), (15, first, last)):
        midnight = datetime(2026, 1, day, 18, 30, tzinfo=timezone.utc)

        def event(kind, minutes, **more):
            at = (midnight + timedelta(minutes=minutes)).isoformat()
            return {
                "type": kind, "event_id": f"night-{day}-{kind}", "user_id": f"night-{day}", "channel": "website",
                "session_id": f"night-{day}-session", "ts": at} | more

        evening.append(event("click", -10, product_id="p-00001", page="/", referrer=""))
        morning.append(event("cart", 5, product_id="p-00001", quantity=1))
        morning.append(event(
            "purchase", 10, items=[{"product_id": "p-00001", "quantity": 1, "unit_price": "9.99"}],
            total_amount="9.99", currency="EUR", order_id=f"night-{day}-order"))
    # A receipt that is told of last, and before which everything was sold; and a first order that comes last.
    last.append({
        "type": "stock", "event_id": "late-receipt", "product_id": "p-00001", "warehouse_id": "wh-late", "change": 5,
        "reason": "restock", "unit_cost": "1.2345", "ts": "2026-01-13T00:00:00Z"})
    order = {
        "type": "purchase", "user_id": "regular", "session_id": "regular-session", "channel": "store", "currency": "SGD",
        "items": [{"product_id": "p-00002", "quantity": 1, "unit_price": "5.00"}], "total_amount": "5.00"}
    first.append(order | {"event_id": "regular-2", "order_id": "regular-2", "ts": "2026-01-15T05:00:00Z"})
    last.append(order | {"event_id": "regular-1", "order_id": "regular-1", "ts": "2026-01-13T05:00:00Z"})
    # An order whose way is told of late.
    for status, hour in (("paid", 6), ("shipped", 20)):
        last.append({
            "type": "order_status", "event_id": f"regular-{status}", "order_id": "regular-2", "user_id": "regular",
            "status": status, "ts": f"2026-01-19T{hour:02d}:00:00Z"})
    return first, last


def bots():
    """One who is too fast and buys, one who looks all day, and one who is neither by a hair."""
    def click(user, number, at):
        return {
            "type": "click", "event_id": f"{user}-{number}", "user_id": user, "session_id": f"{user}-session", "ts": at,
            "product_id": f"p-{number % 3:05d}", "page": "/", "referrer": "", "channel": "website"}

    for number in range(120):
        yield click("fast", number, f"2026-01-20T10:00:{number // 2:02d}Z")
    for number in range(119):
        yield click("brisk", number, f"2026-01-20T10:00:{number // 2:02d}Z")
    yield click("brisk", 119, "2026-01-20T10:01:00Z")
    for number in range(1_000):
        yield click("idle", number, f"2026-01-22T{4 + number // 120:02d}:{number // 2 % 60:02d}:{number % 2 * 30:02d}Z")
    for number in range(999):
        yield click("keen", number, f"2026-01-22T{4 + number // 120:02d}:{number // 2 % 60:02d}:{number % 2 * 30:02d}Z")
    yield {
        "type": "purchase", "event_id": "fast-buys", "user_id": "fast", "session_id": "fast-session",
        "ts": "2026-01-20T11:00:00Z", "items": [{"product_id": "p-00001", "quantity": 2, "unit_price": "10.00"}],
        "total_amount": "20.00", "currency": "USD", "channel": "website", "order_id": "fast-order"}


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    return month(tmp_path_factory.mktemp("month"))


@pytest.fixture(scope="module")
def plain(sent, tmp_path_factory):
    plain = PlainShop(sent[1], minutes=MINUTES, currency=CURRENCY, folder=tmp_path_factory.mktemp("plain"))
    for path, day in lists(sent[1].parent):
        plain.take_in(path, day)
    return plain


def parts(path, count):
    """Where a file falls into so many parts of whole lines, as (start, end)."""
    size = path.stat().st_size
    cuts = [0]
    with open(path, "rb") as file:
        for number in range(1, count):
            file.seek(size * number // count)
            file.readline()
            cuts.append(file.tell())
    return list(zip(cuts, cuts[1:] + [size]))


def post(server, path, start, end):
    """Sends a part of a file; returns how many of its lines were let in and how many not."""
    accepted = rejected = 0
    with open(path, "rb") as file:
        file.seek(start)
        while file.tell() < end:
            body = file.read(min(POST_BYTES, end - file.tell()))
            if file.tell() < end:
                body += file.readline()
            status, answer = server.request("POST", "/v1/events", body, {"Content-Type": NDJSON})
            assert status == 202, f"{status} {answer}"
            accepted += answer["accepted"]
            rejected += answer["rejected_count"]
    return accepted, rejected


def load(folder, path, order):
    """A data folder that got the parts of a file in this order, and a list of products before each while there is one, the
    models run after each."""
    config = folder / "cartograph.yaml"
    # The models run when the test says so.
    config.write_text(f"timezone: {ZONE}\ncurrency: {CURRENCY}\nbatch_seconds: 86400\n")
    server = Server(folder / "data", "--config", config).ready()
    accepted = rejected = 0
    try:
        cuts = parts(path, len(order))
        coming = lists(path.parent)
        for number in order:
            for list_path, day in [coming.pop(0) for _ in coming[:len(coming) if number == order[-1] else 1]]:
                must("products", "import", "--data", folder / "data", "--config", config, list_path, "--from", day)
            done = post(server, path, *cuts[number])
            accepted, rejected = accepted + done[0], rejected + done[1]
            if not IS_LONG:
                server.batch()
        server.stop_cleanly()
    finally:
        server.close()
    must("batch", "run", "--data", folder / "data", "--config", config, timeout=3_600)
    return folder / "data", accepted, rejected


def assert_equal(data, plain):
    with Lake(data) as lake:
        tables = sorted(name for _, name in lake.tables("gold"))
        assert tables == sorted(GOLD), "every table of gold has a statement in plain SQL"
        wrong = [line for table in tables for line in plain.differences(table, lake.rows(f"gold.{table}"))]
    assert not wrong, "\n".join(wrong)


def test_a_month_in_one_build_is_what_plain_sql_says(sent, plain, tmp_path):
    data, accepted, rejected = load(tmp_path, sent[0], [0])
    lines = plain.db.execute("SELECT count(*), count(*) - count(DISTINCT (type, event_id)) FROM lines").fetchone()
    assert (accepted, rejected) == (lines[0], sent[2])
    assert lines[1] > EVENTS // 150, "duplicates are among them"
    assert plain.check_rounding() > 100
    assert_equal(data, plain)
    must("batch", "test", "--data", data, "--config", tmp_path / "cartograph.yaml", timeout=1_800)


@pytest.mark.skipif(IS_LONG, reason="the increments are the short form's")
def test_a_month_in_increments_of_any_order_is_the_same(sent, plain, tmp_path):
    data, _, _ = load(tmp_path, sent[0], [2, 0, 3, 1])
    assert_equal(data, plain)


# CDNOW.


def test_cdnows_whole_history_is_what_plain_sql_says(cdnow, tmp_path):
    data = tmp_path / "data"
    must("import", "--data", data, "--mapping", "cdnow", cdnow)
    must("batch", "run", "--data", data)
    # The file's own lines: customer, day, number of CDs, dollars.
    events = tmp_path / "cdnow.ndjson"
    with open(cdnow) as lines, open(events, "w") as out:
        for number, line in enumerate(lines):
            words = line.split()
            if len(words) != 4 or not words[0].isdigit():
                continue
            customer, day, count, dollars = words
            out.write(json.dumps({
                "type": "purchase", "event_id": f"cdnow-{number}", "user_id": customer,
                "ts": f"{day[:4]}-{day[4:6]}-{day[6:]}T00:00:00Z", "channel": "website", "currency": "USD",
                "session_id": f"{customer}-{day}", "total_amount": dollars,
                "items": [{"product_id": "cd", "quantity": int(count), "unit_price": unit_price(dollars, count)}],
            }) + "\n")
    plain = PlainShop(events, minutes=0, currency="USD")
    assert plain.db.execute("SELECT count(*), sum(revenue) FROM sales").fetchone()[0] == 69_659
    with Lake(data) as lake:
        filled = [name for _, name in sorted(lake.tables("gold")) if lake.rows(f"gold.{name}").num_rows]
        assert set(filled) == {
            "cohort_retention", "customer_rfm", "daily_category_sales", "daily_channel", "daily_customers", "daily_product_sales", "daily_sales",
            "daily_sales_breakdown", "daily_totals", "hourly_category_sales", "hourly_sales_breakdown"}
        wrong = [line for table in filled for line in plain.differences(table, lake.rows(f"gold.{table}"))]
    assert not wrong, "\n".join(wrong)


def unit_price(dollars, count):
    """What the mapping makes of a line's total: rounded half up to four decimals."""
    return str((Decimal(dollars) / int(count)).quantize(Decimal("0.0001"), ROUND_HALF_UP))
