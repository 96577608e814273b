"""The clock of a made month: eight bytes in a file, which the month sets and the registry reads."""

import mmap
import struct
from datetime import datetime
from pathlib import Path

_TIME = struct.Struct("=q")


class Clock:
    """Milliseconds since 1970, shared by two processes. It stands still until it is set, and never goes back."""

    def __init__(self, file: Path) -> None:
        """Opens the clock in `file`, or makes one."""
        if not file.exists():
            file.write_bytes(_TIME.pack(0))
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), _TIME.size)

    def read(self) -> int:
        """The time."""
        found: int = _TIME.unpack_from(self._shared)[0]
        return found

    def set(self, moment: datetime) -> None:
        """Sets it, unless it is that late already. Raises ValueError for a time without a zone."""
        if moment.tzinfo is None:
            raise ValueError("a moment has a time zone")
        _TIME.pack_into(self._shared, 0, max(self.read(), round(moment.timestamp() * 1000)))
