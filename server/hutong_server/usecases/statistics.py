"""Counts and rates of a region, from roll-ups."""

import calendar
import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from hutong_server.domain.caller import Caller, Role
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.report import Instant, Issue, Severity
from hutong_server.domain.statistics import Counts
from hutong_server.store.base import Reader
from hutong_server.store.base_statistics import COLUMNS, CUBOIDS, DIMENSIONS, FINEST, CountQuery
from hutong_server.usecases.institutions import OPERATOR

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


@dataclass(frozen=True, slots=True)
class GetStatistics:
    """The question."""

    filter: StatisticsFilter
    by: tuple[Grouping, ...]
    caller: Caller
    page_size: int
    after: tuple[str, ...] = ()
    """The last group of the page before, in the order of COLUMNS."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """The answer."""

    rows: tuple[tuple[tuple[str, ...], Counts], ...]
    """By group: its values in the order of the groupings that were asked for."""
    after: tuple[str, ...]
    """The last group, when more follow."""
    counted_until: Instant
    """0: nothing was counted yet."""


def get_statistics(ask: GetStatistics, reader: Reader) -> Statistics:
    """Counts by group. Raises HutongError as seen_by and planned do."""
    wanted = seen_by(ask.caller, ask.filter, ask.by)
    query = planned(wanted, ask.by)
    run = reader.counting_run()
    until = run.counted_until if run else 0
    if not ask.by:
        return Statistics(tuple(reader.counts(query)) or (((), Counts()),), (), until)
    query = replace(query, after=ask.after, limit=ask.page_size + 1)
    found = _in_parts(query, wanted, reader) if CUBOIDS[query.cuboid] in _LARGE else reader.counts(query)
    rows = found[: ask.page_size]
    order = [query.by.index(each.value) for each in ask.by]
    return Statistics(
        tuple((tuple(group[place] for place in order), counts) for group, counts in rows),
        rows[-1][0] if len(found) > len(rows) else (),
        until,
    )


def _in_parts(query: CountQuery, wanted: StatisticsFilter, reader: Reader) -> list[tuple[tuple[str, ...], Counts]]:
    """A page of a large roll-up: the first grouping's values a few at a time, until the page is full, so that a page
    costs what is on it and not what there is.
    """
    first = query.by[0]
    if first in wanted.equal or first not in ("period", "receiver", "source"):
        return reader.counts(query)
    if first == "period":
        values = list(query.periods)
    else:
        alone = planned(wanted, (Grouping(first),))
        values = [group[0] for group, _ in reader.counts(replace(alone, limit=_MANY))]
    if query.after:
        values = [value for value in values if value >= query.after[0]]
    found: list[tuple[tuple[str, ...], Counts]] = []
    taken = 4
    while values and len(found) < query.limit:
        part, values = values[:taken], values[taken:]
        taken *= 2
        within = replace(query, periods=tuple(part)) if first == "period" else query
        # Only the first part goes on after a group; in the others all groups are after it.
        found += reader.counts(replace(within, between=(part[0], part[-1]), limit=query.limit - len(found)))
    return found


_LARGE = tuple(frozenset({"receiver", "source", "item"} - {name}) for name in ("receiver", "source", "item"))
_MANY = 10_000_000


def sees_everything(caller: Caller) -> bool:
    """A supervisor, or an administrator of the registry itself; an institution's own administrator does not."""
    return caller.role is Role.SUPERVISOR or (caller.role is Role.ADMIN and caller.institution == OPERATOR)


def seen_by(caller: Caller, wanted: StatisticsFilter, by: Sequence[Grouping]) -> StatisticsFilter:
    """The filter for this caller: an institution sees what it asked, and what became of its own results.

    Raises ROLE_NOT_ALLOWED for anybody else's, and REQUEST_INVALID for departments of other institutions.
    """
    if sees_everything(caller):
        return wanted
    own = caller.institution
    if not wanted.source and not wanted.receiver:
        wanted = replace(wanted, receiver=own)
    if wanted.receiver == own:
        return wanted
    if wanted.source != own:
        raise HutongError(
            Reason.ROLE_NOT_ALLOWED, "an institution sees what it asked, and what became of its own results"
        )
    if wanted.department or Grouping.DEPARTMENT in by:
        raise _invalid("filter.receiver", "departments of other institutions are not shown; name your own institution")
    return wanted


def planned(wanted: StatisticsFilter, by: Sequence[Grouping]) -> CountQuery:
    """The roll-up that answers fastest, and its periods. Raises REQUEST_INVALID for what would read too much."""
    first, last = (datetime.date.fromisoformat(day) for day in (wanted.first_day, wanted.last_day))
    if last < first:
        raise _invalid("filter.last_day", "is before the first day")
    if (last - first).days >= MAX_DAYS:
        raise _invalid("filter.last_day", f"a span is at most {MAX_DAYS} days")
    if len(set(by)) != len(by) or len(by) > MAX_GROUPINGS:
        raise _invalid("group_by", f"at most {MAX_GROUPINGS} groupings, each once")
    equal = wanted.equal
    needed = {each.value for each in by} | set(equal)
    # Each needs all that is told apart by the one chosen; the finest stands first in the list, and serves last.
    coarse = [number for number, kept in enumerate(CUBOIDS) if number != FINEST]
    cuboid = next((each for each in coarse if needed & set(DIMENSIONS) <= CUBOIDS[each]), FINEST)
    if cuboid == FINEST and not (wanted.source or wanted.receiver) and (last - first).days >= FINEST_DAYS:
        raise _invalid("filter", f"name a source or a receiver, or at most {FINEST_DAYS} days")
    months = cuboid != FINEST and Grouping.DAY not in by
    periods = tuple(_periods(first, last) if months else _days(first, last))
    # In the order of the index, whatever the order asked for.
    columns = tuple(sorted((each.value for each in by), key=COLUMNS.index))
    return CountQuery(cuboid, periods, equal, columns)


def _days(first: datetime.date, last: datetime.date) -> Iterator[str]:
    for number in range((last - first).days + 1):
        yield (first + datetime.timedelta(number)).isoformat()


def _periods(first: datetime.date, last: datetime.date) -> Iterator[str]:
    """Whole months, and the days around them."""
    day = first
    while day <= last:
        end = day.replace(day=calendar.monthrange(day.year, day.month)[1])
        if day.day == 1 and end <= last:
            yield day.isoformat()[:7]
        else:
            yield from _days(day, min(end, last))
        day = end + datetime.timedelta(1)


def _invalid(path: str, message: str) -> HutongError:
    issue = Issue(Severity.ERROR, Reason.REQUEST_INVALID.value, path, message)
    return HutongError(Reason.REQUEST_INVALID, "The request is not valid; see its fields.", (issue,))
