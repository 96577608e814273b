"""Files that stay what they were made, whatever comes."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """A file's content, or a directory's names, to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def put_file(path: Path, content: bytes, mode: int) -> None:
    """Makes or replaces a file at once and durably: a reader sees the old one or the new one, and nobody a half.

    Raises OSError: then the old one stands there or the new one, whole.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    sync(path.parent)
