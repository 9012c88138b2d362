"""The live stream: what changed since each listener's last message, exactly, however fast events come or slowly it reads."""

import http.client
import json
import shutil
import socket
import threading
import time
from datetime import datetime, timezone

import pytest
from cartograph import eventually
from playwright.sync_api import sync_playwright

MESSAGE_BYTES_MAX = 1 << 20


def apply(old, changes):
    """What docs/live.md says of changes."""
    if isinstance(changes, list):
        assert len(changes) == 1
        return changes[0]
    if not isinstance(changes, dict):
        return changes
    if isinstance(old, list):
        rows = {row[changes["by"]]: row for row in old}
        assert len(rows) == len(old)
        order = changes.get("order", list(rows))
        for key, change in changes.get("rows", {}).items():
            rows[key] = apply(rows.get(key), change)
        return [rows[key] for key in order]
    new = dict(old)
    for name, change in changes.items():
        if change == []:
            del new[name]
        else:
            new[name] = apply(old.get(name), change)
    return new


class Listener:
    """A client of the stream that keeps the view by what it is told."""

    def __init__(self, server, query="", since=None, buffer=None):
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(30)
        self.socket.connect(("127.0.0.1", server.port))
        header = f"Last-Event-ID: {since}\r\n" if since else ""
        self.socket.sendall(f"GET /api/v1/live{query} HTTP/1.1\r\nHost: x\r\n{header}\r\n".encode())
        self.answer = http.client.HTTPResponse(self.socket)
        self.is_open = False
        self.view, self.id, self.kinds, self.sizes, self.ids, self.comments = None, None, [], [], [], 0

    def open(self):
        if not self.is_open:
            self.answer.begin()
            assert self.answer.status == 200
            assert self.answer.getheader("Content-Type") == "text/event-stream"
        self.is_open = True

    def line(self):
        line = self.answer.readline(MESSAGE_BYTES_MAX)
        assert line.endswith(b"\n"), "the stream ended"
        return line[:-1].decode()

    def next(self):
        """Takes the next message; returns the view after it."""
        self.open()
        fields = {}
        while True:
            line = self.line()
            if line.startswith(":"):
                self.comments += 1
            elif line:
                name, _, value = line.partition(": ")
                assert name not in fields, "a message has one line of data"
                fields[name] = value
            elif fields:
                break
        data = json.loads(fields["data"])
        if fields["event"] == "live":
            self.view = data
        else:
            assert fields["event"] == "diff" and data["base"] == self.id, f"{fields['event']} from another version"
            self.view = apply(self.view, data["changes"])
        self.id = fields["id"]
        self.kinds.append(fields["event"])
        self.ids.append(int(self.id.rpartition("-")[2]))
        self.sizes.append(len(fields["data"]))
        return self.view

    def until(self, condition, seconds=30):
        deadline = time.monotonic() + seconds
        while not condition(self.view if self.view else self.next()):
            assert time.monotonic() < deadline, f"not within {seconds} s: {self.view}"
            self.next()
        return self.view

    def close(self):
        self.answer.close()
        self.socket.close()


def purchases(first, count, at=None):
    now = (at or datetime.now(timezone.utc)).isoformat()
    return [
        {"type": "purchase", "event_id": f"e{number}", "user_id": f"u{number % 997}", "session_id": f"s{number}", "ts": now,
         "currency": "USD", "total_amount": "1.25", "channel": ["website", "store", "tiki"][number % 3],
         "order_id": f"o{number}", "items": [{"product_id": f"p{number % 40}", "quantity": 1, "unit_price": "1.25"}]}
        for number in range(first, first + count)]


def same(view, other):
    """Whether two views are the same but for the moment that they were made at."""
    return {**view, "at": None} == {**other, "at": None}


def settled(server, listener):
    """The view once nothing moves any more: the listener's and the snapshot's are the same."""

    def check():
        view = listener.next()
        whole = server.snapshot()
        return view if same(view, whole) else None

    return eventually("the listener has what the snapshot has", check)


def test_changes_make_exactly_the_whole_view(up, data):
    server = up(data, "--simulate", 300)
    server.snapshot()
    eager, patient = Listener(server), Listener(server, "?every=400")
    seen = {}

    def follow(number):
        while not eager.ids or eager.ids[-1] < number:
            eager.next()
            seen[eager.id] = eager.view

    # The same version is the same view, by however many steps one came there.
    met = 0
    while met < 5:
        patient.next()
        follow(patient.ids[-1])
        if patient.id in seen:
            assert patient.view == seen[patient.id]
            met += 1
        assert len(patient.ids) < 100, "the two are never at the same version"
    assert eager.kinds == ["live"] + ["diff"] * (len(eager.kinds) - 1)
    assert patient.kinds == ["live"] + ["diff"] * (len(patient.kinds) - 1)
    # And it is what a new listener is given whole.
    met = 0
    for _ in range(40):
        whole = Listener(server)
        whole.next()
        assert whole.kinds == ["live"]
        follow(whole.ids[-1])
        if whole.id in seen:
            assert whole.view == seen[whole.id]
            met += 1
        whole.close()
    assert met > 5
    diffs = sorted(eager.sizes[1:])
    print(f"whole {len(json.dumps(eager.view))} bytes, changes {diffs[len(diffs) // 2]} in the middle, {diffs[-1]} at most")
    eager.close()
    patient.close()


def test_messages_come_at_a_bounded_rate_however_fast_events_do(up, data):
    server = up(data)
    server.snapshot()
    listeners = [(Listener(server), 0.1), (Listener(server, "?every=500"), 0.5)]
    stop = threading.Event()
    times = {}

    def follow(listener, every):
        while not stop.is_set():
            listener.next()
            times.setdefault(every, []).append(time.monotonic())

    threads = [threading.Thread(target=follow, args=pair, daemon=True) for pair in listeners]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    number = 0
    while time.monotonic() < began + 5:
        server.accept(purchases(number, 50))
        number += 50
    seconds = time.monotonic() - began
    stop.set()
    server.accept(purchases(number, 1))
    for thread in threads:
        thread.join(30)
    for every, arrived in times.items():
        within = [moment for moment in arrived if moment <= began + seconds]
        assert seconds / every / 2 < len(within) <= seconds / every + 3, f"{len(within)} messages in {seconds} s at {every}"
    for listener, _ in listeners:
        listener.close()


def test_a_quiet_shop_says_that_it_is_still_there_and_little_else(up, data):
    server = up(data)
    server.accept(purchases(0, 10))
    listener = Listener(server)
    # The rate comes down to nothing, and the lake has all of it.
    listener.until(lambda view: view["events_per_second"] == 0 and view["freshness"]["bronze_rows"] == 10)
    settled(server, listener)
    began, before = time.monotonic(), len(listener.kinds)
    while time.monotonic() < began + 11:
        listener.next()
    # From then on the moment alone, every five seconds.
    assert 2 <= len(listener.kinds) - before <= 4
    assert max(listener.sizes[before:]) < 150
    listener.close()


def test_a_connection_that_was_lost_goes_on_by_changes(up, data):
    server = up(data)
    server.accept(purchases(0, 100))
    first = Listener(server)
    view = settled(server, first)
    first.close()
    server.applied(server.accept(purchases(100, 10))["commit"])
    again = Listener(server, since=first.id)
    again.view, again.id = view, first.id
    assert again.next()["totals"]["accepted"] == 110 and again.kinds == ["diff"]
    by_query = Listener(server, f"?since={first.id}")
    by_query.view, by_query.id = view, first.id
    assert same(by_query.next(), again.view) and by_query.kinds == ["diff"]
    stranger = Listener(server, since="zzzz-1")
    assert stranger.next()["totals"]["accepted"] == 110 and stranger.kinds == ["live"]
    server.stop_cleanly()
    server = up(data)
    server.snapshot()
    restarted = Listener(server, since=again.id)
    assert restarted.next()["totals"]["accepted"] == 110 and restarted.kinds == ["live"], "another process knows no version of it"


def test_who_stops_reading_slows_nobody_and_comes_back_to_the_present(up, data):
    server = up(data)
    server.applied(server.accept(purchases(0, 2_000))["commit"])
    deaf = [Listener(server, buffer=4_096) for _ in range(50)]
    for listener in deaf:
        listener.next()
    good = Listener(server)
    good.next()
    memory = resident(server)
    number, latest = 2_000, []
    began = time.monotonic()
    while time.monotonic() < began + 20:
        commit = server.accept(purchases(number, 200))["commit"]
        number += 200
        posted = time.monotonic()
        good.until(lambda view: view["commit"] >= commit)
        latest.append(time.monotonic() - posted)
    latest.sort()
    assert latest[len(latest) // 2] < 1, f"others wait: {latest}"
    assert resident(server) - memory < 200 << 20
    print(f"{good.ids[-1] - deaf[0].ids[-1]} versions went by; memory grew by {(resident(server) - memory) >> 20} MB")
    for listener in deaf[:5]:
        missed = good.ids[-1] - listener.ids[-1]
        before = len(listener.kinds)
        listener.until(lambda view: view["totals"]["accepted"] == number)
        taken = len(listener.kinds) - before
        assert taken < missed / 2, f"{taken} messages for {missed} versions: they were waiting for it"
        assert sum(listener.sizes[before:]) < 256 << 10, "that much was waiting for it"
        assert same(settled(server, listener), server.snapshot())
    for listener in [*deaf, good]:
        listener.close()
    eventually("the listeners are forgotten", lambda: server.snapshot() is not None)


def resident(server):
    with open(f"/proc/{server.process.pid}/statm") as numbers:
        return int(numbers.read().split()[1]) * 4_096


def test_a_browser_applies_the_changes_as_they_were_meant(up, data):
    server = up(data, "--simulate", 300)
    server.snapshot()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or "/usr/bin/chromium",
            args=["--no-sandbox", "--disable-dev-shm-usage"])
        page = browser.new_page()
        page.goto(server.url + "healthz")
        seen = page.evaluate(
            """async () => {
                const { apply } = await import("/diff.js");
                let view = null, diffs = 0;
                const stream = new EventSource("/api/v1/live");
                return await new Promise((resolve, reject) => {
                    stream.onerror = () => reject(new Error("the stream ended"));
                    stream.addEventListener("live", (event) => (view = JSON.parse(event.data)));
                    stream.addEventListener("diff", (event) => {
                        try { view = apply(view, JSON.parse(event.data).changes); } catch (error) { reject(error); }
                        if ((diffs += 1) < 30) return;
                        stream.close();
                        resolve({ view, id: event.lastEventId });
                    });
                });
            }""")
        browser.close()
    # What leads from the browser's version to now leads there from the browser's view.
    listener = Listener(server, since=seen["id"])
    listener.view, listener.id = seen["view"], seen["id"]
    listener.next()
    whole = Listener(server)
    whole.next()
    while listener.ids[-1] < whole.ids[-1]:
        listener.next()
    while whole.ids[-1] < listener.ids[-1]:
        whole.next()
    if listener.kinds[0] == "live":
        pytest.fail("the browser's version was gone before it could be compared")
    if listener.id != whole.id:
        pytest.fail(f"{listener.id} is not {whole.id}")
    assert listener.view == whole.view
