"""References within a document, in all forms that FHIR allows (bundle.html#references, references.html)."""

import re
from typing import Final
from urllib.parse import unquote

from hutong_server.domain.report import CodeKey
from hutong_server.fhir.document import Resource, Scope
from hutong_server.fhir.elements import children, indexed, text
from hutong_server.fhir.json_text import Node
from hutong_server.fhir.text_faults import TextFault

_LITERAL: Final = re.compile(r"(?:(?P<base>.*)/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9.\-]{1,64})")
_HISTORY: Final = "/_history/"


class _Index:
    def __init__(self, scope: Scope) -> None:
        self.by_url: dict[str, list[Resource]] = {}
        self.by_id: dict[tuple[str, str], list[Resource]] = {}
        for resource in scope.entries:
            if resource.full_url:
                self.by_url.setdefault(resource.full_url.partition(_HISTORY)[0], []).append(resource)
            if resource.id:
                self.by_id.setdefault((resource.type, resource.id), []).append(resource)


class Graph:
    """Finds what references of one document lead to."""

    def __init__(self, root: Scope) -> None:
        self.root = root
        self._indexes: dict[int, _Index] = {}
        self._contained: dict[int, list[Resource]] = {}
        self._contained_by_id: dict[int, dict[str, list[Resource]]] = {}
        self._bases: dict[str, str | None] = {}
        self._found: dict[tuple[str, int, str | None], list[Resource]] = {}
        """By reference, scope and server of the source: what results refer to, all of them refer to."""

    def find(self, reference: str, source: Resource) -> list[Resource]:
        """What a literal reference of `source` leads to: nothing, one resource, or several that differ.

        Versions of one resource (distinct numeric meta.versionId) count as the newest one.
        """
        if not reference:
            return []
        if reference[0] == "#":
            return self._within(reference[1:], source)
        base = self._base(source)
        key = (reference, id(source.scope), base)
        known = self._found.get(key)
        if known is None:
            known = self._found[key] = self._outside(reference, base, source.scope)
        return known

    def _outside(self, reference: str, base: str | None, scope: Scope | None) -> list[Resource]:
        while scope is not None:
            found = self._lookup(reference, base, scope)
            if found:
                return _newest(found)
            scope = scope.parent
        return []

    def _base(self, source: Resource) -> str | None:
        """Where the server of a resource says that its resources are; None where its fullUrl does not say."""
        url = (source.container or source).full_url
        if url not in self._bases:
            match = _LITERAL.fullmatch(url.partition(_HISTORY)[0])
            self._bases[url] = match["base"] or None if match else None
        return self._bases[url]

    def one(self, reference: Node, source: Resource) -> Resource | None:
        """What a Reference leads to, when that is one resource."""
        found = self.find(text(reference, "reference"), source)
        return found[0] if len(found) == 1 else None

    def contained(self, source: Resource) -> list[Resource]:
        """The contained resources of a resource, in order."""
        known = self._contained.get(id(source))
        if known is None:
            known = [_contained(node, index, source) for index, node in indexed(source.body, "contained")]
            self._contained[id(source)] = known
        return known

    def _within(self, fragment: str, source: Resource) -> list[Resource]:
        holder = source.container or source
        if not fragment:
            return [holder]
        by_id = self._contained_by_id.get(id(holder))
        if by_id is None:
            by_id = self._contained_by_id[id(holder)] = {}
            for resource in self.contained(holder):
                by_id.setdefault(resource.id, []).append(resource)
        return _distinct(by_id.get(fragment, []))

    def _lookup(self, reference: str, source_base: str | None, scope: Scope) -> list[Resource]:
        index = self._indexes.get(id(scope))
        if index is None:
            index = self._indexes[id(scope)] = _Index(scope)
        bare, _, version = reference.partition(_HISTORY)
        bare = bare.partition("#")[0]
        found = index.by_url.get(bare, [])
        if not found:
            match = _LITERAL.fullmatch(bare)
            if match:
                base, kind, ident = match["base"], match["type"], match["id"]
                if not base:
                    found = _relative(index, source_base, kind, ident)
                else:
                    # An absolute reference names one server; an entry with a fullUrl of its own is another's.
                    found = [r for r in index.by_id.get((kind, ident), []) if not r.full_url]
            elif "?" in bare:
                found = _conditional(bare, scope)
            elif bare.startswith("urn:uuid:"):
                ident = bare.removeprefix("urn:uuid:")
                found = [r for r in scope.entries if not r.full_url and r.id == ident]
        if version and len(found) > 1:
            found = [r for r in found if text(_meta(r), "versionId") == version] or found
        return found


def _relative(index: _Index, base: str | None, kind: str, ident: str) -> list[Resource]:
    if base:
        found = index.by_url.get(f"{base}/{kind}/{ident}")
        # An entry of another server is somebody else's, even under the same id.
        return found or [r for r in index.by_id.get((kind, ident), []) if _server(r) in ("", base)]
    return index.by_id.get((kind, ident), [])


def _contained(node: Node, index: int, holder: Resource) -> Resource:
    own = f"contained[{index}]"
    kind = node.get("resourceType")
    return Resource(
        path=f"{holder.path}.{own}",
        type=kind if isinstance(kind, str) else "",
        raw=node,
        body=node,
        text_faults=tuple(
            TextFault(f.path[len(own) :].lstrip("."), f.reason, f.message)
            for f in holder.text_faults
            if f.path == own or f.path.startswith(own + ".")
        ),
        scope=holder.scope,
        container=holder,
    )


def _server(resource: Resource) -> str:
    """The server that the resource's fullUrl names; "" for a urn or none."""
    match = _LITERAL.fullmatch(resource.full_url.partition(_HISTORY)[0])
    return (match["base"] or "") if match else ""


def _meta(resource: Resource) -> Node:
    meta = resource.body.get("meta")
    return meta if isinstance(meta, dict) else {}


def _newest(found: list[Resource]) -> list[Resource]:
    if len(found) < 2:
        return found
    found = _distinct(found)
    versions = [text(_meta(r), "versionId") for r in found]
    # Of two servers, the same id names two resources, not two versions of one.
    one = len({_server(r) for r in found}) == 1
    if (
        one
        and len(found) > 1
        and len(set(versions)) == len(found)
        and all(v.isascii() and v.isdigit() for v in versions)
    ):
        return [max(found, key=lambda r: int(text(_meta(r), "versionId")[:18]))]
    return found


def _distinct(found: list[Resource]) -> list[Resource]:
    kept: list[Resource] = []
    for resource in found:
        if not any(resource is k or resource.raw == k.raw for k in kept):
            kept.append(resource)
    return kept


def _conditional(reference: str, scope: Scope) -> list[Resource]:
    kind = reference.partition("?")[0].rpartition("/")[2]
    wanted = logical_identifiers({"reference": reference})
    if not wanted:
        return []
    return [r for r in scope.entries if r.type == kind and set(wanted) & set(identifiers(r.body))]


def identifiers(node: Node) -> list[CodeKey]:
    """(system, value) of the identifiers of a resource."""
    return [(text(i, "system"), text(i, "value")) for i in children(node, "identifier") if text(i, "value")]


def logical_identifiers(reference: Node) -> list[CodeKey]:
    """Identifiers by which a Reference names its target: Reference.identifier, or a search by identifier."""
    found = identifiers(reference)
    literal = text(reference, "reference")
    if "?identifier=" in literal:
        system, bar, value = unquote(literal.partition("?identifier=")[2].partition("&")[0]).partition("|")
        found.append((system, value) if bar else ("", system))
    return [key for key in found if key[1]]


def target_type(reference: Node) -> str:
    """The resource type that a Reference says it leads to; "" when it does not say."""
    literal = text(reference, "reference")
    match = _LITERAL.fullmatch(literal.partition(_HISTORY)[0].partition("#")[0])
    if match:
        return match["type"]
    if "?" in literal:
        return literal.partition("?")[0].rpartition("/")[2]
    return text(reference, "type").rpartition("/")[2]
