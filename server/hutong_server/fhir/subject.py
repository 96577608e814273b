"""Whose report it is, and whether something else in it is about the same person."""

import re
from dataclasses import dataclass
from typing import Final

from hutong_server.domain.errors import Reason
from hutong_server.domain.person import Demographics, NameRule, contradict
from hutong_server.domain.report import Issue, RawDemographics, RawIdentifier
from hutong_server.fhir.checks import fault, located
from hutong_server.fhir.context import Context
from hutong_server.fhir.document import Resource
from hutong_server.fhir.elements import child, children, indexed, text
from hutong_server.fhir.graph import identifiers, logical_identifiers, target_type
from hutong_server.fhir.json_text import Node
from hutong_server.fhir.text_faults import TWICE
from hutong_server.fhir.times import TimeFault
from hutong_server.fhir.validation import is_reference

_SUBJECT_TYPES: Final = frozenset({
    "Patient", "Group", "Device", "Location",
    "Organization", "Practitioner", "Medication", "Substance", "BiologicallyDerivedProduct",
})  # fmt: skip
_SEXES: Final = frozenset({"male", "female", "other", "unknown"})
_DATE: Final = re.compile(r"\d{4}(?:-\d\d(?:-\d\d)?)?", re.ASCII)
_NO_LONGER: Final = "old"
"""Identifier.use and HumanName.use of what was valid once: it identifies nobody now."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The person whom a report names."""

    reference: Node
    source: Resource
    patient: Resource | None
    identifiers: tuple[RawIdentifier, ...]
    demographics: RawDemographics


def read_subject(context: Context) -> Subject | Issue:
    """The report's subject, or why it cannot be told whose the report is."""
    report = context.report
    reference = child(report.body, "subject")
    path = f"{report.path}.subject"
    literal = text(reference, "reference")
    if not (literal or logical_identifiers(reference) or text(reference, "display")):
        return fault(Reason.FIELD_MISSING, path, "a report without a subject belongs to nobody")
    said = target_type(reference)
    found = context.graph.find(literal, report)
    if len(found) > 1:
        return fault(Reason.PATIENT_AMBIGUOUS, path, "leads to several resources that differ")
    if (literal and not is_reference(literal)) or (found and found[0].type not in _SUBJECT_TYPES):
        return fault(Reason.FHIR_INVALID, f"{path}.reference", "is not a reference to a subject")
    if not found and said and said not in _SUBJECT_TYPES:
        return fault(Reason.FHIR_INVALID, f"{path}.reference", "is not a reference to a subject")
    target = found[0] if found else None
    if (target.type if target else said or "Patient") != "Patient":
        context.warn(Reason.FIELD_RECOMMENDED, path, "is not a patient")
        return Subject(reference, report, None, (), RawDemographics())
    own = _logical(reference, path)
    if target is None:
        if literal and not own:
            context.warn(Reason.REFERENCE_UNRESOLVED, f"{path}.reference", "leads to nothing in the document")
        return Subject(reference, report, None, own, RawDemographics())
    doubled = next((f for f in target.text_faults if f.message in TWICE and _tells_who(f.path)), None)
    if doubled is not None:
        # Which of the two is meant cannot be told, and with it whose report this is.
        return fault(Reason.PATIENT_AMBIGUOUS, located(target, doubled.path), doubled.message)
    if _disagree(reference, target):
        return fault(Reason.PATIENT_AMBIGUOUS, f"{path}.identifier", "is not an identifier of the patient referred to")
    context.sound(target)
    listed = _listed(context, target)
    known = {(i.system, i.value) for i in listed}
    added = tuple(i for i in own if (i.system, i.value) not in known)
    return Subject(reference, report, target, listed + added, _demographics(context, target))


def _tells_who(path: str) -> bool:
    return path.partition(".")[0].partition("[")[0] in ("", "id", "identifier", "name", "birthDate", "gender")


def _logical(reference: Node, path: str) -> tuple[RawIdentifier, ...]:
    return tuple(
        RawIdentifier(system.strip(), value.strip(), _assigner(child(reference, "identifier")), f"{path}.identifier")
        for system, value in logical_identifiers(reference)
        if value.strip()
    )


def _disagree(reference: Node, patient: Resource) -> bool:
    listed = identifiers(patient.body)
    systems = {system for system, _ in listed}
    return any(key[0] in systems and key not in listed for key in identifiers(reference) if key[0])


def _listed(context: Context, patient: Resource) -> tuple[RawIdentifier, ...]:
    found = []
    for index, node in indexed(patient.body, "identifier"):
        value = text(node, "value").strip()
        if value and text(node, "use") != _NO_LONGER:
            assigner = _assigner(node)
            organization = context.graph.one(child(node, "assigner"), patient)
            if organization is not None and not assigner:
                assigner = next((v for _, v in identifiers(organization.body)), "") or text(organization.body, "name")
            path = located(patient, f"identifier[{index}]")
            found.append(RawIdentifier(text(node, "system").strip(), value, assigner, path))
    return tuple(found)


def _assigner(identifier: Node) -> str:
    assigner = child(identifier, "assigner")
    return text(child(assigner, "identifier"), "value") or text(assigner, "display")


def _demographics(context: Context, patient: Resource) -> RawDemographics:
    birth_date = text(patient.body, "birthDate")
    if birth_date:
        try:
            if not _DATE.fullmatch(birth_date):
                raise TimeFault(Reason.TIME_INVALID)
            context.clock.instant(birth_date, "birthDate")
        except TimeFault as error:
            context.warn(error.reason, located(patient, "birthDate"), error.message)
            birth_date = ""
    sex = text(patient.body, "gender")
    return RawDemographics(names(patient.body), birth_date, sex if sex in _SEXES else "")


def names(body: Node) -> tuple[str, ...]:
    """Names of a person in words, those no longer used left out."""
    found = []
    for name in children(body, "name"):
        if text(name, "use") == _NO_LONGER:
            continue
        given = name.get("given")
        parts = [text(name, "family"), *(g for g in (given if isinstance(given, list) else ()) if isinstance(g, str))]
        found += [text(name, "text").strip(), " ".join(part.strip() for part in parts if part.strip())]
    return tuple(dict.fromkeys(name for name in found if name))


def is_same(context: Context, subject: Subject, reference: Node, source: Resource) -> bool:
    """Whether a Reference is about the report's patient. What cannot be told is not the same."""
    literal = text(reference, "reference")
    if literal:
        found = context.graph.find(literal, source)
        if len(found) > 1:
            return False
        if found:
            return (
                subject.patient is not None
                and not _disagree(reference, found[0])
                and _same_patient(found[0], subject.patient)
            )
        if literal.startswith("#"):
            return False
        return any(_tail(literal, name) == _tail(name, literal) for name in _names_of(subject, source))
    theirs = set(identifiers(reference))
    if theirs:
        return bool(theirs & {(i.system, i.value) for i in subject.identifiers})
    display = text(reference, "display")
    if display:
        return display == text(subject.reference, "display") or display in subject.demographics.names
    return True


def _names_of(subject: Subject, source: Resource) -> list[str]:
    """By which references of `source` the subject goes, where they lead to nothing in the document."""
    mine, patient = text(subject.reference, "reference"), subject.patient
    for written in (patient.full_url if patient is not None else "", mine):
        # Where its server is known, the same id on another server is another person's.
        if "://" in written:
            return [written]
    names = [mine] if mine and mine[0] != "#" else []
    # The id of a contained patient is known to its container only.
    if patient is not None and patient.id and patient.container in (None, source, source.container):
        names.append(f"Patient/{patient.id}")
    return names


def _tail(literal: str, other: str) -> str:
    """The reference without version; without its server too, unless both name one."""
    bare = literal.partition("/_history/")[0]
    return bare if "://" in bare and "://" in other else "/".join(bare.rsplit("/", 2)[-2:])


def _same_patient(a: Resource, b: Resource) -> bool:
    if a is b or a.raw == b.raw:
        return True
    shared = {key for key in identifiers(a.body) if key[0]} & set(identifiers(b.body))
    if a.type != b.type or not shared:
        return False
    # A newborn may be published under the mother's number, and without name or birth date yet: one number does not
    # make one person, and silence does not either.
    one, other = _plain(a.body), _plain(b.body)
    told = (one.names and other.names) or (one.birth_date and other.birth_date)
    return bool(told) and not contradict(one, other, NameRule.EXACT)


def _plain(body: Node) -> Demographics:
    return Demographics(names(body), text(body, "birthDate"), text(body, "gender"))
