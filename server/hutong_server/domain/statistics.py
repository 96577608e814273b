"""What is counted of prompts: from the raw rows of one institution's day to facts, from facts to cells, from cells to
rates. docs/statistics.md defines each number; this is the only place that counts.

A line is one item of one prompt. It is counted once, however often something happened to it.
"""

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

UNKNOWN = "unknown"
"""Specialty of an item that the catalogue does not have."""


class Measure(StrEnum):
    """What a number counts. Named as the fields of Counts."""

    PROMPTS = "prompts"
    REMINDERS = "reminders"
    RETURNED = "returned"
    SHOWN = "shown"
    OPENED = "opened"
    DISMISSED = "dismissed"
    CITED = "cited"
    REORDERED = "reordered"
    RECOGNIZED = "recognized"
    REPEATED = "repeated"
    REFUSED = "refused"
    REVOKED = "revoked"
    UNPRICED = "unpriced"


class Counts(NamedTuple):
    """The counts of a group; see hutong.v1.StatisticsCounts."""

    prompts: int = 0
    reminders: int = 0
    returned: int = 0
    shown: int = 0
    opened: int = 0
    dismissed: int = 0
    cited: int = 0
    reordered: int = 0
    recognized: int = 0
    repeated: int = 0
    refused: int = 0
    revoked: int = 0
    savings_fen: int = 0
    unpriced: int = 0


class Cell(NamedTuple):
    """What is told apart within one institution's day. Empty: not of one (a prompt as a whole; no ground)."""

    department: str
    source: str = ""
    specialty: str = ""
    item: str = ""
    ground: str = ""


class Line(NamedTuple):
    """A line as it was answered."""

    item: str
    report_id: bytes
    ordinal: int
    source: str
    version: int


class CountedPrompt(NamedTuple):
    """A prompt of the day."""

    prompt_id: bytes
    patient_key: bytes
    department: str
    lines: tuple[Line, ...]
    """Everything that it offered, each item once."""
    offered: tuple[tuple[str, bytes], ...]
    """(item, report id) of every result that it offered for an item, one after the other."""


class ScreenEvent(NamedTuple):
    """What happened to a prompt of the day, whenever it did. Item "": the prompt as a whole."""

    prompt_id: bytes
    item: str
    kind: str


class OpenedReport(NamedTuple):
    """A report that was opened out of a prompt of the day."""

    prompt_id: bytes
    report_id: bytes


class CountedDecision(NamedTuple):
    """A decision, or a revocation."""

    prompt_id: bytes
    patient_key: bytes
    kind: str
    """recognized, repeated, revoked."""
    paired: bool
    """Of a decision: it was taken back. Of a revocation: there is something that it takes back."""
    department: str
    ground: str
    price_fen: int | None
    line: Line


@dataclass(frozen=True, slots=True)
class DayRows:
    """All raw rows of one institution's day."""

    prompts: tuple[CountedPrompt, ...] = ()
    """First answered on the day; each id once."""
    events: tuple[ScreenEvent, ...] = ()
    opened: tuple[OpenedReport, ...] = ()
    decisions: tuple[CountedDecision, ...] = ()
    """Decisions and revocations that were made on the day, whenever their prompt was answered."""


class Fact(NamedTuple):
    """One count of one number."""

    measure: Measure
    prompt_id: bytes
    patient_key: bytes
    cell: Cell
    line: Line | None = None
    price_fen: int | None = None


_ON_SCREEN = {
    "shown": Measure.SHOWN,
    "opened": Measure.OPENED,
    "dismissed": Measure.DISMISSED,
    "cited": Measure.CITED,
    "reordered": Measure.REORDERED,
}


def facts(rows: DayRows, specialty_of: Callable[[str], str], refuses: Callable[[str], bool]) -> Iterator[Fact]:
    """Everything that counts for the day. `refuses` says whether a ground counts as refusal."""
    events: dict[bytes, list[ScreenEvent]] = {}
    for event in rows.events:
        events.setdefault(event.prompt_id, []).append(event)
    opened: dict[bytes, set[bytes]] = {}
    for each in rows.opened:
        opened.setdefault(each.prompt_id, set()).add(each.report_id)
    for prompt in rows.prompts:
        key = prompt.prompt_id
        yield from _of_prompt(prompt, events.get(key, ()), opened.get(key, frozenset()), specialty_of)
    for decision in rows.decisions:
        yield from _of_decision(decision, specialty_of, refuses)


def _of_prompt(
    prompt: CountedPrompt,
    events: Iterable[ScreenEvent],
    opened: AbstractSet[bytes],
    specialty_of: Callable[[str], str],
) -> Iterator[Fact]:
    prompt_id, patient_key = prompt.prompt_id, prompt.patient_key
    whole = Cell(prompt.department)
    yield Fact(Measure.PROMPTS, prompt_id, patient_key, whole)
    if not prompt.lines:
        return
    yield Fact(Measure.REMINDERS, prompt_id, patient_key, whole)
    # "" stands for every line.
    happened: dict[Measure, set[str]] = {measure: set() for measure in _ON_SCREEN.values()}
    for event in events:
        happened[_ON_SCREEN[event.kind]].add(event.item)
    if opened:
        happened[Measure.OPENED] |= {item for item, report_id in prompt.offered if report_id in opened}
    for line in prompt.lines:
        cell = Cell(prompt.department, line.source, specialty_of(line.item), line.item)
        yield Fact(Measure.RETURNED, prompt_id, patient_key, cell, line)
        for measure, items in happened.items():
            if line.item in items or "" in items:
                yield Fact(measure, prompt_id, patient_key, cell, line)


def _of_decision(
    decision: CountedDecision, specialty_of: Callable[[str], str], refuses: Callable[[str], bool]
) -> Iterator[Fact]:
    line = decision.line
    cell = Cell(decision.department, line.source, specialty_of(line.item), line.item)
    of = decision.prompt_id, decision.patient_key
    if decision.kind == "revoked":
        if decision.paired:
            yield Fact(Measure.REVOKED, *of, cell, line)
    elif decision.paired:
        return
    elif decision.kind == "recognized":
        yield Fact(Measure.RECOGNIZED, *of, cell, line, decision.price_fen)
        if decision.price_fen is None:
            yield Fact(Measure.UNPRICED, *of, cell, line)
    else:
        cell = cell._replace(ground=decision.ground)
        yield Fact(Measure.REPEATED, *of, cell, line)
        if refuses(decision.ground):
            yield Fact(Measure.REFUSED, *of, cell, line)


_PLACE = {measure: Counts._fields.index(measure.value) for measure in Measure}
_SAVINGS = Counts._fields.index("savings_fen")


def cells(found: Iterable[Fact]) -> dict[Cell, Counts]:
    """The facts, counted."""
    counted: dict[Cell, list[int]] = {}
    for fact in found:
        counts = counted.setdefault(fact.cell, [0] * len(Counts._fields))
        counts[_PLACE[fact.measure]] += 1
        if fact.price_fen is not None:
            counts[_SAVINGS] += fact.price_fen
    return {cell: Counts(*counts) for cell, counts in counted.items()}


class Rate(NamedTuple):
    """A rate and what it is of."""

    name: str
    numerator: int
    denominator: int
    of: str


def rates(counts: Counts) -> tuple[Rate, ...]:
    """The rates of a group. Nothing is divided here: a denominator of 0 has no rate."""
    decided = counts.recognized + counts.repeated
    return (
        Rate("reminders_of_prompts", counts.reminders, counts.prompts, "prompts"),
        Rate("shown_of_returned", counts.shown, counts.returned, "eligible results"),
        Rate("opened_of_returned", counts.opened, counts.returned, "eligible results"),
        Rate("recognized_of_reminders", counts.recognized, counts.reminders, "reminders"),
        Rate("recognized_of_opened", counts.recognized, counts.opened, "retrievals"),
        Rate("recognized_of_returned", counts.recognized, counts.returned, "eligible results"),
        Rate("recognized_of_decided", counts.recognized, decided, "decisions"),
        Rate("refused_of_decided", counts.refused, decided, "decisions"),
    )
