"""Images behind a report.

They count as present only with an ImagingStudy that has at least one series, is not withdrawn, and can be opened: by an
active Endpoint with an address (of the study or of a series), or by a viewer address. FHIR has no element for a viewer;
an extension of the study or of a series is taken for one when the last part of its url contains "viewer" and its value
is an http(s) address. A presentedForm is the report, not its images, and never counts.
"""

from typing import Final, NamedTuple

from hutong_server.domain.errors import Reason
from hutong_server.domain.report import Image
from hutong_server.fhir.checks import located
from hutong_server.fhir.context import Context
from hutong_server.fhir.document import Resource
from hutong_server.fhir.elements import child, children, concept, count, extension_value, indexed, text
from hutong_server.fhir.json_text import Node
from hutong_server.fhir.subject import Subject, is_same

_WITHDRAWN: Final = frozenset({"cancelled", "entered-in-error"})
_UID_SYSTEM: Final = "urn:dicom:uid"
_VIEWER: Final = "viewer"


class Address(NamedTuple):
    """Where images can be opened."""

    url: str
    kind: str


def studies(context: Context, source: Resource, fields: tuple[str, ...], subject: Subject) -> list[Resource]:
    """The readable ImagingStudies of the report's patient that fields of a resource lead to."""
    found: list[Resource] = []
    for field in fields:
        if field not in source.body:
            continue
        for index, reference in indexed(source.body, field):
            target = _study(context, reference, source, located(source, f"{field}[{index}]"), field)
            if target is None or target in found or not context.sound(target):
                continue
            if text(target.body, "status") in _WITHDRAWN:
                context.warn(Reason.FIELD_RECOMMENDED, located(target, "status"), "the imaging study was withdrawn")
            elif not is_same(context, subject, child(target.body, "subject"), target):
                context.warn(Reason.FIELD_RECOMMENDED, located(target, "subject"), "the imaging study is about another")
            else:
                found.append(target)
    return found


def _study(context: Context, reference: Node, source: Resource, path: str, field: str) -> Resource | None:
    if field in ("imagingStudy", "study"):
        target = context.follow(reference, source, path, ("ImagingStudy", "GenomicStudy"))
    else:
        # derivedFrom and partOf lead to many things; only studies are looked for.
        target = context.graph.one(reference, source)
    return target if target is not None and target.type == "ImagingStudy" else None


def images(context: Context, found: list[Resource]) -> tuple[Image, ...]:
    """One image entry per study and address; one without address for a study that cannot be opened."""
    result: list[Image] = []
    for study in found:
        series = children(study.body, "series")
        size = max(len(series), count(study.body, "numberOfSeries"))
        instances = count(study.body, "numberOfInstances") or sum(
            count(s, "numberOfInstances") or len(children(s, "instance")) for s in series
        )
        uid, modalities = _uid(study.body), _modalities(study.body)
        result += [
            Image(uid, modalities, size, instances, address.url, address.kind)
            for address in _addresses(context, study) or [Address("", "")]
        ]
    return tuple(result)


def present(found: tuple[Image, ...]) -> bool:
    """Whether any images can be opened."""
    return any(image.series > 0 and image.address for image in found)


def _addresses(context: Context, study: Resource) -> list[Address]:
    found = []
    for holder in (study.body, *children(study.body, "series")):
        for reference in children(holder, "endpoint"):
            endpoint = context.graph.one(reference, study)
            if endpoint is not None and endpoint.type == "Endpoint" and text(endpoint.body, "status") == "active":
                url = text(endpoint.body, "address").strip()
                node = endpoint.body.get("connectionType")
                kinds = concept(node[0] if isinstance(node, list) and node and isinstance(node[0], dict) else
                                child(endpoint.body, "connectionType"))  # fmt: skip
                if url:
                    found.append(Address(url, next((c.code for c in kinds.coding if c.code), kinds.text)))
        found += [
            Address(value, _VIEWER)
            for value in extension_value(holder, _VIEWER)
            if isinstance(value, str) and value.startswith(("https://", "http://"))
        ]
    return list(dict.fromkeys(found))


def _uid(body: Node) -> str:
    for identifier in children(body, "identifier"):
        if text(identifier, "system") == _UID_SYSTEM:
            return text(identifier, "value").removeprefix("urn:oid:")
    return ""


def _modalities(body: Node) -> tuple[str, ...]:
    nodes = [*children(body, "modality"), *(child(s, "modality") for s in children(body, "series"))]
    found = (concept(node) for node in nodes)
    return tuple(dict.fromkeys(c.code for f in found for c in f.coding if c.code))
