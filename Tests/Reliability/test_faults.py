"""Disks that fail: an error on the way is said, and never followed by an acknowledgement; nothing acknowledged is lost.

After a failed write or sync nobody knows what is on the disk, and a second sync may succeed and hide what the first one
lost. So from then on no request may be told 202, until a restart has read what is there.
"""

import errno
import os
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass

import pytest
from books import (
    assert_all_holds, assert_books_balance_online, assert_log_holds, assert_server_counts, wait_until_ready)
from cartograph import Outcome, eventually
from faults import Faults
from load import Senders
from segments import LOG, WRITTEN, paths

SUMMARY = "injected failures"
STOP_SECONDS_MAX = 30
READY_SECONDS_MAX = 5
REQUESTS_AFTER = 5


@dataclass(frozen=True)
class Fault:
    """A failing call of a running platform."""

    name: str
    action: str
    kind: str
    error: int = errno.EIO
    times: int = 1
    short: int = 0
    # Why it failed, as the system says it; `/readyz` has to repeat it.
    says: str = "Input/output error"


FATAL = [
    Fault("a sync fails once", "fail", "sync"),
    Fault("every sync fails", "fail", "sync", times=0),
    Fault("a sync is done and fails", "fail_after", "sync"),
    Fault("a sync finds the disk full", "fail", "sync", errno.ENOSPC, says="No space left"),
    Fault("a write fails once", "fail", "write"),
    Fault("every write fails", "fail", "write", times=0),
    Fault("a write is done and fails", "fail_after", "write"),
    Fault("a write finds the disk full", "fail", "write", errno.ENOSPC, says="No space left"),
    Fault("a write finds the quota used up", "fail", "write", errno.EDQUOT, says="quota exceeded"),
]
# One error follows a write that was done in part.
BLOCK_BYTES = 4_096
PARTIAL = [0, 1, 64, 511, 512, 4_095, 4_096, 4_097]

HARMLESS = [
    Fault("a write is interrupted", "fail", "write", errno.EINTR),
    Fault("a direct write is refused", "fail", "write", errno.EINVAL),
    Fault("writes are done in parts of 4096 bytes", "short", "write", short=4_096, times=3),
    Fault("writes are done in parts of 5000 bytes", "short", "write", short=5_000, times=3),
]


# In the short form those that differ most: the rest differ in the error's number or in who retries.
SHORT_FATAL = {("a sync fails once", True), ("a write finds the disk full", False)}


@pytest.mark.parametrize(
    ("fault", "loses_cache"),
    [
        pytest.param(
            fault, lost, id=f"{fault.name}, cache {'lost' if lost else 'kept'}",
            marks=[] if (fault.name, lost) in SHORT_FATAL else [pytest.mark.torture])
        for fault in FATAL for lost in (False, True)
    ],
)
def test_a_failure_is_said_and_nothing_is_acknowledged_after_it(
        tmp_path, up, seed, sizes, rounds, table, fault, loses_cache):
    began, acknowledged, undone = time.monotonic(), 0, 0
    for number in rounds(len(sizes.fault_positions)):
        nth = sizes.fault_positions[number]
        data, senders = tmp_path / f"data-{number}", Senders(f"{number}", seed)
        with Faults(tmp_path / f"faults-{number}") as faults:
            server = up(data, env=faults.environment())
            senders.burst(server, 1)
            if loses_cache:
                faults.watch_cache(WRITTEN)
            rule = faults.arm(
                fault.action, fault.kind, path=WRITTEN, nth=nth, times=fault.times, error=fault.error)
            fail_under_load(server, senders, rule, fault.says)
            end(server, by_signal=nth % 2 == 0)
            if loses_cache:
                undone += faults.lose_unsynced(f"{seed}/{number}")[0]
        come_back(up, data, senders)
        acknowledged += senders.acknowledgements
        assert_all_holds(data, senders) if number == 0 else assert_log_holds(data, senders)
    table(
        SUMMARY, fault.name, "cache lost" if loses_cache else "cache kept", f"{len(sizes.fault_positions)} rounds",
        f"{acknowledged} acknowledged, 0 lost, 0 after the failure, {undone} sectors taken back",
        f"{time.monotonic() - began:.0f} s")


@pytest.mark.parametrize(
    ("kind", "error"), [("sync", errno.EIO), ("write", errno.ENOSPC)], ids=["sync EIO", "write ENOSPC"])
def test_readyz_tells_that_the_log_accepts_nothing_more(tmp_path, up, seed, table, kind, error):
    """Whoever balances the load must not send to a door that refuses everything."""
    with Faults(tmp_path / "faults") as faults:
        server = up(tmp_path / "data", env=faults.environment())
        wait_until_ready(server)
        rule = faults.arm("fail", kind, path=WRITTEN, error=error)
        senders = Senders("ready", seed, connections=1)
        senders.all[0].load(server)
        assert rule.fired == 1 and senders.all[0].refusals[503]

        def told():
            status, why = server.request("GET", "/readyz")
            return why if status == 503 else None

        why = eventually("/readyz says that the log does not accept events", told, READY_SECONDS_MAX)
        assert os.strerror(error).lower() in str(why).lower(), why
    table(SUMMARY, f"/readyz after {kind} {errno.errorcode[error]}", "", "1 round", "503, with the reason", "")


@pytest.mark.parametrize(
    "error", [errno.ENOSPC, pytest.param(errno.EIO, marks=pytest.mark.torture)], ids=["full", "failing"])
def test_a_write_that_is_done_in_part_before_it_fails(tmp_path, up, seed, rounds, table, sizes, error):
    began = time.monotonic()
    parts = PARTIAL if sizes.name == "torture" else PARTIAL[2:6:3]
    for number in rounds(len(parts)):
        data, senders = tmp_path / f"data-{number}", Senders(f"{number}", seed)
        with Faults(tmp_path / f"faults-{number}") as faults:
            server = up(data, env=faults.environment())
            senders.burst(server, 1)
            part = faults.arm("short", "write", path=WRITTEN, nth=3, short=parts[number])
            rule = faults.arm("fail", "write", path=WRITTEN, nth=3, times=0, error=error)
            # Less than a block is taken for a disk that is full, without another try.
            says = os.strerror(error) if parts[number] >= BLOCK_BYTES else "no space"
            fail_under_load(server, senders, rule if parts[number] >= BLOCK_BYTES else part, says)
            end(server, by_signal=False)
        come_back(up, data, senders)
        assert_log_holds(data, senders)
    table(
        SUMMARY, f"a write is done in part, then {errno.errorcode[error]}", "", f"{len(parts)} rounds",
        "nothing of the torn batch is left", f"{time.monotonic() - began:.0f} s")


def fail_under_load(server, senders, rule, says):
    """Sends until the fault has come, then goes on asking: nothing more is acknowledged, and the reason is told."""
    _, join = senders.start(server)
    join()
    assert rule.fired >= 1, f"the fault was never injected: {rule.seen} calls seen\n{server.words}"
    assert server.process.poll() is None, f"it crashed instead of saying so\n{server.words}"
    for sender in senders.all:
        assert sender.refusals[503], f"a sender stopped without a 503\n{server.words}"
    ask_after(server, senders, rule)
    status, _ = server.request("GET", "/healthz")
    assert status == 200
    status, why = server.post(b"not json")
    assert status == 503 and says.lower() in str(why).lower(), f"it is not told why: {status} {why}"


def ask_after(server, senders, rule):
    """New, numbered and repeated requests, each on a connection of its own, as other trackers would come."""
    for sender in senders.all:
        for _ in range(REQUESTS_AFTER):
            connection = server.connection()
            request = sender.pending or sender.request()
            before = request.acknowledged
            sender.send(connection, request)
            connection.close()
            assert request.acknowledged == before, f"ACKNOWLEDGED after {rule.where} failed: {request}\n{server.words}"


def end(server, by_signal):
    if by_signal:
        code, seconds = server.stop()
        assert seconds < STOP_SECONDS_MAX and code in (0, 1), f"exit {code} after {seconds:.1f} s\n{server.words}"
        assert "Fatal error" not in server.words
    else:
        server.kill()


def come_back(up, data, senders):
    """A start on a mended disk: by itself, with everything that was acknowledged."""
    contents = assert_log_holds(data, senders)
    server = up(data)
    assert_server_counts(server, contents)
    senders.finish(server)
    senders.burst(server, 1)
    assert_books_balance_online(server)
    wait_until_ready(server)
    server.stop_cleanly()


@pytest.mark.parametrize(
    "fault", [HARMLESS[0], HARMLESS[3], *(pytest.param(fault, marks=pytest.mark.torture) for fault in HARMLESS[1:3])],
    ids=lambda fault: fault.name)
def test_a_call_that_is_to_be_tried_again_costs_nothing(tmp_path, up, seed, table, fault):
    data, senders = tmp_path / "data", Senders("again", seed)
    with Faults(tmp_path / "faults") as faults:
        server = up(data, env=faults.environment())
        senders.burst(server, 2)
        rule = faults.arm(
            fault.action, fault.kind, path=WRITTEN, nth=2, times=fault.times, error=fault.error, short=fault.short)
        stop = threading.Event()
        _, join = senders.start(server, stop)
        eventually("the fault was injected", lambda: rule.fired >= fault.times)
        stop.set()
        join()
        fired, refusals = rule.fired, [sender.refusals for sender in senders.all if 503 in sender.refusals]
        assert not refusals, f"{refusals}\n{server.words}"
        senders.finish(server)
        server.stop_cleanly()
    assert_all_holds(data, senders)
    table(SUMMARY, fault.name, "", f"{fired} times", "goes on, nothing lost", "")


def test_a_file_system_without_direct_output_is_written_through_the_cache(tmp_path, up, seed, table):
    data, senders = tmp_path / "data", Senders("buffered", seed)
    with Faults(tmp_path / "faults") as faults:
        rule = faults.arm("fail", "open", path=WRITTEN, times=0, error=errno.EINVAL, flags=os.O_DIRECT)
        server = up(data, env=faults.environment())
        senders.burst(server, 5)
        server.kill()
        assert_log_holds(data, senders)
        server = up(data, env=faults.environment())
        senders.burst(server, 5)
        server.stop_cleanly()
        fired = rule.fired
        assert fired >= 1, "the log opens no file with O_DIRECT"
    assert_all_holds(data, senders)
    table(SUMMARY, "no O_DIRECT", "", f"{fired} opens refused", "goes on, nothing lost", "")


STARTING = [
    ("open", errno.EIO), ("open", errno.EMFILE), ("open", errno.EACCES), ("read", errno.EIO), ("sync", errno.EIO),
    ("truncate", errno.EIO), ("write", errno.ENOSPC), ("rename", errno.EIO), ("mkdir", errno.ENOSPC),
]
SHORT_STARTING = {"sync", "write"}


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        pytest.param(
            kind, error, id=f"{kind} {errno.errorcode[error]}",
            marks=[] if kind in SHORT_STARTING else [pytest.mark.torture])
        for kind, error in STARTING
    ],
)
def test_a_start_that_fails_says_so_and_the_next_one_mends(tmp_path, up, seed, sizes, table, kind, error):
    """On a folder that is being made, and on one with a commit to undo: each such call in turn."""
    fired = 0
    for state in ("new", "torn"):
        nth = 0
        while True:
            nth += 1
            data, senders = tmp_path / f"{state}-{nth}", Senders(f"{state}.{nth}", seed, connections=1)
            with Faults(tmp_path / f"faults-{state}-{nth}") as faults:
                contents = torn_folder(data, senders, faults, up) if state == "torn" else None
                faults.clear()
                rule = faults.arm("fail", kind, path=LOG, nth=nth, error=error)
                failed, outcome = start_and_stop(data, faults, up)
                if not rule.fired:
                    assert not failed, outcome
                    break
                fired += 1
                if failed:
                    assert outcome.code == 1, outcome
                    line = outcome.complaint
                    assert os.strerror(error) in line and str(data) in line, f"does not say what and where: {line}"
            if contents:
                assert len(assert_log_holds(data, senders).records) == len(contents.records)
            server = up(data)
            if contents:
                assert_server_counts(server, contents)
            senders.finish(server)
            senders.burst(server, 2)
            server.stop_cleanly()
            assert_log_holds(data, senders)
            if nth >= sizes.starting_positions:
                break
    failure = f"{kind} fails with {errno.errorcode[error]}"
    table(SUMMARY, failure, "while starting", f"{fired} times", "said, mended", "")


def torn_folder(data, senders, faults, up):
    """A folder whose process was killed in the middle of a commit; returns what it holds."""
    server = up(data, env=faults.environment())
    senders.burst(server, 2)
    torn = faults.arm("short_kill", "write", path=WRITTEN, short=300)
    senders.all[0].load(server)
    eventually("it killed itself", lambda: server.process.poll() is not None)
    assert torn.fired == 1
    return assert_log_holds(data, senders)


def start_and_stop(data, faults, up):
    """An `up` that fails by itself, or is asked to stop once it is up: whether it failed, and what it said of that."""
    server = up(data, ready=False, env=faults.environment())
    eventually(
        "it is gone or up", lambda: server.process.poll() is not None or server.seconds_to_address is not None)
    is_up = server.seconds_to_address is not None
    if is_up:
        code, seconds = server.stop()
        assert seconds < STOP_SECONDS_MAX and code in (0, 1), f"exit {code} after {seconds:.1f} s\n{server.words}"
    code, said = server.process.wait(STOP_SECONDS_MAX), server.words.split("\nstderr:\n", 1)[1]
    server.close()
    return not is_up, Outcome(code, "", said)


def test_reading_fails_while_it_runs(tmp_path, up, seed, table):
    """What reads the log for the lake meets an unreadable disk: the door stays open, and all is caught up with."""
    data, senders = tmp_path / "data", Senders("reading", seed)
    with Faults(tmp_path / "faults") as faults:
        server = up(data, env=faults.environment())
        senders.burst(server, 2)
        rule = faults.arm("fail", "read", path=WRITTEN, times=20)
        senders.burst(server, 2)
        eventually("the fault was injected", lambda: rule.fired >= 1)
        faults.clear()
        senders.burst(server, 2)
        server.kill()
        fired = rule.fired
    come_back(up, data, senders)
    assert_all_holds(data, senders)
    table(SUMMARY, "reads fail while it runs", "", f"{fired} times", "the door stays open, nothing lost", "")


def test_the_same_by_another_witness(tmp_path, up, seed, table):
    """`strace` makes the kernel itself refuse the sync: what the shim shows does not hang on the shim."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    data, senders = tmp_path / "data", Senders("strace", seed)
    server = up(data)
    senders.burst(server, 2)
    trace = tmp_path / "trace"
    with (tmp_path / "said").open("w+") as said:
        tracer = subprocess.Popen(
            ["strace", "-f", "-p", str(server.process.pid), "-o", trace, "-e", "trace=fdatasync,fsync",
             *(word for path in paths(data)[-1:] for word in ("-P", str(path))),
             "-e", "inject=fdatasync,fsync:error=EIO:when=5"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said)
        try:
            def attached():
                said.seek(0)
                text = said.read()
                if "Operation not permitted" in text:
                    pytest.skip(f"strace may not trace here: {text.strip()}")
                return "attached" in text

            eventually("strace is attached", attached)

            class Witness:
                where = "strace's 5th sync"
                seen = "?"

                @property
                def fired(self):
                    return trace.read_text().count("(INJECTED)")

            fail_under_load(server, senders, Witness(), "Input/output error")
        finally:
            tracer.terminate()
            tracer.wait(STOP_SECONDS_MAX)
    end(server, by_signal=False)
    come_back(up, data, senders)
    assert_all_holds(data, senders)
    table(SUMMARY, "a sync fails once", "by strace", "1 round", "nothing acknowledged after it", "")
