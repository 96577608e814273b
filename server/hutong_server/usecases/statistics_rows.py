"""The rows behind a number: prompts and their lines, without identity.

Found in the raw rows of the days in which the roll-ups have counted something. What a row tells of a result is asked
of the gate as it stands now, so that fewer rows may come than were counted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from hutong_server.domain.caller import Caller
from hutong_server.domain.report import Instant
from hutong_server.domain.rulebook import RuleBook
from hutong_server.domain.statistics import Fact, Line, Measure, facts
from hutong_server.store.base import AccessRecord, Reader, Writer
from hutong_server.usecases.asking import Context, access
from hutong_server.usecases.gate import Kept, pass_notice
from hutong_server.usecases.statistics import seen_by, sees_everything
from hutong_server.usecases.statistics_counting import bounds, refusal_of, specialties
from hutong_server.usecases.statistics_plan import Grouping, StatisticsFilter, page, planned

DAYS_READ = 20
"""Days of institutions that one page may read, so that no question takes long; then the page is short."""
LINES_ASKED = 2000
"""Lines of which one page may ask the gate."""

Position = tuple[str, str, bytes, str]
"""(day, receiver, prompt, item) of a row."""

_BY = (Grouping.DAY, Grouping.RECEIVER)


@dataclass(frozen=True, slots=True)
class ListRows:
    """The question."""

    filter: StatisticsFilter
    measure: Measure
    caller: Caller
    context: Context
    """Of an administrator or supervisor: the purpose alone."""
    page_size: int
    after: Position | None = None
    """Where the page begins."""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class StatisticsRow:
    """A prompt, or one of its lines."""

    day: str
    receiver: str
    fact: Fact
    shows_department: bool


@dataclass(frozen=True, slots=True)
class RowPage:
    """A page."""

    rows: tuple[StatisticsRow, ...]
    after: Position | None
    """Where the next page begins; None at the end."""
    record: AccessRecord

    def keep(self, writer: Writer) -> None:
        """The write job: the access record."""
        writer.record(self.record)


def list_rows(ask: ListRows, reader: Reader, book: RuleBook, now: Instant) -> RowPage:
    """A page of rows, by day, receiver, prompt and item. Raises HutongError as get_statistics does."""
    wanted = seen_by(ask.caller, ask.filter, ())
    gate = _Gate(reader, book, now)
    rows: list[StatisticsRow] = []
    more = False
    last = ask.after
    for last, fact, lines in _places(ask, wanted, reader, book):
        if more := len(rows) >= ask.page_size or gate.asked >= LINES_ASKED or fact is None:
            break
        if not lines or any(gate.passes(fact.patient_key, line) for line in lines):
            day, receiver = last[:2]
            rows.append(StatisticsRow(day, receiver, fact, _shows_department(ask.caller, receiver)))
    return RowPage(tuple(rows), last if more else None, _record(ask, rows, gate, now))


def _places(
    ask: ListRows, wanted: StatisticsFilter, reader: Reader, book: RuleBook
) -> Iterator[tuple[Position, Fact | None, tuple[Line, ...]]]:
    """Each fact with its place and the lines that it tells of; at last no fact, when more days follow."""
    for read, (day, receiver) in enumerate(_days(ask, wanted, reader)):
        if read >= DAYS_READ:
            yield (day, receiver, b"", ""), None, ()
            return
        for fact, lines in _of_day(ask.measure, wanted, day, receiver, reader, book):
            place = (day, receiver, fact.prompt_id, fact.cell.item)
            if ask.after is None or place >= ask.after:
                yield place, fact, lines


def _days(ask: ListRows, wanted: StatisticsFilter, reader: Reader) -> Iterator[tuple[str, str]]:
    """The days of institutions in which there is something, from where the page before ended."""
    query = planned(wanted, _BY)
    query = replace(query, only=ask.measure.value, limit=DAYS_READ + 1)
    if ask.after is not None:
        # The page before ended within this day.
        day, receiver = ask.after[:2]
        yield day, receiver
        query = replace(query, after=(day, receiver))
    for (day, receiver), _ in page(query, wanted, reader):
        yield day, receiver


def _of_day(
    measure: Measure, wanted: StatisticsFilter, day: str, receiver: str, reader: Reader, book: RuleBook
) -> list[tuple[Fact, tuple[Line, ...]]]:
    """Facts with the lines that they tell of, in the order of rows."""
    begin, end = bounds(day, book)
    raw = reader.raw_day(receiver, begin, end)
    equal = {name: value for name, value in wanted.equal.items() if name != "receiver"}
    found = [
        fact
        for fact in facts(raw, specialties(book), refusal_of(book))
        if fact.measure is measure and all(getattr(fact.cell, name) == value for name, value in equal.items())
    ]
    # That there was a reminder tells that there was a result.
    offered = {prompt.prompt_id: prompt.lines for prompt in raw.prompts} if measure is Measure.REMINDERS else {}
    found.sort(key=lambda fact: (fact.prompt_id, fact.cell.item))
    return [(fact, (fact.line,) if fact.line else offered.get(fact.prompt_id, ())) for fact in found]


class _Gate:
    """Asks the gate, and remembers what it kept back."""

    def __init__(self, reader: Reader, book: RuleBook, now: Instant) -> None:
        self._reader, self._book, self._now = reader, book, now
        self.withheld: list[Kept] = []
        self.asked = 0

    def passes(self, patient_key: bytes, line: Line) -> bool:
        """Whether the result exists, by the word of the patient whose chart it was and of whose it is now."""
        self.asked += 1
        identity = self._reader.identity_of(line.report_id)
        for key in dict.fromkeys((patient_key, identity.patient_key if identity else patient_key)):
            told = pass_notice((key, line.report_id), line.ordinal, self._reader, self._book, self._now)
            self.withheld += told.withheld
            if not told.exists:
                return False
        return True


def _shows_department(caller: Caller, receiver: str) -> bool:
    return receiver == caller.institution or sees_everything(caller)


def _record(ask: ListRows, rows: list[StatisticsRow], gate: _Gate, now: Instant) -> AccessRecord:
    keys: Mapping[bytes, None] = dict.fromkeys(row.fact.patient_key for row in rows if row.fact.patient_key)
    return access(
        "ListStatisticsRows",
        ask.caller,
        ask.context,
        ask.request_id,
        "found" if rows else "none",
        now,
        keys=tuple(keys),
        reports=[row.fact.line.report_id for row in rows if row.fact.line is not None],
        consent_basis="statistics",
        withheld=tuple(gate.withheld),
    )
