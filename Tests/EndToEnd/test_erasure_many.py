"""Several customers are erased at once."""

import json

import pytest
from cartograph import assert_balanced, must, run
from lake import Lake
from shop import Shop
from test_erasure import leftovers


def events(seed, *people):
    """Events of some people, of each as many as of the others."""
    made = Shop(seed=seed, name=f"shop{seed}").events(40 * len(people))
    for index, event in enumerate(made):
        event["user_id"] = people[index % len(people)]
        event["session_id"] = f"s-{event['user_id']}"
    return made


def rows(data):
    with Lake(data) as lake:
        return sorted(
            row["raw"] for topic in ("clicks", "carts", "purchases")
            for row in lake.rows(f"bronze.{topic}", "raw").to_pylist())


@pytest.mark.parametrize("is_live", [False, True], ids=["stopped", "live"])
def test_one_pass_is_enough_for_many(up, data, is_live):
    people = [f"customer-Zoë-{number:04}" for number in range(40)]
    sent = events(4, *people)
    server = up(data)
    server.accept(sent)
    server.batch()
    if not is_live:
        server.stop_cleanly()
    going, staying = people[:25], people[25:]
    words = [word for person in going for word in ("--user", person)]
    certificate = json.loads(must("lake", "erase", *words, "--data", data, "--json").out)
    assert certificate["complete"], certificate
    # A customer more is not a commit, a segment or a search more.
    assert len(certificate["log"]["segments"]) == 1
    assert all(report["filesReplaced"] <= 2 for report in certificate["tables"]), certificate["tables"]
    if is_live:
        server.stop_cleanly()
    for person in going:
        assert leftovers(data, person) == []
    assert all(leftovers(data, person) for person in staying)
    assert rows(data) == sorted(json.dumps(event) for event in sent if event["user_id"] in staying)
    assert_balanced(data)


def test_who_is_meant_has_to_be_clear(data, tmp_path):
    must("simulate", "--to", "log", "--events", 100, "--seed", 1, "--data", data)
    people = tmp_path / "people.txt"

    def refused(*words):
        outcome = run("lake", "erase", "--data", data, *words)
        assert outcome.code in (1, 2), outcome
        return outcome.err

    assert "--users-file" in refused()
    assert "cannot be read" in refused("--users-file", tmp_path / "none.txt")
    people.write_text("\n\n")
    assert "names nobody" in refused("--users-file", people)
    people.write_text("u-1\n" + "x" * 129 + "\n")
    assert "line 2" in refused("--users-file", people)
    people.write_bytes(b"u-\xff\n")
    assert "not UTF-8" in refused("--users-file", people)
    people.write_text("".join(f"u-{number}\n" for number in range(100_001)))
    assert "100001 are named" in refused("--users-file", people)
