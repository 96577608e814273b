"""From an order to the documents that tell its results."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import NamedTuple

from hutong_client.city.examinations import EXAMINATIONS, Examination
from hutong_client.city.fhir_text import Json, concept, encode
from hutong_client.city.model import Institution, MadeReport, Patient
from hutong_client.city.packing import Pack, later
from hutong_client.city.panels import PANELS, STRIPS, Panel
from hutong_client.city.resources import (
    LABORATORY,
    endpoint,
    findings_form,
    graded,
    imaging_study,
    measured,
    organization,
    organization_by_number,
    patient,
    specimen,
)
from hutong_client.city.source import HL7, Source

_R5_PROFILE = "http://hl7.org/fhir/StructureDefinition/DiagnosticReport|5.0.0"


@dataclass(slots=True)
class Order:
    """One panel or examination of one visit, with everything that is decided about it before it is written."""

    kind: str
    number: str
    """Report number within the institution."""
    taken: datetime
    issued: datetime
    noise: str
    values: dict[str, float]
    grades: dict[str, str]
    words: tuple[str, str]
    """Findings and conclusion of an examination."""
    publisher: Institution
    performer: Institution
    reader: Institution | None = None
    sibling: Patient | None = None
    """The person whose number stands in the report, where it is not the patient's."""
    newborn: Patient | None = None
    """The person whom the results are about, where it is not the subject."""
    left_out: frozenset[str] = frozenset()
    """Keys of the panel that were not measured this time."""

    @property
    def marks(self) -> tuple[str, ...]:
        """Everything unusual, for MadeReport.noise."""
        marks = [self.noise] if self.noise else []
        if self.newborn:
            marks.append("focus")
        elif self.sibling:
            marks.append("sibling-number")
        if self.performer.tier == "laboratory_center" and self.performer is not self.publisher:
            marks.append("send-out")
        if self.reader:
            marks.append("remote-read")
        return tuple(marks)


class Version(NamedTuple):
    """One version of a report."""

    number: int
    status: str
    issued: datetime


def versions(order: Order) -> tuple[Version, ...]:
    """The versions in which an order's report is published."""
    issued = order.issued
    if order.noise == "preliminary":
        return (Version(1, "preliminary", later(order.taken, 0.5)), Version(2, "final", issued))
    if order.noise == "corrected":
        return (Version(1, "final", issued), Version(2, "corrected", later(issued, 3)))
    if order.noise == "withdrawn":
        return (Version(1, "final", issued), Version(2, "entered-in-error", later(issued, 4)))
    return (Version(1, "final", issued),)


class Desk:
    """Writes the documents of one institution, and numbers them."""

    def __init__(self, source: Source, sources: Callable[[Institution], Source]) -> None:
        self.source = source
        self._sources = sources
        self._reports = 0
        self._files = 0

    def number(self, taken: datetime, letter: str) -> str:
        """The next report number."""
        self._reports += 1
        return f"{taken:%Y%m%d}{letter}{self._reports:06d}"

    def documents(self, person: Patient, orders: list[Order], rng: Random) -> Iterator[MadeReport]:
        """The documents that publish these orders: one for each version, or one for all where they share a Bundle."""
        if len(orders) > 1:
            version = Version(1, "final", max(order.issued for order in orders))
            yield self._made(person, orders, self._document(person, orders, version, rng), version)
            return
        (order,) = orders
        for version in versions(order):
            if version.status == "entered-in-error":
                document: Json = self._head(order, version)
                if not self.source.numbers_its_reports:
                    document["code"] = {"text": "撤回"}
            else:
                document = self._document(person, orders, version, rng)
            yield self._made(person, orders, document, version)

    def _made(self, person: Patient, orders: list[Order], document: Json, version: Version) -> MadeReport:
        self._files += 1
        institution, first = self.source.institution, orders[0]
        kind = "+".join(order.kind for order in orders)
        shape = "alone" if document["resourceType"] == "DiagnosticReport" else institution.shape
        name = f"{self._files:07d}-{first.kind if len(orders) == 1 else 'visit'}.json"
        marks = tuple(dict.fromkeys(mark for order in orders for mark in order.marks))
        return MadeReport(
            institution.code, name, encode(document), person.index, kind, first.taken, institution.release, shape,
            version.status, marks, version.issued,
        )  # fmt: skip

    def _head(self, order: Order, version: Version) -> Json:
        institution = self.source.institution
        meta: Json = {"versionId": str(version.number), "lastUpdated": version.issued.isoformat()}
        if institution.release == "R5":
            meta["profile"] = [_R5_PROFILE]
        head: Json = {"resourceType": "DiagnosticReport", "id": order.number, "meta": meta}
        if self.source.numbers_its_reports:
            head["identifier"] = [{"system": institution.report_numbers, "value": order.number}]
        head["status"] = version.status
        head["code"] = (
            self.source.panel_code(order.kind) if order.kind in PANELS else self.source.examination_code(order.kind)
        )
        return head

    def _document(self, person: Patient, orders: list[Order], version: Version, rng: Random) -> Json:
        institution, first = self.source.institution, orders[0]
        pack = Pack(institution, rng)
        subject = pack.add(patient(person, institution, first.noise, first.sibling, rng))
        reports = []
        for order in orders:
            report = self._head(order, version)
            exam = EXAMINATIONS.get(order.kind)
            category = exam.category if exam else "LAB"
            report["category"] = [concept("", (f"{HL7}/v2-0074", category, ""))]
            report["subject"] = subject
            if order.noise != "no-effective":
                report["effectiveDateTime"] = order.taken.isoformat()
            report["issued"] = version.issued.isoformat()
            if order.noise != "no-performer":
                report["performer"] = [self._performer(order.performer, pack)]
            if order.reader:
                report["resultsInterpreter"] = [self._reader(order.reader, pack)]
            if exam:
                self._examination(report, exam, order, subject, pack, rng)
            else:
                self._laboratory(report, PANELS[order.kind], order, person, subject, version, pack)
            reports.append(report)
        return pack.document(reports, subject, version.issued)

    def _performer(self, performer: Institution, pack: Pack) -> Json:
        if self.source.institution.code_style in (0, 1):
            return pack.add(organization(performer))
        return organization_by_number(performer)

    def _reader(self, reader: Institution, pack: Pack) -> Json:
        if self.source.institution.shape == "alone":
            return organization_by_number(reader)
        role = {
            "resourceType": "PractitionerRole",
            "practitioner": {"display": "诊断医师"},
            "organization": organization_by_number(reader),
        }
        return pack.add(role)

    def _laboratory(
        self, report: Json, panel: Panel, order: Order, person: Patient, subject: Json, version: Version, pack: Pack
    ) -> None:
        # Who sends tests out passes the laboratory's own codes and ranges on.
        source, noise = self._sources(order.performer), order.noise
        common: Json = {"resourceType": "Observation", "status": version.status, "category": LABORATORY}
        tail: Json = {"subject": subject}
        if order.newborn:
            tail["focus"] = [pack.add({"resourceType": "Patient", "name": [{"text": order.newborn.name}]})]
        if self.source.states_times_on_results and noise != "no-effective":
            tail["effectiveDateTime"] = order.taken.isoformat()
        if panel.method:
            tail["method"] = {"text": panel.method}
        if noise != "no-specimen":
            drawn = None if noise == "no-effective" else order.taken
            tail["specimen"] = pack.add(specimen(source, panel, subject, drawn, f"{order.number}-1"))
            report["specimen"] = [tail["specimen"]]
        tail["device"] = {"display": panel.analyzer}
        results = []
        # A preliminary report has what is ready: the first half.
        keys = [key for key in panel.keys if key not in order.left_out]
        if version.status == "preliminary":
            keys = keys[: (len(keys) + 1) // 2]
        for place, key in enumerate(keys):
            if key in STRIPS:
                told = graded(source, key, order.grades[key])
            else:
                value = order.values[key]
                if version.status == "corrected" and place == 0:
                    value *= 1.12
                told = measured(source, key, value, person.sex, without_unit=noise == "no-unit" and place == 0)
            if noise == "unmapped" and place == len(keys) - 1:
                told["code"] = source.unmapped_code("新开展项目")
            results.append(pack.add({**common, **told, **tail}))
        report["result"] = results
        if version.status == "corrected":
            report["conclusion"] = "更正：首项结果复核后修改。"

    def _examination(
        self, report: Json, exam: Examination, order: Order, subject: Json, pack: Pack, rng: Random
    ) -> None:
        source = self.source
        reachable = None if order.noise == "no-images" else pack.add(endpoint(source.institution))
        study = pack.add(imaging_study(source, exam, subject, order.taken, reachable, rng))
        report["study" if source.institution.release == "R5" else "imagingStudy"] = [study]
        seen, concluded = order.words
        report["conclusion"] = concluded
        report["presentedForm"] = [findings_form(seen)]
