"""Wakes at the very moments that a fixed rate asks for. The event loop's own timers know milliseconds only."""

import asyncio
import ctypes
import os
import struct
from collections.abc import Callable

_CLOCK_MONOTONIC = 1
_ABSOLUTE = 1
_libc = ctypes.CDLL(None, use_errno=True)


class Ticks:
    """Calls `tick(number)` for number 0, 1, 2 … at `start + number / rate` of time.monotonic(), by a timerfd of Linux.

    Ticks that are late come together, each with its own number: none is left out, whatever the loop was doing.
    """

    def __init__(self, start: float, rate: float, count: int, tick: Callable[[int], None]) -> None:
        self._count, self._tick, self._next = count, tick, 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._timer = _libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._timer < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        # struct itimerspec: interval, then first expiry; each seconds and nanoseconds.
        spec = struct.pack("qqqq", *_split(1 / rate), *_split(start))
        if _libc.timerfd_settime(self._timer, _ABSOLUTE, spec, None):
            raise OSError(ctypes.get_errno(), "timerfd_settime")
        asyncio.get_running_loop().add_reader(self._timer, self._expired)

    def _expired(self) -> None:
        (times,) = struct.unpack("Q", os.read(self._timer, 8))
        for _ in range(min(times, self._count - self._next)):
            self._tick(self._next)
            self._next += 1
        if self._next >= self._count and not self.done.done():
            asyncio.get_running_loop().remove_reader(self._timer)
            os.close(self._timer)
            self.done.set_result(None)


def _split(seconds: float) -> tuple[int, int]:
    nanoseconds = round(seconds * 1e9)
    return nanoseconds // 1_000_000_000, nanoseconds % 1_000_000_000
