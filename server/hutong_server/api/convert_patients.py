"""The patient index between proto and domain. Keys leave sealed, for the administrators of one institution."""

from dataclasses import dataclass
from typing import Final

from hutong.v1 import patient_service_pb2

from hutong_server.api.convert import Faults, demographics_out, stamp
from hutong_server.domain.errors import Reason
from hutong_server.store.base import Ids, PatientStep
from hutong_server.usecases.patients import HeldView, PersonView
from hutong_server.usecases.withhold import ADMIN_REPORT_ID

RECORD: Final = "patient-record"
STEP: Final = "patient-step"
HELD: Final = "held-report"


@dataclass(frozen=True, slots=True)
class SealedKeys:
    """Keys of the patient index as one institution's administrators see them."""

    ids: Ids
    institution: str

    def seal(self, kind: str, key: bytes) -> str:
        """The opaque id of a key."""
        return self.ids.seal(kind, self.institution, (key,))

    def open(self, kind: str, text: str, path: str, faults: Faults) -> bytes:
        """The key of an id that was handed out; b"" and a fault for anything else."""
        if not text:
            faults.add(path, "is required")
            return b""
        parts = self.ids.open(kind, self.institution, text)
        if parts is None:
            faults.add(path, "names nothing in the registry", Reason.NOT_FOUND)
            return b""
        return parts[0]


def person_out(target: patient_service_pb2.Person, person: PersonView, keys: SealedKeys) -> None:
    """A person with its records."""
    for row in person.records:
        record = target.records.add(
            record=keys.seal(RECORD, row.key), reports=row.reports, institutions=row.institutions
        )
        demographics_out(record.demographics, row.demographics)
        stamp(record.opened_at, row.opened)
        for known in person.reports.get(row.key, ()):
            report = record.known_reports.add(
                report_id=keys.seal(ADMIN_REPORT_ID, known.report_id),
                institution=known.institution,
                withheld=known.withheld,
            )
            stamp(report.received_at, known.received)


def step_out(target: patient_service_pb2.PatientStep, step: PatientStep, keys: SealedKeys) -> None:
    """A step with what it concerned."""
    target.step = keys.seal(STEP, step.step_id)
    target.action, target.reason, target.by = step.action, step.reason, step.by
    target.records.extend(keys.seal(RECORD, key) for key in step.records)
    stamp(target.at, step.at)
    stamp(target.undone_at, step.undone_at)


def held_out(target: patient_service_pb2.HeldReport, view: HeldView, keys: SealedKeys) -> None:
    """A held report with the persons it may belong to."""
    held = view.held
    target.held = keys.seal(HELD, held.held_id)
    target.institution, target.reason = held.institution, held.reason
    stamp(target.received_at, held.received)
    demographics_out(target.demographics, held.demographics)
    for person in view.candidates:
        person_out(target.candidates.add(), person, keys)
