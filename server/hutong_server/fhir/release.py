"""Which FHIR release a report is written in.

Detected from versioned core profiles in meta.profile, else from elements that only one release has, else R4. Data do
not tell R4 and R4B apart; R4 is validated as R4B, because fhir.resources has no R4.
"""

import re
from typing import Final, NamedTuple

from hutong_server.fhir.document import Resource
from hutong_server.fhir.elements import child, children, text
from hutong_server.fhir.json_text import Node

RELEASES: Final = ("R4", "R4B", "R5")
_CORE: Final = re.compile(r"http://hl7\.org/fhir/(?:(\d\.\d)/)?StructureDefinition/[^|]*(?:\|(\d+\.\d+)(?:\.\d+)?.*)?")
_BY_VERSION: Final = {"4.0": "R4", "4.1": "R4B", "4.3": "R4B", "5.0": "R5"}
_ONLY_R5: Final = {
    "DiagnosticReport": ("study", "supportingInfo", "composition", "note"),
    "Observation": ("triggeredBy", "bodyStructure", "instantiatesCanonical", "instantiatesReference", "valueAttachment",
                    "valueReference"),
    "Specimen": ("combined", "role", "feature"),
    "ImagingStudy": ("partOf", "procedure"),
}  # fmt: skip
_ONLY_R4: Final = {
    "DiagnosticReport": ("imagingStudy",),
    "ImagingStudy": ("interpreter", "procedureCode", "procedureReference", "reasonCode", "reasonReference"),
}


class Evidence(NamedTuple):
    """What tells the release."""

    release: str
    """"R4" (or R4B), or "R5"."""
    path: str
    """The element that tells it, from the document on."""


def evidence(resource: Resource) -> Evidence | None:
    """What a resource says of its release; None when it fits both."""
    profiles = child(resource.body, "meta").get("profile")
    for index, profile in enumerate(profiles if isinstance(profiles, list) else ()):
        if found := _of_profile(profile):
            return Evidence(found, f"{resource.path}.meta.profile[{index}]")
    element = _of_elements(resource.type, resource.body)
    return Evidence(element[0], f"{resource.path}.{element[1]}") if element else None


def contradicts(named: str, found: Evidence | None) -> bool:
    """Whether the release that a caller named cannot be that of the content."""
    return found is not None and (named == "R5") != (found.release == "R5")


def _of_profile(profile: object) -> str:
    if not isinstance(profile, str):
        return ""
    match = _CORE.fullmatch(profile)
    return _BY_VERSION.get(match[1] or match[2] or "", "") if match else ""


def _of_elements(kind: str, body: Node) -> tuple[str, str] | None:
    for name in _ONLY_R5.get(kind, ()):
        if name in body:
            return "R5", name
    for name in _ONLY_R4.get(kind, ()):
        if name in body:
            return "R4", name
    if kind == "DiagnosticReport" and text(body, "status") == "modified":
        return "R5", "status"
    if kind == "Specimen":
        site = child(child(body, "collection"), "bodySite")
        if "concept" in site or "reference" in site:
            return "R5", "collection.bodySite"
    if kind == "ImagingStudy":
        for node in (*children(body, "modality"), *(child(s, "modality") for s in children(body, "series"))):
            if "coding" in node:
                return "R5", "modality"
            if "code" in node:
                return "R4", "modality"
    return None
