"""The resources of a document, each with the characters that it was written in."""

import re
from dataclasses import dataclass, field
from typing import Any, Final

from hutong_server.domain.errors import Reason
from hutong_server.fhir.json_text import JsonText, Node, document_fault
from hutong_server.fhir.json_trace import trace
from hutong_server.fhir.shape import CHECKED_TYPES
from hutong_server.fhir.text_faults import TWICE, TextFault, cleaned, text_faults

_MOST_NESTED: Final = 5
"""Bundles within Bundles (batch-response) are opened to this depth."""
_ESCAPE: Final = re.compile(r"\\(?:u00[01][0-9a-fA-F]|u[dD][89a-fA-F]|[bf])")


@dataclass(slots=True, eq=False)
class Scope:
    """A Bundle: within it references are resolved."""

    kind: str = ""
    """Bundle.type."""
    parent: "Scope | None" = None
    entries: list["Resource"] = field(default_factory=list)

    def close(self) -> None:
        """Lets go of the resources, those of Bundles within it too.

        They and their Bundle hold each other: all that was parsed would wait for a collection, document after document.
        """
        for resource in list(self.entries):
            scope: Scope | None = resource.scope
            # Where one is empty, those around it are.
            while scope is not None and scope.entries:
                scope.entries.clear()
                scope = scope.parent


@dataclass(slots=True, eq=False)
class Resource:
    """A resource as it stood in the document."""

    path: str
    type: str
    raw: Node
    """As parsed."""
    body: Node
    """The same without strings that hold lone surrogates or control characters."""
    text_faults: tuple[TextFault, ...]
    """Such strings, and keys that stand twice; paths from the resource on."""
    scope: Scope
    full_url: str = ""
    method: str = ""
    """Bundle.entry.request.method."""
    start: int = -1
    end: int = -1
    container: "Resource | None" = None
    """For a contained resource, the one that holds it."""

    @property
    def id(self) -> str:
        """The resource's own id, or ""."""
        value = self.body.get("id")
        return value if isinstance(value, str) else ""


@dataclass(slots=True)
class _Entry:
    raw: Any = None
    full_url: Any = ""
    method: str = ""
    start: int = -1
    end: int = -1
    duplicated: bool = False


def read(text: str) -> Scope:
    """The document's resources in their order. Raises HutongError for a document that holds nothing readable."""
    json = JsonText(text)
    try:
        scope = _top(json)
        json.end()
    except (ValueError, RecursionError) as error:
        raise json.refuse(error) from None
    return scope


def _top(json: JsonText) -> Scope:
    scope = Scope()
    if json.peek() != "{":
        json.value()
        json.end()
        raise document_fault(Reason.NOT_A_REPORT, "the document is not a FHIR resource")
    start = json.at
    whole, entries, repeated = _members(json)
    kind = whole.get("resourceType")
    if kind != "Bundle":
        if kind != "DiagnosticReport":
            json.end()
            raise document_fault(Reason.NOT_A_REPORT, "the document is neither a DiagnosticReport nor a Bundle")
        path = "DiagnosticReport"
        scope.entries.append(
            _resource(
                json, path, _Entry(whole, start=start, end=json.at, duplicated=repeated or json.duplicated), scope
            )
        )
        return scope
    if repeated:
        found = trace(text := json.text, 0, len(text), "Bundle").duplicates
        # A Bundle's own keys, and fullUrl and resource of an entry: which of the two is meant cannot be told.
        own = next((p for p in found if _OWN.fullmatch(p)), "Bundle")
        raise document_fault(Reason.NOT_JSON, "a key stands twice in one object", own)
    scope.kind = str(whole.get("type", ""))
    after = json.at
    _fill(json, scope, entries, "Bundle", 1)
    json.at = after
    return scope


_OWN: Final = re.compile(r"Bundle(?:\.\w+)?|Bundle\.entry\[[0-9]+\]\.(?:fullUrl|resource)")


def _members(json: JsonText) -> tuple[Node, list[tuple[int, _Entry]], bool]:
    """Members of the object at the position, its `entry` array taken apart; whether a key that matters stood twice."""
    whole: Node = {}
    entries: list[tuple[int, _Entry]] = []
    repeated = False
    json.duplicated = False
    for key in json.members():
        repeated |= key in whole
        if key == "entry" and json.peek() == "[":
            whole[key] = True
            for index in json.elements():
                if json.peek() != "{":
                    json.value()
                    continue
                entry, twice = _entry(json)
                repeated |= twice
                entries.append((index, entry))
        else:
            whole[key] = json.value()
    return whole, entries, repeated


def _entry(json: JsonText) -> tuple[_Entry, bool]:
    entry = _Entry()
    seen = set()
    twice = False
    before = json.duplicated
    for key in json.members():
        twice |= key in seen and key in ("resource", "fullUrl")
        seen.add(key)
        if key == "resource":
            json.duplicated = False
            entry.start = json.at
            entry.raw = json.resource(CHECKED_TYPES)
            entry.end = json.at
            entry.duplicated = json.duplicated
        elif key == "fullUrl":
            entry.full_url = json.value()
        elif key == "request":
            request = json.value()
            entry.method = str(request.get("method", "")) if isinstance(request, dict) else ""
        else:
            json.value()
    json.duplicated = before
    return entry, twice


def _fill(json: JsonText, scope: Scope, entries: list[tuple[int, _Entry]], path: str, depth: int) -> None:
    for index, entry in entries:
        if not isinstance(entry.raw, dict):
            continue
        here = f"{path}.entry[{index}].resource"
        if entry.raw.get("resourceType") == "Bundle" and depth < _MOST_NESTED:
            inner = Scope(parent=scope, kind=str(entry.raw.get("type", "")))
            json.at = entry.start
            _, nested, repeated = _members(json)
            if not repeated:
                _fill(json, inner, nested, here, depth + 1)
                scope.entries.extend(inner.entries)
            continue
        scope.entries.append(_resource(json, here, entry, scope))


def _resource(json: JsonText, path: str, entry: _Entry, scope: Scope) -> Resource:
    raw = entry.raw
    found: tuple[TextFault, ...] = ()
    if entry.duplicated:
        traced = trace(json.text, entry.start, entry.end, path)
        found = tuple(TextFault(p.removeprefix(path).lstrip("."), Reason.NOT_JSON, TWICE[0]) for p in traced.duplicates)
        if not found or not traced.complete:
            found += (TextFault("", Reason.NOT_JSON, TWICE[1]),)
    body = raw
    if _ESCAPE.search(json.text, entry.start, entry.end):
        strings = text_faults(raw)
        if strings:
            found += strings
            body = cleaned(raw)
    kind = raw.get("resourceType")
    full_url = entry.full_url
    return Resource(
        path=path,
        type=kind if isinstance(kind, str) else "",
        raw=raw,
        body=body,
        text_faults=found,
        scope=scope,
        full_url=full_url if isinstance(full_url, str) and full_url.isprintable() else "",
        method=entry.method,
        start=entry.start,
        end=entry.end,
    )
