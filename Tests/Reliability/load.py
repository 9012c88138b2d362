"""Senders that keep books: what they sent, what was acknowledged, and what the log must therefore hold."""

import hashlib
import http.client
import json
import random
import re
import threading
from collections import defaultdict
from dataclasses import dataclass, field

from cartograph import NDJSON, gzipped
from segments import TYPES
from shop import Shop, now

MARK = re.compile(rb"ev\.[\w.]+-\d+")
EVENTS_PER_REQUEST_MAX = 120
CONNECTIONS = 4
LARGE_EVENTS, LARGE_BYTES = 130, 60_000
FUTURE = "2099-01-01T00:00:00Z"


class Market(Shop):
    """A shop with every type of event, and with mistakes that are found again by the id in them."""

    def __init__(self, seed, name, moment=now):
        super().__init__(seed, name)
        self._moment = moment

    def _head(self, kind):
        return super()._head(kind) | {"ts": self._moment()}

    def event(self):
        chance = self._random.random()
        if chance < 0.7:
            return super().event()
        return self._random.choice([self.search, self.wishlist, self.order_status, self.stock])()

    def search(self):
        return self._head("search") | {"query": "red shoes"}

    def wishlist(self):
        return self._head("wishlist") | {"product_id": self._product(), "action": "add"}

    def order_status(self):
        event = self._head("order_status")
        del event["session_id"], event["channel"]
        return event | {"order_id": f"order-{event['event_id']}", "status": "paid"}

    def stock(self):
        event_id = self._head("stock")["event_id"]
        return {
            "type": "stock", "event_id": event_id, "product_id": self._product(), "warehouse_id": "north",
            "change": -1, "ts": self._moment(), "reason": "sale",
        }

    def mistake(self):
        """A rejected piece of a body, as bytes, and why. It is a JSON object, so that arrays stay whole."""
        event = self.click()
        reason = self._random.choice(["missing_field:user_id", "bad_timestamp", "unknown_type", "too_far_in_future"])
        if reason == "missing_field:user_id":
            del event["user_id"]
        elif reason == "unknown_type":
            event["type"] = "teleport"
        else:
            event["ts"] = FUTURE if reason == "too_far_in_future" else "yesterday"
        return json.dumps(event).encode(), reason


def digest(raw):
    return hashlib.blake2b(raw, digest_size=8).digest()


@dataclass
class Request:
    """One body and what became of it. `wanted` says of each id its topic, its bytes' digest, and why it is rejected."""

    body: bytes = field(repr=False)
    headers: dict
    wanted: dict = field(repr=False)
    accepted: int
    rejected: int
    producer: tuple | None = None
    acknowledged: int = 0
    unknown: int = 0
    commits: list = field(default_factory=list)

    @property
    def bounds(self):
        """How often each of its events may be stored, at least and at most."""
        if self.producer:
            return min(1, self.acknowledged), min(1, self.acknowledged + self.unknown)
        return self.acknowledged, self.acknowledged + self.unknown


class Sender:
    """One connection's worth of traffic."""

    def __init__(self, name, seed, moment):
        self.requests = []
        self.problems = []
        self.refusals = defaultdict(int)
        self._name = name
        self._market = Market(seed, f"ev.{name}", moment)
        self._random = random.Random(seed)
        self._sequence = 0
        self.pending = None

    def request(self):
        """A request that was never sent before, of a shape by chance."""
        market, chance = self._market, self._random
        shape = chance.choice(["lines", "lines", "array", "object"])
        size = 1 if shape == "object" else chance.randint(1, EVENTS_PER_REQUEST_MAX)
        pieces, wanted, rejected = [], {}, 0
        for _ in range(size):
            if chance.random() < 0.03:
                raw, reason = market.mistake()
                topic = "quarantine"
                rejected += 1
            else:
                event = market.event()
                raw, reason, topic = json.dumps(event).encode(), None, TYPES[event["type"]]
            if shape == "lines" and chance.random() < 0.005:
                # Cut in the middle, but behind its id.
                raw, topic = raw[:raw.index(b"user_id") if b"user_id" in raw else len(raw) - 1], "quarantine"
                rejected += reason is None
                reason = "not_json"
            wanted[MARK.search(raw).group().decode()] = (topic, digest(raw), reason)
            pieces.append(raw)
        body = b"\n".join(pieces) + b"\n" if shape == "lines" else pieces[0]
        if shape == "array":
            body = b"[" + b" , ".join(pieces) + b"]"
        headers = {"Content-Type": NDJSON if shape == "lines" else "application/json"}
        if chance.random() < 0.25:
            body, headers["Content-Encoding"] = gzipped(body), "gzip"
        request = Request(body, headers, wanted, size - rejected, rejected)
        if chance.random() < 0.4:
            self._sequence += 1
            request.producer = (f"producer-{self._name}", self._sequence)
            headers |= {"Cartograph-Producer": request.producer[0], "Cartograph-Sequence": str(self._sequence)}
        self.requests.append(request)
        return request

    def large_request(self):
        """Few events of many bytes, in a field that nothing knows."""
        pieces, wanted = [], {}
        for _ in range(LARGE_EVENTS):
            event = self._market.event()
            raw = json.dumps(event | {"note": "x" * LARGE_BYTES}).encode()
            wanted[event["event_id"]] = (TYPES[event["type"]], digest(raw), None)
            pieces.append(raw)
        self.requests.append(Request(b"\n".join(pieces), {"Content-Type": NDJSON}, wanted, LARGE_EVENTS, 0))
        return self.requests[-1]

    def load(self, server, stop=None, answered=None, limit=None):
        """Sends until the server is gone, does not store any more, or `stop` is set, or `limit` requests were sent."""
        connection, sent = server.connection(), 0
        try:
            while not (stop and stop.is_set()) and (limit is None or sent < limit):
                if self._random.random() < 0.05 and not self._nonsense(connection):
                    return
                if not self.send(connection, self._next()):
                    return
                sent += 1
                if answered:
                    answered.set()
        finally:
            connection.close()

    def finish(self, server):
        """Sends again what is numbered and was not acknowledged, as a careful sender does."""
        if self.pending:
            connection = server.connection()
            assert self.send(connection, self.pending), f"{self.pending} {self.problems}"
            connection.close()

    def _next(self):
        if self.pending:
            return self.pending
        repeatable = self.requests[-50:]
        if repeatable and self._random.random() < 0.08:
            # A sender that did not hear the answer, or one that repeats itself: each of them is stored again, unless
            # it is numbered.
            return self._random.choice(repeatable)
        return self.request()

    def send(self, connection, request):
        """True when the server answered as it should and stores on."""
        if request.producer and not request.acknowledged:
            self.pending = request
        try:
            connection.request("POST", "/v1/events", request.body, request.headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            request.unknown += 1
            return False
        if answer.status != 202:
            self.refusals[answer.status] += 1
        if answer.status == 429:
            return True
        if answer.status == 503:
            request.unknown += 1
            return False
        if answer.status != 202:
            self.problems.append(f"{answer.status} {body[:300]} to {request}")
            return False
        told = json.loads(body)
        if (told["accepted"], told["rejected_count"]) != (request.accepted, request.rejected):
            self.problems.append(f"{told} to {request}")
        request.acknowledged += 1
        request.commits.append(told["commit"])
        if self.pending is request:
            self.pending = None
        return True

    def _nonsense(self, connection):
        """A request that has to be refused as a whole; its event must be found nowhere. False without a server."""
        event = json.dumps(self._market.click()).encode()
        kind = self._random.choice(["broken", "strange", "early"])
        headers, body, status = {"Content-Type": NDJSON}, event, 409
        if kind == "broken":
            headers, body, status = headers | {"Content-Encoding": "gzip"}, gzipped(event)[:-9], 400
        elif kind == "strange":
            headers, status = {"Content-Type": "image/png"}, 415
        else:
            headers |= {"Cartograph-Producer": f"nobody-{self._name}", "Cartograph-Sequence": "7"}
        try:
            connection.request("POST", "/v1/events", body, headers)
            answer = connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException):
            return False
        self.refusals[answer.status] += 1
        if answer.status not in (status, 429, 503):
            self.problems.append(f"{answer.status} where {status} was due: {said[:300]}")
        return answer.status != 503


class Senders:
    """Several senders at once, and what the log must hold when they are done."""

    def __init__(self, name, seed, connections=CONNECTIONS, moment=now):
        self.all = [Sender(f"{name}.{number}", f"{seed}/{name}/{number}", moment) for number in range(connections)]

    def start(self, server, stop=None):
        """Lets all of them send; returns an event that is set with the first answer, and what waits for their end."""
        answered = threading.Event()
        threads = [threading.Thread(target=sender.load, args=(server, stop, answered)) for sender in self.all]
        for thread in threads:
            thread.start()

        def join():
            for thread in threads:
                thread.join(120)
                assert not thread.is_alive(), "a sender still waits for its answer"

        return answered, join

    def burst(self, server, requests):
        """Each sends so many requests, one sender after another; each has to be answered."""
        for sender in self.all:
            sender.load(server, limit=requests)

    def finish(self, server):
        for sender in self.all:
            sender.finish(server)

    def fill(self, server, is_full):
        """Sends large events until there are enough of them."""
        sender = self.all[0]
        connection = server.connection()
        while not is_full():
            assert sender.send(connection, sender.large_request()), (sender.problems, sender.refusals)
        connection.close()

    @property
    def requests(self):
        return [request for sender in self.all for request in sender.requests]

    @property
    def acknowledged_events(self):
        return sum(len(request.wanted) for request in self.requests if request.acknowledged)

    @property
    def acknowledgements(self):
        return sum(request.acknowledged for request in self.requests)

    def check(self, contents):
        """Fails unless the log holds what it must, and nothing that it must not. Returns the number of events held."""
        problems = [problem for sender in self.all for problem in sender.problems]
        assert not problems, problems[:5]
        found = defaultdict(list)
        for record in contents.records:
            match = MARK.search(record.raw)
            assert match, f"stored, and never sent: {record}"
            found[match.group().decode()].append(record)
        for request in self.requests:
            self._check_request(request, found)
        assert not found, f"stored, and never sent or to be refused: {list(found.items())[:3]}"
        return len(contents.records)

    @staticmethod
    def _check_request(request, found):
        least, most = request.bounds
        times = set()
        for event_id, (topic, raw_digest, reason) in request.wanted.items():
            records = found.pop(event_id, [])
            times.add(len(records))
            assert least <= len(records), (
                f"LOST: {event_id} was acknowledged and is stored {len(records)} times of {least}: {request}")
            assert len(records) <= most, f"TWICE: {event_id} is stored {len(records)} times, {most} at most: {request}"
            for record in records:
                assert (record.topic, record.reason) == (topic, reason), f"{event_id}: {record}, not {topic} {reason}"
                assert digest(record.raw) == raw_digest, f"CHANGED: {event_id}: {record}"
        assert len(times) == 1, f"TORN: stored in part, {times}: {request}"

    def check_order(self, contents):
        """Fails unless each producer's numbered batches are stored in their order, in the commits that were told."""
        commits = {}
        for record in contents.records:
            commits.setdefault(MARK.search(record.raw).group().decode(), []).append(record.commit)
        for sender in self.all:
            last = 0
            for request in sender.requests:
                held = commits.get(next(iter(request.wanted)), [])
                if request.producer and held:
                    assert held[0] >= last, f"batch {request.producer} is in commit {held[0]}, behind {last}"
                    last = held[0]
                if not request.producer:
                    missing = set(request.commits) - set(held)
                    assert not missing, f"told to be in commits {missing}, held in {held}: {request}"
