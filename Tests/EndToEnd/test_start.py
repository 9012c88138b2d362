"""What keeps the platform from starting is said in one clear line; what it can mend, it mends."""

import os
import socket
import subprocess

import pytest
from cartograph import BINARY, assert_balanced, environment, free_port, run, verify
from shop import Shop

NOBODY = 65534


def refused(data, *hints, port=None, env=None, **options):
    """Runs an `up` that has to fail with exit code 1 and one line that holds all the hints."""
    outcome = run("up", "--data", data, "--port", port or free_port(), timeout=30, env=env, **options)
    assert outcome.code == 1, f"exit {outcome.code}\n{outcome.out}\n{outcome.err}"
    line = outcome.complaint
    for hint in hints:
        assert str(hint) in line, f"{hint!r} is not in {line!r}"


def test_a_data_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    refused(tmp_path / "file" / "data", tmp_path / "file")


def test_a_data_folder_that_is_not_ours_to_write(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    if os.geteuid() != 0:
        folder.chmod(0o555)
        refused(folder, folder)
        return
    # Nothing is forbidden to root, so nobody tries.
    try:
        subprocess.run([BINARY, "--version"], user=NOBODY, check=True, capture_output=True, cwd="/")
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"nobody cannot run {BINARY}: {error}")
    for parent in [folder, *folder.parents]:
        if parent.owner() == "root" and parent.stat().st_mode & 0o005 == 0:
            parent.chmod(parent.stat().st_mode | 0o055)
    refused(folder, folder, user=NOBODY, group=NOBODY, extra_groups=[])


def test_a_data_folder_that_another_process_uses(up, data):
    server = up(data)
    refused(data, data)
    server.accept(Shop(seed=1).events(10))


def test_a_port_in_use(data):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused(data, port, port=port)


def test_a_missing_engine_library(data):
    refused(data, "/nonexistent", env=environment(CARTOGRAPH_DUCKDB="/nonexistent"))


@pytest.mark.parametrize("words", [["up", "--port", "banana"], ["nonsense"], ["import"], ["up", "--no-such-option"]])
def test_wrong_use_exits_with_2(words):
    outcome = run(*words)
    assert outcome.code == 2, f"exit {outcome.code}\n{outcome.out}\n{outcome.err}"
    assert outcome.err.strip()


def newest_segment(data):
    return sorted((data / "log/segments").glob("*.log"))[-1]


@pytest.mark.parametrize("tail", ["garbage", "zeros", "torn frame"])
def test_a_corrupt_log_tail_is_cut_off_and_the_books_balance(up, data, tail):
    shop = Shop(seed=3)
    server = up(data)
    for _ in range(3):
        server.accept(shop.events(100))
    server.kill()

    segment = newest_segment(data)
    with segment.open("rb") as file:
        beginning = file.read(80)
    with segment.open("ab") as file:
        # What a write that never finished may leave behind an acknowledged one.
        file.write({"garbage": os.urandom(777), "zeros": bytes(4096), "torn frame": beginning}[tail])

    server = up(data)
    assert server.totals["accepted"] == 300, "what was acknowledged is there, and no more"
    server.accept(shop.events(100))
    server.batch()
    totals = server.totals
    server.stop_cleanly()
    assert (totals["accepted"], totals["duplicates"]) == (400, 0)
    assert_balanced(data)


def test_a_log_that_lost_what_the_lake_already_holds_is_not_carried_on(up, data):
    server = up(data)
    server.accept(Shop(seed=4).events(300))
    server.batch()
    server.kill()
    segment = newest_segment(data)
    os.truncate(segment, segment.stat().st_size // 2)
    # New events would take the lost ones' offsets, and the lake would take them for ones that it has.
    refused(data)
    outcome, _ = verify(data)
    assert outcome.code == 1, outcome.out
