"""Statistics, between proto and domain."""

import datetime
from collections.abc import Sequence
from typing import Final

from hutong.v1 import reuse_service_pb2, statistics_service_pb2

from hutong_server.api.convert import SPECIALTIES, Faults, name_institution, numbers, stamp
from hutong_server.domain.caller import Caller
from hutong_server.domain.recognition import Specialty
from hutong_server.domain.rulebook import RuleBook
from hutong_server.domain.statistics import UNKNOWN, Counts, Measure, rates
from hutong_server.store.base import Ids
from hutong_server.usecases.asking import Context
from hutong_server.usecases.statistics import Grouping, Statistics, StatisticsFilter, sees_everything
from hutong_server.usecases.statistics_feeds import FeedFreshness
from hutong_server.usecases.statistics_rows import StatisticsRow

GROUPINGS: Final = {
    number: each for each, number in numbers(Grouping, statistics_service_pb2.Grouping, "GROUPING").items()
}
MEASURES: Final = {
    number: each
    for each, number in numbers(Measure, statistics_service_pb2.StatisticsMeasure, "STATISTICS_MEASURE").items()
}
_SPECIALTIES: Final = {number: each.value for each, number in SPECIALTIES.items()}
_SPECIALTY_NAMES: Final = {
    Specialty.LABORATORY.value: ("检验", "laboratory"),
    Specialty.EXAMINATION.value: ("检查", "examination"),
    UNKNOWN: ("不详", "unknown"),
}
PROMPT_ID: Final = "prompt"
"""Kind of the sealed ids of prompts (see reuse_servicer)."""
_COUNTED_PROMPT: Final = "counted-prompt"
QUALITY: Final = "quality"
"""The purpose of who looks at rows."""


def filter_in(given: statistics_service_pb2.StatisticsFilter, faults: Faults) -> StatisticsFilter:
    """Which events. Required: both days."""
    if given.specialty and given.specialty not in _SPECIALTIES:
        faults.add("filter.specialty", "is not a known value")
    return StatisticsFilter(
        first_day=_day(given.first_day, "filter.first_day", faults),
        last_day=_day(given.last_day, "filter.last_day", faults),
        source=faults.text("filter.source", given.source),
        receiver=faults.text("filter.receiver", given.receiver),
        department=faults.text("filter.department", given.department),
        item=faults.text("filter.item", given.item),
        specialty=_SPECIALTIES.get(given.specialty, ""),
        ground=faults.text("filter.ground", given.ground),
    )


def _day(given: str, path: str, faults: Faults) -> str:
    try:
        # The library also reads other forms of dates.
        if datetime.date.fromisoformat(given).isoformat() == given:
            return given
    except ValueError:
        pass
    faults.add(path, "is a date of the form YYYY-MM-DD" if given else "is required")
    return "1970-01-01"


def groupings_in(given: Sequence[int], faults: Faults) -> tuple[Grouping, ...]:
    """What counts are grouped by."""
    for place, number in enumerate(given):
        if number not in GROUPINGS:
            faults.add(f"group_by[{place}]", "is not a known value")
    return tuple(GROUPINGS[number] for number in given if number in GROUPINGS)


def measure_in(given: int, faults: Faults) -> Measure:
    """Which number."""
    if given not in MEASURES:
        faults.add("measure", "is not a known value" if given else "is required")
    return MEASURES.get(given, Measure.PROMPTS)


def looker_in(request: statistics_service_pb2.ListStatisticsRowsRequest, caller: Caller, faults: Faults) -> Context:
    """Who looks at rows, and on what occasion: an institution has to say it."""
    given, required = request.context, not sees_everything(caller)
    if given.purpose != reuse_service_pb2.PURPOSE_QUALITY and (required or given.purpose):
        faults.add("context.purpose", "must be QUALITY" if given.purpose else "is required")
    return Context(
        practitioner=faults.text("context.practitioner", given.practitioner, required=required),
        encounter=faults.text("context.encounter", given.encounter, required=required),
        purpose=QUALITY if required else "administration",
        department=faults.text("context.department", given.department),
    )


def statistics_out(
    found: Statistics, by: Sequence[Grouping], book: RuleBook, *, grounds_only: bool
) -> statistics_service_pb2.GetStatisticsResponse:
    """Counts by group."""
    out = statistics_service_pb2.GetStatisticsResponse()
    if found.counted_until:
        stamp(out.counted_until, found.counted_until)
    names = _Names(book)
    for group, counts in found.rows:
        row = out.rows.add(group=group)
        for grouping, value in zip(by, group, strict=True):
            chinese, english = names.of(grouping, value)
            row.group_zh.append(chinese)
            row.group_en.append(english)
        counts_out(row.counts, counts)
        for rate in () if grounds_only else rates(counts):
            row.rates.add(name=rate.name, numerator=rate.numerator, denominator=rate.denominator, of=rate.of)
    return out


def counts_out(target: statistics_service_pb2.StatisticsCounts, counts: Counts) -> None:
    """The counts of a group."""
    for name, count in counts._asdict().items():
        setattr(target, "repeated_all" if name == "repeated" else name, count)


class _Names:
    """What values of groupings are called."""

    def __init__(self, book: RuleBook) -> None:
        self._book = book
        self._grounds = {ground.code: (ground.name_zh, ground.name_en) for ground in book.grounds}

    def of(self, grouping: Grouping, value: str) -> tuple[str, str]:
        """In Chinese and English; the value itself where it has no name."""
        found: tuple[str, str] | None = None
        if grouping in (Grouping.SOURCE, Grouping.RECEIVER):
            institution = self._book.institution(value)
            found = (institution.name, institution.name) if institution else None
        elif grouping is Grouping.ITEM:
            item = self._book.item(value)
            found = (item.name_zh, item.name_en) if item else None
        elif grouping is Grouping.SPECIALTY:
            found = _SPECIALTY_NAMES.get(value)
        elif grouping is Grouping.GROUND:
            found = self._grounds.get(value)
        chinese, english = found or ("", "")
        return chinese or english or value, english or chinese or value


def row_out(target: statistics_service_pb2.StatisticsEvent, row: StatisticsRow, audience: str, ids: Ids) -> None:
    """One row, its prompt's id sealed for the audience."""
    cell = row.fact.cell
    # The receiver knows the prompt by this id; what others are given opens nothing.
    target.prompt_id = ids.seal(
        PROMPT_ID if row.receiver == audience else _COUNTED_PROMPT, audience, (row.fact.prompt_id,)
    )
    target.day, target.receiver = row.day, row.receiver
    target.item, target.source, target.ground = cell.item, cell.source, cell.ground
    if row.shows_department:
        target.department = cell.department
    if row.fact.price_fen is not None:
        target.price_fen = row.fact.price_fen


def feed_out(target: statistics_service_pb2.FeedFreshness, known: FeedFreshness) -> None:
    """How fresh one institution's feed is."""
    name_institution(target.institution, known.institution)
    stamp(target.last_received_at, known.last_received)
    target.habit_seconds = known.habit // 1000
    target.behind, target.reports, target.held = known.behind, known.reports, known.held
