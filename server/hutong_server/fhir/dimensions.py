"""What makes two results of one code comparable: specimen, collection, body site, laterality, method.

Laterality is taken from where FHIR puts it (series, BodyStructure, an extension of the body site whose name contains
"laterality"), and from the words of a body site when they name exactly one side.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from hutong_server.domain.errors import Reason
from hutong_server.domain.report import CodeKey
from hutong_server.fhir.checks import located
from hutong_server.fhir.context import Context
from hutong_server.fhir.document import Resource
from hutong_server.fhir.elements import (
    all_text,
    child,
    children,
    concept,
    extension_value,
    indexed,
    keys,
    once,
    reference_of,
    text,
)
from hutong_server.fhir.json_text import Node
from hutong_server.fhir.times import TimeFault
from hutong_server.fhir.values import duration

_SIDES: Final = (
    ("left", re.compile(r"\bleft\b|左", re.IGNORECASE)),
    ("right", re.compile(r"\bright\b|右", re.IGNORECASE)),
    ("bilateral", re.compile(r"\bbilateral\b|\bboth\b|双侧|雙側|两侧|兩側|双|雙", re.IGNORECASE)),
)
_UCUM: Final = "http://unitsofmeasure.org"


class Site(NamedTuple):
    """Where on the body."""

    body_site: tuple[CodeKey, ...] = ()
    laterality: tuple[CodeKey, ...] = ()
    words: str = ""


class Material(NamedTuple):
    """What was tested, and how it was collected."""

    specimen: tuple[CodeKey, ...] = ()
    collection: tuple[CodeKey, ...] = ()
    words: str = ""


_NO_SITE: Final = Site()


def laterality_in_words(said: Iterable[str]) -> list[CodeKey]:
    """("", "left" | "right" | "bilateral") when the words name exactly one of them; both sides are "bilateral"."""
    named = {side for words in said for side, form in _SIDES if form.search(words)}
    if named == {"left", "right"}:
        named = {"bilateral"}
    return [("", next(iter(named)))] if len(named) == 1 else []


def site(context: Context, source: Resource) -> Site:
    """Body site of an Observation: bodySite, or the BodyStructure that it refers to."""
    if "bodySite" not in source.body and "bodyStructure" not in source.body:
        return _NO_SITE
    found = _site_of_concepts([child(source.body, "bodySite")])
    structure = context.graph.one(child(source.body, "bodyStructure"), source)
    if structure is not None and structure.type == "BodyStructure":
        found = _join([found, _site_of_structure(structure)])
    return found


def site_of_study(context: Context, study: Resource) -> Site:
    """Body sites of the series of an ImagingStudy."""
    return _join([_site_of_series(context, study, series) for series in children(study.body, "series")])


def _site_of_series(context: Context, study: Resource, series: Node) -> Site:
    node = child(series, "bodySite")
    found = _site_of_concepts([node])
    structure = context.graph.one(reference_of(node), study)
    if structure is not None and structure.type == "BodyStructure":
        found = _join([found, _site_of_structure(structure)])
    side = child(series, "laterality")
    return found._replace(laterality=once([*_side_keys(side), *found.laterality]))


def _side_keys(node: Node) -> list[CodeKey]:
    found = concept(node)
    return keys(found) + laterality_in_words(all_text(found))


def _site_of_concepts(nodes: Iterable[Node]) -> Site:
    sites: list[CodeKey] = []
    sides: list[CodeKey] = []
    words = []
    for node in nodes:
        found = concept(node)
        sites += keys(found)
        for holder in (node, *children(node, "coding")):
            for value in extension_value(holder, "laterality"):
                sides += _side_keys(value) if isinstance(value, dict) else [("", value), *laterality_in_words([value])]
        sides += laterality_in_words(all_text(found))
        if found.words:
            words.append(found.words)
    return Site(once(sites), once(sides), "; ".join(words))


def _site_of_structure(structure: Resource) -> Site:
    """R4: location, locationQualifier. R5: includedStructure with structure, laterality, qualifier."""
    body = structure.body
    found = [_site_of_concepts([child(body, "location")])]
    sides = [key for node in children(body, "locationQualifier") for key in _side_keys(node)]
    for part in children(body, "includedStructure"):
        found.append(_site_of_concepts([child(part, "structure")]))
        sides += _side_keys(child(part, "laterality"))
    joined = _join(found)
    return joined._replace(laterality=once([*sides, *joined.laterality]))


def _join(sites: Iterable[Site]) -> Site:
    sites = list(sites)
    return Site(
        once(key for s in sites for key in s.body_site),
        once(key for s in sites for key in s.laterality),
        "; ".join(dict.fromkeys(s.words for s in sites if s.words)),
    )


def methods_of_study(study: Resource) -> tuple[CodeKey, ...]:
    """Modalities and procedures of an ImagingStudy and its series."""
    body = study.body
    nodes = [*children(body, "modality"), *(child(s, "modality") for s in children(body, "series"))]
    nodes += [*children(body, "procedureCode"), *children(body, "procedure")]
    return once(key for node in nodes for key in keys(concept(node)))


def material(context: Context, specimen: Resource) -> Material:
    """Type and collection condition of a Specimen."""
    body = specimen.body
    kind = concept(child(body, "type"))
    collection = child(body, "collection")
    site_node = child(collection, "bodySite")
    structure = context.graph.one(reference_of(site_node), specimen)
    found = [
        *keys(concept(child(collection, "fastingStatusCodeableConcept"))),
        *_timed(child(collection, "fastingStatusDuration")),
        *_timed(child(collection, "duration")),
        *_collected_over(context, child(collection, "collectedPeriod")),
        *keys(concept(child(collection, "method"))),
        *_site_of_concepts([site_node]).body_site,
    ]
    if structure is not None and structure.type == "BodyStructure":
        found += _site_of_structure(structure).body_site
    return Material(once(keys(kind)), once(found), kind.words)


def _timed(node: Node) -> list[CodeKey]:
    words = duration(node)
    if not words:
        return []
    return [(text(node, "system") or _UCUM, words), ("", words)]


def _collected_over(context: Context, period: Node) -> list[CodeKey]:
    """A collection of whole hours, as "24 h"."""
    start, end = text(period, "start"), text(period, "end")
    # Only instants: between two dates lies any number of hours.
    if "T" not in start or "T" not in end:
        return []
    try:
        hours, rest = divmod(context.clock.instant(end, "end") - context.clock.instant(start, "start"), 3_600_000)
    except TimeFault:
        return []
    return [(_UCUM, f"{hours} h"), ("", f"{hours} h")] if hours > 0 and not rest else []


def specimens(context: Context, source: Resource) -> tuple[list[Resource], list[CodeKey]]:
    """The Specimens that `specimen` of a report or result leads to, and what it says of others in words."""
    found: list[Resource] = []
    said: list[CodeKey] = []
    node = source.body.get("specimen")
    references = [(located(source, "specimen"), node)] if isinstance(node, dict) else []
    references += [(located(source, f"specimen[{i}]"), item) for i, item in indexed(source.body, "specimen")]
    for path, reference in references:
        target = context.follow(reference, source, path, ("Specimen",))
        if target is not None and context.sound(target):
            if text(target.body, "status") == "entered-in-error":
                context.warn(Reason.FIELD_RECOMMENDED, located(target, "status"), "the specimen was withdrawn")
                continue
            found.append(target)
        elif target is None and text(reference, "display"):
            said.append(("", text(reference, "display")))
    return found, said
