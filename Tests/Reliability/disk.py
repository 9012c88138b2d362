"""A disk of our own: a file system in a file, whose power can be cut."""

import fcntl
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

# EXT4_IOC_SHUTDOWN (linux/fs/ext4/ext4.h) and its flag that says: do not even write the journal out.
SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2
FULL_SHARE = 0.98


class Disk:
    """An ext4 file system in a file, mounted by a loop device. A context manager, which always unmounts."""

    def __init__(self, folder, megabytes):
        self.image = Path(folder) / "disk.ext4"
        self.mount_point = Path(folder) / "disk"
        self._mounted = False
        with self.image.open("wb") as file:
            file.truncate(megabytes << 20)
        self.mount_point.mkdir()
        self._do("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image)

    def __enter__(self):
        self.mount()
        return self

    def __exit__(self, *_):
        self.unmount()
        self.image.unlink()

    @staticmethod
    def _do(*words):
        done = subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{words}: {done.stderr}"

    def mount(self):
        self._do("mount", "-o", "loop", self.image, self.mount_point)
        self._mounted = True

    def unmount(self):
        if self._mounted:
            self._do("umount", self.mount_point)
            self._mounted = False

    def cut_power(self):
        """From here on nothing reaches the disk, not even what was written and not yet synced."""
        folder = os.open(self.mount_point, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(folder, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(folder)

    def power_on(self):
        """Mounts it anew, which plays back the journal. Nothing may have a file of it open."""
        self.unmount()
        self.mount()

    @property
    def free_bytes(self):
        return shutil.disk_usage(self.mount_point).free


def skip_without_disks():
    """Skips a test, and says why, where no disk of one's own can be made."""
    if os.geteuid() != 0:
        pytest.skip("NOT CHECKED: mounting a disk of one's own needs root")
    for tool in ("mkfs.ext4", "mount", "umount"):
        if not shutil.which(tool):
            pytest.skip(f"NOT CHECKED: there is no {tool} here")
    if not Path("/dev/loop-control").exists():
        pytest.skip("NOT CHECKED: there are no loop devices here")


def open_disk(folder, megabytes):
    """A mounted disk; skips the test where the kernel refuses."""
    skip_without_disks()
    folder.mkdir(parents=True, exist_ok=True)
    disk = Disk(folder, megabytes)
    try:
        disk.mount()
    except AssertionError as error:
        pytest.skip(f"NOT CHECKED: a loop device cannot be mounted here: {error}")
    return disk
