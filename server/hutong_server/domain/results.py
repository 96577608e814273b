"""The results of a stored report, laid out for judging.

A chart has some hundred results, and most of them are alike: the same test, by the same laboratory, on the same
material. What they have in common is a Shape, of which there is one object, however many results are of it; what is
found of a shape is found once. The results of a report mostly share their time, too.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, overload

from hutong_server.domain.memory import Memory
from hutong_server.domain.report import CodeKey, Instant, ResultFacts

# Twice as fast as ResultFacts._make.
_FACTS: Callable[[Any], ResultFacts] = partial(tuple.__new__, ResultFacts)


class Shape:
    """A result apart from its number and its times. Compared by identity: made by shape_of() alone."""

    __slots__ = ("after", "before", "called", "facts")

    def __init__(self, facts: ResultFacts, called: tuple[CodeKey, ...]) -> None:
        self.facts = facts
        """With number 0 and without times."""
        self.before, self.after = facts[1:3], facts[6:-1]
        """What stands before and after the times."""
        self.called = called
        """What its components are called, and by what other words it is; see StoredReport.parts."""


class When(NamedTuple):
    """The times of a result: see ResultFacts."""

    time: Instant | None
    time_source: int
    issued: Instant | None
    latest: Instant | None = None


_SHAPES: Memory[tuple[object, ...], Shape] = Memory(20_000)


def shape_of(facts: ResultFacts, called: tuple[CodeKey, ...] = ()) -> Shape:
    """The one shape of these facts, or, when shapes were forgotten since, another like it."""
    key = (facts[1:3], facts[6:-1], called)
    known = _SHAPES.get(key)
    if known is None:
        alike = _FACTS((0, *facts[1:3], None, 0, None, *facts[6:-1], None))
        known = _SHAPES.keep(key, Shape(alike, called))
    return known


class Results(Sequence[ResultFacts]):
    """Reads as a tuple of facts, which are put together when asked for."""

    __slots__ = ("ordinals", "shapes", "times")

    def __init__(self, shapes: tuple[Shape, ...], times: tuple[When, ...], ordinals: Sequence[int]) -> None:
        self.shapes = shapes
        self.times = times
        """One for all, or one for each."""
        self.ordinals = ordinals
        """Their numbers within the report."""

    @classmethod
    def of(cls, facts: Sequence[ResultFacts], called: Sequence[tuple[CodeKey, ...]] = ()) -> "Results":
        """Lays out facts; `called` by result, as far as known."""
        if isinstance(facts, Results):
            return facts
        known = (*called, *[()] * (len(facts) - len(called)))
        times = [When(*each[3:6], each.latest) for each in facts]
        return cls(
            tuple(map(shape_of, facts, known)),
            tuple(times[:1] if len(set(times)) == 1 else times),
            tuple(each.ordinal for each in facts),
        )

    def without(self, ordinals: frozenset[int]) -> "Results":
        """The others."""
        left = [index for index, ordinal in enumerate(self.ordinals) if ordinal not in ordinals]
        return Results(
            tuple(self.shapes[index] for index in left),
            self.times if len(self.times) == 1 else tuple(self.times[index] for index in left),
            tuple(self.ordinals[index] for index in left),
        )

    def when(self, index: int) -> When:
        """The times of one result."""
        return self.times[0 if len(self.times) == 1 else index]

    def fact(self, index: int) -> ResultFacts:
        """One result."""
        shape = self.shapes[index]
        time, source, issued, latest = self.when(index)
        return _FACTS((self.ordinals[index], *shape.before, time, source, issued, *shape.after, latest))

    def __len__(self) -> int:
        return len(self.shapes)

    @overload
    def __getitem__(self, index: int) -> ResultFacts: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[ResultFacts, ...]: ...
    def __getitem__(self, index: int | slice) -> ResultFacts | tuple[ResultFacts, ...]:
        if isinstance(index, slice):
            return tuple(self)[index]
        return self.fact(range(len(self.shapes))[index])

    def __iter__(self) -> Iterator[ResultFacts]:
        return map(self.fact, range(len(self.shapes)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, tuple | Results) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # a look at a row, not a key
