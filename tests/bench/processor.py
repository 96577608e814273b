"""Processor time that other processes have used, as the kernel counts it."""

import os
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

_TICKS = os.sysconf("SC_CLK_TCK")


def seconds_of(pid: int) -> float:
    """Of a process, of those that it started, and of those of them that have ended."""
    # The second field is a name in parentheses, which may hold anything; user, system, and both of ended children
    # are the 14th to the 17th.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = sum(map(int, fields[11:15])) / _TICKS
    started = {
        child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    }
    return own + sum(map(_if_there, map(int, started)))


def _if_there(pid: int) -> float:
    # A PostgreSQL's worker may end at any moment; what it used is its parent's from then on.
    try:
        return seconds_of(pid)
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def postmaster(url: str) -> int | None:
    """Process of the benchmark's own PostgreSQL (see places.database); None for SQLite."""
    directory = parse_qs(urlsplit(url).query).get("host")
    if not url.startswith("postgresql") or directory is None:
        return None
    return int((Path(directory[0]) / "data" / "postmaster.pid").read_text().splitlines()[0])
