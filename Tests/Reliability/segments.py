"""All that this suite knows of the log's files: an independent reader of format 2, as docs/log-format.md describes it.

Nothing else in the suite knows where a segment lies or what a frame looks like.
"""

import struct
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from faults import crc32c

VERSION = "2"
# A part of the path of every file that holds acknowledged events.
WRITTEN = "/log/segments/"
LOG = "/log/"
# The size at which the next commit begins a new segment.
SEGMENT_BYTES = 256 << 20

TOPICS = ["clicks", "searches", "carts", "wishlists", "purchases", "orders", "stock", "quarantine"]
TYPES = {
    "click": "clicks", "search": "searches", "cart": "carts", "wishlist": "wishlists", "purchase": "purchases",
    "order_status": "orders", "stock": "stock",
}
QUARANTINE = TOPICS.index("quarantine")

MAGIC = b"CTG2"
HEADER = struct.Struct("<4sIIIqqqHHHHQQ")
KINDS = ["records", "commit", "state", "repair"]
RECORD_TOPIC = 0xFFFF

# Where each field of a frame's header stands: first byte, bytes.
FIELDS = {
    "magic": (0, 4), "crc": (4, 4), "payload bytes": (8, 4), "records": (12, 4), "base offset": (16, 8),
    "received_at": (24, 8), "commit": (32, 8), "topic": (40, 2), "partition": (42, 2), "kind": (44, 2),
    "zero at 46": (46, 2), "log id": (48, 8), "zero at 56": (56, 8),
}


class Unreadable(Exception):
    """The files are not what the format says."""


@dataclass(frozen=True)
class Frame:
    """One frame of a segment, whose checksum held."""

    path: Path
    at: int
    payload: bytes = field(repr=False)
    records: int
    base: int
    received_at: int
    commit: int
    topic: int
    partition: int
    kind: str

    @property
    def size(self):
        return HEADER.size + len(self.payload)

    @property
    def end(self):
        return self.at + self.size


@dataclass(frozen=True)
class Record:
    """One stored event, or one rejected one."""

    topic: str
    partition: int
    offset: int
    commit: int
    raw: bytes
    reason: str | None = None
    source: str | None = None


@dataclass
class State:
    """The log's state after a commit, as its record says."""

    commit: int
    received_at: int
    totals: tuple
    ends: dict
    producers: dict
    all_producers: bool


@dataclass
class Contents:
    """What a log holds."""

    records: list
    state: State
    commits: list
    # Bytes behind the last whole commit that are not zero.
    torn_bytes: int


def format_of(data):
    """The partitions a topic has, and the log's id."""
    words = (Path(data) / "log/format").read_text().split()
    if words[:3:2] != ["cartograph-log", "partitions"] or words[1] != VERSION or words[4] != "id":
        raise Unreadable(f"log/format: {words}")
    return int(words[3]), int(words[5], 16)


def first_commit(data):
    """The first commit that the log still holds, as it says itself."""
    start = Path(data) / "log/start"
    return int(start.read_text().removeprefix("commit ")) if start.exists() else 1


def paths(data):
    """The segments, oldest first."""
    return sorted((Path(data) / "log/segments").glob("*.log"))


def frames(path, log_id):
    """The frames of a segment, up to the first byte where no whole one stands."""
    data, at = Path(path).read_bytes(), 0
    while at + HEADER.size <= len(data):
        magic, crc, size, records, base, received_at, commit, topic, partition, kind, zero, owner, zeros = (
            HEADER.unpack_from(data, at))
        end = at + HEADER.size + size
        if magic != MAGIC or owner != log_id or zero or zeros or kind >= len(KINDS) or end > len(data):
            return
        if crc32c(data[at + 8:end]) != crc:
            return
        payload = data[at + HEADER.size:end]
        yield Frame(
            Path(path), at, payload, records, base, received_at, commit, topic, partition, KINDS[kind])
        at = end


def sealed(frame):
    """A frame's bytes with the checksum that they should have."""
    return frame[:4] + struct.pack("<I", crc32c(frame[8:])) + frame[8:]


def with_field(frame, name, value):
    """A frame's bytes with one field of its header replaced."""
    at, size = FIELDS[name]
    return frame[:at] + value.to_bytes(size, "little") + frame[at + size:]


def state_of(frame, partitions):
    """What a commit's, state's or repair's frame says."""
    received, accepted, quarantined, stored_partitions, flag, count = struct.unpack_from("<qqqHHI", frame.payload)
    if stored_partitions != partitions:
        raise Unreadable(f"{frame.path} at {frame.at}: a record of {stored_partitions} partitions")
    at = struct.calcsize("<qqqHHI")
    ends = {}
    for topic in range(len(TOPICS)):
        for partition in range(partitions):
            ends[topic, partition], = struct.unpack_from("<q", frame.payload, at)
            at += 8
    producers = {}
    for _ in range(count):
        sequence, length = struct.unpack_from("<qH", frame.payload, at)
        at += 10
        producers[frame.payload[at:at + length].decode()] = sequence
        at += length
    if at != len(frame.payload):
        raise Unreadable(f"{frame.path} at {frame.at}: the record does not fill its frame")
    totals = (received, accepted, quarantined)
    return State(frame.commit, frame.received_at, totals, ends, producers, flag == 1)


def records_of(frame):
    """The records in a frame of a topic."""
    at, found = 0, []
    topic = TOPICS[frame.topic]
    while at < len(frame.payload):
        length, = struct.unpack_from("<I", frame.payload, at)
        raw = frame.payload[at + 4:at + 4 + length]
        at += 4 + length
        reason = source = None
        if frame.topic == QUARANTINE:
            reason, raw = cut_text(raw)
            source, raw = cut_text(raw)
        offset = frame.base + len(found)
        found.append(Record(topic, frame.partition, offset, frame.commit, raw, reason, source))
    if at != len(frame.payload) or len(found) != frame.records:
        raise Unreadable(f"{frame.path} at {frame.at}: the records do not fill the frame")
    return found


def cut_text(raw):
    length, = struct.unpack_from("<H", raw)
    return raw[2:2 + length].decode(), raw[2 + length:]


def read(data):
    """Reads a log whose process is gone: all whole commits. Raises `Unreadable` for what no crash can leave."""
    partitions, log_id = format_of(data)
    contents = Contents([], State(0, 0, (0, 0, 0), {}, {}, True), [], 0)
    contents.state.ends = {(topic, part): 0 for topic in range(len(TOPICS)) for part in range(partitions)}
    all_paths = paths(data)
    if all_paths and (first := int(all_paths[0].stem)) > first_commit(data):
        raise Unreadable(f"the log should begin with commit {first_commit(data)}, and begins with {first}")
    for path in all_paths:
        if contents.torn_bytes:
            raise Unreadable(f"{path} follows a segment that has no end")
        good = _read_segment(path, partitions, log_id, contents)
        rest = path.read_bytes()[good:].strip(b"\0")
        contents.torn_bytes = len(rest)
        if rest and path != all_paths[-1]:
            raise Unreadable(f"{path} is unreadable at byte {good}, and others follow")
    return contents


def _read_segment(path, partitions, log_id, contents):
    """Adds the segment's whole commits to the contents; returns where the last one ends."""
    good, waiting, is_first = 0, [], True
    for frame in frames(path, log_id):
        where = f"{path} at {frame.at}"
        if frame.kind == "records":
            waiting.append(frame)
            continue
        state = state_of(frame, partitions)
        if frame.kind == "state":
            known = contents.state
            if is_first and known.commit == 0 and int(path.stem) > 1:
                # Older segments were removed by retention.
                contents.state = known = state
            if waiting or (state.commit, state.received_at, state.totals, state.ends) != (
                    known.commit, known.received_at, known.totals, known.ends):
                raise Unreadable(f"{where}: a state that no commit led to")
            if is_first and int(path.stem) != state.commit + 1:
                raise Unreadable(f"{where}: the segment begins after commit {state.commit}")
        elif frame.kind == "commit":
            if is_first:
                raise Unreadable(f"{where}: the segment does not begin with a state")
            contents.records += _checked(where, waiting, contents.state, state)
            state.producers = contents.state.producers | state.producers
            contents.commits.append((state.commit, state.received_at))
            contents.state = state
        else:
            raise Unreadable(f"{where}: a repair, which nobody made")
        good, waiting, is_first = frame.end, [], False
    return good


def _checked(where, waiting, before, after):
    """The records of one commit, whose record has to say of them what they are."""
    ends, records, counts, last = dict(before.ends), [], Counter(), (-1, -1)
    if after.commit != before.commit + 1 or after.received_at <= before.received_at:
        raise Unreadable(f"{where}: commit {after.commit} behind {before.commit}, or not later")
    for frame in waiting:
        place = (frame.topic, frame.partition)
        if frame.commit != after.commit or frame.received_at != after.received_at or place <= last:
            raise Unreadable(f"{where}: a frame of another commit")
        if frame.base != ends[place]:
            raise Unreadable(f"{where}: {place} goes on at {frame.base}, not {ends[place]}")
        ends[place] += frame.records
        counts[frame.topic == QUARANTINE] += frame.records
        records += records_of(frame)
        last = place
    received, accepted, quarantined = (new - old for new, old in zip(after.totals, before.totals))
    if ends != after.ends or (accepted, quarantined) != (counts[False], counts[True]):
        raise Unreadable(f"{where}: the commit's record does not match its frames")
    if received != accepted + quarantined:
        raise Unreadable(f"{where}: {received} received, {accepted} accepted, {quarantined} quarantined")
    return records


def counts(contents):
    """How many records of each topic."""
    found = defaultdict(int)
    for record in contents.records:
        found[record.topic] += 1
    return dict(found)
