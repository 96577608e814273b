"""Where in a text a fault stands: a slow pass, taken only after the fast one found something wrong.

Paths are FHIRPath-like ("Bundle.entry[3].resource.status"). A key that is not a FHIR element name is left out of a
path, because whoever wrote it may have written a patient into it.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final

from hutong_server.fhir.shape import is_element_name

_TOKEN: Final = re.compile(
    r"[ \t\n\r]*(?:"
    r"(?P<sign>[\[\]{},:])"
    r'|(?P<string>"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+")'
    r"|(?P<other>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?(?![0-9.eE+-])|true|false|null)"
    r"|(?P<end>\Z))"
)
_LONGEST_PATH: Final = 24
# A slow pass over megabytes of garbage is an attack: it ends here, with the path of what is at the top.
_MOST_TOKENS: Final = 250_000
_MOST_DUPLICATES: Final = 20
_ROOTS: Final = ("Bundle", "DiagnosticReport")


@dataclass(slots=True)
class _Frame:
    is_object: bool
    key: str = ""
    index: int = 0
    keys: set[str] = field(default_factory=set)
    expects: str = "first"


@dataclass(frozen=True, slots=True)
class Trace:
    """What a slow pass found."""

    fault: str | None
    """Path of the innermost element at which the text stops being JSON; None when it is JSON."""
    duplicates: tuple[str, ...]
    """Paths of keys that stand more than once in their object."""
    complete: bool = True
    """False when the pass ended early: there may be more."""


def join(path: str, key: str) -> str:
    """The path of a member, or the object's own when the key is not an element name."""
    if not is_element_name(key):
        return path
    return f"{path}.{key}" if path else key


def syntax_fault(text: str) -> str | None:
    """Path of the innermost element at which the text stops being JSON."""
    return trace(text, 0, len(text)).fault


def trace(text: str, start: int, end: int, root: str = "") -> Trace:
    """Reads text[start:end] token by token. Paths begin with `root`, else with the resource type as far as known."""
    stack: list[_Frame] = []
    duplicates: list[str] = []
    named = root
    done = False
    at = start
    text = text[:end] if end < len(text) else text

    def path() -> str:
        found = named or "document"
        for frame in stack[:_LONGEST_PATH]:
            found = join(found, frame.key) if frame.is_object else f"{found}[{frame.index}]"
        return found

    for _ in range(_MOST_TOKENS):
        if len(duplicates) >= _MOST_DUPLICATES:
            break
        match = _TOKEN.match(text, at)
        if match is None:
            return Trace(path(), tuple(duplicates))
        at = match.end()
        kind = match.lastgroup
        lexeme = match[kind] if kind else ""
        top = stack[-1] if stack else None
        if kind == "end":
            return Trace(None if done else path(), tuple(duplicates))
        if done:
            return Trace(named or "document", tuple(duplicates))
        if top is not None and _structural(top, kind, lexeme, duplicates, path):
            if top.expects == "closed":
                stack.pop()
                done = not stack
            continue
        if top is not None and not _takes_value(top):
            return Trace(path(), tuple(duplicates))
        if kind == "sign":
            if lexeme not in "{[":
                return Trace(path(), tuple(duplicates))
            if top is not None:
                top.expects = "comma"
            stack.append(_Frame(lexeme == "{"))
            continue
        if top is None:
            done = True
        else:
            top.expects = "comma"
            if not named and len(stack) == 1 and top.key == "resourceType" and lexeme[1:-1] in _ROOTS:
                named = lexeme[1:-1]
    return Trace(named or "document", tuple(duplicates), complete=False)


def _takes_value(frame: _Frame) -> bool:
    return frame.expects == "value" if frame.is_object else frame.expects in ("first", "value")


def _structural(frame: _Frame, kind: str | None, lexeme: str, duplicates: list[str], path: Any) -> bool:
    """Takes a token that is no value: a key, a colon, a comma, a closing bracket."""
    if kind == "sign" and lexeme == ("}" if frame.is_object else "]") and frame.expects in ("first", "comma"):
        frame.expects = "closed"
        return True
    if kind == "sign" and lexeme == "," and frame.expects == "comma":
        frame.index += 1
        frame.expects = "key" if frame.is_object else "value"
        return True
    if not frame.is_object:
        return False
    if kind == "string" and frame.expects in ("first", "key"):
        frame.key = _unescaped(lexeme)
        if frame.key in frame.keys:
            duplicates.append(path())
        frame.keys.add(frame.key)
        frame.expects = "colon"
        return True
    if kind == "sign" and lexeme == ":" and frame.expects == "colon":
        frame.expects = "value"
        return True
    return False


def _unescaped(lexeme: str) -> str:
    text = lexeme[1:-1]
    if "\\" not in text:
        return text
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), text)
