"""The program under test, used as people use it: its command line, its HTTP door, its signals."""

import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("CARTOGRAPH") or ROOT / ".build/release/cartograph").resolve()

START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
ANSWER_SECONDS_MAX = 60
POLL_SECONDS = 0.05

NDJSON = "application/x-ndjson"


def eventually(what, condition, seconds=30):
    """Waits until `condition()` is true and returns what it returned; fails when the time is over."""
    deadline = time.monotonic() + seconds
    tick = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        tick.wait(POLL_SECONDS)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(**changes):
    names = {name: value for name, value in os.environ.items() if name != "CARTOGRAPH"}
    return names | {name: str(value) for name, value in changes.items()}


@dataclass
class Outcome:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def complaint(self):
        """The one line on stderr that a failed command owes."""
        assert "Stack dump" not in self.err and "Fatal error" not in self.err and "crashed" not in self.err, self.err
        lines = [line for line in self.err.splitlines() if line.strip()]
        assert len(lines) == 1, f"one clear line was promised, stderr has {len(lines)}:\n{self.err}"
        return lines[0]


def run(*words, timeout=120, env=None, **options):
    """Runs one command to its end."""
    done = subprocess.run(
        [BINARY, *map(str, words)], cwd=ROOT, env=env or environment(), timeout=timeout, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, **options)
    return Outcome(done.returncode, done.stdout, done.stderr)


def must(*words, **options):
    """Runs one command that has to succeed."""
    outcome = run(*words, **options)
    assert outcome.code == 0, f"{words} exited {outcome.code}\n{outcome.out}\n{outcome.err}"
    return outcome


def verify(data):
    """The books of a data folder: the command's outcome and its JSON."""
    outcome = run("verify", "--data", data, "--json")
    return outcome, json.loads(outcome.out) if outcome.out.strip() else None


def assert_balanced(data):
    """Fails unless `verify` says that the books balance; returns its lines by name."""
    outcome, books = verify(data)
    assert books is not None, f"verify exited {outcome.code} and printed no JSON: {outcome.err}"
    off = [line for line in books["lines"] if not line["balanced"]]
    assert outcome.code == 0 and books["balanced"] and not off, f"exit {outcome.code}: {off or books}\n{outcome.err}"
    assert books["lines"], "books without a line prove nothing"
    return {line["name"]: (line["left"], line["right"]) for line in books["lines"]}


class Server:
    """One `cartograph up`."""

    def __init__(self, data, *words, port=None, env=None):
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.seconds_to_address = None
        self._said = []
        self._addressed = threading.Event()
        self._errors = tempfile.TemporaryFile("w+")
        started = time.monotonic()
        self.process = subprocess.Popen(
            [BINARY, "up", "--data", str(data), "--port", str(self.port), *map(str, words)], cwd=ROOT,
            env=env or environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._errors, text=True)
        self._listener = threading.Thread(target=self._listen, args=(started,), daemon=True)
        self._listener.start()

    def _listen(self, started):
        for line in self.process.stdout:
            self._said.append(line)
            if self.url in line and self.seconds_to_address is None:
                self.seconds_to_address = time.monotonic() - started
                self._addressed.set()
        self._addressed.set()

    @property
    def words(self):
        """All that it printed so far, for a failure's message."""
        self._errors.seek(0)
        return f"stdout:\n{''.join(self._said)}\nstderr:\n{self._errors.read()}"

    def ready(self):
        """Waits for the line with the address."""
        assert self._addressed.wait(START_SECONDS_MAX), f"no address after {START_SECONDS_MAX} s\n{self.words}"
        if self.seconds_to_address is None:
            code = self.process.wait(STOP_SECONDS_MAX)
            raise AssertionError(f"`up` exited {code} without an address\n{self.words}")
        return self

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS_MAX)

    def request(self, method, path, body=None, headers=None):
        """One request on a connection of its own: the status, and the body as JSON or as text."""
        connection = self.connection()
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        kind = answer.getheader("Content-Type") or ""
        return answer.status, json.loads(content) if "json" in kind else content.decode("utf-8", "replace")

    def post(self, body, content_type=NDJSON, **headers):
        return self.request("POST", "/v1/events", body, {"Content-Type": content_type, **headers})

    def accept(self, events):
        """Posts events of which every one has to be accepted; returns the answer."""
        status, answer = self.post(ndjson(events))
        assert status == 202 and answer["accepted"] == len(events), f"{status} {answer}"
        return answer

    def snapshot(self):
        """The live view; a server that was just started says for a while that it has none yet."""
        status, view = eventually(
            "there is a live view",
            lambda: (answer := self.request("GET", "/api/v1/live/snapshot"))[0] != 503 and answer)
        assert status == 200, f"{status} {view}"
        return view

    @property
    def totals(self):
        return self.snapshot()["totals"]

    def applied(self, commit):
        """Waits until the live view contains a commit, and returns that view."""

        def view():
            # The door may answer before the first view is out.
            status, seen = self.request("GET", "/api/v1/live/snapshot")
            assert status in (200, 503), f"{status} {seen}"
            return seen if status == 200 and seen["commit"] >= commit else None

        return eventually(f"the live view contains commit {commit}", view)

    def batch(self):
        """Runs the models and waits for their end."""
        status, answer = self.request("POST", "/api/v1/batch")
        assert status == 200, f"the models did not run: {status} {answer}\n{self.words}"
        return answer

    def stop(self, signal_number=signal.SIGINT):
        """Asks it to stop, and returns its exit code and how many seconds it took."""
        asked = time.monotonic()
        self.process.send_signal(signal_number)
        code = self.process.wait(STOP_SECONDS_MAX)
        return code, time.monotonic() - asked

    def stop_cleanly(self):
        code, _ = self.stop()
        assert code == 0, f"`up` exited {code} when asked to stop\n{self.words}"

    def kill(self):
        """kill -9."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(STOP_SECONDS_MAX)

    def close(self):
        """Ends what is left of it."""
        self.kill()
        self._listener.join(STOP_SECONDS_MAX)
        self.process.stdout.close()
        self._errors.close()


def ndjson(events):
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def gzipped(body):
    return gzip.compress(body, 1)
