"""The power goes: what was acknowledged is on the disk, whatever the caches held; nothing needs a hand."""

import random
import time

from books import assert_all_holds, assert_books_balance_online, assert_log_holds, assert_server_counts
from cartograph import assert_balanced, eventually
from disk import open_disk
from faults import Faults
from load import Senders
from segments import WRITTEN, read

SUMMARY = "power loss"
LOAD_SECONDS_MAX = 0.8
DISK_MEGABYTES = 512
SMALL_DISK_MEGABYTES = 48
ROUNDS_A_FOLDER = 10


def load_for_a_while(server, senders, chance):
    answered, join = senders.start(server)
    assert answered.wait(30), server.words
    # A random moment is the subject.
    time.sleep(chance.random() * LOAD_SECONDS_MAX)
    return join


def test_a_disk_that_loses_power_keeps_what_was_acknowledged(tmp_path, up, seed, sizes, rounds, table):
    """ext4's own shutdown: nothing that was not synced is there afterwards, names and sizes included."""
    began, chance, acknowledgements = time.monotonic(), random.Random(seed), 0
    data = senders = disk = None
    try:
        for number in rounds(sizes.power_rounds):
            if number % ROUNDS_A_FOLDER == 0:
                if disk:
                    acknowledgements += finish(up, data, senders, disk)
                disk = open_disk(tmp_path / f"disk-{number}", DISK_MEGABYTES)
                data, senders = disk.mount_point / "data", Senders(f"{number}", seed)
            server = up(data)
            join = load_for_a_while(server, senders, chance)
            disk.cut_power()
            server.kill()
            join()
            disk.power_on()
            contents = assert_log_holds(data, senders)
            server = up(data)
            assert_server_counts(server, contents)
            senders.finish(server)
            assert_books_balance_online(server)
            server.stop_cleanly()
            # Everything up to here is on the disk by the time it stopped: the next cut is about new events again.
        acknowledgements += finish(up, data, senders, disk)
        disk = None
    finally:
        # The servers of this test hold the disk: they go first.
        up.end_all()
        if disk:
            disk.unmount()
    table(
        SUMMARY, "ext4 shut down without its journal", f"{sizes.power_rounds} rounds",
        f"{acknowledgements} requests acknowledged, 0 lost", f"{time.monotonic() - began:.0f} s")


def finish(up, data, senders, disk):
    assert_all_holds(data, senders)
    disk.__exit__()
    return senders.acknowledgements


def test_a_cache_that_loses_any_of_its_sectors(tmp_path, up, seed, sizes, rounds, table):
    """Of what was written and not synced, any sectors are lost and any kept: later ones without earlier ones too."""
    began, chance, taken, left = time.monotonic(), random.Random(seed), 0, 0
    acknowledgements, data, senders = 0, tmp_path / "data", Senders("cache", seed)
    up(data).stop_cleanly()
    for number in rounds(sizes.cache_rounds):
        if number and number % ROUNDS_A_FOLDER == 0:
            acknowledgements += senders.acknowledgements
            data, senders = tmp_path / f"data-{number}", Senders(f"cache.{number}", seed)
            up(data).stop_cleanly()
        with Faults(tmp_path / "faults") as faults:
            faults.watch_cache(WRITTEN)
            server = up(data, env=faults.environment())
            if number % 3 == 0:
                # The moment when the most is under way: the sync itself.
                faults.arm("kill_before", "sync", path=WRITTEN, nth=chance.randint(1, 60))
                _, join = senders.start(server)
                join()
                eventually("it killed itself", lambda: server.process.poll() is not None)
            else:
                join = load_for_a_while(server, senders, chance)
            server.kill()
            join()
            counts = faults.lose_unsynced(f"{seed}/{number}")
            taken, left = taken + counts[0], left + counts[1]
        contents = assert_log_holds(data, senders)
        server = up(data)
        assert_server_counts(server, contents)
        senders.finish(server)
        server.stop_cleanly()
    assert_all_holds(data, senders)
    table(
        SUMMARY, "a volatile cache, sector by sector", f"{sizes.cache_rounds} rounds",
        f"{acknowledgements + senders.acknowledgements} requests acknowledged, 0 lost, "
        f"{taken} sectors lost and {left} kept",
        f"{time.monotonic() - began:.0f} s")


def test_a_disk_that_is_really_full(tmp_path, up, seed, table):
    """No shim: a small disk fills up. It is said, nothing acknowledged is lost, and with room again all goes on."""
    disk = open_disk(tmp_path / "disk-full", SMALL_DISK_MEGABYTES)
    data, senders = disk.mount_point / "data", Senders("full", seed)
    try:
        server = up(data)
        senders.burst(server, 2)
        filler = disk.mount_point / "filler"
        with filler.open("wb") as file:
            file.write(bytes(max(0, disk.free_bytes - (3 << 20))))
        stuck = 0
        for sender in senders.all:
            sender.load(server)
            stuck += sender.refusals[503] > 0
        assert stuck == len(senders.all), server.words
        status, why = eventually(
            "/readyz says so",
            lambda: (lambda answer: answer if answer[0] == 503 else None)(server.request("GET", "/readyz")))
        # Whoever comes first to say it: the log, or the lake's catalogue in its own words.
        assert "space" in str(why) or "full" in str(why), why
        server.kill()
        contents = assert_log_holds(data, senders)
        filler.unlink()
        server = up(data)
        assert_server_counts(server, contents)
        senders.finish(server)
        senders.burst(server, 2)
        server.stop_cleanly()
        assert_balanced(data)
        senders.check(read(data))
    finally:
        up.end_all()
        disk.unmount()
    table(
        SUMMARY, "a disk that is full", "1 round", f"{senders.acknowledgements} requests acknowledged, 0 lost", "")
