"""A customer is erased from tables in a real object store, with the versions and the parts of uploads that it keeps."""

import hashlib
import hmac
import http.client
import json
import tempfile
import urllib.parse
import xml.etree.ElementTree as xml
from datetime import datetime, timezone
from pathlib import Path

import pytest

from cartograph import must, run
from lake import Lake
from object_store import ACCESS_KEY, SECRET_KEY, ObjectStore
from test_erasure import VICTIM, events_of_a_shop, is_victims, leftovers, rejected_lines, send


@pytest.fixture(scope="module")
def store():
    store = ObjectStore()
    yield store
    store.close()


def ask(store, method, path, body=b"", **query):
    """A request signed by hand (AWS Signature Version 4), by a client that is not ours: the answer's bytes."""
    moment = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    host, path = f"127.0.0.1:{store.port}", "/" + urllib.parse.quote(path)
    text = "&".join(f"{name}={urllib.parse.quote(str(query[name]), safe='')}" for name in sorted(query))
    digest = hashlib.sha256(body).hexdigest()
    headers = {"host": host, "x-amz-content-sha256": digest, "x-amz-date": moment}
    signed = ";".join(headers)
    lines = [method, path, text, *(f"{name}:{value}" for name, value in headers.items()), "", signed, digest]
    scope = f"{moment[:8]}/us-east-1/s3/aws4_request"
    summary = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    key = b"AWS4" + SECRET_KEY.encode()
    for word in scope.split("/"):
        key = hmac.digest(key, word.encode(), "sha256")
    signature = hmac.digest(key, f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{summary}".encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={signed}, Signature={signature}")
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.request(method, f"{path}?{text}", body=body, headers=headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    assert answer.status in (200, 204), f"{answer.status} {content}"
    return content


def listed(store, kind, prefix, *names):
    """Keys and numbers of what a listing of a bucket names."""
    bucket, _, key = prefix.removeprefix("s3://").partition("/")
    found = []
    root = xml.fromstring(ask(store, "GET", bucket, prefix=key + "/", **{kind: ""}))
    assert root.findtext("{*}IsTruncated") == "false", "the test reads one page only"
    for name in names:
        for entry in root.iterfind(f"{{*}}{name}"):
            number = entry.findtext("{*}VersionId") or entry.findtext("{*}UploadId")
            found.append((entry.findtext("{*}Key"), number, name, entry.findtext("{*}IsLatest")))
    return found


def versions(store, prefix):
    return listed(store, "versions", prefix, "Version", "DeleteMarker")


def everything(store, prefix, folder):
    """All versions of all objects below a prefix as files, to be looked at like a data folder."""
    bucket = prefix.removeprefix("s3://").partition("/")[0]
    for number, (key, version, kind, _) in enumerate(versions(store, prefix)):
        if kind == "Version":
            content = ask(store, "GET", f"{bucket}/{key}", versionId=version)
            file = Path(folder) / f"{number}-{key.replace('/', '_')}"
            file.write_bytes(content)


def remains(store, data, prefix):
    """Where the customer stands: in the data folder, or in any version of any object."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "lake").mkdir()
        (Path(folder) / "lake/catalog.sqlite").write_bytes((Path(data) / "lake/catalog.sqlite").read_bytes())
        everything(store, prefix, folder)
        return leftovers(data, VICTIM) + [f"s3: {name}" for name in leftovers(folder, VICTIM)]


def erase(data, config, *words):
    return json.loads(
        must("lake", "erase", "--user", VICTIM, "--data", data, "--config", config, "--json", *words).out)


def serve(up, data, config):
    first, second = events_of_a_shop(1), events_of_a_shop(2)
    mine, theirs = rejected_lines()
    server = up(data, "--config", config)
    server.accept(first)
    send(server, mine + theirs)
    server.batch()
    server.accept(second)
    server.batch()
    return server, first + second, mine


def verified(data, config):
    outcome = run("verify", "--data", data, "--config", config, "--json")
    assert outcome.code == 0, outcome.out + outcome.err


@pytest.mark.parametrize("is_live", [False, True], ids=["stopped", "live"])
def test_nothing_is_left_in_a_bucket(up, data, tmp_path, store, is_live):
    prefix = store.new_prefix()
    config = store.configuration(tmp_path, prefix)
    server, events, mine = serve(up, data, config)
    if not is_live:
        server.stop_cleanly()
    assert any(name.startswith("s3: ") for name in remains(store, data, prefix))
    # What no table knows, as a killed write leaves it.
    with Lake(data, **store.properties) as lake:
        known = lake.files("bronze.clicks")[0]
    bucket, _, key = prefix.removeprefix("s3://").partition("/")
    folder = key + "/bronze/clicks/data"
    ask(store, "PUT", f"{bucket}/{folder}/left-behind.parquet", ask(store, "GET", f"{bucket}/{str(known).lstrip('/')}"))
    begun = xml.fromstring(ask(store, "POST", f"{bucket}/{folder}/begun.parquet", uploads=""))
    upload = begun.findtext("{*}UploadId")
    ask(store, "PUT", f"{bucket}/{folder}/begun.parquet", VICTIM.encode() * 10, partNumber=1, uploadId=upload)
    assert listed(store, "uploads", prefix, "Upload")

    certificate = erase(data, config)
    assert certificate["complete"] and certificate["store"]["uploads"] == 1, certificate
    gone = sum(is_victims(event) for event in events)
    assert sum(certificate["log"]["records"].values()) == gone + len(mine)
    assert remains(store, data, prefix) == []
    assert not listed(store, "uploads", prefix, "Upload")
    verified(data, config)
    if is_live:
        server.accept(events_of_a_shop(3)[:3])
        server.stop_cleanly()
        verified(data, config)


def test_versions_of_a_bucket_go_too(up, data, tmp_path, store):
    bucket = "versioned-lake"
    store.files.create_dir(bucket)
    status = (b'<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status>'
              b"</VersioningConfiguration>")
    ask(store, "PUT", bucket, status, versioning="")
    prefix = f"s3://{bucket}/shop"
    config = store.configuration(tmp_path, prefix)
    server, events, _ = serve(up, data, config)
    server.stop_cleanly()
    # Another lake beside it, which is nobody's business.
    ask(store, "PUT", f"{bucket}/shop-too/file.txt", b"one")
    ask(store, "DELETE", f"{bucket}/shop-too/file.txt")
    must("lake", "expire", "--older-than", "0s", "--keep", "1", "--data", data, "--config", config)
    old = [entry for entry in versions(store, prefix) if entry[2] == "DeleteMarker"]
    assert old, "an expiry has to leave versions in such a bucket"

    certificate = erase(data, config)
    assert certificate["complete"] and certificate["store"]["versions"] >= len(old), certificate
    assert remains(store, data, prefix) == []
    assert all(kind == "Version" and latest == "true" for _, _, kind, latest in versions(store, prefix))
    assert len(versions(store, f"s3://{bucket}/shop-too")) == 2
    verified(data, config)


def test_a_table_outside_of_the_lakes_place_is_refused(up, data, tmp_path, store):
    """Moved to another prefix, the tables would be where nobody looks."""
    config = store.configuration(tmp_path, store.new_prefix())
    server, *_ = serve(up, data, config)
    server.stop_cleanly()
    other = store.configuration(tmp_path, store.new_prefix())
    outcome = run("lake", "erase", "--user", VICTIM, "--data", data, "--config", other)
    assert outcome.code == 1 and "outside of the lake's place" in outcome.complaint
    assert not (data / "erasures").exists()
