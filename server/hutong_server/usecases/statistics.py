"""Counts and rates of a region, from roll-ups."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hutong_server.domain.caller import Caller, Role
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.report import Instant
from hutong_server.domain.statistics import Counts
from hutong_server.store.base import LateReader
from hutong_server.usecases.institutions import OPERATOR
from hutong_server.usecases.statistics_plan import Grouping, StatisticsFilter, invalid, page, planned

__all__ = [
    "GetStatistics",
    "Grouping",
    "Statistics",
    "StatisticsFilter",
    "get_statistics",
    "seen_by",
    "sees_everything",
]


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


def get_statistics(ask: GetStatistics, reader: LateReader) -> Statistics:
    """Counts by group. Raises HutongError as seen_by and planned do."""
    wanted = seen_by(ask.caller, ask.filter, ask.by)
    query = planned(wanted, ask.by)
    run = reader.counting_run()
    until = run.counted_until if run else 0
    if not ask.by:
        return Statistics(tuple(reader.counts(query)) or (((), Counts()),), (), until)
    query = replace(query, after=ask.after, limit=ask.page_size + 1)
    found = page(query, wanted, reader)
    rows = found[: ask.page_size]
    order = [query.by.index(each.value) for each in ask.by]
    return Statistics(
        tuple((tuple(group[place] for place in order), counts) for group, counts in rows),
        rows[-1][0] if len(found) > len(rows) else (),
        until,
    )


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
        raise invalid("filter.receiver", "departments of other institutions are not shown; name your own institution")
    return wanted
