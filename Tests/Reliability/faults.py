"""Faults on demand: builds the shim, and tells the program that loaded it which calls to fail and what time it is.

The layout of the shared file is that of `shim/faults.c`.
"""

import ctypes
import errno
import mmap
import os
import random
import struct
import subprocess
import tempfile
from collections import defaultdict
from functools import cache
from pathlib import Path

from cartograph import environment

SOURCE = Path(__file__).parent / "shim/faults.c"

MAGIC = 0x43544631
RULES = 16
PATH_BYTES = 256

KINDS = ["open", "write", "sync", "truncate", "rename", "mkdir", "unlink", "allocate", "read", "link"]
ACTIONS = [
    "nothing", "fail", "short", "lie", "kill_before", "kill_after", "short_kill", "fail_after", "count",
]

HEADER = struct.Struct(f"<IIqQqQ{PATH_BYTES}s{PATH_BYTES}s")
RULE = struct.Struct(f"<IIIiQQQQQQII{PATH_BYTES}s{PATH_BYTES}s")
CLOCK_OFFSET = struct.calcsize("<II")
WAIT_JUMP = struct.calcsize("<IIqQ")

CLOCK_LIMIT_SECONDS = 400 * 366 * 24 * 3600


@cache
def library():
    """The path of the shim, built by the machine's C compiler."""
    folder = Path(tempfile.mkdtemp(prefix="cartograph-faults-"))
    path = folder / "faults.so"
    built = subprocess.run(
        ["cc", "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", path, SOURCE, "-ldl"],
        capture_output=True, text=True)
    assert built.returncode == 0, f"the shim does not compile:\n{built.stderr}"
    return path


@cache
def _checksum():
    function = ctypes.CDLL(str(library())).crc32c
    function.argtypes = [ctypes.c_char_p, ctypes.c_uint64]
    function.restype = ctypes.c_uint32
    return function


def crc32c(data):
    """CRC-32C (Castagnoli) of bytes."""
    return _checksum()(data, len(data))


class Rule:
    """A fault that waits for its call. What it says of itself is read from the program under test."""

    def __init__(self, faults, index):
        self._faults = faults
        self._at = HEADER.size + index * RULE.size

    def _values(self):
        return RULE.unpack_from(self._faults.memory, self._at)

    @property
    def seen(self):
        """How many calls matched."""
        return self._values()[8]

    @property
    def fired(self):
        """How many of them were acted on."""
        return self._values()[9]

    @property
    def where(self):
        """The first call acted on: its kind and its file."""
        values = self._values()
        return f"{KINDS[values[10]]} {text_of(values[13])}" if values[9] else "never fired"

    def disarm(self):
        struct.pack_into("<I", self._faults.memory, self._at, 0)


class Faults:
    """What one or more processes with the shim share with the test. A context manager."""

    def __init__(self, folder):
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "faults"
        self.journal = folder / "unsynced"
        size = HEADER.size + RULES * RULE.size
        self.path.write_bytes(HEADER.pack(MAGIC, 0, 0, 0, 0, 0, b"", b"").ljust(size, b"\0"))
        with self.path.open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), size)
        self._rules = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.memory.close()

    def environment(self, **changes):
        """The environment that loads the shim."""
        return environment(LD_PRELOAD=library(), CARTOGRAPH_FAULTS=self.path, **changes)

    @property
    def loaded(self):
        """How many processes loaded the shim and found this file."""
        return struct.unpack_from("<I", self.memory, 4)[0]

    @property
    def clock_reads(self):
        """How often a moved time of day was read."""
        return struct.unpack_from("<Q", self.memory, 16)[0]

    def move_clock(self, seconds):
        """Sets how far the program's clock is off, from now on."""
        assert abs(seconds) < CLOCK_LIMIT_SECONDS
        struct.pack_into("<q", self.memory, CLOCK_OFFSET, int(seconds * 1_000_000))

    def move_clock_at_short_wait(self, seconds):
        """Moves the clock as soon as somebody has begun to wait for a moment that is almost there."""
        struct.pack_into("<q", self.memory, WAIT_JUMP, int(seconds * 1_000_000))

    @property
    def awaits_short_wait(self):
        """Whether such a wait has yet to come."""
        return struct.unpack_from("<q", self.memory, WAIT_JUMP)[0] != 0

    def arm(self, action, *kinds, path, nth=1, times=1, error=errno.EIO, short=0, flags=0):
        """Sets a rule: from the `nth` call of these kinds on a path that has `path` in it, `times` calls (0: all)."""
        assert self._rules < RULES, "out of rules: `clear` first"
        rule = Rule(self, self._rules)
        mask = sum(1 << KINDS.index(kind) for kind in kinds)
        packed = RULE.pack(
            0, mask, ACTIONS.index(action), error, nth, times, short, flags, 0, 0, 0, 0, path.encode(), b"")
        at = HEADER.size + self._rules * RULE.size
        self.memory[at:at + RULE.size] = packed
        struct.pack_into("<I", self.memory, at, 1)
        self._rules += 1
        return rule

    def clear(self):
        """Takes all rules away."""
        for index in range(self._rules):
            Rule(self, index).disarm()
        self._rules = 0

    def watch_cache(self, path):
        """From now on notes what writes to files with `path` in their path replace, until they are synced."""
        self.journal.unlink(missing_ok=True)
        at = HEADER.size - 2 * PATH_BYTES
        journal = str(self.journal).encode()
        assert len(journal) < PATH_BYTES and len(path) < PATH_BYTES
        self.memory[at + PATH_BYTES:at + 2 * PATH_BYTES] = journal.ljust(PATH_BYTES, b"\0")
        self.memory[at:at + PATH_BYTES] = path.encode().ljust(PATH_BYTES, b"\0")

    def lose_unsynced(self, seed):
        """Takes back, sector by sector and by chance, what was written and never synced, as a disk's cache may.

        Only for files whose process is gone. Returns how many sectors were taken back and how many kept.
        """
        assert struct.unpack_from("<Q", self.memory, 32)[0] == 0, "the shim could not note what a write replaced"
        if not self.journal.exists():
            return 0, 0
        chance = random.Random(seed)
        pending = defaultdict(list)
        for kind, path, offset, count, old_size, kept in notes(self.journal.read_bytes()):
            if kind == SYNC_NOTE:
                pending[path].clear()
            else:
                pending[path].append((kind, offset, count, old_size, kept))
        self.journal.unlink()
        taken, left = 0, 0
        for path, writes in pending.items():
            if writes and Path(path).exists():
                counts = _take_back(path, writes, chance)
                taken, left = taken + counts[0], left + counts[1]
        return taken, left


NOTE = struct.Struct("<IIQQQQ")
SYNC_NOTE = 2
TRUNCATE_NOTE = 3
SECTOR = 512


def notes(journal):
    """The shim's notes: kind, path, offset, count, the file's size before, and the bytes that were there."""
    at = 0
    while at + NOTE.size <= len(journal):
        kind, path_bytes, offset, count, old_size, kept = NOTE.unpack_from(journal, at)
        end = at + NOTE.size + path_bytes + kept
        if end > len(journal):
            # The process ended between its note and the write that it announces.
            return
        path = journal[at + NOTE.size:at + NOTE.size + path_bytes].decode()
        yield kind, path, offset, count, old_size, journal[end - kept:end]
        at = end


def _take_back(path, writes, chance):
    """Newest first: each sector of each unsynced write is lost or not, and so is each change of the size."""
    # All, nothing, or anything between: both extremes happen more often than a fair coin for each sector gives them.
    share = chance.choice([0.0, 0.1, 0.5, 0.9, 1.0])
    taken = left = 0
    with open(path, "r+b") as file:
        for kind, offset, count, old_size, kept in reversed(writes):
            size = os.fstat(file.fileno()).st_size
            if kind == TRUNCATE_NOTE:
                if chance.random() < share:
                    file.truncate(max(size, old_size))
                    file.seek(offset)
                    file.write(kept)
                    taken += 1
                continue
            if size > old_size and chance.random() < share:
                file.truncate(old_size)
                size = old_size
            for sector in range(offset // SECTOR * SECTOR, offset + count, SECTOR):
                first, last = max(sector, offset), min(sector + SECTOR, offset + count, size)
                if last <= first:
                    continue
                if chance.random() >= share:
                    left += 1
                    continue
                before = kept[first - offset:last - offset]
                file.seek(first)
                file.write(before.ljust(last - first, b"\0"))
                taken += 1
    return taken, left


def text_of(field):
    return field.split(b"\0", 1)[0].decode()
