"""A customer is erased from everything that a data folder holds. What is left is looked at with other people's readers."""

import base64
import json
import os
import random
import re
import signal
import sqlite3
import struct
import subprocess
import zlib
from decimal import Decimal
from pathlib import Path

import pyarrow
import pyarrow.compute as compute
import pyarrow.parquet as parquet
import pytest
from cartograph import BINARY, ROOT, assert_balanced, environment, must, ndjson, run
from lake import Lake
from shop import Shop

VICTIM = "customer-Zoë-4711"
OTHERS = 60
TOPICS = ["clicks", "carts", "purchases"]


# --- What to look for, and where -----------------------------------------------------------------------------------


def spellings(person):
    """The ways in which a person's id was written into the bytes that were sent."""
    plain = person.encode()
    escaped = json.dumps(person)[1:-1].encode()
    every = "".join(f"\\u{unit:04x}" for unit in struct.unpack(f"<{len(person.encode('utf-16le')) // 2}H", person.encode("utf-16le")))
    percent = "".join(f"%{byte:02X}" for byte in plain)
    return {plain, escaped, every.encode(), every.upper().replace("U", "u").encode(), percent.encode(),
            person.encode("utf-16le"), person.encode("utf-16be"), base64.b64encode(plain).rstrip(b"=")}


def avro_blocks(content):
    """The decompressed blocks of an Avro file, header and all: enough to look for bytes in."""
    yield content
    assert content[:4] == b"Obj\x01"
    codec = re.search(rb"avro\.codec.(\w+)", content, re.S)
    # The marker is the last 16 bytes; each block ends with it.
    marker = content[-16:]
    start = content.index(marker) + 16
    for block in content[start:].split(marker)[:-1]:
        at = 0
        for _ in range(2):
            while block[at] & 0x80:
                at += 1
            at += 1
        yield zlib.decompress(block[at:], -15) if codec and codec.group(1) == b"deflate" else block[at:]


def leftovers(data, person):
    """Every file under a folder in which a person's id stands, decoded as far as its format hides what is in it."""
    needles = spellings(person)
    found = []

    def look(name, content):
        if any(needle in content for needle in needles):
            found.append(name)

    for path in sorted(Path(data).rglob("*")):
        if not path.is_file():
            continue
        name = str(path.relative_to(data))
        look(f"{name} (name)", name.encode())
        content = path.read_bytes()
        look(name, content)
        if content[:4] == b"PAR1":
            table = parquet.ParquetFile(path).read()
            for column in table.column_names:
                text = repr(table[column].to_pylist()).encode()
                look(f"{name}: {column}", text)
                for value in table[column].to_pylist():
                    if isinstance(value, bytes):
                        look(f"{name}: {column}", value)
            for group in range(parquet.ParquetFile(path).metadata.num_row_groups):
                look(f"{name}: statistics", repr(parquet.ParquetFile(path).metadata.row_group(group).to_dict()).encode())
        elif content[:4] == b"Obj\x01":
            for block in avro_blocks(content):
                look(f"{name}: block", block)
    with sqlite3.connect(f"file:{data}/lake/catalog.sqlite?mode=ro", uri=True) as catalog:
        look("catalog", "\n".join(catalog.iterdump()).encode())
    return sorted(set(found))


# --- A shop with a customer who will go ------------------------------------------------------------------------------


def is_victims(event):
    return event.get("user_id") == VICTIM or event.get("referred_by") == VICTIM


def events_of_a_shop(seed):
    """Accepted events of many customers; every tenth is the victim's, some under escapes."""
    shop = Shop(seed=seed, name=f"shop{seed}")
    events = shop.events(1_500)
    chosen = random.Random(seed)
    for index, event in enumerate(events):
        event["user_id"] = f"customer-{chosen.randrange(OTHERS)}"
        event["session_id"] = f"s-{event['user_id']}"
        if index % 10 == 3:
            event["user_id"] = VICTIM
            event["session_id"] = "s-victim"
        if index % 97 == 0:
            event["referred_by"] = VICTIM
    return events


def rejected_lines():
    """Bytes that are no events, with the victim's id in several encodings; and others' of the same kinds."""
    def some(person):
        text = json.dumps(person)
        every = "".join(f"\\u{ord(letter):04x}" for letter in person)
        return [
            b'{"type":"click","user_id":%s,"event_id":"r1"}' % text.encode(),
            b'{"type":"click","user_id":"%s"' % every.encode(),
            b'er_id":"%s","type":"cli' % person.encode(),
            b"GET /pixel?user=%s&page=1" % "".join(f"%{byte:02X}" for byte in person.encode()).encode(),
            b"\xff\xfe red \x07 %s \xff" % person.encode(),
            b"536365,85123A,6,%s,United Kingdom" % person.encode(),
        ]

    return some(VICTIM), some("customer-1")


def send(server, lines):
    status, answer = server.post(b"\n".join(lines) + b"\n")
    assert status == 202, answer
    return answer


@pytest.fixture
def shop(up, data, tmp_path):
    """A stopped platform with a customer in log, tables, quarantine, live state and past."""
    first, second = events_of_a_shop(1), events_of_a_shop(2)
    mine, theirs = rejected_lines()
    server = up(data)
    server.accept(first)
    assert send(server, mine + theirs)["rejected_count"] == len(mine) + len(theirs)
    server.batch()
    server.accept(second)
    server.batch()
    # A sender that calls itself after the customer, as an app on one phone may.
    named = {"Cartograph-Producer": "app/" + VICTIM.encode().decode("latin-1"), "Cartograph-Sequence": "1"}
    assert server.post(ndjson(first[:200]), **named)[0] == 202
    server.stop_cleanly()
    must("batch", "run", "--data", data)
    # A file that no table knows, as a write that was cut short leaves it.
    with Lake(data) as lake:
        known = Path(lake.files("bronze.clicks")[0])
    (known.parent / "left-behind.parquet").write_bytes(known.read_bytes())
    # And what killed processes were still writing.
    (known.parent / ".cartograph-new-1234").write_bytes(known.read_bytes())
    (data / "tmp/models/spilled").write_bytes(VICTIM.encode())
    damaged = data / "log/damaged"
    damaged.mkdir(exist_ok=True)
    (damaged / "00000000000000000001-0-100.bytes").write_bytes(b"\0\1" + VICTIM.encode() + b"\2")
    (damaged / "00000000000000000001-100-200.bytes").write_bytes(b"somebody else")
    return data, first + second + first[:200], mine, theirs


def erase(data, *words, **options):
    outcome = must("lake", "erase", "--user", VICTIM, "--data", data, "--json", *words, **options)
    return json.loads(outcome.out)


def expected(events):
    """What silver and gold have to say of some events, from Arrow over the events themselves."""
    kept = [event for event in events if not is_victims(event)]
    once = {}
    for event in kept:
        once.setdefault((event["type"], event["event_id"]), event)
    table = pyarrow.Table.from_pylist([
        {"type": e["type"], "event_id": e["event_id"], "user_id": e["user_id"],
         "total": Decimal(e.get("total_amount", "0")).quantize(Decimal("0.0001"))} for e in once.values()])
    counts = {row["type"]: row["event_id_count"]
              for row in table.group_by("type").aggregate([("event_id", "count")]).to_pylist()}
    bought = table.filter(compute.equal(table["type"], "purchase"))
    users = sorted((row["user_id"], row["total_sum"])
                   for row in bought.group_by("user_id").aggregate([("total", "sum")]).to_pylist())
    ids = sorted(table["event_id"].to_pylist())
    return kept, counts, users, ids


def assert_others_unchanged(data, events):
    kept, counts, users, ids = expected(events)
    with Lake(data) as lake:
        raws = sorted(row for topic in TOPICS for row in lake.rows(f"bronze.{topic}", "raw")["raw"].to_pylist())
        assert raws == sorted(json.dumps(event) for event in kept)
        silver = {topic[:-1]: lake.rows(f"silver.{topic}", "event_id").num_rows for topic in TOPICS}
        assert silver == counts
        assert sorted(
            row for topic in TOPICS for row in lake.rows(f"silver.{topic}", "event_id")["event_id"].to_pylist()) == ids
        rfm = lake.rows("gold.customer_rfm", "user_id", "revenue").to_pylist()
        assert sorted((row["user_id"], row["revenue"]) for row in rfm) == users
        revenue = sum(lake.rows("gold.daily_sales", "revenue")["revenue"].to_pylist(), Decimal(0))
        assert revenue == sum((total for _, total in users), Decimal(0))
    stored = []
    for topic in TOPICS:
        stored += must("log", "read", "--topic", topic, "--data", data).out.splitlines()
    assert sorted(stored) == raws


# --- The promises ----------------------------------------------------------------------------------------------------


def test_a_customer_is_erased_from_everything_and_nobody_else_is_touched(shop, up):
    data, events, mine, theirs = shop
    assert len(leftovers(data, VICTIM)) > 20, "the customer has to be everywhere before"
    gone = sum(is_victims(event) for event in events)
    plan = erase(data, "--dry-run")
    assert plan["dry_run"] and sum(plan["log"]["records"].values()) == gone + len(mine)
    assert len(leftovers(data, VICTIM)) > 20, "a dry run changes nothing"

    certificate = erase(data)
    assert certificate["complete"] and certificate["verification"]["scan"]["leftovers"] == []
    assert certificate["log"]["records"]["quarantine"] == len(mine)
    assert sum(certificate["log"]["records"].values()) == gone + len(mine)
    assert certificate["log"]["senders"] == 1 and certificate["dead_files"] == 2
    assert certificate["set_aside"] == ["log/damaged/00000000000000000001-0-100.bytes"]
    kept = json.loads((data / "erasures" / f"{certificate['id']}.json").read_text())
    assert kept == certificate
    assert leftovers(data, VICTIM) == []

    lines = assert_balanced(data)
    assert int(lines["accepted events"][0]) == len(events)
    assert must("log", "check", "--data", data)
    assert_others_unchanged(data, events)
    with Lake(data) as lake:
        rejected = sorted(lake.rows("bronze.quarantine", "raw")["raw"].to_pylist())
    assert rejected == sorted(theirs)
    assert (data / "log/damaged/00000000000000000001-100-200.bytes").exists()

    # Again, there is nothing to do.
    again = erase(data)
    assert again["complete"] and again["log"]["records"] == {}

    # The same events and the same rubbish, from whoever sends them.
    replayed = data.parent / "again.ndjson"
    replayed.write_bytes(ndjson(events[:500]))
    server = up(data)
    status, answer = server.post(ndjson(events))
    assert status == 202 and answer["erased"] == gone and answer["accepted"] == len(events) - gone
    assert send(server, mine)["erased"] == len(mine)
    status, metrics = server.request("GET", "/metrics")
    assert f"cartograph_events_erased_total {gone + len(mine)}" in metrics
    # The sender is as good as new, and numbers its batches from 1.
    named = {"Cartograph-Producer": "app/" + VICTIM.encode().decode("latin-1")}
    assert server.post(ndjson(events[:1]), **named, **{"Cartograph-Sequence": "2"})[0] == 409
    # Somebody who comes back as a new customer is one.
    later = Shop(seed=9, name="later").click() | {"user_id": VICTIM}
    server.accept([later])
    server.stop_cleanly()
    assert_balanced(data)
    stored = must("log", "read", "--topic", "clicks", "--data", data).out.splitlines()
    assert [json.loads(line)["event_id"] for line in stored if "4711" in line] == [later["event_id"]]
    # And may go again.
    assert erase(data)["log"]["records"] == {"clicks": 1}
    assert leftovers(data, VICTIM) == []
    assert_balanced(data)


@pytest.mark.parametrize("seed", range(3))
def test_an_erasure_that_is_killed_is_finished_by_the_next(shop, seed):
    data, events, mine, _ = shop
    chosen = random.Random(seed)
    kills = 0
    while kills < 25:
        process = subprocess.Popen(
            [BINARY, "lake", "erase", "--user", VICTIM, "--data", str(data), "--json"], cwd=ROOT, env=environment(),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            out, err = process.communicate(timeout=chosen.uniform(0.02, 0.25) + kills * 0.05)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
            continue
        assert process.returncode == 0, err
        certificate = json.loads(out)
        break
    else:
        certificate = erase(data)
    assert kills > 2
    assert certificate["complete"]
    # One that was killed when all was done but told has left its certificate, and the next has nothing to do.
    told = [json.loads(file.read_text()) for file in (data / "erasures").glob("*.json")]
    erased = sum(sum(one["log"]["records"].values()) for one in told)
    assert erased == sum(is_victims(event) for event in events) + len(mine)
    assert leftovers(data, VICTIM) == []
    assert not list((data / "erasures").glob("*.pending"))
    assert_balanced(data)
    assert_others_unchanged(data, events)


@pytest.mark.parametrize("attempt", range(3))
def test_an_erasure_killed_as_soon_as_there_is_a_plan_is_finished_by_the_next(data, attempt):
    """A plan knows people by a key, which has to be on the disk before it."""
    must("simulate", "--to", "log", "--events", 100, "--seed", 1, "--data", data)
    process = subprocess.Popen(
        [BINARY, "lake", "erase", "--user", VICTIM, "--data", str(data)], cwd=ROOT, env=environment(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    names = []
    while process.poll() is None and not any(name.endswith(".pending") for name in names):
        names = os.listdir(data / "erasures") if (data / "erasures").exists() else []
    process.kill()
    process.wait()
    assert "people" in names, "the plan was there first"
    assert erase(data)["complete"]
    assert not list((data / "erasures").glob("*.pending"))


@pytest.mark.parametrize("place", ["notes/odd.txt", "lake/silver/clicks/data/x.parquet", "stream/odd", "log/groups/g"])
def test_the_scan_finds_what_is_left(shop, place):
    """Something that the erasure does not know of keeps the certificate from saying that all is gone."""
    data, *_ = shop
    erase(data)
    planted = data / place
    planted.parent.mkdir(parents=True, exist_ok=True)
    if planted.suffix == ".parquet":
        parquet.write_table(pyarrow.table({"user_id": [VICTIM]}), planted)
        # Beside the tables, where no orphan removal looks.
        planted = planted.rename(data / "lake" / "x.parquet")
    else:
        planted.write_bytes(b"\0" + VICTIM.encode() + b"x")
    assert leftovers(data, VICTIM)
    outcome = run("lake", "erase", "--user", VICTIM, "--data", data, "--json")
    assert outcome.code == 1, outcome.err
    certificate = json.loads(outcome.out)
    assert not certificate["complete"]
    assert any(str(planted.relative_to(data)) in line for line in certificate["verification"]["scan"]["leftovers"])
    planted.unlink()
    assert erase(data)["complete"]


def test_bad_input_is_told(data):
    assert run("lake", "erase", "--data", data, "--user", "x").code == 1
    assert run("lake", "erase", "--data", data).code == 2
    assert run("lake", "erase", "--data", data, "--user", "").code == 2
    assert run("lake", "erase", "--data", data, "--user", "x" * 129).code == 2


def test_import_says_whom_it_left_out(data, tmp_path):
    def file(name, lines):
        path = tmp_path / name
        path.write_text("".join(f" {line}\n" for line in ["customer_id date number_of_cds dollar_value", *lines]))
        return path

    lines = ["00004 19970101 2 29.33", "00004 19970118 2 29.73", "00021 19970101 3 63.34", "00004 19971212 2 26.48"]
    must("import", "--mapping", "cdnow", file("first.txt", lines), "--data", data)
    certificate = json.loads(must("lake", "erase", "--user", "00004", "--data", data, "--json").out)
    assert certificate["complete"] and certificate["log"]["records"] == {"purchases": 3}
    again = must("import", "--mapping", "cdnow", file("second.txt", [*lines, "00050 19970101 1 6.79"]), "--data", data)
    assert "2 events, 0 rejected, 3 of erased people left out" in again.out
    assert_balanced(data)
