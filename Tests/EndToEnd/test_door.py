"""The HTTP door as the outside world meets it: write keys, other sites' pages, the tracker in a real browser."""

import gzip
import http.server
import json
import shutil
import threading
from urllib.parse import urlparse

import pytest
from cartograph import eventually, must, ndjson, run
from playwright.sync_api import sync_playwright
from shop import Shop

CHROMIUM = "/usr/bin/chromium"
TRACKER_BYTES_MAX = 2_048
# `cartograph keys` beside a running server is taken over within a second; the rest is for a busy machine.
RELOAD_SECONDS_MAX = 10


def make_key(data, *words):
    return json.loads(must("keys", "add", "--data", data, "--label", "test", "--json", *words).out)


def search(text="shoes", **fields):
    return Shop(seed=1, name=text)._head("search") | {"query": text} | fields


def test_keys_are_made_listed_and_revoked_beside_a_running_server(up, data):
    server = up(data, "--door-only")
    assert server.post(ndjson([search("before")]))[0] == 202, "without a key the door is open on this machine"

    key = make_key(data, "--rate", "1000")
    eventually("the key is asked for", lambda: server.post(ndjson([search("none")]))[0] == 401, RELOAD_SECONDS_MAX)
    for headers in ({"Authorization": f"Bearer {key['key']}"}, {"X-Cartograph-Key": key["key"]}):
        assert server.post(ndjson([search()]), **headers)[0] == 202
    status, answer = server.request("POST", f"/v1/events?key={key['key']}", json.dumps(search()))
    assert status == 202 and answer["accepted"] == 1
    status, answer = server.post(ndjson([search()]), **{"X-Cartograph-Key": key["key"][:-1] + "!"})
    assert status == 401 and "error" in answer

    listed = json.loads(must("keys", "ls", "--data", data, "--json").out)
    assert [entry["id"] for entry in listed] == [key["id"]] and "key" not in listed[0] and listed[0]["rate"] == 1000
    assert key["key"] not in must("keys", "ls", "--data", data).out
    assert key["key"].split("_", 2)[2] not in (data / "access/keys.json").read_text(), "only its digest is kept"

    must("keys", "revoke", key["id"], "--data", data)
    eventually(
        "the key is revoked",
        lambda: server.post(ndjson([search()]), **{"X-Cartograph-Key": key["key"]})[0] == 401, RELOAD_SECONDS_MAX)
    assert server.post(ndjson([search()]))[0] == 401, "revoking the last key does not open the door"
    assert key["key"] not in server.words, "keys are never logged"


def test_wrong_use_of_keys_is_said_in_one_line(data):
    for words, said in [
        (["add"], "--label"), (["add", "--label", "x", "--rate", "0"], "rate 0"),
        (["add", "--label", "x", "--origin", "shop.example"], "shop.example"),
    ]:
        outcome = run("keys", *words, "--data", data)
        assert outcome.code == 2 and said in outcome.err, outcome
    outcome = run("keys", "revoke", "nobody", "--data", data)
    assert outcome.code == 1 and "nobody" in outcome.complaint


def test_a_damaged_key_file_keeps_the_last_keys_and_a_start_with_it_is_refused(up, data):
    key = make_key(data)
    server = up(data, "--door-only")
    (data / "access/keys.json").write_text('{"version":1,"keys":[{"id"')
    eventually("it is said", lambda: "keys.json is damaged" in server.words, RELOAD_SECONDS_MAX)
    assert server.post(ndjson([search()]), **{"X-Cartograph-Key": key["key"]})[0] == 202
    assert server.post(ndjson([search()]))[0] == 401
    server.stop_cleanly()
    again = up(data, "--door-only", ready=False)
    assert again.process.wait(30) == 1 and "keys.json is damaged" in again.words


def test_the_simulator_of_the_same_process_gets_in_where_only_keys_open_the_door(up, data):
    make_key(data)
    server = up(data, "--simulate", 200)
    eventually("its events arrive", lambda: server.totals["accepted"] > 100)


def test_what_was_used_of_a_quota_survives_a_restart(up, data):
    key = make_key(data, "--daily", "10")
    carrier = {"X-Cartograph-Key": key["key"]}
    server = up(data, "--door-only")
    assert server.post(ndjson([search(str(n)) for n in range(10)]), **carrier)[0] == 202
    server.stop_cleanly()
    server = up(data, "--door-only")
    connection = server.connection()
    connection.request("POST", "/v1/events", json.dumps(search()), carrier)
    answer = connection.getresponse()
    assert answer.status == 429 and 0 < int(answer.getheader("Retry-After")) <= 86_400
    assert "midnight UTC" in json.loads(answer.read())["error"]


def test_compressed_bodies_and_other_sites_preflights(up, data, tmp_path):
    config = tmp_path / "cartograph.yaml"
    config.write_text("cors_origins: [https://shop.example]\n")
    server = up(data, "--door-only", "--config", config)
    status, answer = server.post(gzip.compress(ndjson([search(), search("2")])), **{"Content-Encoding": "gzip"})
    assert status == 202 and answer["accepted"] == 2
    for origin, allowed in [("https://shop.example", True), ("https://evil.example", False)]:
        connection = server.connection()
        connection.request("OPTIONS", "/v1/events", headers={"Origin": origin})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 204
        assert answer.getheader("Access-Control-Allow-Origin") == (origin if allowed else None)
        status, _ = server.post(ndjson([search()]), Origin=origin)
        assert status == (202 if allowed else 403)
    config.write_text("cors_origins: shop.example\n")
    outcome = run("keys", "ls", "--data", data, "--config", config)
    assert outcome.code == 1 and "cors_origins" in outcome.complaint


class Site:
    """A shop's web site on a port of its own, with a policy that lets in the tracker and nothing else."""

    def __init__(self):
        self.pages = {}
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                page = site.pages.get(urlparse(self.path).path)
                self.send_response(200 if page else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header(
                    "Content-Security-Policy",
                    f"default-src 'none'; script-src 'self' {site.collector}; connect-src {site.collector}")
                self.end_headers()
                self.wfile.write((page or "").encode())

            def log_message(self, *words):
                pass

        self.collector = ""
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def site():
    site = Site()
    yield site
    site.server.shutdown()
    site.server.server_close()


@pytest.fixture
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


def stored(data):
    """The events of a stopped server's log, through the lake."""
    must("batch", "run", "--data", data)
    rows = []
    for table in ("clicks", "carts", "searches", "purchases"):
        outcome = must("lake", "sql", f"SELECT raw FROM bronze.{table}", "--data", data, "--json")
        rows += [json.loads(row["raw"]) for row in json.loads(outcome.out)]
    return rows


def serve_shop(site, server, key, product="p-1"):
    site.collector = server.url.rstrip("/")
    tag = f'<script src="{server.url}tracker.js" data-key="{key}" data-product-id="{product}" async></script>'
    site.pages["/product"] = f"<!doctype html><title>Product</title><body>{tag}</body>"
    site.pages["/plain"] = (
        f'<!doctype html><title>Plain</title><body><script src="{server.url}tracker.js" data-key="{key}"></script></body>')


def test_the_tracker_is_small_and_may_be_kept(up, data):
    server = up(data, "--door-only")
    connection = server.connection()
    connection.request("GET", "/tracker.js")
    answer = connection.getresponse()
    assert answer.status == 200 and 0 < len(answer.read()) <= TRACKER_BYTES_MAX
    assert "javascript" in answer.getheader("Content-Type") and "max-age" in answer.getheader("Cache-Control")


def test_a_shops_page_on_another_origin_sends_what_happens_on_it(up, data, site, browser):
    key = make_key(data, "--origin", site.url)
    server = up(data, "--door-only")
    serve_shop(site, server, key["key"])
    complaints = []
    page = browser.new_page()
    page.on("console", lambda line: complaints.append(line.text) if line.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def accepted():
        _, text = server.request("GET", "/metrics")
        lines = [line for line in text.splitlines() if line.startswith("cartograph_events_accepted_total{")]
        return sum(int(line.split()[-1]) for line in lines)

    page.goto(f"{site.url}/product?utm=x", wait_until="load")
    eventually("the page view arrives by itself", lambda: accepted() == 1)
    page.evaluate("""() => {
        cartograph('cart', {product_id: 'p-1', quantity: 2})
        cartograph('search', {query: 'red shoes'})
        cartograph('purchase', {order_id: 'o-1', items: [{product_id: 'p-1', quantity: 2, unit_price: '9.95'}],
                                total_amount: '19.90', currency: 'USD'})
    }""")
    eventually("what the shop tells arrives", lambda: accepted() == 4)
    # Said just before the page is left: only a beacon gets it out.
    page.evaluate("() => { cartograph('click', {product_id: 'p-2'}) }")
    page.goto("about:blank")
    eventually("the beacon arrives", lambda: accepted() == 5)
    # A page without a product says nothing of itself.
    page.goto(f"{site.url}/plain", wait_until="load")
    page.evaluate("() => { cartograph('search', {query: 'last'}) }")
    eventually("the last search arrives", lambda: accepted() == 6)
    _, text = server.request("GET", "/metrics")
    assert "cartograph_events_rejected_total{" not in text, "everything that the tracker sends is valid"
    assert not complaints, complaints
    page.context.close()
    server.stop_cleanly()

    events = stored(data)
    assert len(events) == 6 and len({event["event_id"] for event in events}) == 6
    assert len({event["user_id"] for event in events}) == 1, "one visitor"
    assert len({event["session_id"] for event in events}) == 1, "one visit"
    assert {event["channel"] for event in events} == {"website"}
    view = next(event for event in events if event["type"] == "click" and event["product_id"] == "p-1")
    assert view["page"] == "/product"


def test_the_tracker_keeps_what_it_could_not_send_and_sends_it_later(up, data, site, browser):
    key = make_key(data, "--origin", site.url)
    server = up(data, "--door-only")
    serve_shop(site, server, key["key"])
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{site.url}/product", wait_until="load")
    eventually("the page view arrives", lambda: "accepted_total{type=\"click\"} 1" in server.request("GET", "/metrics")[1])
    port = server.port
    server.stop_cleanly()
    page.evaluate("() => { for (let i = 0; i < 80; i++) cartograph('search', {query: 'offline ' + i}) }")
    eventually(
        "they are kept, and no more than the bound",
        lambda: page.evaluate("() => JSON.parse(localStorage.cg_queue).length") == 50)
    with page.expect_event("requestfailed"):
        pass
    up(data, "--door-only", port=port)
    again = context.new_page()
    again.goto(f"{site.url}/plain", wait_until="load")
    eventually("they are sent", lambda: again.evaluate("() => JSON.parse(localStorage.cg_queue).length") == 0)
    context.close()


def test_a_page_of_another_site_cannot_use_the_key(up, data, site, browser):
    key = make_key(data, "--origin", "https://shop.example")
    server = up(data, "--door-only")
    serve_shop(site, server, key["key"])
    browser.new_page().goto(f"{site.url}/product", wait_until="load")
    refused = 'cartograph_http_refused_total{reason="origin"} '

    def metrics():
        return server.request("GET", "/metrics")[1].splitlines()

    eventually(
        "it is refused", lambda: any(line.startswith(refused) and not line.endswith(" 0") for line in metrics()))
    accepted = [line for line in metrics() if line.startswith("cartograph_events_accepted_total{")]
    assert accepted and all(line.endswith(" 0") for line in accepted), "nothing of it was stored"
