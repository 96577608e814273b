"""How a verdict was reached, told step by step. Words of a step hold codes, terms, dates and windows, no values."""

from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import NamedTuple

from hutong_server.domain.days import LAST_DAY
from hutong_server.domain.recognition import Dates
from hutong_server.domain.report import Instant
from hutong_server.domain.reuse import NotReusable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TraceSubject(StrEnum):
    """What a step looked at. Mirrors hutong.v1.TraceSubject."""

    PATIENT = "patient"
    STATUS = "status"
    VALUE = "value"
    MAPPING = "mapping"
    ITEM = "item"
    SPECIMEN = "specimen"
    BODY_PART_OR_METHOD = "body_part_or_method"
    WINDOW = "window"
    IMAGES = "images"
    DIRECTION = "direction"
    GRANT = "grant"
    ASKER = "asker"
    OVERRIDE = "override"


class TraceStep(NamedTuple):
    """One step of a verdict."""

    subject: TraceSubject
    passed: bool
    """Whether it speaks for reuse."""
    english: str
    chinese: str
    reason: NotReusable | None = None
    """The reason that it gives; None for a step that passed, and for an entry that was tried and does not hold."""
    entry_kind: str = ""
    """Kind of the catalogue entry that was looked at, as `admin rules show --kind` has it."""
    entry_key: str = ""


Trace = tuple[TraceStep, ...]


def moment(instant: Instant, zone: tzinfo) -> str:
    """An instant in the region's time zone, as exact as it is: "2025-03-08 08:00 +08:00"."""
    try:
        local = (_EPOCH + timedelta(milliseconds=instant)).astimezone(zone)
    except (OverflowError, ValueError):
        return f"{instant} ms"
    offset = f"{local:%z}"
    parts = f"{local:%Y-%m-%d %H:%M}"
    if local.second or local.microsecond:
        parts += f":{local:%S}"
    if local.microsecond:
        parts += f".{local.microsecond // 1000:03d}"
    return f"{parts} {offset[:3]}:{offset[3:5]}"


def day_text(day: str) -> tuple[str, str]:
    """(English, Chinese) for a day of test; a result without any time is judged on the last of all days."""
    return ("no known day", "日期不详") if day == LAST_DAY else (day, day)


def dates_text(dates: Dates) -> tuple[str, str]:
    """(English, Chinese) for days of effect."""
    first, last = dates.valid_from, dates.valid_to
    if first and last:
        return f"from {first} to {last}", f"自 {first} 至 {last}"
    if first:
        return f"from {first} on", f"自 {first} 起"
    return (f"until {last}", f"至 {last} 止") if last else ("without dates", "不限日期")


def entry_key(*parts: str, dates: Dates) -> str:
    """The catalogue's key of a dated entry: its parts, and the first day of effect where it has one."""
    words = (*parts, dates.valid_from) if dates.valid_from else parts
    return "|".join(word.replace("|", "%7C") for word in words)
