"""Keeps the files of databases in memory while they are measured.

A database server has memory for what it holds. The host of a virtual machine may take file pages away from it all the
same, within a minute: then a disk is measured, and whose patients were asked for before. A process of its own locks
the pages (mlock), for which it needs to be root or have CAP_IPC_LOCK.

`python -m tests.bench.held` reads a line of JSON, the paths, says how many bytes it holds, 0 where it may not, and lets
go when its input ends.
"""

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from tests.api.site import ROOT

_READ, _SHARED = 1, 1


def files_of(url: str) -> list[Path]:
    """Of a database on this machine."""
    target = make_url(url)
    if target.get_backend_name() == "sqlite":
        return [Path(target.database or "")]
    with psycopg.connect(target.set(drivername="postgresql").render_as_string(hide_password=False)) as connection:
        (directory,) = connection.execute("SHOW data_directory").fetchone() or ("",)
    return [each for each in Path(directory, "base").rglob("*") if each.is_file()]


@contextmanager
def held(files: Sequence[Path]) -> Iterator[int]:
    """How many bytes are held in memory for as long as this lasts."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.held"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([str(each) for each in files]) + "\n")
        process.stdin.flush()
        yield int(process.stdout.readline())
        process.stdin.close()


def _hold(files: Sequence[str]) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    libc.mlock.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    found = 0
    for name in files:
        try:
            descriptor = os.open(name, os.O_RDONLY)
        except FileNotFoundError:
            continue  # a database server's own, gone since it was listed
        size = os.fstat(descriptor).st_size
        if size:
            where = libc.mmap(None, size, _READ, _SHARED, descriptor, 0)
            if where == ctypes.c_void_p(-1).value or libc.mlock(where, size):
                return 0
            found += size
        os.close(descriptor)
    return found


if __name__ == "__main__":
    print(_hold(json.loads(sys.stdin.readline())), flush=True)
    sys.stdin.read()
