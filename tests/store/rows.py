"""Rows to put into a store."""

import secrets
from collections.abc import Callable
from typing import TypeVar

from hutong_server.domain.person import Demographics
from hutong_server.domain.report import ResultFacts, VersionKey
from hutong_server.store.base import (
    AccessRecord,
    HeldReport,
    Identity,
    PatientStep,
    ReportVersion,
    Store,
    StoredReport,
    Writer,
)

T = TypeVar("T")

NOW = 1_780_000_000_000
WANG = Demographics(("王小明",), "1980-05-12", "male")
CODES = (("http://loinc.org", "2823-3"), ("", "血清钾"))


def key() -> bytes:
    return secrets.token_bytes(16)


def token() -> bytes:
    return secrets.token_bytes(32)


def write(store: Store, job: Callable[[Writer], T]) -> T:
    """Runs a write job and waits until it is durable."""
    return store.submit(job).result(30)


def opened(store: Store, *tokens: bytes, said: Demographics = WANG, at: int = NOW) -> bytes:
    """Opens a record; returns its key."""
    new = key()
    write(store, lambda writer: writer.open_patient(new, said, at, tokens))
    return new


def facts(ordinal: int = 0) -> ResultFacts:
    return ResultFacts(
        ordinal=ordinal,
        status="final",
        flags=1,
        time=NOW - 5,
        time_source=1,
        issued=None,
        codes=CODES,
        specimen=(("http://snomed.info/sct", "119297000"),),
        laterality=(("", "左"),),
        performer="H1",
    )


def report(
    patient: bytes, report_id: bytes = b"", *, institution: str = "H1", version: int = 1, **other: object
) -> StoredReport:
    values: dict[str, object] = {
        "status": "final",
        "withdrawn": False,
        "disputed": False,
        "effective": NOW - 5,
        "issued": NOW - 4,
        "received": NOW,
        "specialty": "laboratory",
        "has_images": True,
        "results": (facts(0), facts(1)),
        "details": (b"first", b"\x00second"),
        "header": b"header",
        "categories": ("LAB",),
    }
    values |= other
    values.setdefault("parts", tuple(() for _ in values["results"]))  # type: ignore[attr-defined]
    return StoredReport(patient, report_id or key(), institution, version, **values)  # type: ignore[arg-type]


def identity(patient: bytes, report_id: bytes, *, name: bytes = b"", version: int = 1) -> Identity:
    return Identity(name or token(), report_id, patient, version, False)


def version(patient: bytes, report_id: bytes, number: int = 1, document: bytes = b'{"v":1.50}') -> ReportVersion:
    order = VersionKey(version_id=10**30, issued=NOW, last_updated=None, rank=5)
    return ReportVersion(patient, report_id, number, b"d" * 32, order, "final", NOW, document, b"images", "Bundle")


def held(report_id: bytes, patient: bytes, *tokens: bytes, received: int = NOW) -> HeldReport:
    return HeldReport(report_id, patient, "H1", received, "no_demographics", Demographics(), tokens)


def step(action: str, *records: bytes, at: int = NOW, undid: tuple[bytes, ...] = ()) -> PatientStep:
    return PatientStep(key(), action, records, "because", "H1/admin", at, undid=undid)


def access(*patients: bytes, request_id: str = "r1") -> AccessRecord:
    return AccessRecord(
        at=NOW,
        method="OpenChart",
        institution="H1",
        role="emr",
        certificate="ab" * 32,
        request_id=request_id,
        outcome="found",
        practitioner="Dr. 李",
        encounter="visit-7",
        purpose="TREAT",
        patient_keys=patients,
        prompt_id=b"p" * 16,
        reports=(b"r" * 16,),
    )
