"""A diagnostic report and its results, as the registry understands them.

Standard library only. Instants are whole milliseconds since 1970-01-01T00:00:00Z (negative before it).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import NamedTuple

Instant = int
"""Milliseconds since 1970-01-01T00:00:00Z."""

CodeKey = tuple[str, str]
"""(system, code). A free text stands as ("", text): a system is never empty for a coding that has one."""


class Packed(bytes):
    """Bytes in the form in which the store keeps them, packed where there was time; only the store reads them."""


class Status(StrEnum):
    """Status of a report or result (FHIR DiagnosticReport.status and Observation.status)."""

    REGISTERED = "registered"
    PARTIAL = "partial"
    PRELIMINARY = "preliminary"
    MODIFIED = "modified"
    FINAL = "final"
    AMENDED = "amended"
    CORRECTED = "corrected"
    APPENDED = "appended"
    CANCELLED = "cancelled"
    ENTERED_IN_ERROR = "entered-in-error"
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        """Whether a result of this status may be relied on."""
        return self in _FINAL

    @property
    def withdraws(self) -> bool:
        """Whether this status takes the report back."""
        return self in (Status.CANCELLED, Status.ENTERED_IN_ERROR)

    @property
    def rank(self) -> int:
        """Order among versions that nothing else orders: registered < partial < preliminary < final < amended."""
        return _RANK[self]


# `appended` says that something was added to a final report: what stood there stays final.
_FINAL = frozenset({Status.FINAL, Status.AMENDED, Status.CORRECTED, Status.APPENDED})
_RANK = {
    Status.UNKNOWN: 0,
    Status.REGISTERED: 1,
    Status.PARTIAL: 2,
    Status.PRELIMINARY: 3,
    Status.MODIFIED: 4,
    Status.FINAL: 5,
    Status.AMENDED: 6,
    Status.CORRECTED: 6,
    Status.APPENDED: 6,
    Status.CANCELLED: 7,
    Status.ENTERED_IN_ERROR: 7,
}


class TimeSource(IntEnum):
    """Where a result's time comes from."""

    NONE = 0
    RESULT = 1
    SPECIMEN = 2
    REPORT = 3
    ISSUED = 4


class ResultFlag(IntEnum):
    """Facts about a result, one bit each (see ResultFacts.flags)."""

    HAS_VALUE = 1
    """It has a value, a component with one, or members with one (or, for an examination, findings)."""
    UNREADABLE = 2
    """It could not be read; its document holds it as sent."""
    OTHER_SUBJECT = 4
    """Its subject or focus is not the report's patient."""
    UNKNOWN_MODIFIER = 8
    """It carries a modifierExtension that the registry does not know."""
    CRITICAL = 16
    """Its source flagged it HH, LL or AA."""
    IMAGES_PRESENT = 32
    """An ImagingStudy with at least one series and a resolvable active Endpoint or viewer address stands behind it."""
    FOREIGN_FOCUS = 64
    """Observation.focus names somebody or something else."""


class ResultFacts(NamedTuple):
    """What is judged of one result. Primitive values only, so that a stored row opens in microseconds.

    Each dimension holds the CodeKeys that the source gave for it: codings as (system, code), texts as ("", text).
    Empty: the source is silent.
    """

    ordinal: int
    """Number of the result within its report, from 0, in the order of the source."""
    status: str
    """FHIR status; Status(value) when readable, "" otherwise."""
    flags: int
    time: Instant | None
    """When it was taken: earliest instant of result's, else specimen's, else report's effective time, else issued."""
    time_source: int
    issued: Instant | None
    codes: tuple[CodeKey, ...]
    specimen: tuple[CodeKey, ...] = ()
    collection: tuple[CodeKey, ...] = ()
    """Collection condition: fasting status, timed collection, body site of collection."""
    body_site: tuple[CodeKey, ...] = ()
    laterality: tuple[CodeKey, ...] = ()
    method: tuple[CodeKey, ...] = ()
    """Method, modality and contrast."""
    performer: str = ""
    """Code of the registered institution that performed it; "" for one unknown to the registry."""
    reader: str = ""
    """Code of the registered institution that read it; "" when nobody else is known to have."""
    latest: Instant | None = None
    """When it may have been taken at the latest, where `time` is imprecise or a period; None where it is `time`."""

    def has(self, flag: ResultFlag) -> bool:
        """Whether the flag is set."""
        return bool(self.flags & flag)


class Coding(NamedTuple):
    """A code as written."""

    system: str = ""
    code: str = ""
    display: str = ""


class Concept(NamedTuple):
    """Codings that mean the same, and text."""

    coding: tuple[Coding, ...] = ()
    text: str = ""

    @property
    def words(self) -> str:
        """The text, else the first display, else the first code."""
        if self.text:
            return self.text
        for coding in self.coding:
            if coding.display:
                return coding.display
        for coding in self.coding:
            if coding.code:
                return coding.code
        return ""


class Quantity(NamedTuple):
    """An amount as written; `value` keeps the written precision."""

    value: str = ""
    comparator: str = ""
    unit: str = ""
    system: str = ""
    code: str = ""

    @property
    def words(self) -> str:
        """As a reader sees it."""
        sign = {"": "", "ad": "~"}.get(self.comparator, self.comparator)
        unit = self.unit or self.code
        return f"{sign}{self.value}{' ' if unit and self.value else ''}{unit}"


@dataclass(frozen=True, slots=True)
class Value:
    """A value: words always, and at most one of the others."""

    text: str
    quantity: Quantity | None = None
    coded: Concept | None = None
    string: str | None = None
    boolean: bool | None = None
    integer: int | None = None
    date_time: str | None = None
    time: str | None = None


@dataclass(frozen=True, slots=True)
class Range:
    """A reference range as sent."""

    low: Quantity | None = None
    high: Quantity | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a result."""

    code: Concept
    value: Value | None = None
    interpretation: tuple[str, ...] = ()
    ranges: tuple[Range, ...] = ()
    absent_reason: str = ""


@dataclass(frozen=True, slots=True)
class ResultDetail:
    """What a reader sees of a result. Rules never look inside."""

    code: Concept
    value: Value | None = None
    interpretation: tuple[str, ...] = ()
    ranges: tuple[Range, ...] = ()
    components: tuple[Component, ...] = ()
    absent_reason: str = ""
    method: str = ""
    device: str = ""
    specimen: str = ""
    body_site: str = ""
    notes: tuple[str, ...] = ()
    performer: str = ""
    reader: str = ""
    effective: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """One result: what is judged of it, and what is shown of it."""

    facts: ResultFacts
    detail: ResultDetail | bytes
    """What is shown; as bytes where it is in its wire form already (see usecases.wire)."""
    path: str = ""
    """Where it stood in the published document."""
    performers: tuple["Party", ...] = ()
    """Who performed it, as the source names them (result's, else report's); resolved by the publish use case."""
    readers: tuple["Party", ...] = ()
    """Who read it (resultsInterpreter), as the source names them."""
    called: tuple[CodeKey, ...] = ()
    """What `detail` calls it, where that is bytes: see called_in."""


@dataclass(frozen=True, slots=True)
class Party:
    """An organization that a document names as performer or reader (a practitioner's organization when it says so)."""

    identifiers: tuple[CodeKey, ...] = ()
    """(system, value) of Organization.identifier; matched to institutions by the publish use case."""
    name: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """Where the images of a report can be seen."""

    study_uid: str = ""
    modalities: tuple[str, ...] = ()
    series: int = 0
    instances: int = 0
    address: str = ""
    connection_type: str = ""


class Severity(StrEnum):
    """How bad an issue is."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Issue:
    """A fault found in a document. Holds no value of it."""

    severity: Severity
    reason: str
    """Name of an ErrorReason without prefix; see domain/errors.py."""
    path: str
    message: str


@dataclass(frozen=True, slots=True)
class VersionKey:
    """What orders the versions of one report: versionId when numeric, else issued, else lastUpdated, then rank."""

    version_id: int | None = None
    issued: Instant | None = None
    last_updated: Instant | None = None
    rank: int = 0


@dataclass(frozen=True, slots=True)
class RawIdentifier:
    """A patient identifier as written in a document."""

    system: str
    value: str
    assigner: str = ""
    """Code or name of the assigner as written; "" when silent."""
    path: str = ""


@dataclass(frozen=True, slots=True)
class RawDemographics:
    """What a document says of a person, as written."""

    names: tuple[str, ...] = ()
    birth_date: str = ""
    sex: str = ""
    """FHIR administrative gender, or ""."""

    @property
    def empty(self) -> bool:
        """Whether nothing is said that could be compared."""
        return not (self.names or self.birth_date or self.sex in ("male", "female", "other"))


@dataclass(frozen=True, slots=True)
class Report:
    """One DiagnosticReport of a document, read."""

    path: str
    """"DiagnosticReport", or "Bundle.entry[2].resource"."""
    release: str
    """"R4", "R4B" or "R5"."""
    status: Status
    code: Concept
    categories: tuple[Concept, ...]
    specialty: str
    """"laboratory", "examination" or "" when the categories do not say."""
    identity_system: str
    identity_value: str
    """Business identifier (first with a value); both "" when the report has none."""
    derived_identity: tuple[str, ...]
    """What the identity is derived from when there is no identifier. First part says how: "fullUrl", "id", "facts".
    For "facts" the parts are code, effective time, specimen and order; the use case adds the patient."""
    version: VersionKey
    identifiers: tuple[RawIdentifier, ...]
    demographics: RawDemographics
    effective: Instant | None
    effective_end: Instant | None
    issued: Instant | None
    results: tuple[Result, ...]
    performers: tuple[Party, ...]
    readers: tuple[Party, ...]
    images: tuple[Image, ...]
    conclusion: str
    attachments: int
    document: bytes
    """The report and what it refers to, each resource byte for byte; or the same Packed."""
    digest: bytes
    """SHA-256 over the resources of the document in an order of their own: equal for the same document."""
    issues: tuple[Issue, ...] = field(default=())
    """Warnings. An error makes a Refusal instead."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One DiagnosticReport of a document that cannot be taken in, with the reasons."""

    path: str
    issues: tuple[Issue, ...]


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A report taken back: identity and status are all that is needed."""

    path: str
    status: Status
    identity_system: str
    identity_value: str
    derived_identity: tuple[str, ...]
    version: VersionKey
    document: bytes
    digest: bytes
    issues: tuple[Issue, ...] = field(default=())
    identifiers: tuple[RawIdentifier, ...] = field(default=())
    """When the withdrawal names its patient (needed only to derive a "facts" identity)."""
    demographics: RawDemographics = field(default=RawDemographics())
    """The same, of a patient without identifier."""


def called(concepts: Iterable[Concept]) -> tuple[CodeKey, ...]:
    """Every code and every name of the concepts, once each."""
    found: dict[CodeKey, None] = {}
    for concept in concepts:
        found.update(((coding.system, coding.code), None) for coding in concept.coding if coding.code)
        words = (concept.text, *(coding.display for coding in concept.coding))
        found.update((("", word), None) for word in words if word)
    return tuple(found)


def called_in(detail: ResultDetail) -> tuple[CodeKey, ...]:
    """What a result and its components are called."""
    return called((detail.code, *(part.code for part in detail.components)))
