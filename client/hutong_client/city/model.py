"""What the made city consists of. Nothing here is about a real person or a real institution."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from random import Random
from typing import NamedTuple

ZONE = timezone(timedelta(hours=8), "Asia/Shanghai")
"""The city's clock; China has no summer time."""

PROVINCE = "99"
"""A province that does not exist (GB/T 2260 ends at 82)."""
CITY = "9904"
"""A prefecture city that does not exist."""


def seeded(*parts: object) -> Random:
    """A generator of its own for what the parts name, so that nothing depends on the order in which it is made."""
    return Random("/".join(map(str, parts)))  # noqa: S311  made data; must be repeatable, need not be secret


@dataclass(frozen=True, slots=True)
class Institution:
    """An institution and the way in which it writes its reports."""

    code: str
    name: str
    tier: str
    """tertiary, secondary, township, village, private or laboratory_center, as in the catalogue."""
    region: str
    """Administrative division code; begins with 9904."""
    alliances: tuple[str, ...]
    """Medical alliances it belongs to."""
    release: str
    """"R4" or "R5"."""
    code_style: int
    """0: abbreviations with LOINC beside; 1: numbers alone; 2: abbreviations alone; 3: numbers with LOINC beside."""
    shape: str
    """collection, document, message, transaction or alone (contained resources)."""
    specimen_style: int
    """0: SNOMED CT with text; 1: HL7 table 0487 with text; 2: text alone."""
    feed_interval_hours: int
    """Longest silence that is normal for its feed."""

    @property
    def base(self) -> str:
        """Root of its URIs."""
        return f"http://{self.code.lower()}.example"

    @property
    def laboratory_codes(self) -> str:
        """Its own code system for laboratory tests."""
        return f"{self.base}/codes/laboratory"

    @property
    def examination_codes(self) -> str:
        """Its own code system for examinations."""
        return f"{self.base}/codes/examination"

    @property
    def record_numbers(self) -> str:
        """System of its own patient numbers."""
        return f"{self.base}/record-number"

    @property
    def report_numbers(self) -> str:
        """System of its report numbers."""
        return f"{self.base}/report-number"


@dataclass(frozen=True, slots=True)
class Patient:
    """A made person."""

    index: int
    """Number in the city, from 0."""
    name: str
    sex: str
    """"male" or "female"."""
    birth_date: date
    resident_number: str
    """GB 11643 with a valid checksum, in a division that does not exist. A newborn has its mother's."""
    health_card: str
    """Electronic health card."""
    village: str
    """Code of the village station at home."""
    conditions: tuple[str, ...]
    """Chronic conditions: diabetes, hypertension, lipids, kidney, thyroid, anemia, liver, heart, tumor."""
    twin_of: int | None = None
    """Index of the twin."""
    mother: int | None = None
    """Index of the mother, for a newborn."""

    @property
    def division(self) -> str:
        """Home county."""
        return self.village.partition("-")[0]

    def age(self, on: date) -> int:
        """Full years."""
        return on.year - self.birth_date.year - ((on.month, on.day) < (self.birth_date.month, self.birth_date.day))

    def record_number(self, institution: str) -> str:
        """The number that a hospital has given to this person."""
        return f"{seeded('record', institution, self.index).randrange(10_000_000, 99_999_999)}"


class MadeReport(NamedTuple):
    """A document as an institution publishes it, with what is known of it."""

    institution: str
    """Code of the institution that publishes it."""
    file_name: str
    """Unique within the institution; in the order of publishing; says nothing of the patient."""
    document: bytes
    """FHIR JSON, UTF-8."""
    patient: int
    """Index of the patient whom the document is about; with the mark "focus", of the mother."""
    kind: str
    """Panel or examination, e.g. "blood-count", "ct-head"; several, joined by "+", in a document of several reports."""
    taken: datetime
    """Specimen or examination time."""
    release: str
    """"R4" or "R5"."""
    shape: str
    """collection, document, message, transaction or alone."""
    status: str
    """Status of the report."""
    noise: tuple[str, ...]
    """What is wrong or unusual about it: see noise.NOISE; empty for most."""
    issued: datetime
    """When it is published."""

    @property
    def reports(self) -> int:
        """Number of DiagnosticReports in the document."""
        return self.kind.count("+") + 1
