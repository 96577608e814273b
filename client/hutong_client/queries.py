"""Requests from plain Python values: whose chart, and who asks."""

from collections.abc import Iterable
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp
from hutong.v1 import report_pb2 as v1
from hutong.v1 import reuse_service_pb2 as reuse

RESIDENT_NUMBER = "urn:oid:2.16.156.10011.1.3"
"""Identifier system of the resident identity number (居民身份号码)."""


def patient_query(
    identifiers: Iterable[tuple[str, str] | tuple[str, str, str]],
    *,
    birth_date: str,
    name: str = "",
    sex: str = "",
) -> reuse.PatientQuery:
    """Whose chart is open.

    Args:
        identifiers: (system, value) or (system, value, assigner) of each; the registry normalises the values.
        birth_date: YYYY-MM-DD.
        name: full name as the chart has it.
        sex: "male", "female", "other" or "unknown" as in FHIR. Name or sex must be given.

    Raises:
        ValueError: an unknown sex.
    """
    return reuse.PatientQuery(
        identifiers=[
            v1.PatientIdentifier(system=system, value=value, assigner=rest[0] if rest else "")
            for system, value, *rest in identifiers
        ],
        demographics=v1.Demographics(name=name, birth_date=birth_date, sex=enum_name(v1.Sex.keys(), "SEX", sex)),
    )


def call_context(
    *,
    practitioner: str,
    encounter: str,
    department: str = "",
    encounter_class: str = "outpatient",
    purpose: str = "treatment",
    authorization: str = "",
    break_glass_reason: str = "",
) -> reuse.CallContext:
    """Who asks, in which visit and why.

    Args:
        practitioner: the doctor's id within the institution.
        encounter: the visit's id within the institution.
        department: code or name.
        encounter_class: "outpatient", "inpatient", "emergency" or "other".
        purpose: "treatment" or "emergency".
        authorization: how the patient authorised the look-up: "card_read", "code_scanned", "form_signed" or
            "guardian"; asked for where the region's rule is visit authorisation.
        break_glass_reason: in an emergency, to open what the patient withholds: the reason, for the review.

    Raises:
        ValueError: an unknown class, purpose or authorization.
    """
    return reuse.CallContext(
        practitioner=practitioner,
        encounter=encounter,
        department=department,
        encounter_class=enum_name(reuse.EncounterClass.keys(), "ENCOUNTER_CLASS", encounter_class),
        purpose=enum_name(reuse.Purpose.keys(), "PURPOSE", purpose),
        authorization=enum_name(reuse.Authorization.keys(), "AUTHORIZATION", authorization),
        break_glass_reason=break_glass_reason,
    )


def enum_name(known: Iterable[str], prefix: str, word: str) -> str:
    """The proto name of a value: ("SEX", "female") → "SEX_FEMALE"; "" → "SEX_UNSPECIFIED".

    Raises:
        ValueError: no such value; names the ones there are.
    """
    names = list(known)
    name = f"{prefix}_{(word or 'unspecified').strip().upper().replace('-', '_')}"
    if name not in names:
        words = ", ".join(n.removeprefix(f"{prefix}_").lower() for n in names if not n.endswith("_UNSPECIFIED"))
        # The word itself may be a misplaced patient value: it is not repeated.
        raise ValueError(f"{prefix.lower()} is one of: {words}")
    return name


def timestamp(moment: datetime | None) -> Timestamp | None:
    """A moment as the contract has it. Raises ValueError for a time without zone."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError("a time needs its zone, e.g. datetime.now(timezone.utc)")
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
