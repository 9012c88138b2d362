"""What has to hold after every round, whichever way the process went."""

import json
from collections import Counter

from cartograph import assert_balanced, eventually
from lake import Lake
from load import MARK
from segments import TOPICS, TYPES, read


def assert_log_holds(data, senders):
    """Of a folder whose process is gone: the log's files hold what was acknowledged, once, each in its topic."""
    contents = read(data)
    senders.check(contents)
    senders.check_order(contents)
    for record in contents.records:
        if record.topic != "quarantine":
            assert TYPES[json.loads(record.raw)["type"]] == record.topic, record
    return contents


def assert_lake_holds(data, contents):
    """Bronze holds exactly the log's records, by an independent reader of each."""
    by_topic = {topic: Counter() for topic in TOPICS}
    for record in contents.records:
        by_topic[record.topic][record.partition, record.offset, MARK.search(record.raw).group()] += 1
    with Lake(data) as lake:
        for topic, expected in by_topic.items():
            rows = lake.rows(f"bronze.{topic}", "log_partition", "log_offset", "raw").to_pylist()
            found = Counter(
                (row["log_partition"], row["log_offset"], MARK.search(as_bytes(row["raw"])).group()) for row in rows)
            assert found == expected, (
                f"bronze.{topic} has {found.total()} rows, the log {expected.total()} records; "
                f"too many {list((found - expected).items())[:3]}, missing {list((expected - found).items())[:3]}")


def as_bytes(raw):
    return raw.encode() if isinstance(raw, str) else bytes(raw)


def assert_server_counts(server, contents):
    """A server that was just started counts what the files hold, no more and no less."""
    eventually("the live view is there", lambda: server.request("GET", "/api/v1/live/snapshot")[0] == 200)
    view = server.applied(contents.state.commit)
    received, accepted, quarantined = contents.state.totals
    told = view["totals"]
    assert view["commit"] == contents.state.commit, f"{view['commit']} is not {contents.state.commit}"
    assert (told["received"], told["accepted"], told["quarantined"]) == (received, accepted, quarantined), told


def assert_books_balance_online(server):
    """The running platform's own audit."""
    status, books = server.request("POST", "/api/v1/verify")
    assert status == 200, f"{status} {books}\n{server.words}"
    off = [line for line in books["lines"] if not line["balanced"]]
    assert books["balanced"] and not off, f"{off or books}\n{server.words}"


def assert_all_holds(data, senders):
    """Of a folder that was stopped: the log, its books and the lake."""
    assert_balanced(data)
    contents = assert_log_holds(data, senders)
    assert_lake_holds(data, contents)
    return contents


def wait_until_ready(server):
    """Waits until `/readyz` says that everything gets on."""
    return eventually("the platform is ready", lambda: server.request("GET", "/readyz")[0] == 200)
