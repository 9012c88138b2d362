"""A shop with dirt at three moments, for real dbt on several engines: what bronze holds as Parquet files, and the tables that
Cartograph made of it, which every engine's have to equal."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zlib import crc32

import duckdb
import pyarrow.parquet as parquet
from cartograph import ROOT, Server, must, ndjson
from lake import Lake

# A zone of a half hour, and a clock that is set back in the last of the eight days: its hour from two to three comes twice.
ZONE = "Australia/Adelaide"
START = datetime(2026, 3, 29, tzinfo=timezone.utc)
EVENTS = 6_000
STRETCH = 110
# What the shop reports in, and what people pay in; no rate of the dong is known.
CURRENCY = "SGD"
CURRENCIES = ["SGD"] * 6 + ["USD", "USD", "EUR", "IDR", "JPY", "VND"]
QUERIES = ["  Office \t Chair ", "office chair", "ĐÈN  BÀN", "đèn bàn", "Größe 42", ""]
# In an order that languages and bytes see differently.
CATEGORIES = ["Schuhe", "schuhe", "Ärmel", "zelte", "Zubehör"]
VARIABLES = {"business_timezone": ZONE, "reporting_currency": CURRENCY, "cost_currency": CURRENCY}
SECONDS_MAX = 1_800


@dataclass
class Moment:
    """What dbt is told to build from, the variables it is given, and the folder of the tables it should come to."""

    bronze: Path
    native: Path
    variables: dict


class DirtyShop:
    """Most events; then late ones, and some of the others again; then the same with all days named to dbt."""

    def __init__(self, folder):
        self.folder = folder
        self.data = folder / "data"
        self.config = folder / "cartograph.yaml"
        self.config.write_text(f"timezone: {ZONE}\ncurrency: {CURRENCY}\nbatch_seconds: 86400\n")
        events = dirty(simulated(folder / "simulated.ndjson"))
        late = events[::7]
        early = [event for number, event in enumerate(events) if number % 7]
        # Some come again as they were, and some under their old id with other content.
        again = early[::50] + [event | {"channel": "tiki"} for event in early[3::60] if event["type"] != "stock"]
        self._list(
            ["product_id,name,category", "p-gold,,Gold"]
            + [f"p-{number},Thing {number},{CATEGORIES[number % 5]}" for number in range(40) if number % 7])
        first = self._moment("first", early)
        # Some products go to another category, from a day on which they were sold before.
        self._list(
            ["product_id,category"] + [f"p-{number},Ende" for number in range(0, 40, 3)], "--from", "2026-04-02")
        second = self._moment("second", late + again)
        with Lake(self.data) as lake:
            days = sorted(set(lake.rows("silver.sessions", "business_day")["business_day"].to_pylist()))
        touched = ", ".join(f"date '{day}'" for day in days)
        self.moments = [first, second, Moment(second.bronze, second.native, VARIABLES | {"touched_days": touched})]

    def _list(self, lines, *options):
        """A list of products is taken in."""
        file = self.folder / "products.csv"
        file.write_text("\n".join(lines))
        must("products", "import", "--data", self.data, "--config", self.config, file, *options)

    def _moment(self, name, events):
        """Events come, and the native runner brings the tables up to them."""
        server = Server(self.data, "--config", self.config)
        try:
            server.ready().accept(events)
            server.stop_cleanly()
        finally:
            server.close()
        must("batch", "run", "--data", self.data, "--config", self.config)
        nodes = json.loads(must("batch", "lineage", "--data", self.data, "--json").out)["nodes"]
        moment = Moment(self.folder / f"{name}-bronze", self.folder / f"{name}-native", VARIABLES)
        with Lake(self.data) as lake:
            for node in nodes:
                if node["kind"] == "source" and lake.exists(node["table"]):
                    save(lake.rows(node["table"]), moment.bronze / f"{node['table']}.parquet")
                elif node["kind"] in ("model", "seed") and node["materialized"] != "ephemeral":
                    save(lake.rows(node["table"]), moment.native / f"{node['table']}.parquet")
        return moment


def save(rows, file):
    file.parent.mkdir(exist_ok=True)
    parquet.write_table(rows, file)


def simulated(path):
    """The simulator's events spread over eight days around a month's end; users and products are few, so that they come again."""
    must("simulate", "--rate", 1, "--events", EVENTS, "--seed", 3, "--to", f"file:{path}")
    events = [json.loads(line, parse_float=str) for line in path.read_bytes().splitlines()]
    first = min(datetime.fromisoformat(event["ts"]) for event in events)
    for event in events:
        seconds = (datetime.fromisoformat(event["ts"]) - first).total_seconds()
        event["ts"] = (START + timedelta(seconds=seconds * STRETCH)).isoformat()
        if "user_id" in event:
            event["user_id"] = f"u-{int(event['user_id'].split('-')[1]) % 97}"
        for held in [event, *event.get("items", [])]:
            if "product_id" in held:
                held["product_id"] = f"p-{crc32(held['product_id'].encode()) % 40}"
        if event["type"] == "purchase":
            event["items"].append({"product_id": "p-1", "quantity": 2, "unit_price": "3.10"})
    return events


def dirty(events):
    """The events with what engines may see differently: many currencies, amounts past 64 bits, gaps, texts, and a bot."""
    orders = []
    for number, event in enumerate(events):
        if event["type"] == "purchase":
            event["currency"] = CURRENCIES[number % len(CURRENCIES)]
            event["discount"] = f"{number % 7}.{number % 10_000:04d}"
            if number % 13 == 0:
                del event["country"]
            if number % 17 == 0:
                del event["order_id"]
            elif number % 9 == 1 and orders:
                # An order that was sent twice, under two ids.
                event["order_id"] = orders[-1]
            else:
                orders.append(event["order_id"])
        elif event["type"] == "search":
            event["query"] = QUERIES[number % len(QUERIES)]
            if number % 5 == 0:
                del event["results"]
            elif number % 4 == 0:
                event["results"] = 0
        elif event["type"] == "click" and number % 19 == 0:
            del event["channel"]
    purchases = [event for event in events if event["type"] == "purchase"]
    for purchase in purchases[5:8]:
        purchase["items"].append({"product_id": "p-gold", "quantity": 1_000_000, "unit_price": "12345678901234.5678"})
        purchase["total_amount"] = "99999999999999.9999"
    purchases[9]["items"] = purchases[9]["items"][:1]
    at = START + timedelta(days=3)
    return events + [
        {"type": "click", "event_id": f"bot-{number}", "user_id": "u-bot", "session_id": "s-bot", "product_id": "p-2",
         "page": "/", "referrer": "", "channel": "website", "ts": (at + timedelta(microseconds=333_333 * number)).isoformat()}
        for number in range(150)]


class Engine:
    """Real dbt with the project in models/ on one engine. Subclasses say how tables come in and out."""

    def __init__(self, environment, folder, profile):
        self.programs = environment / "bin"
        assert (self.programs / "dbt").exists(), f"there is no dbt in {environment}: run scripts/bootstrap"
        self.folder = folder
        self.project = folder / "project"
        shutil.copytree(ROOT / "models", self.project, ignore=shutil.ignore_patterns("target", "logs", "dbt_packages"))
        (folder / "profiles.yml").write_text(
            json.dumps({"cartograph": {"target": "test", "outputs": {"test": profile | {"threads": 2}}}}))
        self.environment = {
            **os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_VERSION_CHECK": "false"}

    def words(self, command, variables):
        """dbt's arguments."""
        return [
            "--no-use-colors", command, "--project-dir", str(self.project), "--profiles-dir", str(self.folder),
            "--target-path", str(self.folder / "target"), "--log-path", str(self.folder / "logs"), "--vars",
            json.dumps(variables)]

    def dbt(self, command, variables):
        """Runs dbt's own command, which has to succeed in all it does."""
        done = subprocess.run(
            [self.programs / "dbt", *self.words(command, variables)], text=True, capture_output=True, timeout=SECONDS_MAX,
            cwd=self.folder, env=self.environment)
        assert done.returncode == 0 and "ERROR=0" in done.stdout, done.stdout[-6000:] + done.stderr[-2000:]
        return done.stdout

    def process(self, program, order):
        """Gives an order to a program beside this file, in dbt's environment; returns its answer."""
        done = subprocess.run(
            [self.programs / "python", Path(__file__).parent / program], text=True, capture_output=True,
            timeout=SECONDS_MAX, input=json.dumps(order), cwd=self.folder, env=self.environment)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
        return json.loads(done.stdout.splitlines()[-1])


def assert_same(native, theirs):
    """Fails unless each table that Cartograph made has the same rows in another engine's folder; returns the rows of each."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")

    def count(sql):
        return connection.execute(f"SELECT count(*) FROM ({sql})").fetchone()[0]

    def columns(file):
        return [row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM '{file}'").fetchall()]

    # What dbt keeps while it works is none of its tables.
    made = {file.stem for file in theirs.glob("*.parquet") if "__dbt_" not in file.stem}
    assert made == {file.stem for file in native.glob("*.parquet")}
    found, different = {}, {}
    for file in sorted(native.glob("*.parquet")):
        names, others = columns(file), columns(theirs / file.name)
        if sorted(names) != sorted(others):
            different[file.stem] = {"ours": names, "theirs": others}
            continue
        listed = ", ".join(f'"{name}"' for name in names)
        one, other = f"SELECT {listed} FROM '{file}'", f"SELECT {listed} FROM '{theirs / file.name}'"
        found[file.stem] = count(one)
        apart = {"ours alone": count(f"{one} EXCEPT ALL {other}"), "theirs alone": count(f"{other} EXCEPT ALL {one}")}
        if any(apart.values()):
            different[file.stem] = apart
    assert not different, different
    return found
