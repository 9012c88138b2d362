"""kill -9 at the steps of a checkpoint: the live state goes on as if nothing had happened.

Rounds of events, with sessions, repeats, late ones and mistakes, go to a server that checkpoints all the time and is killed
at the n-th call on its checkpoints' folder; between its lives hours pass. In the end every answer about the live state is
that of a server which read the same log from its beginning without an interruption, that of DuckDB over the log's own
bytes, and that of the models.
"""

import json
import random
import shutil
import struct
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import duckdb
import pytest
from books import assert_books_balance_online, assert_server_counts
from faults import Faults, crc32c
from load import Market
from segments import read

SUMMARY = "kill -9 while a checkpoint is kept"
CHECKPOINTS = "/stream/checkpoints"
CHECKPOINT_SECONDS = 0.1
# A checkpoint makes about ten of these calls; after some of them the next one has begun.
KINDS = ("open", "write", "sync", "rename", "unlink", "mkdir")
NTH_MAX = 40
ROUND_SECONDS_MAX = 60
LIVES_A_KILL_MAX = 10
ROUND_EVENTS = 300
REQUEST_EVENTS = 60
# Keyed state beyond what is written whole each time: from there on checkpoints hold changes.
VISITORS = 60_000
# All rounds together, so that sessions end, minutes are forgotten and a business day begins.
HOURS = 23
MINUTES_KEPT = 180
KEY_GROUPS = 128


class Visitors(Market):
    """Events at a time of the shop's own, with what sales are told apart by and what fraud is scored by."""

    def __init__(self, seed):
        super().__init__(seed, "visitor", self._ts)
        self.at = None
        self._orders = 0
        self._last = None

    def _ts(self):
        # Within the last two minutes; a few happened hours before, too late for their sessions and their funnels.
        ago = self._random.uniform(0, 120) + (3 * 3_600 if self._random.random() < 0.02 else 0)
        moment = datetime.fromtimestamp(self.at - ago, timezone.utc)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def cart(self):
        return super().cart() | {"action": self._random.choice(["add", "add", "update", "remove"])}

    def purchase(self):
        chance = self._random
        event = super().purchase()
        if self._last and chance.random() < 0.1:
            # The order before, told by another event.
            return self._last | {"event_id": event["event_id"]}
        self._orders += 1
        self._last = event | {
            "country": chance.choice(["VN", "SG", "TH"]), "store_id": f"store-{chance.randrange(5)}",
            "device_id": f"device-{chance.randrange(900)}", "ip": f"10.0.0.{chance.randrange(200)}",
            "card": f"card-{chance.randrange(900)}", "address": f"address-{chance.randrange(900)}",
            "payment_method": "card", "currency": chance.choice(["USD", "USD", "USD", "VND"]),
            "order_id": f"order-{self._orders}"}
        return self._last

    def bodies(self, count, kept):
        """Requests with new events, mistakes, and some of those before once more; those are added to `kept`."""
        pieces = []
        for _ in range(count):
            raw = json.dumps(self.event()).encode()
            kept.append(raw)
            pieces.append(raw)
            if self._random.random() < 0.05:
                pieces.append(self._random.choice(kept[-5_000:]))
            if self._random.random() < 0.01:
                pieces.append(self.mistake()[0])
        return [b"\n".join(pieces[at:at + REQUEST_EVENTS]) for at in range(0, len(pieces), REQUEST_EVENTS)]

    def crowd(self, count):
        """A view each of so many people, so that there is a state of some size."""
        moment = datetime.fromtimestamp(self.at, timezone.utc).isoformat()
        return [
            {"type": "click", "event_id": f"crowd-{number}", "user_id": f"crowd-{number}", "session_id": f"crowd-{number}",
             "product_id": f"product-{number % 200}", "ts": moment, "page": f"/product/{number % 40}", "referrer": "",
             "channel": "website"} for number in range(count)]


def settings(folder):
    """A configuration file, as `--config` words: checkpoints all the time, and little else."""
    path = folder / "cartograph.yaml"
    path.write_text(f"checkpoint_seconds: {CHECKPOINT_SECONDS}\nlake_seconds: 2\nbatch_seconds: 86400\n")
    return ["--config", path]


def asked(server, minutes):
    """Every answer about the live state, without what tells the moment of asking; of products the last hours."""
    def ask(path):
        status, answer = server.request("GET", path)
        assert status == 200, f"{path}: {status} {answer}\n{server.words}"
        return answer

    answers = {}
    for grain, last in (("minute", minutes), ("hour", 150), ("day", 35)):
        for by in ("channel", "store", "country", "product"):
            few = {"minute": min(minutes, 24), "hour": 8, "day": 35}[grain] if by == "product" else last
            answer = ask(f"/api/v1/live/sales?by={by}&grain={grain}&last={few}")
            assert not answer["is_cut"], f"{by} {grain}: more than an answer holds"
            answers[f"sales by {by} and {grain}"] = sorted(
                json.dumps(line, sort_keys=True) for line in answer["lines"])
        for currency in ("USD", "VND"):
            answers[f"best sellers by {grain} in {currency}"] = ask(
                f"/api/v1/live/bestsellers?grain={grain}&last={last}&currency={currency}&limit=1000")["products"]
    answers["sessions"] = ask("/api/v1/live/sessions?days=35")
    answers["stock"] = ask("/api/v1/live/stock?limit=10000")
    answers["fraud scores"] = ask("/api/v1/fraud?limit=1000")
    view = ask("/api/v1/live/snapshot")
    for part in ("commit", "business_day", "today", "channels", "funnel", "top_products", "other_currencies", "totals"):
        answers[part] = view[part]
    return answers


def assert_same(found, expected, what):
    """Names the answers that are not the same."""
    different = [name for name in expected if found[name] != expected[name]]
    assert not different, f"not as {what}: " + "; ".join(
        f"{name}: {first_difference(found[name], expected[name])}" for name in different)


def first_difference(found, expected):
    if isinstance(expected, dict):
        return {key: (found.get(key), expected[key]) for key in expected if found.get(key) != expected[key]}
    if not isinstance(expected, list):
        return found, expected
    return f"{len(found)} and {len(expected)}, first {[pair for pair in zip(found, expected) if pair[0] != pair[1]][:1]}"


DAILY_SALES = """
WITH events AS (
    SELECT row_number() OVER () AS seq, raw ->> 'type' AS type, raw ->> 'event_id' AS event_id, raw ->> 'channel' AS channel,
        raw ->> 'currency' AS currency, raw ->> 'order_id' AS order_id, (raw ->> 'ts')::TIMESTAMPTZ AS ts,
        (raw ->> 'total_amount')::DECIMAL(18, 4) AS amount,
        coalesce(list_sum((raw -> 'items' -> '$[*].quantity')::INT[]), 0)::BIGINT AS units
    FROM log WHERE raw ->> 'type' IN ('click', 'cart', 'purchase')
    QUALIFY row_number() OVER (PARTITION BY raw ->> 'event_id' ORDER BY seq) = 1),
counted AS (
    SELECT * FROM events WHERE type <> 'purchase' OR order_id IS NULL
    UNION ALL
    SELECT * FROM events WHERE type = 'purchase' AND order_id IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY order_id ORDER BY seq) = 1)
SELECT strftime(timezone('UTC', ts), '%Y-%m-%d') AS start, channel, if(type = 'purchase', currency, '') AS currency,
    count(*) FILTER (type = 'click'), count(*) FILTER (type = 'cart'), count(*) FILTER (type = 'purchase'),
    coalesce(sum(units) FILTER (type = 'purchase'), 0)::BIGINT, coalesce(sum(amount) FILTER (type = 'purchase'), 0)
FROM counted GROUP BY ALL ORDER BY ALL
"""


def assert_as_duckdb(contents, answers):
    """Days and channels, and the shelves, as SQL has them over the log's bytes."""
    raws = [(number, record.raw.decode()) for number, record in enumerate(contents.records) if not record.reason]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE TABLE log (seq BIGINT, raw JSON)")
        path = Path(contents.scratch) / "log.ndjson"
        path.write_text("".join(json.dumps({"seq": number, "raw": json.loads(raw)}) + "\n" for number, raw in raws))
        connection.execute(
            f"INSERT INTO log SELECT seq, raw FROM read_json('{path}', format = 'newline_delimited', "
            "columns = {seq: 'BIGINT', raw: 'JSON'}) ORDER BY seq")
        expected = connection.execute(DAILY_SALES).fetchall()
        alerts = connection.execute(
            """SELECT count(*) FROM (
                SELECT sum((raw ->> 'change')::BIGINT) AS pieces FROM (
                    SELECT * FROM log WHERE raw ->> 'type' = 'stock'
                    QUALIFY row_number() OVER (PARTITION BY raw ->> 'event_id' ORDER BY seq) = 1)
                GROUP BY raw ->> 'product_id', raw ->> 'warehouse_id')
            WHERE pieces < ?""", [answers["stock"]["low"]]).fetchone()[0]
    found = [json.loads(line) for line in answers["sales by channel and day"]]
    assert sorted(
        (line["start"], line["name"], line["currency"], line["clicks"], line["carts"], line["orders"], line["units"],
         round(float(line["revenue"]) * 10_000)) for line in found) == sorted(
             (*row[:-1], round(float(row[-1]) * 10_000)) for row in expected)
    assert answers["stock"]["count"] == alerts


class Shift:
    """A shop's life of `rounds` rounds, of which each but the last ends with a kill."""

    def __init__(self, folder, up, faults, seed, rounds):
        self.folder, self.data, self.up, self.faults = folder, folder / "data", up, faults
        self.chance = random.Random(seed)
        self.visitors, self.sent, self.rest = Visitors(seed), [], []
        self.words = settings(folder)
        # It ends at three in the afternoon of yesterday, UTC: not near a midnight.
        yesterday = datetime.now(timezone.utc) - timedelta(days=1)
        self._end = yesterday.replace(hour=15, minute=0, second=0, microsecond=0).timestamp() - time.time()
        self.pause = HOURS * 3_600 / rounds
        self.rounds = rounds
        # Between two rounds' events: the asking takes longer with one than with the other.
        spans = max(0, int(MINUTES_KEPT * 60 / self.pause - 0.6))
        self.minutes = int((spans + 0.5) * self.pause / 60) if spans else min(int(self.pause / 120), MINUTES_KEPT - 10)

    def start(self, number, data=None):
        """A life at the round's time of day."""
        offset = self._end - (self.rounds - number) * self.pause
        self.faults.move_clock(offset)
        self.visitors.at = time.time() + offset
        return self.up(data or self.data, *self.words, env=self.faults.environment())

    def send(self, server):
        """A round's events, behind those that were not acknowledged; False once the server is gone."""
        self.rest += self.visitors.bodies(ROUND_EVENTS, self.sent)
        while self.rest:
            try:
                status, answer = server.post(self.rest[0])
            except OSError:
                return False
            assert status == 202, f"{status} {answer}"
            self.rest.pop(0)
        return True


def crash_point(chance):
    """Before or after the n-th call of a kind, or in the middle of a write."""
    action = chance.choice(["kill_before", "kill_after", "short_kill"])
    if action == "short_kill":
        return action, ("write",), chance.randint(1, 4), chance.choice([0, 1, 11, 100, 4_000, 200_000])
    kinds = chance.choice([KINDS, KINDS, ("rename",), ("sync",), ("unlink",)])
    return action, kinds, chance.randint(1, NTH_MAX if kinds == KINDS else 8), 0


def place(where):
    """What kind of file a call was on."""
    kind, _, path = where.partition(" ")
    return f"{kind} {'new file' if path.endswith('.new') else 'checkpoint' if path.endswith('.checkpoint') else 'folder'}"


def kill_in_checkpoint(shift, number):
    """One life that ends at a step of a checkpoint, perhaps of the one it makes when it is asked to stop; the rule."""
    action, kinds, nth, short = crash_point(shift.chance)
    server = shift.start(number)
    shift.faults.clear()
    rule = shift.faults.arm(action, *kinds, path=CHECKPOINTS, nth=nth, short=short)
    deadline, tick = time.monotonic() + ROUND_SECONDS_MAX, threading.Event()
    is_up = shift.send(server)
    if is_up and shift.chance.random() < 0.2:
        # The last checkpoint, for which the server waits.
        server.stop()
    while server.process.poll() is None and time.monotonic() < deadline:
        # More for another checkpoint.
        shift.visitors.at += 1
        if not shift.send(server):
            break
        tick.wait(CHECKPOINT_SECONDS)
    server.kill()
    assert rule.fired or server.process.returncode == 0, f"no kill within {ROUND_SECONDS_MAX} s\n{server.words}"
    return rule


def headers(data):
    """Of each checkpoint that is there: its path, and how many of the key groups it holds whole."""
    found = []
    for path in sorted((data / "stream/checkpoints").glob("*.checkpoint")):
        with path.open("rb") as file:
            fields = struct.unpack("<III4q", file.read(44))
        found.append((path, fields[6] - fields[5]))
    return found


def with_visitors(tmp_path, up, faults, seed, rounds):
    """A shift whose state is large enough for checkpoints of changes."""
    shift = Shift(tmp_path, up, faults, seed, rounds)
    server = shift.start(0)
    crowd = shift.visitors.crowd(VISITORS)
    for at in range(0, len(crowd), 10_000):
        commit = server.accept(crowd[at:at + 10_000])["commit"]
    server.applied(commit)
    assert shift.send(server)
    server.stop_cleanly()
    return shift


def judged(shift, up):
    """The answers of the life that is left, and those of one that reads the same log from its beginning."""
    contents = read(shift.data)
    contents.scratch = shift.folder
    server = shift.start(shift.rounds)
    assert_server_counts(server, contents)
    found = asked(server, shift.minutes)
    fresh = shift.folder / "uninterrupted"
    fresh.mkdir()
    shutil.copytree(shift.data / "log", fresh / "log")
    other = up(fresh, *shift.words, env=shift.faults.environment())
    assert_server_counts(other, contents)
    expected = asked(other, shift.minutes)
    other.stop_cleanly()
    shutil.rmtree(fresh)
    return server, contents, found, expected


def test_kills_at_the_steps_of_checkpoints(tmp_path, up, seed, sizes, rounds, table):
    began, places, changes, lives = time.monotonic(), {}, 0, 0
    with Faults(tmp_path / "faults") as faults:
        shift = with_visitors(tmp_path, up, faults, seed, sizes.checkpoint_kills)
        for number in rounds(sizes.checkpoint_kills, "kill"):
            for _ in range(LIVES_A_KILL_MAX):
                rule = kill_in_checkpoint(shift, number)
                lives += 1
                changes += sum(groups < KEY_GROUPS for _, groups in headers(shift.data)[-1:])
                # One that was asked to stop may have ended before the call it was to die at.
                if rule.fired:
                    break
            assert rule.fired, f"{LIVES_A_KILL_MAX} lives, and none was killed"
            places[place(rule.where)] = places.get(place(rule.where), 0) + 1
        server = shift.start(shift.rounds)
        assert shift.send(server)
        server.stop_cleanly()
        server, contents, found, expected = judged(shift, up)
        assert_same(found, expected, "without an interruption")
        assert_as_duckdb(contents, found)
        assert found["sessions"]["channels"] and found["fraud scores"]["alerts"] and found["stock"]["alerts"], (
            "nothing to compare")
        assert_books_balance_online(server)
        server.stop_cleanly()
    assert changes, "no checkpoint held changes only"
    table(
        SUMMARY, f"{sizes.checkpoint_kills} kills in {lives} lives", f"{len(contents.records)} records, no difference",
        f"{changes} times the newest file held changes",
        ", ".join(f"{count} at {where}" for where, count in sorted(places.items())), f"{time.monotonic() - began:.0f} s")


# A checkpoint's file: the magic, the version and the CRC-32C of what follows; its number and that of the file before, the
# key groups that it holds whole; then the offsets, a text behind its length (docs/decisions/0019-checkpoints-hold-changes.md).
CHECKED_FROM = 12
SEQUENCE = slice(12, 20)
TEXT = 44


def parts(bytes_):
    """What stands before the offsets, the offsets, and what stands behind them."""
    (count,) = struct.unpack_from("<q", bytes_, TEXT)
    end = TEXT + 8 + count
    return bytes_[:TEXT], bytes_[TEXT:end], bytes_[end:]


def sealed(bytes_):
    return bytes_[:8] + struct.pack("<I", crc32c(bytes_[CHECKED_FROM:])) + bytes_[CHECKED_FROM:]


@pytest.mark.parametrize("broken", ["offsets older than the state", "offsets newer than the state"])
def test_offsets_that_are_not_the_states_are_noticed(tmp_path, up, seed, table, broken):
    """The promise broken on purpose: a whole and valid checkpoint, whose offsets were saved apart from its state."""
    with Faults(tmp_path / "faults") as faults:
        shift = Shift(tmp_path, up, faults, seed, 2)
        for number in range(2):
            server = shift.start(number)
            assert shift.send(server)
            server.stop_cleanly()
        (old, _), (new, _) = headers(shift.data)[-2:]
        old_head, old_offsets, old_state = parts(old.read_bytes())
        new_head, new_offsets, new_state = parts(new.read_bytes())
        if broken == "offsets older than the state":
            changed = new_head + old_offsets + new_state
        else:
            changed = old_head[:SEQUENCE.start] + new_head[SEQUENCE] + old_head[SEQUENCE.stop:] + new_offsets + old_state
        assert changed != new.read_bytes()
        new.write_bytes(sealed(changed))
        _, _, found, expected = judged(shift, up)
        with pytest.raises(AssertionError, match="sales by channel and hour.*sessions.*totals"):
            assert_same(found, expected, "without an interruption")
    table(SUMMARY, f"control: {broken}", "noticed", "", "", "")
