"""Times as FHIR writes them. An imprecise time counts from its first instant."""

import datetime
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple

from hutong_server.domain.errors import Reason
from hutong_server.domain.report import Instant
from hutong_server.fhir.elements import child, text
from hutong_server.fhir.json_text import Node

_FORM: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)
_FIRST_YEAR: Final = 1900
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MILLISECOND: Final = datetime.timedelta(milliseconds=1)


class TimeFault(Exception):
    """A time that cannot be one. `where` leads from the resource to it."""

    def __init__(self, reason: Reason, where: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.where = where

    @property
    def message(self) -> str:
        """In words."""
        if self.reason is Reason.TIME_IN_FUTURE:
            return "lies further ahead than the registry allows"
        return "is not a time since 1900"


@dataclass(slots=True)
class Clock:
    """How times of one document are read."""

    zone: datetime.tzinfo
    """Of times without one."""
    latest: Instant
    """Later times are refused."""
    _known: dict[str, Instant] = field(default_factory=dict)

    def last(self, written: str) -> Instant | None:
        """Last instant of a date, a month or a year that `instant` has read; None for a time of the day."""
        if "T" in written:
            return None
        year, month, day = (int(part) for part in f"{written}-0-0".split("-")[:3])
        if day:
            following = datetime.date(year, month, day).toordinal() + 1
        elif month:
            following = datetime.date(year + month // 12, month % 12 + 1, 1).toordinal()
        else:
            following = datetime.date(year + 1, 1, 1).toordinal()
        return _instant(datetime.date.fromordinal(following).isoformat(), self.zone, "") - 1

    def instant(self, written: str, where: str) -> Instant:
        """First instant of a date, dateTime or instant; raises TimeFault."""
        known = self._known.get(written)
        if known is None:
            known = self._known[written] = _instant(written, self.zone, where)
        if known > self.latest:
            raise TimeFault(Reason.TIME_IN_FUTURE, where)
        return known


def _instant(written: str, zone: datetime.tzinfo, where: str) -> Instant:
    match = _FORM.fullmatch(written)
    if match is None or int(match[1]) < _FIRST_YEAR:
        raise TimeFault(Reason.TIME_INVALID, where)
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    try:
        moment = datetime.datetime(
            int(year),
            int(month or 1),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            # A leap second counts as the second before it.
            min(int(second or 0), 59) if second != "60" or minute == "59" else 60,
            tzinfo=_zone(offset) if offset else zone,
        )
    except ValueError as error:
        raise TimeFault(Reason.TIME_INVALID, where) from error
    return (moment - _EPOCH) // _MILLISECOND + int(((fraction or "") + "000")[:3])


def _zone(offset: str) -> datetime.tzinfo:
    if offset == "Z":
        return datetime.UTC
    hours, minutes = int(offset[1:3]), int(offset[4:6])
    delta = datetime.timedelta(hours=hours, minutes=minutes)
    return datetime.timezone(-delta if offset[0] == "-" else delta)


class Known(Enum):
    """What an element says of a time."""

    NOTHING = 0
    START = 1
    END_ONLY = 2
    """A period without a start: its end is not when it was taken."""


class Taken(NamedTuple):
    """When something was taken."""

    known: Known = Known.NOTHING
    start: Instant | None = None
    end: Instant | None = None
    written: str = ""
    latest: Instant | None = None
    """The last instant of an imprecise time or a period; None for a moment."""


def taken(node: Node, stem: str, clock: Clock) -> Taken:
    """The time element of a choice (`effective`, `collected`); raises TimeFault."""
    for suffix in ("DateTime", "Instant"):
        key = stem + suffix
        if key in node:
            written = text(node, key)
            return Taken(Known.START, clock.instant(written, key), None, written, clock.last(written))
    key = stem + "Period"
    if key in node:
        return _period(child(node, key), key, clock)
    key = stem + "Timing"
    return _timing(child(node, key), key, clock) if key in node else Taken()


def _period(node: Node, key: str, clock: Clock) -> Taken:
    start, end = text(node, "start"), text(node, "end")
    first = clock.instant(start, f"{key}.start") if start else None
    last = clock.instant(end, f"{key}.end") if end else None
    written = f"{start} – {end}" if start and end else start or (f"– {end}" if end else "")
    if first is not None and last is not None and last < first:
        first, last, end = last, first, start
    if first is None:
        return Taken(Known.END_ONLY if last is not None else Known.NOTHING, None, last, written)
    return Taken(Known.START, first, last, written, (clock.last(end) or last) if end else clock.last(start))


def _timing(node: Node, key: str, clock: Clock) -> Taken:
    events = node.get("event")
    written = [e for e in events if isinstance(e, str)] if isinstance(events, list) else []
    if written:
        at = [(clock.instant(e, f"{key}.event[{i}]"), e) for i, e in enumerate(written)]
        return Taken(Known.START, min(at)[0], max(at)[0], min(at)[1], clock.last(max(at)[1]) or max(at)[0])
    repeat = child(node, "repeat")
    return _period(child(repeat, "boundsPeriod"), f"{key}.repeat.boundsPeriod", clock)
