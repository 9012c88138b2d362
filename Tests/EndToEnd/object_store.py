"""A real object store for tests: Ceph's RADOS gateway, started on free ports and ended with the tests."""

import subprocess
import tempfile
import uuid
from pathlib import Path

from pyarrow import fs

from cartograph import ROOT, free_port

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET_KEY = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
BUCKET = "lake-tests"


class ObjectStore:
    """The server, for as long as its standard input is open."""

    def __init__(self):
        self.port = free_port()
        # Beside the tests' own folders, whose paths are too long for the daemons' sockets.
        self.folder = Path(tempfile.gettempdir()) / f"ceph-{uuid.uuid4().hex[:8]}"
        self._errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [ROOT / "Tests/Servers/ceph-rgw", self.folder, str(self.port), str(free_port()), str(free_port())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True)
        said = self.process.stdout.readline()
        if not said.startswith("ready "):
            self.process.wait(60)
            self._errors.seek(0)
            raise RuntimeError(f"the object store did not start:\n{self._errors.read()}")
        self.files = fs.S3FileSystem(
            access_key=ACCESS_KEY, secret_key=SECRET_KEY, endpoint_override=f"127.0.0.1:{self.port}", scheme="http",
            region="us-east-1", allow_bucket_creation=True)
        self.files.create_dir(BUCKET)

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def new_prefix(self):
        """A place of its own for one lake."""
        return f"s3://{BUCKET}/{uuid.uuid4().hex}"

    def keys(self, prefix):
        """The keys below a prefix, with their sizes."""
        selector = fs.FileSelector(prefix.removeprefix("s3://"), recursive=True, allow_not_found=True)
        return {info.path: info.size for info in self.files.get_file_info(selector) if info.is_file}

    @property
    def properties(self):
        """What PyIceberg needs to read from here."""
        return {
            "s3.endpoint": self.endpoint, "s3.access-key-id": ACCESS_KEY, "s3.secret-access-key": SECRET_KEY,
            "s3.region": "us-east-1"}

    def configuration(self, folder, lake, secret_key=SECRET_KEY, **more):
        """Writes a configuration file that puts the lake here."""
        file = Path(folder) / f"{uuid.uuid4().hex[:8]}.yaml"
        settings = {"endpoint": self.endpoint, "access_key": ACCESS_KEY, "secret_key": secret_key} | more
        lines = [f"lake: {lake}", "s3:"] + [f"  {name}: {value}" for name, value in settings.items()]
        file.write_text("\n".join(lines) + "\n")
        return file

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()
        self._errors.close()
