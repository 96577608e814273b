"""The one readable table of the benchmark's figures."""

import re
from collections.abc import Mapping
from typing import Any

from tests.bench.figures import BY_KEY

_HEAD = ("Figure", "What", "Value", "Asked", "Reached", "Measured")


def markdown(entries: Mapping[str, Mapping[str, Any]]) -> str:
    """A table of all figures that are there."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (_HEAD, ("---",) * len(_HEAD), *rows(entries)))


_PLACE = re.compile(r"(<!-- figures -->\n).*?(<!-- end -->)", re.DOTALL)


def put(document: str, entries: Mapping[str, Mapping[str, Any]]) -> str:
    """The document with the table between its markers, and the commands that measure each figure below it.

    Raises ValueError when it has no markers.
    """
    how = sorted({str(entry["command"]) for entry in entries.values()})
    text = "\n".join((markdown(entries), "", "```sh", *(f".venv/bin/{each}" for each in how), "```"))
    found, times = _PLACE.subn(lambda place: f"{place[1]}{text}\n{place[2]}", document)
    if not times:
        raise ValueError("the document has no place for the figures")
    return found


def plain(entries: Mapping[str, Mapping[str, Any]]) -> str:
    """The same for a terminal."""
    found = [_HEAD, *rows(entries)]
    widths = [max(len(row[column]) for row in found) for column in range(len(_HEAD))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in found)


def rows(entries: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """One for each figure, as text."""
    return [
        (f"{key}", BY_KEY[key].what, f"{entry['value']:g}", BY_KEY[key].wanted(), _reached(entry), _moment(entry))
        for key, entry in entries.items()
    ]


def _reached(entry: Mapping[str, Any]) -> str:
    if "invalid" in entry:
        return f"does not count: {entry['invalid']}"
    if "reached" not in entry:
        return ""
    if entry.get("aim_reached"):
        return "aim" if entry["aim"] != entry["floor"] else "yes"
    return "yes" if entry["reached"] else "no"


def _moment(entry: Mapping[str, Any]) -> str:
    """When, of which commit, and what may have disturbed it."""
    disturbed = f", busy: others used {entry['others']:.0%}" if entry.get("busy") else ""
    return f"{entry.get('at', '')} {entry.get('commit', '')}{disturbed}"
