"""Which roll-up answers a question, and how a page of a large one is read."""

import calendar
import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.report import Issue, Severity
from hutong_server.domain.statistics import Counts
from hutong_server.store.base import LateReader
from hutong_server.store.base_statistics import COLUMNS, CUBOIDS, DIMENSIONS, FINEST, MONTHLY, CountQuery

MAX_DAYS = 400
MAX_GROUPINGS = 3
FINEST_DAYS = 31
"""Days of the finest counts, of all institutions, that one question may read."""


class Grouping(StrEnum):
    """What counts are grouped by. Mirrors hutong.v1.Grouping; the values are columns of the roll-ups."""

    DAY = "period"
    SOURCE = "source"
    RECEIVER = "receiver"
    DEPARTMENT = "department"
    ITEM = "item"
    SPECIALTY = "specialty"
    GROUND = "ground"


@dataclass(frozen=True, slots=True)
class StatisticsFilter:
    """Which events. Days are YYYY-MM-DD, both inclusive; "" filters nothing."""

    first_day: str
    last_day: str
    source: str = ""
    receiver: str = ""
    department: str = ""
    item: str = ""
    specialty: str = ""
    ground: str = ""

    @property
    def equal(self) -> dict[str, str]:
        """Column → value."""
        named = (*DIMENSIONS, "specialty", "ground")
        return {name: value for name in named if (value := getattr(self, name))}


def planned(wanted: StatisticsFilter, by: Sequence[Grouping]) -> CountQuery:
    """The roll-up that answers fastest, and its periods. Raises REQUEST_INVALID for what would read too much."""
    first, last = (datetime.date.fromisoformat(day) for day in (wanted.first_day, wanted.last_day))
    if last < first:
        raise invalid("filter.last_day", "is before the first day")
    if (last - first).days >= MAX_DAYS:
        raise invalid("filter.last_day", f"a span is at most {MAX_DAYS} days")
    if len(set(by)) != len(by) or len(by) > MAX_GROUPINGS:
        raise invalid("group_by", f"at most {MAX_GROUPINGS} groupings, each once")
    equal = wanted.equal
    needed = ({each.value for each in by} | set(equal)) & set(DIMENSIONS)
    # The coarsest stand first; the finest has everything.
    coarse = [number for number in range(len(CUBOIDS)) if number != FINEST]
    cuboid = next((number for number in coarse if needed <= CUBOIDS[number]), FINEST)
    periods, days = _months(first, last)
    if Grouping.DAY in by or cuboid == FINEST:
        periods, days = (), tuple(_days(first, last))
    if cuboid != FINEST and cuboid not in MONTHLY:
        periods, days = (*periods, *days), ()
    named = wanted.source or wanted.receiver
    # By day a page of everything is soon full; a page of little that is found here and there is not.
    paged = Grouping.DAY in by and not (wanted.item or wanted.department)
    if len(days) > FINEST_DAYS and not named and not paged:
        whole = "" if cuboid == FINEST else ", or whole months"
        raise invalid("filter", f"name a source or a receiver, or at most {FINEST_DAYS} days{whole}")
    # In the order of the index, whatever the order asked for.
    columns = tuple(sorted((each.value for each in by), key=COLUMNS.index))
    return CountQuery(cuboid, periods, days, equal, columns)


def page(query: CountQuery, wanted: StatisticsFilter, reader: LateReader) -> list[tuple[tuple[str, ...], Counts]]:
    """The groups of a question, up to its limit.

    Of a large roll-up the first grouping's values are read a few at a time, until the page is full: it costs what is
    on it, and not what there is.
    """
    first = query.by[0] if query.by else ""
    # Days stand first in the index, then receivers; sources only where the receiver is one, or none.
    leading = first == "period" or (first == "receiver" and not wanted.source)
    leading = leading or (first == "source" and bool(wanted.receiver or not query.days))
    if query.cuboid not in (FINEST, *MONTHLY) or not leading or first in wanted.equal:
        return reader.counts(query)
    if first == "period":
        values = list(query.days)
    else:
        alone = replace(planned(replace(wanted, item="", department=""), (Grouping(first),)), limit=_MANY)
        values = [group[0] for group, _ in reader.counts(alone)]
    if query.after:
        values = [value for value in values if value >= query.after[0]]
    found: list[tuple[tuple[str, ...], Counts]] = []
    taken = 4
    while values and len(found) < query.limit:
        part, values = values[:taken], values[taken:]
        taken = min(2 * taken, FINEST_DAYS) if first == "period" else 2 * taken
        within = replace(query, days=tuple(part)) if first == "period" else replace(query, between=(part[0], part[-1]))
        found += reader.counts(replace(within, limit=query.limit - len(found)))
    return found


def invalid(path: str, message: str) -> HutongError:
    """A refusal of one field."""
    issue = Issue(Severity.ERROR, Reason.REQUEST_INVALID.value, path, message)
    return HutongError(Reason.REQUEST_INVALID, "The request is not valid; see its fields.", (issue,))


_MANY = 10_000_000


def _days(first: datetime.date, last: datetime.date) -> Iterator[str]:
    for number in range((last - first).days + 1):
        yield (first + datetime.timedelta(number)).isoformat()


def _months(first: datetime.date, last: datetime.date) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Whole months, and the days around them."""
    months: list[str] = []
    days: list[str] = []
    day = first
    while day <= last:
        end = day.replace(day=calendar.monthrange(day.year, day.month)[1])
        if day.day == 1 and end <= last:
            months.append(day.isoformat()[:7])
        else:
            days += _days(day, min(end, last))
        day = end + datetime.timedelta(1)
    return tuple(months), tuple(days)
