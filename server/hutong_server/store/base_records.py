"""What a store keeps, in the words of the use cases. Instants are milliseconds since 1970-01-01T00:00:00Z."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hutong_server.domain.person import Demographics, PatientKey
from hutong_server.domain.report import CodeKey, Instant, ResultFacts, VersionKey


# Not frozen, but never changed: freezing costs 3 µs a row, and a chart has many.
@dataclass(slots=True)
class StoredReport:
    """The index row of a report's current version: what charts and lists are answered from. No document."""

    patient_key: PatientKey
    report_id: bytes
    """Random 16 bytes."""
    institution: str
    """Code of the publishing institution."""
    version: int
    """The registry's count, from 1."""
    status: str
    withdrawn: bool
    disputed: bool
    effective: Instant | None
    issued: Instant | None
    received: Instant
    specialty: str
    has_images: bool
    results: Sequence[ResultFacts]
    """As read from the store: domain.results.Results."""
    details: Sequence[bytes]
    """By result: what a reader sees, in the wire form that api/ chose. Opaque here."""
    header: bytes
    """What a list shows of the report, in the wire form that api/ chose. Opaque here."""
    categories: tuple[str, ...] = ()
    """Category codes of the source, e.g. "LAB"."""
    codes: tuple[CodeKey, ...] = ()
    """What the report itself is called, for telling what is sensitive."""
    parts: tuple[tuple[CodeKey, ...], ...] = ()
    """By result: what its components are called, and by what other words it is; for telling what is sensitive."""
    partly_withheld: bool = False
    """Never stored: set by the gate when `results` lacks some, so that nothing is shown which covers them all."""


@dataclass(frozen=True, slots=True)
class ReportVersion:
    """A version to keep."""

    patient_key: PatientKey
    report_id: bytes
    version: int
    digest: bytes
    order: VersionKey
    status: str
    received: Instant
    document: bytes
    """As it came, or Packed already."""
    images: bytes
    """Wire form of the images, opaque here."""
    path: str = ""
    institution: str = ""
    """Code of the publishing institution, to which the document is bound."""


@dataclass(frozen=True, slots=True)
class VersionHead:
    """What is known of a stored version without its document."""

    version: int
    digest: bytes
    order: VersionKey
    status: str
    received: Instant


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a report is: one row per (institution, identifier system, value), independent of the patient."""

    key: bytes
    """Keyed digest of (institution, system, value) or of the derived parts."""
    report_id: bytes
    patient_key: PatientKey
    """Under which the report stands now. For a withdrawal that came first: a key of its own that no token leads to."""
    current_version: int
    derived: bool
    held: bool = False
    disputed: bool = False
    former_keys: tuple[PatientKey, ...] = ()
    """Keys under which earlier versions stand: the report named another patient then."""
    withheld: bool = False
    """An administrator hides it from every answer."""


@dataclass(frozen=True, slots=True)
class HeldReport:
    """A report that is shown to nobody until an administrator says whose it is."""

    held_id: bytes
    """The report's id."""
    patient_key: PatientKey
    """Key of its own, which no token leads to."""
    institution: str
    received: Instant
    reason: str
    demographics: Demographics
    tokens: tuple[bytes, ...]
    """Tokens of the identifiers it came with; given to its key when it is made a person of its own."""
    placed: bool = False
    """True once an administrator has said whose it is; kept, so that the step can be undone. held() leaves it out."""


@dataclass(frozen=True, slots=True)
class PatientStep:
    """A step that joined or parted records; can be undone."""

    step_id: bytes
    action: str
    """linked, unlinked, placed, placed_alone."""
    records: tuple[PatientKey, ...]
    reason: str
    by: str
    at: Instant
    undone_at: Instant | None = None
    undone_by: str = ""
    held_id: bytes = b""
    """For placed and placed_alone: the held report."""
    undid: tuple[bytes, ...] = ()
    """For unlinked: the link steps that it took back."""


@dataclass(frozen=True, slots=True)
class PatientRecordRow:
    """A record of the patient index, for administrators."""

    key: PatientKey
    person: PatientKey
    demographics: Demographics
    opened: Instant
    reports: int
    institutions: tuple[str, ...]


class RecordedReport(NamedTuple):
    """What of a report an answer carried, or what of it was published."""

    report_id: bytes
    version: int
    verdicts: tuple[str, ...] = ()
    """Verdict codes of its results, or what became of the publish."""
    digest: bytes = b""
    """Of a publish: the document's digest, SHA-256 over its resources."""


@dataclass(frozen=True, slots=True)
class AccessRecord:
    """Who did what, about whom, when and why. Durable before the answer leaves."""

    at: Instant
    method: str
    institution: str
    role: str
    certificate: str
    """SHA-256 fingerprint of the caller's certificate, hex."""
    request_id: str
    outcome: str
    practitioner: str = ""
    department: str = ""
    encounter: str = ""
    encounter_class: str = ""
    purpose: str = ""
    patient_keys: tuple[PatientKey, ...] = ()
    prompt_id: bytes = b""
    reports: tuple[bytes, ...] = ()
    """Ids of the reports whose content the answer carries, or that were published."""
    consent_basis: str = ""
    """On what ground a patient's results were looked at: "opt_out", "visit_authorization:card_read", "break_glass"."""
    withheld: tuple[tuple[bytes, int, str], ...] = ()
    """(report id, result's ordinal, reason) of what the patient's consent kept out of the answer; -1: the report;
    an empty id: everything, unread."""
    reason: str = ""
    """Of a refused call: why."""
    contents: tuple[RecordedReport, ...] = ()
    """What of each report."""
    detail: tuple[str, ...] = ()
    """What else an auditor needs, e.g. what an administrator changed. No patient data."""


class LeafPlace(NamedTuple):
    """Where an access stands; in the order of time."""

    at: Instant
    log_id: bytes
    number: int


class Leaf(NamedTuple):
    """An access and its place in the ledger."""

    place: LeafPlace
    access: AccessRecord


@dataclass(frozen=True, slots=True)
class Prompt:
    """What OpenChart returned."""

    prompt_id: bytes
    """16 bytes: keyed digest of (institution, request id, patient asked for), so that a repeat finds the same id."""
    institution: str
    patient_key: PatientKey | None
    """The person's key; None when unknown or in doubt."""
    at: Instant
    outcome: str
    rules_version: int
    """The oldest by which any of its lines was judged: it may be the answer to a repeated request."""
    lines: tuple[tuple[str, bytes, int, str, int], ...]
    """(item code, report id, result index, code of the issuer, version of the report) of each line."""
    kind: str = "chart"
    """chart or order."""
    department: str = ""
    encounter: bytes = b""
    """Digest of the visit within the institution (see asking.encounter_of)."""
    earlier: tuple[tuple[str, bytes, int, str, int, Instant], ...] = ()
    """Lines in whose place a later answer to the same request offered another result of the item, each with the time
    of that answer. The store's to fill; oldest first."""


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """How far a feed has come, and what its habit is."""

    institution: str
    feed: str
    position: str
    last_received: Instant
    longest_gap: int
    """Milliseconds: the longest silence seen, forgotten slowly (see domain/feed.py)."""


@dataclass(frozen=True, slots=True)
class DataKey:
    """A key that is kept in the database, wrapped under the key-encryption key."""

    number: int
    """1 to 65,535; stands in what the key seals."""
    purpose: str
    """seal, token, digest, ids."""
    suite: str
    state: str
    """coming: known everywhere before it is used. current. former: still looked for. closed: tokens only, may not be
    written any more. retired: in no use, kept for a while."""
    made: Instant
    changed: Instant
    wraps: tuple[tuple[bytes, bytes], ...]
    """(id of the key-encryption key, wrapped key)."""


@dataclass(frozen=True, slots=True)
class Swept:
    """One batch of a walk over rows."""

    last: tuple[object, ...] | None
    """Key of the last row seen; None at the end."""
    changed: int = 0
    broken: int = 0
    """Rows that do not open, and were left as they are."""


@dataclass(frozen=True, slots=True)
class ReportFilter:
    """A page of the report rows of one person."""

    institution: str = ""
    taken_from: Instant | None = None
    taken_before: Instant | None = None
