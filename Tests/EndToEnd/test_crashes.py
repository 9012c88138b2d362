"""kill -9, ten times in the middle of a load: nothing acknowledged is lost, nothing is counted twice."""

import http.client
import json
import os
import random
import threading
from collections import Counter

from cartograph import NDJSON, assert_balanced, ndjson
from lake import Lake, total
from shop import Shop, revenue

KILLS = 10
CLIENTS = 2
EVENTS_PER_REQUEST = 100
KILL_AFTER_SECONDS_MAX = 1.5


class Client:
    """Sends batch after batch, and sends again what was not acknowledged, under the same ids."""

    def __init__(self, number, seed):
        self._shop = Shop(seed, f"client-{number}")
        self._random = random.Random(seed)
        self._pending = None
        self._sent_before = None
        self.acknowledged = {}
        self.refused = []

    def load(self, server, first_answer=None):
        """Sends until the server is gone."""
        connection = server.connection()
        try:
            while self._send(connection, self._next()):
                if first_answer:
                    first_answer.set()
        finally:
            connection.close()

    def finish(self, server):
        """Sends what was left without an answer, if anything."""
        if self._pending:
            connection = server.connection()
            assert self._send(connection, self._pending), "the server did not answer"
            connection.close()

    def _next(self):
        if not self._pending:
            # Now and then a tracker sends again what had been acknowledged.
            again = self._sent_before is not None and self._random.random() < 0.05
            self._pending = self._sent_before if again else self._shop.events(EVENTS_PER_REQUEST)
        return self._pending

    def _send(self, connection, events):
        try:
            connection.request("POST", "/v1/events", ndjson(events), {"Content-Type": NDJSON})
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            return False
        if answer.status == 429:
            return True
        if answer.status != 202 or json.loads(body)["accepted"] != len(events):
            self.refused.append((answer.status, body[:500]))
            return False
        self.acknowledged.update((event["event_id"], event) for event in events)
        self._sent_before, self._pending = events, None
        return True


def load_and_kill(server, clients, chance, rebuild):
    """Lets the clients send, and kills the server at a random moment after the first acknowledgement."""
    answered = threading.Event()
    threads = [threading.Thread(target=client.load, args=(server, answered)) for client in clients]
    if rebuild:
        threads.append(threading.Thread(target=batch_until_killed, args=(server,)))
    for thread in threads:
        thread.start()
    heard = answered.wait(30)
    threading.Event().wait(chance.uniform(0, KILL_AFTER_SECONDS_MAX))
    alive = server.process.poll() is None
    server.kill()
    for thread in threads:
        thread.join(60)
    assert heard, f"no event was acknowledged\n{server.words}"
    assert alive, f"the server died before it was killed\n{server.words}"


def batch_until_killed(server):
    try:
        while True:
            server.request("POST", "/api/v1/batch")
    except (OSError, http.client.HTTPException):
        pass


def test_ten_kills_lose_nothing_and_count_nothing_twice(up, data):
    seed = int(os.environ.get("CARTOGRAPH_SEED") or random.randrange(1 << 32))
    print(f"CARTOGRAPH_SEED={seed} gives the same kills")
    chance = random.Random(seed)
    clients = [Client(number, seed + number) for number in range(CLIENTS)]

    for kill in range(KILLS):
        # Every other kill falls into the models' work as well.
        load_and_kill(up(data), clients, chance, rebuild=kill % 2 == 1)
        refused = [answer for client in clients for answer in client.refused]
        assert not refused, f"kill {kill + 1}: {refused}"
        server = up(data)
        server.batch()
        server.stop_cleanly()
        assert_balanced(data)

    server = up(data)
    for client in clients:
        client.finish(server)
        assert not client.refused
    server.batch()
    totals = server.totals
    server.stop_cleanly()
    assert_balanced(data)

    acknowledged = {}
    for client in clients:
        acknowledged |= client.acknowledged
    with Lake(data) as lake:
        stored = Counter()
        for table in ("silver.clicks", "silver.carts", "silver.purchases"):
            stored.update(lake.rows(table, "event_id")["event_id"].to_pylist())
        earned = total(lake.rows("gold.daily_sales", "revenue"), "revenue")
    assert acknowledged.keys() - stored.keys() == set(), "acknowledged and lost"
    assert stored.keys() - acknowledged.keys() == set(), "stored, though never acknowledged in the end"
    assert [name for name, times in stored.items() if times > 1] == [], "counted twice"
    assert totals["accepted"] - totals["duplicates"] == len(acknowledged)
    assert earned == revenue(acknowledged.values())
    print(f"{len(acknowledged)} events, {totals['duplicates']} duplicates, {KILLS} kills")
