"""The promise broken on purpose: each check of this suite has to notice, or it checks nothing."""

import random
from dataclasses import replace

import pytest
from books import assert_lake_holds
from cartograph import assert_balanced
from damage import ERROR_ONLY, Damage, Layout, bytes_of, overwrite
from disk import open_disk
from faults import Faults
from load import MARK, Senders
from segments import HEADER, WRITTEN, Unreadable, read, sealed, with_field
from test_damage import WRONG, Master, judge
from test_faults import ask_after, fail_under_load
from test_power_loss import load_for_a_while

SUMMARY = "negative controls: the promise broken, and noticed"
TRIES = 5


@pytest.fixture
def stored(tmp_path, up, seed):
    """A folder with a few requests in it: its path, its senders and what it holds."""
    data, senders = tmp_path / "stored/data", Senders("stored", seed)
    server = up(data)
    senders.burst(server, 6)
    server.stop_cleanly()
    contents = read(data)
    senders.check(contents)
    return data, senders, contents


def test_a_sync_that_lies_is_found_out_by_a_volatile_cache(tmp_path, up, seed, table):
    lost = 0
    for number in range(TRIES):
        data, senders = tmp_path / f"data-{number}", Senders(f"lie.{number}", seed)
        with Faults(tmp_path / "faults") as faults:
            server = up(data, env=faults.environment())
            faults.watch_cache(WRITTEN)
            rule = faults.arm("lie", "sync", path=WRITTEN, times=0)
            join = load_for_a_while(server, senders, random.Random(f"{seed}/{number}"))
            server.kill()
            join()
            assert rule.fired
            faults.lose_unsynced(f"{seed}/{number}")
        lost += is_noticed(lambda: senders.check(read(data)))
    assert lost, f"{TRIES} times the disk lied about every sync, and nobody noticed"
    table(SUMMARY, "fdatasync does nothing, cache lost", f"noticed in {lost} of {TRIES}")


@pytest.mark.torture
def test_a_sync_that_lies_is_found_out_by_a_power_loss(tmp_path, up, seed, table):
    lost = 0
    for number in range(TRIES):
        disk = open_disk(tmp_path / f"disk-{number}", 256)
        data, senders = disk.mount_point / "data", Senders(f"lie.{number}", seed)
        try:
            with Faults(tmp_path / "faults") as faults:
                server = up(data, env=faults.environment())
                rule = faults.arm("lie", "sync", path=WRITTEN, times=0)
                join = load_for_a_while(server, senders, random.Random(f"{seed}/{number}"))
                disk.cut_power()
                server.kill()
                join()
                assert rule.fired
            disk.power_on()
            lost += is_noticed(lambda: senders.check(read(data)))
        finally:
            up.end_all()
            disk.unmount()
    assert lost, f"{TRIES} times the disk lied about every sync, and nobody noticed"
    table(SUMMARY, "fdatasync does nothing, ext4 shut down", f"noticed in {lost} of {TRIES}")


def test_a_write_that_lies_is_found_out_by_a_kill(tmp_path, up, seed, table):
    data, senders = tmp_path / "data", Senders("unwritten", seed)
    with Faults(tmp_path / "faults") as faults:
        server = up(data, env=faults.environment())
        senders.burst(server, 2)
        rule = faults.arm("lie", "write", path=WRITTEN, times=0)
        senders.burst(server, 2)
        server.kill()
        assert rule.fired
    with pytest.raises(AssertionError, match="LOST"):
        senders.check(read(data))
    table(SUMMARY, "writes do nothing, kill -9", "noticed")


def is_noticed(check):
    try:
        check()
    except (AssertionError, Unreadable) as error:
        assert "LOST" in str(error) or isinstance(error, Unreadable), error
        return True
    return False


@pytest.mark.parametrize("broken", ["LOST", "TWICE", "TORN", "CHANGED", "another topic", "never sent"])
def test_the_comparison_notices_a_log_that_is_not_what_was_acknowledged(stored, table, broken):
    _, senders, contents = stored
    records, victim = list(contents.records), contents.records[7]
    if broken == "LOST":
        event = MARK.search(victim.raw).group()
        records = [record for record in records if MARK.search(record.raw).group() != event]
    elif broken == "TWICE":
        records.append(victim)
    elif broken == "TORN":
        request = next(request for request in senders.requests if len(request.wanted) > 1 and request.acknowledged)
        request.unknown, request.acknowledged = request.acknowledged, 0
        gone = next(iter(request.wanted)).encode()
        records = [record for record in records if MARK.search(record.raw).group() != gone]
    elif broken == "CHANGED":
        records[7] = replace(victim, raw=victim.raw.replace(b"}", b" }", 1))
    elif broken == "another topic":
        records[7] = replace(victim, topic="stock" if victim.topic != "stock" else "clicks")
    else:
        records.append(replace(victim, raw=MARK.sub(b"ev.nobody-1", victim.raw)))
    with pytest.raises(AssertionError) as noticed:
        senders.check(replace(contents, records=records))
    assert broken in str(noticed.value) or broken == "another topic", noticed.value
    table(SUMMARY, f"an event is {broken.lower()}", "noticed")


def test_the_comparison_with_the_lake_notices_a_missing_row(stored, table):
    data, _, contents = stored
    assert_balanced(data)
    assert_lake_holds(data, contents)
    with pytest.raises(AssertionError, match="bronze"):
        assert_lake_holds(data, replace(contents, records=contents.records[1:]))
    table(SUMMARY, "bronze has a row that the log has not", "noticed")


def test_the_order_check_notices_batches_that_changed_places(stored, table):
    _, senders, contents = stored
    newest = contents.commits[-1][0]
    turned = [replace(record, commit=newest + 1 - record.commit) for record in contents.records]
    with pytest.raises(AssertionError, match="commit"):
        senders.check_order(replace(contents, records=turned))
    table(SUMMARY, "commits change places", "noticed")


def test_the_reader_notices_commits_whose_times_step_back(stored, table):
    data, _, _ = stored
    layout = Layout(data)
    for frame in layout.commits[layout.numbers[-1]]:
        overwrite(frame.path, frame.at, sealed(with_field(bytes_of(frame), "received_at", 1)))
    with pytest.raises(Unreadable, match="not later"):
        read(data)
    table(SUMMARY, "times step back", "noticed")


def test_an_acknowledgement_after_a_failure_is_noticed(tmp_path, up, seed, table):
    """A server that was started again in secret: it acknowledges, where one that had failed must not."""
    data, senders = tmp_path / "data", Senders("secret", seed)
    with Faults(tmp_path / "faults") as faults:
        server = up(data, env=faults.environment())
        rule = faults.arm("fail", "sync", path=WRITTEN, nth=5)
        fail_under_load(server, senders, rule, "Input/output error")
        server.kill()
        server = up(data, port=server.port)
        with pytest.raises(AssertionError, match="ACKNOWLEDGED"):
            ask_after(server, senders, rule)
    table(SUMMARY, "202 after a failed sync", "noticed")


def test_a_wrong_answer_is_noticed(stored, tmp_path, up, table):
    """An event changed together with its checksum: no log can notice that, so the suite has to."""
    data, _, _ = stored
    kept = tmp_path / "kept"
    (kept).mkdir()
    (data / "log").rename(kept / "log")
    master = Master(kept, tmp_path / "place/data")
    target = next(frame for frame in master.layout.frames if frame.kind == "records")
    mark = MARK.search(target.payload)

    def change(layout, folder):
        frame = bytearray(bytes_of(target))
        frame[HEADER.size + mark.end() - 1] ^= 1
        overwrite(layout.within(folder, target.path), target.at, sealed(bytes(frame)))

    case = Damage("payload", "changed, checksum right", change, ERROR_ONLY)
    place = master.copy()
    case.change(master.layout, place)
    outcome, said = judge(place, master, up, needs_refusal=True)
    assert outcome == WRONG, f"{outcome}: {said}"
    table(SUMMARY, "an event changed together with its checksum", "noticed")
