"""A disk that fills."""

import contextlib
from pathlib import Path


def fill(disk: Path) -> Path:
    """Leaves nothing of the disk; returns the file that took it."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)
    return filler
