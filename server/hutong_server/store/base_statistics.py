"""What use cases ask of a store about statistics. Part of Reader and Writer of store/base.py."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from hutong_server.domain.report import Instant
from hutong_server.domain.statistics import Cell, Counts, DayRows

DIMENSIONS: Final = ("receiver", "source", "department", "item")
"""What roll-ups may tell apart; specialty and ground they always do."""

FINEST: Final = 0
CUBOIDS: Final[tuple[frozenset[str], ...]] = (
    frozenset(DIMENSIONS),
    frozenset(),
    frozenset({"receiver"}),
    frozenset({"source"}),
    frozenset({"item"}),
    frozenset({"receiver", "department"}),
    frozenset({"receiver", "source"}),
    frozenset({"receiver", "item"}),
    frozenset({"source", "item"}),
)
"""Roll-ups by their number: what each tells apart."""
MONTHLY: Final = frozenset({6, 7, 8})
"""Roll-ups of months alone: by day they would be as large as the finest, which has days alone. The others have both."""

COLUMNS: Final = ("period", "receiver", "source", "department", "specialty", "item", "ground")
"""What counts stand under, in the order of their index."""

RAW: Final = ("prompt", "decision", "prompt_event", "reliance")
"""What is counted."""


@dataclass(frozen=True, slots=True)
class CountQuery:
    """A question to the roll-ups."""

    cuboid: int
    periods: tuple[str, ...]
    """Days (YYYY-MM-DD) and months (YYYY-MM) of that roll-up."""
    days: tuple[str, ...]
    """Days of the finest."""
    equal: Mapping[str, str]
    """Column → value: receiver, source, department, item, specialty, ground."""
    by: tuple[str, ...] = ()
    """Columns in the order of COLUMNS. What is not of one source, item, specialty or ground is left out of groups by
    them."""
    after: tuple[str, ...] = ()
    """The group after which to go on; empty: from the first."""
    limit: int = 1
    only: str = ""
    """Only groups in which this count is not 0."""
    between: tuple[str, str] | None = None
    """First and last value of the first column of `by`, both inclusive."""


class Touched(NamedTuple):
    """For whom and when something that was recorded counts."""

    days: frozenset[tuple[str, Instant]]
    """(institution, an instant of the day)."""
    last: Instant
    """When the last of it was recorded; `since` when there is nothing."""
    full: bool
    """More may have been recorded after it."""


class Change(NamedTuple):
    """What to add to the finest counts, and so to all others."""

    day: str
    receiver: str
    cell: Cell
    counts: Counts


class Run(NamedTuple):
    """How far counting has come."""

    holder: bytes
    held_until: Instant
    counted_until: Instant
    """Everything recorded before is counted; 0: nothing was counted yet."""
    time_zone: str
    forgotten: str = ""
    """The first month (YYYY-MM) whose raw rows are all there, so the first that may be counted anew; "": all are."""


class StatisticsReader(Protocol):
    """The part of Reader."""

    def counts(self, query: CountQuery) -> list[tuple[tuple[str, ...], Counts]]:
        """Groups in the order of their values; none that has nothing to count."""

    def counted_cells(self, day: str, receiver: str) -> dict[Cell, Counts]:
        """The finest counts of an institution's day."""

    def raw_day(
        self, receiver: str, begin: Instant, end: Instant, breathe: Callable[[], None] = lambda: None
    ) -> DayRows:
        """Everything that counts for an institution from `begin` until before `end`. Raises SealBroken.

        `breathe` is called between prompts, so that a long day may let others work.
        """

    def part_of_day(self, receiver: str, begin: Instant, end: Instant, prompts: int) -> Instant:
        """An instant up to which, from `begin`, there are so many of its prompts, or more of one millisecond;
        `end` when there are fewer."""

    def days_touched(self, raw: str, since: Instant, limit: int) -> Touched:
        """What was recorded in one of RAW at or after `since`, in that order."""

    def counting_positions(self) -> dict[str, Instant]:
        """One of RAW → everything recorded before is counted."""

    def counting_run(self) -> Run | None: ...
    def anything_counted(self) -> bool: ...


class StatisticsWriter(StatisticsReader, Protocol):
    """The part of Writer."""

    def add_counts(self, changes: Sequence[Change]) -> None:
        """Adds to the finest counts and to every roll-up of them."""

    def put_counting_position(self, raw: str, recorded: Instant) -> None: ...
    def put_counting_run(self, run: Run) -> None: ...
    def forget_counts(self) -> bool:
        """Removes one period of one roll-up, and every position, but nothing of the months whose raw rows are not all
        there. Whether anything is left to remove."""
