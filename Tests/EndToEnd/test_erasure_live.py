"""A customer is erased beside a running server, which goes on taking events and showing them; killed, it says so."""

import json
import random
import signal
import subprocess
import threading
from decimal import Decimal

import pytest

from cartograph import BINARY, ROOT, assert_balanced, environment, eventually, must, ndjson, run
from shop import Shop
from test_erasure import (
    VICTIM, assert_others_unchanged, erase, events_of_a_shop, expected, is_victims, leftovers, rejected_lines, send)


class Traffic:
    """Customers who go on while somebody is erased: sends batches until it is told to stop, and keeps what was taken."""

    def __init__(self, server, name, person=None):
        self.server, self.name, self.person = server, name, person
        self.accepted, self.answers, self.failures = [], [], []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        shop = Shop(seed=len(self.name), name=self.name)
        while not self._stop.wait(0.01):
            events = [event | ({"user_id": self.person} if self.person else {}) for event in shop.events(20)]
            try:
                status, answer = self.server.post(ndjson(events))
            except OSError as error:
                self.failures.append(repr(error))
                return
            if status != 202:
                self.failures.append(f"{status} {answer}")
                continue
            self.answers.append(answer)
            if answer["accepted"] == len(events):
                self.accepted += events

    def stop(self):
        self._stop.set()
        self._thread.join(60)
        return self


class Watcher:
    """Reads the live view again and again: it has to be there all the time."""

    def __init__(self, server):
        self.server, self.views, self.failures = server, 0, []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        commit = 0
        while not self._stop.wait(0.02):
            status, view = self.server.request("GET", "/api/v1/live/snapshot")
            self.views += 1
            if status != 200 or view["commit"] < commit:
                self.failures.append(f"{status} {str(view)[:200]} after commit {commit}")
                continue
            commit = view["commit"]

    def stop(self):
        self._stop.set()
        self._thread.join(60)
        return self


@pytest.fixture
def live(up, data):
    """A running platform with a customer in everything: the server, the events sent, and the rubbish."""
    first, second = events_of_a_shop(1), events_of_a_shop(2)
    mine, theirs = rejected_lines()
    server = up(data)
    server.accept(first)
    assert send(server, mine + theirs)["rejected_count"] == len(mine) + len(theirs)
    server.batch()
    server.accept(second)
    server.batch()
    server.accept(first[:200])
    return server, first + second + first[:200], mine


def pending(data):
    return list((data / "erasures").glob("*.pending"))


def assert_live_is_right(server, events):
    """The live view in memory says of today what the events come to, without the victim's."""
    _, counts, users, _ = expected(events)
    revenue = sum((total for _, total in users), Decimal(0))
    view = server.applied(server.totals["accepted"] and server.snapshot()["commit"])

    def is_right():
        today = server.snapshot()["today"]
        return (today["clicks"], today["carts"], today["orders"], Decimal(today["revenue"])) == (
            counts["click"], counts["cart"], counts["purchase"], revenue)

    assert view["timezone"] == "UTC"
    eventually(f"today's numbers are {counts} and {revenue}", is_right)


def test_beside_a_running_server_nobody_waits_and_nothing_is_left(live, data):
    server, events, mine = live
    assert len(leftovers(data, VICTIM)) > 5, "the customer has to be there before"
    plan = erase(data, "--dry-run")
    gone = sum(is_victims(event) for event in events)
    assert plan["dry_run"] and sum(plan["log"]["records"].values()) == gone + len(mine)
    assert not pending(data)

    others, themself, watcher = Traffic(server, "others"), Traffic(server, "themself", VICTIM), Watcher(server)
    eventually("both are on their way", lambda: len(others.answers) > 3 and len(themself.accepted) > 0)
    certificate = erase(data)
    # What the customer sent up to the end of the erasure was erased or not let in; later they are somebody new.
    themself.stop(), others.stop(), watcher.stop()
    assert others.failures == themself.failures == watcher.failures == []
    assert watcher.views > 10
    during = [answer for answer in themself.answers if answer.get("erased")]
    assert during, "nothing of the customer came in while they were erased"
    assert certificate["complete"], certificate
    assert sum(certificate["log"]["records"].values()) >= gone + len(mine)
    assert not pending(data)
    assert_balanced(data)

    # Whoever came back in the moments between the end and our stopping is erased too, with everybody at rest.
    assert erase(data)["complete"]
    assert leftovers(data, VICTIM) == []
    lines = assert_balanced(data)
    sent = len(events) + sum(len(traffic.answers) * 20 for traffic in (others, themself))
    assert int(lines["accepted events"][0]) == sent
    assert_live_is_right(server, events + others.accepted)

    # Sent again, nothing comes back, and who comes later is somebody new.
    status, answer = server.post(ndjson(events))
    assert status == 202 and answer["erased"] == gone
    status, metrics = server.request("GET", "/metrics")
    assert VICTIM not in metrics
    later = Shop(seed=9, name="later").click() | {"user_id": VICTIM}
    server.accept([later])
    server.stop_cleanly()
    assert VICTIM not in server.words
    assert_balanced(data)
    stored = map(json.loads, must("log", "read", "--topic", "clicks", "--data", data).out.splitlines())
    assert [event["event_id"] for event in stored if event["user_id"] == VICTIM] == [later["event_id"]]


def test_the_others_lose_nothing(live, data):
    server, events, _ = live
    assert erase(data)["complete"]
    server.batch()
    server.stop_cleanly()
    assert leftovers(data, VICTIM) == []
    assert_others_unchanged(data, events)


@pytest.mark.parametrize("seed", range(3))
def test_a_server_that_is_killed_says_what_is_unfinished_and_goes_on(live, up, data, seed):
    server, events, mine = live
    chosen = random.Random(seed)
    unfinished = 0
    for attempt in range(12):
        client = subprocess.Popen(
            [BINARY, "lake", "erase", "--user", VICTIM, "--data", str(data), "--json"], cwd=ROOT, env=environment(),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            client.communicate(timeout=chosen.uniform(0.05, 0.4) + attempt * 0.15)
            break
        except subprocess.TimeoutExpired:
            server.kill()
            out, err = client.communicate(timeout=30)
            # It may have been told all in the moment before.
            told = client.returncode == 0 and json.loads(out)["complete"]
            assert told or client.returncode == 1 and "run this again" in err, err
        plans = pending(data)
        server = up(data)
        if plans:
            unfinished += 1
            assert f"{plans[0].stem} is not complete" in server.words
            problems = server.request("GET", "/api/v1/status")[1]["problems"]
            assert any(plans[0].stem in problem and "lake erase" in problem for problem in problems), problems
            outcome = run("verify", "--data", data, "--json")
            assert outcome.code == 1 and plans[0].stem in outcome.out
    assert unfinished > 1
    certificate = erase(data)
    assert certificate["complete"]
    assert not pending(data)
    assert server.request("GET", "/api/v1/status")[1]["problems"] == []
    assert_balanced(data)
    server.batch()
    assert_live_is_right(server, events)
    server.stop_cleanly()
    assert leftovers(data, VICTIM) == []
    assert_others_unchanged(data, events)


def test_it_goes_on_when_the_caller_goes_away(live, data):
    server, _, mine = live
    client = subprocess.Popen(
        [BINARY, "lake", "erase", "--user", VICTIM, "--data", str(data)], cwd=ROOT, env=environment(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually("it has begun", lambda: pending(data))
    client.send_signal(signal.SIGKILL)
    client.wait(30)
    eventually("it is done", lambda: not pending(data), seconds=60)
    certificates = [json.loads(file.read_text()) for file in (data / "erasures").glob("*.json")]
    assert [certificate["complete"] for certificate in certificates] == [True]
    assert leftovers(data, VICTIM) == []


def test_a_server_that_is_stopped_stops_and_says_what_is_unfinished(live, up, data):
    server, _, _ = live
    client = subprocess.Popen(
        [BINARY, "lake", "erase", "--user", VICTIM, "--data", str(data)], cwd=ROOT, env=environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    eventually("it has begun", lambda: pending(data))
    code, _ = server.stop()
    assert code == 0
    _, err = client.communicate(timeout=30)
    if pending(data):
        assert client.returncode == 1 and err.strip(), "whoever asked has to be told"
    up(data)
    assert erase(data)["complete"]
    assert leftovers(data, VICTIM) == []


def test_only_who_may_and_asks_for_it_erases(up, data):
    server = up(data, env=environment(CARTOGRAPH_TOKEN="s3cret"))
    body = json.dumps({"user": VICTIM})
    path, kind = "/api/v1/erasures", {"Content-Type": "application/json"}
    mine = {"Authorization": "Bearer s3cret"}
    assert server.request("POST", path, body, kind)[0] == 401
    assert server.request("POST", path, body, mine | {"Content-Type": "text/plain"})[0] == 415
    assert server.request("POST", path, body, mine | kind | {"Origin": "http://evil.example"})[0] == 403
    for wrong in ("", "{}", '{"user": ""}', json.dumps({"user": "x" * 129}), "[1]"):
        assert server.request("POST", path, wrong, mine | kind)[0] == 400, wrong
    assert server.request("POST", path, "x" * (9 << 20), mine | kind)[0] == 413
    assert not (data / "erasures").exists()
    outcome = run("lake", "erase", "--user", VICTIM, "--data", data, env=environment(CARTOGRAPH_TOKEN="wrong"))
    assert outcome.code == 1 and "401" in outcome.complaint
    outcome = run("lake", "erase", "--user", VICTIM, "--data", data, env=environment(CARTOGRAPH_TOKEN="s3cret"))
    assert outcome.code == 0 and "Nothing of the person is left" in outcome.out


def test_a_server_that_only_takes_events_says_so(up, data):
    server = up(data, "--door-only")
    server.accept(Shop(seed=1).events(10))
    outcome = run("lake", "erase", "--user", VICTIM, "--data", data)
    assert outcome.code == 1 and "--door-only" in outcome.complaint
