"""Changes to a log's files that a disk, a copy or a person may make, each with what may come of it."""

import hashlib
import os
import random
import shutil
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from segments import FIELDS, HEADER, QUARANTINE, format_of, frames, paths, sealed, with_field

ERROR = "named error, nothing changed"
UNDONE = "the last commit undone"
UNAFFECTED = "all there"
SHORTER = "an older state, as from a backup"
# What a log may say of damage that is not in its last, unconfirmed commit.
ERROR_ONLY = frozenset({ERROR})
TAIL = frozenset({ERROR, UNDONE})
HARMLESS = frozenset({ERROR, UNAFFECTED})


@dataclass(frozen=True)
class Damage:
    """One change, and the outcomes that are right."""

    region: str
    what: str
    change: Callable
    allowed: frozenset


def log_hash(data):
    """Names and bytes of everything in a log's folder, as one text."""
    total = hashlib.blake2b()
    root = Path(data) / "log"
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        total.update(f"{path.relative_to(root)} {path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                total.update(piece)
    return total.hexdigest()


def overwrite(path, at, new):
    with Path(path).open("r+b") as file:
        file.seek(at)
        file.write(new)


def flip(path, at, count, chance):
    """Flips one bit of `count` bytes."""
    bit = chance.randrange(count * 8)
    with Path(path).open("r+b") as file:
        file.seek(at + bit // 8)
        byte = file.read(1)[0]
        file.seek(at + bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))


def bytes_of(frame):
    with frame.path.open("rb") as file:
        file.seek(frame.at)
        return file.read(frame.size)


class Layout:
    """The frames of a log that is whole, by commit. Changes are made to a copy of its folder, by the same places."""

    def __init__(self, data):
        self.data = Path(data)
        self.has_lake = (self.data / "lake").exists()
        self.segments = paths(data)
        self.log_id = format_of(data)[1]
        self.frames = [frame for path in self.segments for frame in frames(path, self.log_id)]
        self.commits = defaultdict(list)
        for frame in self.frames:
            if frame.kind in ("records", "commit"):
                self.commits[frame.commit].append(frame)
        self.numbers = sorted(self.commits)
        self.is_confirmed = self.frames[-1].kind == "state"
        self.end = self.frames[-1].end

    def within(self, folder, path):
        """The same file in another data folder."""
        return Path(folder) / path.relative_to(self.data)

    def tail(self):
        """What may come of damage to the last commit. The lake holds it, where there is one."""
        return ERROR_ONLY if self.is_confirmed or self.has_lake else TAIL


def damages(layout, seed):
    """Every kind of damage in every region of a log of one segment, with bits and places by chance."""
    chance = random.Random(seed)
    return [
        *bit_flips(layout, chance), *truncations(layout), *moved_frames(layout, chance),
        *behind_the_end(layout, chance), *other_files(layout),
    ]


def parts(layout):
    """First, middle and last commit: its name, its frames, and what may come of damage to it."""
    numbers = layout.numbers
    yield "first commit", layout.commits[numbers[0]], ERROR_ONLY
    # One with several topics, so that frames can change places.
    middle = max(numbers[1:-2], key=lambda number: len(layout.commits[number]))
    yield "middle commit", layout.commits[middle], ERROR_ONLY
    yield "last commit", layout.commits[numbers[-1]], layout.tail()


def flipping(frame, first, count, chance):
    """A change that flips one bit of some of a frame's bytes, always the same one."""
    bit_seed = chance.random()

    def change(layout, folder):
        flip(own(layout.within(folder, frame.path)), frame.at + first, count, random.Random(bit_seed))

    return change


def bit_flips(layout, chance):
    head = layout.frames[0]
    for name, (at, size) in FIELDS.items():
        yield Damage("segment's state", f"{name} flipped", flipping(head, at, size, chance), ERROR_ONLY)
    yield Damage(
        "segment's state", "payload flipped", flipping(head, HEADER.size, len(head.payload), chance), ERROR_ONLY)
    for part, held, allowed in parts(layout):
        for frame, kind in ((chance.choice(held[:-1]), "records"), (held[-1], "commit record")):
            for name, (at, size) in FIELDS.items():
                yield Damage(f"{part}, {kind}", f"{name} flipped", flipping(frame, at, size, chance), allowed)
            third = max(1, len(frame.payload) // 3)
            for place, at in (("begin", 0), ("middle", third), ("end", len(frame.payload) - third)):
                change = flipping(frame, HEADER.size + at, third, chance)
                yield Damage(f"{part}, {kind}", f"payload's {place} flipped", change, allowed)
        for frame, kind in ((held[0], "records"), (held[-1], "commit record")):
            yield Damage(f"{part}, {kind}", "zeroed", writing(frame, bytes(frame.size)), allowed)
            noise = random.Random(chance.random()).randbytes(min(frame.size, 512))
            yield Damage(f"{part}, {kind}", "a sector of noise", writing(frame, noise), allowed)
    if layout.is_confirmed:
        last = layout.frames[-1]
        for name, (at, size) in FIELDS.items():
            # What confirms is itself confirmed by nothing: without it the log is as after a crash.
            yield Damage("last state", f"{name} flipped", flipping(last, at, size, chance), HARMLESS)


def writing(frame, new):
    return lambda layout, folder: overwrite(layout.within(folder, frame.path), frame.at, new)


def cutting(path, size):
    return lambda layout, folder: os.truncate(layout.within(folder, path), size)


def truncations(layout):
    path = layout.segments[-1]
    first, last = layout.commits[layout.numbers[0]], layout.commits[layout.numbers[-1]]
    middle = layout.commits[layout.numbers[len(layout.numbers) // 2]]
    # A log that is whole up to some commit and ends there looks like its own backup. Only the lake knows better.
    older = ERROR_ONLY if layout.has_lake else frozenset({ERROR, SHORTER, UNDONE})
    yield Damage("truncated", "to nothing", cutting(path, 0), ERROR_ONLY)
    yield Damage("truncated", "within the segment's state", cutting(path, 40), ERROR_ONLY)
    yield Damage("truncated", "before the first commit", cutting(path, first[0].at), older)
    yield Damage("truncated", "within the middle commit", cutting(path, middle[0].at + 100), older)
    yield Damage("truncated", "behind the middle commit", cutting(path, middle[-1].end), older)
    yield Damage("truncated", "before the last commit", cutting(path, last[0].at), older)
    yield Damage("truncated", "within the last commit", cutting(path, last[0].at + 70), older)
    yield Damage("truncated", "before the last commit's record", cutting(path, last[-1].at), older)
    yield Damage("truncated", "within the last commit's record", cutting(path, last[-1].at + 65), older)
    yield Damage("truncated", "by one byte of frames", cutting(path, layout.end - 1), older | HARMLESS)
    yield Damage("truncated", "by the zeros behind the end", cutting(path, layout.end), HARMLESS)


def replacing(path, first, last, new):
    """A change that puts other bytes in place of those from `first` to `last`; what follows moves."""

    def change(layout, folder):
        target = layout.within(folder, path)
        data = target.read_bytes()
        target.write_bytes(data[:first] + new + data[last:])

    return change


def moved_frames(layout, chance):
    """Whole frames with right checksums, which stand where they do not belong."""
    for part, held, allowed in parts(layout):
        first, second, record = held[0], held[min(1, len(held) - 1)], held[-1]
        path = first.path
        one, other = bytes_of(first), bytes_of(second)
        yield Damage(part, "two frames swapped", replacing(path, first.at, second.end, other + one), allowed)
        yield Damage(part, "a frame taken out", replacing(path, first.at, first.end, b""), allowed)
        yield Damage(part, "a frame twice", replacing(path, first.end, first.end, one), allowed)
        yield Damage(part, "its record taken out", replacing(path, record.at, record.end, b""), allowed)
        # Behind the last commit nothing but its confirmation would be lost.
        twice = allowed | {UNAFFECTED} if part == "last commit" else allowed
        yield Damage(part, "its record twice", replacing(path, record.end, record.end, bytes_of(record)), twice)
        stranger = with_field(one, "topic", (first.topic + 1) % QUARANTINE)
        yield Damage(part, "a frame's topic changed, checksum right", writing(first, sealed(stranger)), allowed)
        stranger = with_field(one, "partition", first.partition ^ 1)
        yield Damage(part, "a frame's partition changed, checksum right", writing(first, sealed(stranger)), allowed)
        stranger = with_field(one, "base offset", first.base + 1)
        yield Damage(part, "a frame's offset changed, checksum right", writing(first, sealed(stranger)), allowed)
        stranger = with_field(one, "log id", layout.log_id ^ 1)
        yield Damage(part, "a frame of another log", writing(first, sealed(stranger)), allowed)
        totals = bytearray(bytes_of(record))
        totals[HEADER.size] ^= 1
        totals[HEADER.size + 8] ^= 1
        changed = writing(record, sealed(bytes(totals)))
        yield Damage(part, "the record's totals changed, checksum right", changed, allowed)
    numbers = layout.numbers
    before, after = layout.commits[numbers[2]], layout.commits[numbers[3]]
    path, middle = before[0].path, after[0].at
    data = path.read_bytes()
    swapped = data[middle:after[-1].end] + data[before[0].at:middle]
    yield Damage("middle commits", "swapped", replacing(path, before[0].at, after[-1].end, swapped), ERROR_ONLY)
    yield Damage("middle commits", "one taken out", replacing(path, before[0].at, middle, b""), ERROR_ONLY)
    # A frame of another partition in place of one: from an earlier commit, as a lost write leaves it.
    target = next(frame for frame in after if frame.kind == "records")
    stale = bytes_of(before[0])[:target.size].ljust(target.size, b"\0")
    yield Damage("middle commits", "a stale frame in place of one", writing(target, stale), ERROR_ONLY)


def behind_the_end(layout, chance):
    """What is added behind the last frame. A frame that is stale or foreign must change nothing that is read."""
    path, end = layout.segments[-1], layout.end
    numbers = layout.numbers
    earlier = layout.commits[numbers[len(numbers) // 2]]
    last = layout.commits[numbers[-1]]
    whole = b"".join(bytes_of(frame) for frame in earlier)
    harmless = HARMLESS

    def adding(new):
        def change(layout, folder):
            target = layout.within(folder, path)
            target.write_bytes(target.read_bytes()[:end] + new)

        return change

    for what, new in [
        ("zeros", bytes(5_000)),
        ("noise", random.Random(chance.random()).randbytes(777)),
        ("a byte", b"\x01"),
        ("a stale frame", bytes_of(earlier[0])),
        ("a stale commit", whole),
        ("the last commit again", b"".join(bytes_of(frame) for frame in last)),
        ("a stale commit record", bytes_of(earlier[-1])),
        ("the segment's first state again", bytes_of(layout.frames[0])),
        ("half a header", bytes_of(earlier[0])[:32]),
        ("half a frame", bytes_of(earlier[0])[:100]),
        ("a stale commit behind zeros", bytes(4_096) + whole),
    ]:
        yield Damage("behind the end", what, adding(new), harmless)
    size = path.stat().st_size
    if size > end:
        padding = chance.randrange(end, size)
        yield Damage(
            "the zeros behind the end", "a bit flipped",
            lambda layout, folder: flip(layout.within(folder, path), padding, 1, random.Random(seed_of(padding))),
            harmless)


def seed_of(number):
    return f"bit {number}"


def other_files(layout):
    """The small files beside the segments, and segments as wholes."""

    def of(name, change):
        return lambda layout, folder: change(Path(folder) / "log" / name)

    def saying(old, new):
        return of("format", lambda path: path.write_text(text.replace(old, new)))

    text = (layout.data / "log/format").read_text()
    words = text.split()
    yield Damage("format", "missing", of("format", os.remove), ERROR_ONLY)
    yield Damage("format", "empty", of("format", lambda path: path.write_text("")), ERROR_ONLY)
    yield Damage("format", "noise", of("format", lambda path: path.write_bytes(bytes(range(256)))), ERROR_ONLY)
    more = saying(f"partitions {words[3]}", f"partitions {int(words[3]) + 1}")
    yield Damage("format", "another number of partitions", more, ERROR_ONLY)
    yield Damage("format", "another id", saying(words[5], format(layout.log_id ^ 1, "x")), ERROR_ONLY)
    yield Damage("format", "another version", saying("cartograph-log 2", "cartograph-log 3"), ERROR_ONLY)
    if (layout.data / "log/start").exists():
        yield Damage("start", "missing", of("start", os.remove), HARMLESS)
        yield Damage("start", "noise", of("start", lambda path: path.write_bytes(b"\xff" * 30)), HARMLESS)
    name = layout.segments[-1].name
    yield Damage("segments", "the only one missing", of(f"segments/{name}", os.remove), ERROR_ONLY)
    yield Damage("segments", "the folder missing", of("segments", shutil.rmtree), ERROR_ONLY)
    renamed = of(f"segments/{name}", lambda path: path.rename(path.with_name(f"{7:020}.log")))
    yield Damage("segments", "renamed", renamed, ERROR_ONLY)
    yield Damage(
        "segments", "a stranger's file", of("segments/notes.log", lambda path: path.write_text("hello")), ERROR_ONLY)
    following = f"segments/{layout.numbers[-1] + 1:020}.log"
    yield Damage("segments", "an empty next one", of(following, lambda path: path.write_bytes(b"")), HARMLESS)
    noise = bytes(range(256)) * 9
    yield Damage("segments", "a next one of noise", of(following, lambda path: path.write_bytes(noise)), HARMLESS)
    far = f"segments/{layout.numbers[-1] + 900:020}.log"
    yield Damage(
        "segments", "a copy under a later name",
        of(far, lambda path: shutil.copy(path.with_name(name), path)), ERROR_ONLY)


def own(path):
    """Gives a file that may be linked elsewhere bytes of its own."""
    aside = path.with_name(path.name + ".own")
    shutil.copyfile(path, aside)
    aside.rename(path)
    return path


def segment_damages(layout, chance):
    """What may happen to one of several segments, or to its index."""
    first, middle, last = layout.segments[0], layout.segments[1], layout.segments[-1]

    def on(path, change):
        return lambda layout, folder: change(own(layout.within(folder, path)))

    def swap(layout, folder):
        one, other = layout.within(folder, first), layout.within(folder, middle)
        aside = one.with_suffix(".aside")
        one.rename(aside)
        other.rename(one)
        aside.rename(other)

    for name, path in (("first", first), ("middle", middle), ("newest", last)):
        size = path.stat().st_size
        held = [frame for frame in layout.frames if frame.path == path]
        yield Damage(f"{name} segment", "missing", on(path, os.remove), ERROR_ONLY)
        yield Damage(f"{name} segment", "emptied", on(path, lambda target: os.truncate(target, 0)), ERROR_ONLY)
        yield Damage(
            f"{name} segment", "its state flipped", flipping(held[0], 0, held[0].size, chance), ERROR_ONLY)
        inner = chance.choice([frame for frame in held[1:-2] if frame.commit < layout.numbers[-1]])
        yield Damage(
            f"{name} segment", "a frame flipped", flipping(inner, 0, inner.size, chance), ERROR_ONLY)
        if path != last:
            yield Damage(
                f"{name} segment", "cut in half", on(path, lambda target, size=size: os.truncate(target, size // 2)),
                ERROR_ONLY)
            yield Damage(
                f"{name} segment", "cut at a commit",
                on(path, lambda target, cut=held[-3].at: os.truncate(target, cut)), ERROR_ONLY)
            yield Damage(
                f"{name} segment", "its last commit cut off",
                on(path, lambda target, cut=last_commit_of(held): os.truncate(target, cut)), ERROR_ONLY)
            index = path.with_suffix(".index")
            if index.exists():
                yield Damage(f"{name} segment's index", "missing", on(index, os.remove), HARMLESS)
                yield Damage(
                    f"{name} segment's index", "emptied", on(index, lambda target: os.truncate(target, 0)), HARMLESS)
                yield Damage(
                    f"{name} segment's index", "flipped",
                    on(index, lambda target: flip(target, 0, target.stat().st_size, random.Random(1))), HARMLESS)
                yield Damage(
                    f"{name} segment's index", "cut in half",
                    on(index, lambda target: os.truncate(target, target.stat().st_size // 2)), HARMLESS)
    yield Damage("two segments", "swapped", swap, ERROR_ONLY)
    indexes = [path.with_suffix(".index") for path in (first, middle)]
    if all(index.exists() for index in indexes):
        yield Damage(
            "two indexes", "one copied over the other",
            lambda layout, folder: shutil.copy(
                layout.within(folder, indexes[0]), own(layout.within(folder, indexes[1]))), HARMLESS)


def last_commit_of(held):
    """Where the last commit of a segment begins."""
    number = max(frame.commit for frame in held if frame.kind == "commit")
    return min(frame.at for frame in held if frame.kind in ("records", "commit") and frame.commit == number)
