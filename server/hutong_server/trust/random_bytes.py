"""The system's random bytes, fetched many at a time.

Each fetch lets go of the interpreter, and to get it back a thread may have to wait for all others; a chart needs
several nonces. Fetched bytes are handed out once, to one thread, and never to a process that was forked off.
"""

import os
import threading

_FETCHED = 4096


class _Left(threading.local):
    """What this thread has fetched and not handed out."""

    content = b""
    at = 0


_left = _Left()


def random_bytes(count: int) -> bytes:
    """So many bytes of os.urandom."""
    end = _left.at + count
    if end > len(_left.content):
        if count > _FETCHED:
            return os.urandom(count)
        _left.content, end = os.urandom(_FETCHED), count
    found = _left.content[end - count : end]
    _left.at = end
    return found


def _forget() -> None:
    _left.content, _left.at = b"", 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
