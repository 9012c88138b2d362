"""The dashboard's panels of the shop's jobs say what the API says: sales, best sellers, sessions, pages, stock."""

import json
import shutil
import urllib.request
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from cartograph import eventually
from playwright.sync_api import sync_playwright


@pytest.fixture(params=["light", "dark"])
def page(request):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or "/usr/bin/chromium",
            args=["--no-sandbox", "--disable-dev-shm-usage"])
        width = 1440 if request.param == "light" else 390
        page = browser.new_page(viewport={"width": width, "height": 1000}, color_scheme=request.param, locale="en-US")
        page.complaints = []
        page.on("console", lambda line: page.complaints.append(line.text) if line.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        yield page
        browser.close()


def ask(server, path):
    with urllib.request.urlopen(server.url + path) as answer:
        return json.load(answer)


def events():
    now = datetime.now(timezone.utc).isoformat()
    made = []
    for number in range(120):
        channel = ["website", "shopee", "store"][number % 3]
        person = {"user_id": f"u{number}", "session_id": f"s{number}", "ts": now, "channel": channel}
        made.append({
            "type": "click", "event_id": f"c{number}", "product_id": f"p{number % 12}", "page": f"/p{number % 12}",
            "referrer": "", **person})
        if number % 4 == 0:
            amount = f"{number % 7 + 1}.2{number % 10}"
            made.append({
                "type": "purchase", "event_id": f"b{number}", "order_id": f"o{number}", "currency": "USD",
                "total_amount": amount, "country": ["VN", "SG", "TH", "XX9"][number % 16 // 4],
                "items": [{"product_id": f"p{number // 4 % 11}", "quantity": 1, "unit_price": amount}],
                **({"store_id": f"Store {number % 2}"} if channel == "store" else {}), **person})
    for minutes in (40, 300):
        past = (datetime.now(timezone.utc) - timedelta(minutes=minutes)).isoformat()
        made.append({
            "type": "purchase", "event_id": f"past{minutes}", "order_id": f"past{minutes}", "currency": "USD", "ts": past,
            "total_amount": "100", "channel": "website", "user_id": f"past{minutes}", "session_id": f"past{minutes}",
            "items": [{"product_id": f"{minutes} minutes ago", "quantity": 1, "unit_price": "100"}]})
    made.append({
        "type": "purchase", "event_id": "euro", "order_id": "euro", "currency": "EUR", "total_amount": "900", "country": "VN",
        "user_id": "u1", "session_id": "s1", "ts": now, "channel": "website",
        "items": [{"product_id": "p1", "quantity": 1, "unit_price": "900"}]})
    for number, (product, warehouse, change) in enumerate(
            [("p1", "hanoi", 3), ("p2", "hanoi", 500), ("p3", "saigon", -1), ("<b>p4</b>", "saigon", 19), ("p5", "hue", 20)]):
        made.append({
            "type": "stock", "event_id": f"st{number}", "product_id": product, "warehouse_id": warehouse, "change": change,
            "ts": now, "reason": "count"})
    return made


def sold(report):
    """What each name sold in dollars, others under no name; best first."""
    sums = defaultdict(Decimal)
    for line in report["lines"]:
        if line["currency"] == "USD":
            sums[line["name"]] += Decimal(line["revenue"])
    return {name: amount for name, amount in sums.items() if amount}


@pytest.fixture
def shop(up, data):
    server = up(data)
    server.applied(server.accept(events())["commit"])
    return server


def test_sales_are_shown_by_every_dimension_and_grain(shop, page):
    page.goto(shop.url, wait_until="load")

    def shown():
        # In one look: rows come and go.
        rows = page.locator("#sales-names li").evaluate_all("rows => rows.map((row) => [row.dataset.name, row.dataset.value])")
        return {name: Decimal(value) for name, value in rows}

    for by in ("channel", "store", "country", "product"):
        for grain, last in (("hour", 24), ("day", 14)):
            page.locator(f"input[name=sales-by][value={by}]").check(force=True)
            page.locator(f"input[name=sales-grain][value={grain}]").check(force=True)
            whole = sold(ask(shop, f"/api/v1/live/sales?by={by}&grain={grain}&last={last}"))
            best = dict(sorted(whole.items(), key=lambda item: (-item[1], item[0]))[:7])
            rest = sum(whole.values()) - sum(best.values())
            expected = best | ({"": rest} if rest else {})
            chart = page.get_by_test_id("sales-chart")
            eventually(
                f"the sales by {by} and {grain} are drawn",
                lambda: chart.get_attribute("aria-label").startswith(f"Sales by {grain} and {by}"))
            eventually(f"the sales by {by} and {grain} are told: {expected}", lambda: shown() == expected)
            assert page.locator("#sales-title").inner_text() == f"Sales by {grain}"
    assert len(shown()) == 8, "seven of the eleven products, and the others together"
    assert not page.complaints


def test_best_sellers_of_each_window_are_shown(shop, page):
    page.goto(shop.url, wait_until="load")

    def rows():
        return page.locator("#products tr").evaluate_all(
            "rows => rows.map((row) => `${row.cells[0].textContent} ${row.cells[2].textContent}`)")

    for window, words, past in (("minute-15", "15 minutes", 0), ("minute-60", "last hour", 1), ("hour-24", "24 hours", 2)):
        grain, last = window.split("-")
        page.locator(f"input[name=window][value={window}]").check(force=True)
        report = ask(shop, f"/api/v1/live/bestsellers?grain={grain}&last={last}&limit=10")
        expected = [f"{p['product_id']} ${Decimal(p['revenue']):.2f}" for p in report["products"]]
        assert len(expected) == 10 and sum("minutes ago" in line for line in expected) == past
        eventually(f"the best of {window} are shown", lambda: rows() == expected)
        assert words in page.locator("#products-sub").inner_text()
    shop.applied(shop.accept([{
        "type": "purchase", "event_id": "big", "order_id": "big", "currency": "USD", "total_amount": "5000", "channel": "store",
        "user_id": "u", "session_id": "big", "ts": datetime.now(timezone.utc).isoformat(),
        "items": [{"product_id": "hit", "quantity": 2, "unit_price": "2500"}]}])["commit"])
    eventually("what sells now comes to the top", lambda: rows()[0] == "hit $5,000.00")
    page.locator("input[name=window][value=today]").check(force=True)
    eventually("so it does today", lambda: rows()[0] == "hit $5,000.00")
    assert not page.complaints


def test_stock_and_sessions_are_shown(shop, page):
    page.goto(shop.url, wait_until="load")
    report = ask(shop, "/api/v1/live/stock")
    assert report["count"] == 3

    def shelves():
        return [tuple(row) for row in page.locator("#stock tr").evaluate_all(
            "rows => rows.map(({ cells }) => [...[...cells[0].children].map((part) => part.textContent), cells[2].textContent])")]

    expected = [(alert["product_id"], alert["warehouse_id"], str(alert["pieces"])) for alert in report["alerts"]]
    assert expected[2][0] == "<b>p4</b>"
    eventually("the stock alerts are shown", lambda: shelves() == expected)
    assert page.locator("#stock-count").get_attribute("data-value") == "3"
    assert page.locator("#stock .pill").all_inner_texts() == ["out", "low", "low"]
    sessions = ask(shop, "/api/v1/live/sessions")
    eventually("the open sessions are shown", lambda: page.locator("#stat-open").inner_text() == str(sessions["open"]))
    day = shop.snapshot()["business_day"]
    over = sum(entry["sessions"] for entry in sessions["channels"] if entry["day"] == day)
    assert page.locator("#stat-sessions").inner_text() == str(over)
    assert page.locator("#sessions-empty").is_visible() == (over == 0)
    assert page.locator("#pages-empty").is_visible() == (sessions["pages"] == [])
    # Most sessions take half an hour to end: what is shown then, of a report as the API writes it.
    page.evaluate(
        """async () => {
            const { drawSessions } = await import("/jobs.js");
            const channel = (day, channel, sessions, converted, with_cart, abandoned, bounced, seconds) =>
                ({ day, channel, sessions, converted, with_cart, abandoned, bounced, events: 9, seconds, revenue: "1234.5000" });
            drawSessions({
                open: 1234, late: 0, unkept: 0,
                channels: [
                    channel("2026-01-01", "tiki", 7, 7, 7, 7, 7, 7),
                    channel("2026-01-02", "tiki", 10, 1, 3, 2, 4, 600), channel("2026-01-02", "website", 30, 9, 12, 3, 6, 6600)],
                pages_of: "2026-01-02",
                pages: [{ page: "/", entries: 20, exits: 5, conversions: 3 }, { page: "<i>", entries: 10, exits: 1, conversions: 0 }],
            }, "2026-01-02", "USD");
        }""")

    def stats():
        return {name: page.locator(f"#stat-{name}").inner_text() for name in
                ("sessions", "open", "converted", "length", "bounced", "abandoned")}

    # Until the page asks the server again.
    assert stats() == {
        "sessions": "40", "open": "1,234", "converted": "25.0%", "length": "3 min", "bounced": "25.0%", "abandoned": "5 of 15"}
    assert page.locator("#session-channels tr").all_inner_texts() == ["Website\t30\t30.0%\t$1,234.50", "Tiki\t10\t10.0%\t$1,234.50"]
    assert page.locator("#pages th").all_inner_texts() == ["/", "<i>"]
    assert page.locator("#pages tr").first.locator(".num").all_inner_texts() == ["20", "5", "15.0%"]
    assert not page.complaints


def test_a_shop_that_has_sold_nothing_says_so(up, data, page):
    server = up(data)
    server.applied(server.accept(events()[:1])["commit"])
    page.goto(server.url, wait_until="load")
    for words in ("Nothing has sold yet", "No session of today is over yet.", "No shelf runs low."):
        eventually(words, lambda: page.get_by_text(words).is_visible())
    page.locator("input[name=window][value=minute-15]").check(force=True)
    eventually("nothing in the window either", lambda: page.get_by_text("Nothing has sold in this time.").is_visible())
    # Nothing is wider than the page.
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    assert not page.complaints
