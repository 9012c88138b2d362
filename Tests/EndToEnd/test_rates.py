"""Exchange rates: fetched from an address, imported from the ECB's own files, corrected, and out of reach."""

import json
import threading
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cartograph import ROOT, assert_balanced, eventually, must, run
from lake import Lake
from shop import Shop

DAY = "2026-03-10"


class Bank:
    """An address that answers with rates, until it is closed; what it answers may be changed."""

    def __init__(self):
        self.status, self.text, self.asked = 200, "", 0
        bank = self

        class Desk(BaseHTTPRequestHandler):
            def do_GET(self):
                bank.asked += 1
                self.send_response(bank.status)
                self.send_header("Content-Length", str(len(bank.text)))
                self.end_headers()
                self.wfile.write(bank.text.encode())

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
        self.url = f"http://127.0.0.1:{self._server.server_port}/eurofxref-hist-90d.xml"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def rates(self, **days):
        """Answers with these rates: `usd={"2026-03-10": "1.1"}`."""
        dates = sorted({day for rates in days.values() for day in rates}, reverse=True)
        cubes = "".join(
            f'<Cube time="{day}">' + "".join(
                f'<Cube currency="{name.upper()}" rate="{rates[day]}"/>' for name, rates in days.items() if day in rates)
            + "</Cube>" for day in dates)
        self.status, self.text = 200, f"<Envelope><subject>Reference rates</subject><Cube>{cubes}</Cube></Envelope>"

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def bank():
    bank = Bank()
    yield bank
    bank.close()


def configuration(folder, **settings):
    path = folder / "cartograph.yaml"
    path.write_text("".join(f"{key}: {value}\n" for key, value in settings.items()))
    return path


def shown(data, config):
    return json.loads(must("rates", "show", "--data", data, "--config", config, "--json").out)


def purchase(shop, currency, amount, day=DAY):
    return shop.purchase() | {
        "ts": f"{day}T10:00:00Z", "currency": currency, "total_amount": amount,
        "items": [{"product_id": "p", "quantity": 1, "unit_price": amount}]}


def totals(data):
    with Lake(data) as lake:
        rows = lake.rows("gold.daily_totals").to_pylist()
    return {str(row["business_day"]): (row["currency"], row["revenue"], row["orders_without_rate"]) for row in rows}


def metric(server, name):
    lines = server.request("GET", "/metrics")[1].splitlines()
    found = [float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name + " ") or line.startswith(name + "{")]
    return found[0] if found else None


def test_rates_are_fetched_corrected_and_go_on_while_the_source_is_down(up, data, tmp_path, bank):
    bank.rates(usd={"2026-03-09": "1.20", "2026-03-10": "1.25"}, gbp={"2026-03-09": "0.75", "2026-03-10": "0.80"})
    config = configuration(tmp_path, currency="GBP", rates_url=bank.url, rates_seconds=1)
    server = up(data, "--config", config)
    shop = Shop(1)
    server.accept([purchase(shop, "USD", "100.00"), purchase(shop, "EUR", "10.00"), purchase(shop, "VND", "5.00")])
    eventually("rates were fetched", lambda: metric(server, "cartograph_rates_ok") == 1)
    server.batch()
    # The source's rates count, and not those that came with the program: 100 × 0.8 / 1.25 + 10 × 0.8.
    assert totals(data) == {DAY: ("GBP", Decimal(72), 1)}

    # The day's pound is corrected.
    bank.rates(usd={"2026-03-10": "1.25"}, gbp={"2026-03-10": "0.9"})
    eventually("the correction is known", lambda: _rate(data, config, "GBP") == ("0.900000", "2026-03-10"))
    server.batch()
    assert totals(data) == {DAY: ("GBP", Decimal(81), 1)}

    # Down, and then with nonsense: the rates stay, and it is told everywhere.
    bank.status, bank.text = 503, "closed"
    eventually("it is told", lambda: metric(server, "cartograph_rates_ok") == 0)
    bank.status, bank.text = 200, "<html>We are renovating</html>"
    eventually("that, too", lambda: "cannot be used" in (shown(data, config)["last_attempt"].get("failure") or ""))
    server.accept([purchase(shop, "USD", "100.00")])
    server.batch()
    assert totals(data) == {DAY: ("GBP", Decimal(153), 1)}
    assert "last known ones stay in force" in server.words and "answered 503" in server.words
    answer = shown(data, config)
    assert answer["reporting_currency"] == "GBP" and answer["last_attempt"]["succeeded_at"]
    assert answer["rates"]

    bank.rates(usd={"2026-03-10": "1.25"}, gbp={"2026-03-10": "0.9"})
    eventually("it is well again", lambda: metric(server, "cartograph_rates_ok") == 1)
    server.stop_cleanly()
    assert_balanced(data)


def _rate(data, config, currency):
    """A currency's rate of the day of this test, as the lake has it."""
    with Lake(data) as lake:
        if not lake.exists("bronze.exchange_rates"):
            return None
        rows = lake.rows("bronze.exchange_rates").to_pylist()
    mine = [row for row in rows if row["currency"] == currency and str(row["rate_date"]) == DAY]
    last = max(mine, key=lambda row: row["fetched_at"])
    return str(last["rate_per_eur"]), str(last["rate_date"])


def test_without_an_address_the_shipped_rates_are_there_and_no_number_is_invented(up, data, tmp_path):
    server = up(data)
    shop = Shop(2)
    server.accept([
        purchase(shop, "GBP", "10.00"), purchase(shop, "USD", "1.00", "2025-12-01"),
        purchase(shop, "GBP", "10.00", "2025-12-01")])
    server.batch()
    server.stop_cleanly()
    lines = (ROOT / "config/ecb-reference-rates.csv").read_text().splitlines()
    header, row = lines[0].split(","), next(line.split(",") for line in lines if line.startswith(DAY))
    usd, gbp = (Decimal(row[header.index(name)]) for name in ("USD", "GBP"))
    expected = (10 * usd / gbp).quantize(Decimal("0.0001"), "ROUND_HALF_UP")
    # Before the first rate there is none: the pounds of December are counted and in no amount.
    assert totals(data) == {DAY: ("USD", expected, 0), "2025-12-01": ("USD", Decimal(1), 1)}
    with Lake(data) as lake:
        sales = {row["currency"]: row for row in lake.rows("silver.sales").to_pylist() if str(row["business_day"]) == DAY}
    assert sales["GBP"]["rate_per_eur"] == gbp and str(sales["GBP"]["rate_date"]) == DAY
    assert sales["GBP"]["reporting_rate_per_eur"] == usd


def test_the_banks_file_is_imported_also_beside_a_server(up, data, tmp_path):
    server = up(data)
    shop = Shop(3)
    server.accept([purchase(shop, "GBP", "10.00", "2025-12-01")])
    server.batch()
    assert totals(data) == {"2025-12-01": ("USD", Decimal(0), 1)}
    file = tmp_path / "eurofxref-hist.csv"
    file.write_text("Date,USD,GBP,BGN,\n2025-11-28,1.5,0.75,N/A,\n2025-11-27,1,1,N/A,\n")
    told = json.loads(must("rates", "import", "--data", data, "--json", file).out)
    assert told == {"added": 4, "corrected": 0, "known": 0}
    server.batch()
    assert totals(data) == {"2025-12-01": ("USD", Decimal(20), 0)}, "a history that comes later reopens its days"
    told = json.loads(must("rates", "import", "--data", data, "--json", file).out)
    assert told == {"added": 0, "corrected": 0, "known": 4}
    file.write_text("Date,USD\n2025-11-28,one\n")
    assert "line 2: 'one' is no rate of USD" in run("rates", "import", "--data", data, file).complaint
    server.stop_cleanly()


def test_a_fetch_that_fails_says_which_rates_stay_in_force(data, tmp_path, bank):
    must("simulate", "--data", data, "--events", 100, "--to", "log")
    bank.status = 500
    said = run("rates", "fetch", "--data", data, "--url", bank.url)
    assert said.code == 1 and "answered 500; the last known rates, of 2026-10-30, stay in force" in said.complaint
    bank.rates(usd={DAY: "1.1"})
    told = json.loads(must("rates", "fetch", "--data", data, "--url", bank.url, "--json").out)
    assert told["corrected"] == 1
    assert "no address of exchange rates" in run("rates", "fetch", "--data", data, "--url", "file:///etc").complaint
    settings = configuration(tmp_path, rates_url="rates.csv")
    assert "rates_url 'rates.csv' is no address" in run("rates", "show", "--data", data, "--config", settings).complaint
