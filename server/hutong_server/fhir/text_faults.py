"""Strings that are JSON and yet no text: lone surrogates, and the control characters that FHIR forbids.

FHIR strings hold no character below U+0020 but tab, line feed and carriage return. A lone surrogate cannot be encoded.
"""

import re
from typing import Any, Final, NamedTuple

from hutong_server.domain.errors import Reason
from hutong_server.fhir.json_trace import join

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_MOST_FAULTS: Final = 50


TWICE: Final = ("stands twice in one object", "a key stands twice in one object")
"""Messages of a key that stands twice, and of one whose place was not looked for."""


class TextFault(NamedTuple):
    """A string or key that cannot be used."""

    path: str
    """From the resource on."""
    reason: Reason
    message: str


def text_faults(node: Any, path: str = "") -> tuple[TextFault, ...]:
    """Every string at fault, with its path. Bad keys are told at their object."""
    found: list[TextFault] = []
    todo: list[tuple[Any, str]] = [(node, path)]
    while todo and len(found) < _MOST_FAULTS:
        item, here = todo.pop()
        if item.__class__ is str:
            if fault := _fault(item, here):
                found.append(fault)
        elif item.__class__ is dict:
            for key, value in item.items():
                if fault := _fault(key, here):
                    found.append(fault)
                else:
                    todo.append((value, join(here, key)))
        elif item.__class__ is list:
            todo.extend((value, f"{here}[{i}]") for i, value in enumerate(item))
    if todo:
        found.append(TextFault("", Reason.FHIR_INVALID, "holds many strings that are no text"))
    return tuple(sorted(found))


def _fault(text: str, path: str) -> TextFault | None:
    if _SURROGATE.search(text):
        return TextFault(path, Reason.NOT_JSON, "holds a lone surrogate")
    if _CONTROL.search(text):
        return TextFault(path, Reason.FHIR_INVALID, "holds a control character")
    return None


def cleaned(node: Any) -> Any:
    """A copy without the strings and members at fault."""
    if node.__class__ is dict:
        return {k: cleaned(v) for k, v in node.items() if not _bad(k) and not _bad(v)}
    if node.__class__ is list:
        return [cleaned(item) for item in node if not _bad(item)]
    return node


def _bad(item: Any) -> bool:
    return item.__class__ is str and (_SURROGATE.search(item) is not None or _CONTROL.search(item) is not None)
