"""The document that is kept: the report and what it refers to, each resource as it was written.

From a Bundle, references are followed from the report on, through results, specimens, studies, orders and the people
and places named; never into another DiagnosticReport, a Composition or a problem, and never from a patient, a person or
an encounter to anything clinical. So opening one report never shows another.

The digest says whether two documents are the same: the SHA-256 of the sorted digests of their resources. White space,
the order of keys and entries, the Bundle itself, and placeholders (urn:uuid) that an export makes up each time do not
count. meta.versionId and meta.lastUpdated count only in the report, and only where they order its versions: else a
re-opened report with the old content would be taken for the old version.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any, Final

from hutong_server.fhir.document import Resource
from hutong_server.fhir.elements import child, children, text
from hutong_server.fhir.graph import Graph
from hutong_server.fhir.json_text import Node
from hutong_server.fhir.written import Written

_KEPT: Final = frozenset({
    "Observation", "Specimen", "ImagingStudy", "ImagingSelection", "GenomicStudy", "MolecularSequence", "Media",
    "DocumentReference", "Binary", "Patient", "Group", "RelatedPerson", "Practitioner", "PractitionerRole", "CareTeam",
    "Organization", "HealthcareService", "Location", "Device", "DeviceMetric", "Endpoint", "ServiceRequest",
    "NutritionOrder", "Encounter", "BodyStructure", "Substance", "Medication", "BiologicallyDerivedProduct",
    "QuestionnaireResponse",
})  # fmt: skip
# From these every reference is followed; from the others only the fields named here.
_OPEN: Final = frozenset({"DiagnosticReport", "Observation", "Specimen", "ImagingStudy", "ImagingSelection", "Media"})
_FOLLOWED: Final = {
    "Patient": ("managingOrganization", "identifier"),
    "PractitionerRole": ("practitioner", "organization", "location"),
    "Organization": ("partOf", "endpoint"),
    "CareTeam": ("managingOrganization",),
    "HealthcareService": ("providedBy",),
    "Location": ("managingOrganization",),
    "Encounter": ("serviceProvider",),
    "Device": ("owner",),
    "DeviceMetric": ("source",),
    "Endpoint": ("managingOrganization",),
    "ServiceRequest": ("subject", "requester", "performer", "specimen", "locationReference"),
    "BodyStructure": ("patient", "subject"),
    "DocumentReference": ("content", "author", "custodian"),
    "BiologicallyDerivedProduct": ("collection",),
}
_REFERENCE: Final = re.compile(r'"reference"\s*:\s*"((?:[^"\\]|\\.)*)"')
_ESCAPED_LETTER: Final = re.compile(r"\\u00[4-7]")
_URN: Final = "urn:uuid:"
_UUID_LENGTH: Final = 36


def reached(graph: Graph, report: Resource, source_text: str) -> list[Resource]:
    """The report, then what it refers to, in the order of the document."""
    kept: dict[int, Resource] = {id(report): report}
    todo = [report]
    while todo:
        source = todo.pop()
        for reference in set(_references(source, source_text)):
            if reference.startswith("#"):
                continue
            for target in graph.find(reference, source):
                if target.type in _KEPT and id(target) not in kept:
                    kept[id(target)] = target
                    todo.append(target)
    others = sorted((r for r in kept.values() if r is not report), key=lambda r: r.start)
    return [report, *others]


def _references(source: Resource, source_text: str) -> list[str]:
    if source.type not in _OPEN:
        return [r for key in _FOLLOWED.get(source.type, ()) for r in _within(source.body.get(key))]
    found = _REFERENCE.findall(source_text, source.start, source.end)
    # Letters, in a key or a reference, may be written as escapes.
    if any("\\" in reference for reference in found) or _ESCAPED_LETTER.search(source_text, source.start, source.end):
        found = list(_within(source.body))
    # Attachments name a Binary by its url.
    nodes = (
        child(source.body, "valueAttachment"),
        child(source.body, "content"),
        *children(source.body, "presentedForm"),
    )
    found += [url for node in nodes if (url := text(node, "url"))]
    return found


def _within(node: Any) -> Iterator[str]:
    if node.__class__ is dict:
        for key, value in node.items():
            if value.__class__ is str:
                if key in ("reference", "url"):
                    yield value
            elif value.__class__ in (dict, list):
                yield from _within(value)
    elif node.__class__ is list:
        for item in node:
            yield from _within(item)


def cut(source_text: str, resources: list[Resource]) -> bytes:
    """A Bundle of the resources, each character for character as it was written."""
    entries = []
    for resource in resources:
        url = f'"fullUrl":{json.dumps(resource.full_url)},' if resource.full_url else ""
        entries.append(f'{{{url}"resource":{source_text[resource.start : resource.end]}}}')
    return f'{{"resourceType":"Bundle","type":"collection","entry":[{",".join(entries)}]}}'.encode()


def digest(resources: list[Resource]) -> bytes:
    """SHA-256 over the sorted digests of the resources; the first is the report."""
    return digest_of(canonical_texts(resources), [r.full_url for r in resources])


def canonical_texts(resources: list[Resource]) -> list[str]:
    """What counts of each resource, in one form; the first is the report."""
    return [_canonical(r, is_report=index == 0) for index, r in enumerate(resources)]


def digest_of(texts: list[str], urls: list[str]) -> bytes:
    """The digest of resources in their one form, each with its full URL."""
    if any(url.startswith(_URN) for url in urls):
        texts = _without_placeholders(urls, texts)
    parts = sorted(hashlib.sha256(t.encode(errors="surrogatepass")).digest() for t in texts)
    return hashlib.sha256(b"".join(parts)).digest()


def _without_placeholders(urls: list[str], texts: list[str]) -> list[str]:
    """Puts for each urn that names a resource of the document the digest of what it names."""
    split = [t.split(_URN) for t in texts]
    named = {}
    for url, parts in zip(urls, split, strict=True):
        if url.startswith(_URN):
            blank = parts[0] + "".join(part[_UUID_LENGTH:] for part in parts[1:])
            name = hashlib.sha256(blank.encode(errors="surrogatepass")).hexdigest()
            named[url.removeprefix(_URN)] = name
    return [
        parts[0] + "".join(named.get(p[:_UUID_LENGTH], _URN + p[:_UUID_LENGTH]) + p[_UUID_LENGTH:] for p in parts[1:])
        for parts in split
    ]


def _canonical(resource: Resource, *, is_report: bool) -> str:
    body = resource.raw
    meta = child(body, "meta")
    if "versionId" in meta or "lastUpdated" in meta:
        kept = {k: v for k, v in meta.items() if k not in _headers(body, meta, is_report)}
        body = {k: v for k, v in body.items() if k != "meta"} | ({"meta": kept} if kept else {})
    return _ENCODER.encode(body)


def _headers(body: Node, meta: Node, is_report: bool) -> tuple[str, ...]:
    if not is_report:
        return ("versionId", "lastUpdated")
    ordered = text(meta, "versionId").isdigit() or text(body, "issued")
    return ("lastUpdated",) if ordered else ()


def _plain(value: object) -> object:
    return {"number": value.text} if isinstance(value, Written) else {"number": None}


_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, sort_keys=True, separators=(",", ":"), default=_plain
)
