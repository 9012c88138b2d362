"""Changes to a log's files that a disk, a copy or a person may make."""

import hashlib
from pathlib import Path


def log_hash(data):
    """Names and bytes of everything in a log's folder, as one text."""
    total = hashlib.sha256()
    root = Path(data) / "log"
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        total.update(f"{path.relative_to(root)} {path.stat().st_size}\n".encode())
        total.update(path.read_bytes())
    return total.hexdigest()
