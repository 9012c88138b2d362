"""From an acknowledged event to one that PyIceberg can query, under load.

    .deps/venv/bin/python Benchmarks/freshness.py --rate 100000 --seconds 120

The platform runs as people run it; the simulator sends it events over HTTP. Beside them a probe is posted every 100 ms,
and a reader loads bronze.clicks through the SQLite catalog again and again and looks for the probes in the files that
came since. A probe's freshness runs from its 202 to the end of the load whose snapshot has it. One JSON object a line.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import unquote, urlparse

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests/EndToEnd"))

import pyarrow.parquet as parquet  # noqa: E402
from cartograph import BINARY, Server, environment  # noqa: E402
from pyiceberg.catalog.sql import SqlCatalog  # noqa: E402

PROBE_SECONDS = 0.1
POLL_SECONDS = 0.05
GRACE_SECONDS = 30


class Probes(threading.Thread):
    """Posts an event every so often and notes when it was acknowledged."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.acknowledged = {}
        self._server = server
        self._ended = threading.Event()

    def run(self):
        number = 0
        while not self._ended.wait(PROBE_SECONDS):
            number += 1
            event = {
                "type": "click", "event_id": f"probe-{number}", "user_id": f"u-{number}", "session_id": "probe",
                "product_id": "p", "ts": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "page": "/", "referrer": "",
            }
            self._server.accept([event])
            self.acknowledged[event["event_id"]] = time.monotonic()

    def end(self):
        self._ended.set()
        self.join()


class Reader:
    """Follows a table through PyIceberg."""

    def __init__(self, data, name):
        self._catalog = SqlCatalog(
            "cartograph", uri=f"sqlite:///{data}/lake/catalog.sqlite", warehouse=f"file://{data}/lake",
            init_catalog_tables="false")
        self._name = name
        self._manifests = set()
        self._files = set()
        self.table = None

    def new_ids(self):
        """The event ids in the files that came since the last call, and when the load that showed them was over."""
        if not self._catalog.table_exists(self._name):
            return [], time.monotonic()
        self.table = self._catalog.load_table(self._name)
        seen, ids = time.monotonic(), []
        snapshot = self.table.current_snapshot()
        for manifest in snapshot.manifests(self.table.io) if snapshot else []:
            if manifest.manifest_path in self._manifests:
                continue
            self._manifests.add(manifest.manifest_path)
            for entry in manifest.fetch_manifest_entry(self.table.io, discard_deleted=True):
                path = unquote(urlparse(entry.data_file.file_path).path)
                # A file that was joined from others holds probes that were seen before.
                if path not in self._files:
                    self._files.add(path)
                    ids += parquet.read_table(path, columns=["event_id"])["event_id"].to_pylist()
        return [name for name in ids if name.startswith("probe-")], seen


def percentile(values, share):
    return values[min(len(values) - 1, int(len(values) * share))]


def report(measure, value, unit):
    print(json.dumps({"bench": "freshness", "measure": measure, "value": round(value, 3), "unit": unit}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=100_000, help="events a second")
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--lake-seconds", type=float, help="the setting; the default when left out")
    parser.add_argument("--folder", help="where the data folder is made: a disk")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="cartograph-freshness-", dir=options.folder))
    server = simulator = None
    try:
        words = []
        if options.lake_seconds:
            (folder / "cartograph.yaml").write_text(f"lake_seconds: {options.lake_seconds}\n")
            words = ["--config", folder / "cartograph.yaml"]
        server = Server(folder / "data", *words).ready()
        simulator = subprocess.Popen(
            [BINARY, "simulate", "--rate", str(options.rate), "--for", f"{options.seconds}s", "--to", server.url],
            cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        measure(server, simulator, folder / "data", options)
    finally:
        for process in (simulator, server and server.process):
            if process and process.poll() is None:
                process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def cpu_seconds(process):
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def measure(server, simulator, data, options):
    probes, reader, found = Probes(server), Reader(data, "bronze.clicks"), {}
    probes.start()
    began, cpu_before = time.monotonic(), cpu_seconds(server.process)
    tick = threading.Event()
    while simulator.poll() is None:
        for name in (fresh := reader.new_ids())[0]:
            found.setdefault(name, fresh[1])
        tick.wait(POLL_SECONDS)
    seconds, cpu = time.monotonic() - began, cpu_seconds(server.process) - cpu_before
    assert simulator.returncode == 0, simulator.stderr.read().decode()
    probes.end()
    deadline = time.monotonic() + GRACE_SECONDS
    while len(found) < len(probes.acknowledged) and time.monotonic() < deadline:
        for name in (fresh := reader.new_ids())[0]:
            found.setdefault(name, fresh[1])
        tick.wait(POLL_SECONDS)
    missing = probes.acknowledged.keys() - found.keys()
    assert not missing, f"{len(missing)} probes never became visible: {sorted(missing)[:3]}"
    ages = sorted(found[name] - at for name, at in probes.acknowledged.items())
    accepted = server.totals["accepted"]
    report("accepted", accepted / seconds, "events/s")
    report("probes", len(ages), "events")
    for share, name in ((0.5, "p50"), (0.99, "p99"), (1, "max")):
        report(f"acknowledged to visible, {name}", percentile(ages, share), "s")
    report("server", cpu / seconds, "processors")
    metadata = reader.table.metadata
    report("snapshots of clicks", len(metadata.snapshots), "snapshots")
    report("files of clicks", int(reader.table.current_snapshot().summary["total-data-files"]), "files")
    report("commits of clicks", metadata.last_sequence_number, "commits")


if __name__ == "__main__":
    main()
