"""Readings made by hand, for tests that start behind the FHIR intake."""

import hashlib
from dataclasses import replace

from hutong_server.domain.caller import Caller, Role
from hutong_server.domain.person import Demographics
from hutong_server.domain.report import (
    Coding,
    Concept,
    Image,
    Quantity,
    RawDemographics,
    RawIdentifier,
    Report,
    Result,
    ResultDetail,
    ResultFacts,
    ResultFlag,
    Status,
    TimeSource,
    Value,
    VersionKey,
    Withdrawal,
)

DAY = 86_400_000
NOW = 1_780_000_000_000
"""A fixed moment (2026-05-28)."""
RESIDENT = "urn:oid:2.16.156.10011.1.3"
LOINC = "http://loinc.org"


def resident_number(serial: int, birth: str = "19800512", division: str = "990421") -> str:
    """A number with a right check digit in a division that does not exist."""
    body = f"{division}{birth}{serial:03d}"
    weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]


def caller(institution: str, role: Role = Role.FEED) -> Caller:
    """A caller of an institution."""
    return Caller(institution, role, "ab" * 32)


def result(
    code: str = "2823-3",
    value: str = "4.10",
    *,
    time: int | None = NOW - DAY,
    ordinal: int = 0,
    status: str = "final",
    flags: int = 0,
) -> Result:
    """A serum potassium, unless said otherwise."""
    facts = ResultFacts(
        ordinal=ordinal,
        status=status,
        flags=flags or ResultFlag.HAS_VALUE,
        time=time,
        time_source=TimeSource.RESULT if time is not None else TimeSource.NONE,
        issued=time,
        codes=((LOINC, code),),
        specimen=(("http://snomed.info/sct", "119364003"),),
    )
    shown = ResultDetail(
        Concept((Coding(LOINC, code, "Potassium"),)), Value(f"{value} mmol/L", quantity=Quantity(value, unit="mmol/L"))
    )
    return Result(facts, shown)


def report(
    identity: str = "R1",
    *,
    number: str = "",
    name: str = "测试一",
    birth: str = "1980-05-12",
    sex: str = "male",
    results: tuple[Result, ...] | None = None,
    status: Status = Status.FINAL,
    version_id: int | None = None,
    issued: int | None = NOW - DAY,
    derived: tuple[str, ...] = (),
    content: str = "",
    identifiers: tuple[RawIdentifier, ...] | None = None,
    images: tuple[Image, ...] = (),
) -> Report:
    """A reading of a laboratory report. `content` makes another document of the same facts."""
    given = (
        identifiers if identifiers is not None else (RawIdentifier(RESIDENT, number or resident_number(1), path="p"),)
    )
    body = repr((identity, derived, given, name, birth, sex, results, status, version_id, issued, content)).encode()
    return Report(
        path="DiagnosticReport",
        release="R4",
        status=status,
        code=Concept(text="电解质"),
        categories=(Concept((Coding("http://terminology.hl7.org/CodeSystem/v2-0074", "LAB"),)),),
        specialty="laboratory",
        identity_system="urn:lis" if identity else "",
        identity_value=identity,
        derived_identity=derived,
        version=VersionKey(version_id=version_id, issued=issued, rank=status.rank),
        identifiers=given,
        demographics=RawDemographics((name,) if name else (), birth, sex),
        effective=NOW - DAY,
        effective_end=None,
        issued=issued,
        results=(result(),) if results is None else results,
        performers=(),
        readers=(),
        images=images,
        conclusion="",
        attachments=0,
        document=body,
        digest=hashlib.sha256(body).digest(),
    )


def withdrawal(identity: str = "R1", *, issued: int | None = None, version_id: int | None = None) -> Withdrawal:
    """What takes a report back: identity and status, no more."""
    body = repr((identity, issued, version_id)).encode()
    return Withdrawal(
        path="DiagnosticReport",
        status=Status.ENTERED_IN_ERROR,
        identity_system="urn:lis",
        identity_value=identity,
        derived_identity=(),
        version=VersionKey(version_id=version_id, issued=issued, rank=Status.ENTERED_IN_ERROR.rank),
        document=body,
        digest=hashlib.sha256(body).digest(),
    )


def chart_of(reading: Report) -> tuple[tuple[RawIdentifier, ...], Demographics]:
    """How a chart of the same patient would ask."""
    said = reading.demographics
    return reading.identifiers, Demographics(said.names, said.birth_date, said.sex)


def again(reading: Report, **changes: object) -> Report:
    """The same reading with changes; its digest follows its document."""
    changed = replace(reading, **changes)  # type: ignore[arg-type]
    return replace(changed, digest=hashlib.sha256(repr(changes).encode() + reading.document).digest())
