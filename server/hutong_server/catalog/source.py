"""What a catalogue file says and where: texts, lists and records with their places, whatever the format."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.report import Issue, Severity


class Place(NamedTuple):
    """Where something stands; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar, as written, without outer spaces."""

    value: str
    place: Place


@dataclass(frozen=True, slots=True)
class Many:
    """A list."""

    values: "tuple[Value, ...]"
    place: Place


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping: by name, where the name stands and what it holds."""

    fields: "dict[str, tuple[Place, Value]]"
    place: Place


Value: TypeAlias = Text | Many | Record


@dataclass(slots=True)
class Faults:
    """All errors of an import."""

    found: list[tuple[Place, str]] = field(default_factory=list)
    files: Sequence[str] = ()
    """In the order in which their faults are told."""

    def add(self, place: Place, message: str) -> None:
        """Notes an error."""
        self.found.append((place, message))

    def raise_any(self) -> None:
        """Raises HutongError (CATALOG_INVALID) with every error noted, if there is one: file by file, top to bottom."""
        if not self.found:
            return
        names = dict.fromkeys((*self.files, *(place.file for place, _ in self.found)))
        number = {name: count for count, name in enumerate(names)}
        # A column that is wrong is wrong in every row of its file.
        ordered = sorted(
            dict.fromkeys(self.found), key=lambda each: (number[each[0].file], each[0].line, each[0].column)
        )
        count = len(ordered)
        raise HutongError(
            Reason.CATALOG_INVALID,
            f"the catalogue files hold {count} error{'s' if count > 1 else ''}; nothing was imported",
            tuple(
                Issue(Severity.ERROR, Reason.CATALOG_INVALID.value, str(place), message) for place, message in ordered
            ),
        )
