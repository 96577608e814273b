"""Days of the region: which day an instant falls on, and which entries of the rules are in effect on it."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hutong_server.domain.memory import Memory
from hutong_server.domain.recognition import Dates
from hutong_server.domain.report import Instant

FIRST_DAY = "0001-01-01"
LAST_DAY = "9999-12-31"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BLOCK = 900_000  # ms: offsets of time zones are whole quarters of an hour


class Day(NamedTuple):
    """A day in the region's time zone."""

    text: str
    """YYYY-MM-DD."""
    of_items: int
    """Number of the stretch of days in which the same mappings and items are in effect."""
    of_rules: int
    """Number of the stretch of days in which the same grants and rules are in effect."""


def zone_of(name: str) -> tzinfo:
    """The time zone of that name. China's is known even where the system has no zone database.

    Raises ZoneInfoNotFoundError for an unknown name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        if name == "Asia/Shanghai":
            return timezone(timedelta(hours=8), name)
        raise ZoneInfoNotFoundError(name) from None


class Calendar:
    """Days of a time zone. Each day is worked out once."""

    def __init__(self, zone: tzinfo, of_items: Iterable[Dates], of_rules: Iterable[Dates]) -> None:
        """`of_items` and `of_rules` are the dates of effect that part the stretches of days."""
        self._zone = zone
        self._of_items = _boundaries(of_items)
        self._of_rules = _boundaries(of_rules)
        self._days: Memory[int, Day] = Memory()

    def day(self, instant: Instant) -> Day:
        """The day of an instant."""
        block = instant // _BLOCK
        known = self._days.get(block)
        return self._days.keep(block, self.on(self._text(block * _BLOCK))) if known is None else known

    def on(self, text: str) -> Day:
        """The day written so (YYYY-MM-DD)."""
        return Day(text, bisect_right(self._of_items, text), bisect_right(self._of_rules, text))

    def _text(self, instant: Instant) -> str:
        try:
            return (_EPOCH + timedelta(milliseconds=instant)).astimezone(self._zone).date().isoformat()
        except (OverflowError, ValueError):
            return FIRST_DAY if instant < 0 else LAST_DAY


def _boundaries(dates: Iterable[Dates]) -> list[str]:
    # The first day of effect, and what sorts between the last day of effect and the next day.
    return sorted(
        {bound for each in dates for bound in (each.valid_from, each.valid_to and each.valid_to + "~") if bound}
    )
