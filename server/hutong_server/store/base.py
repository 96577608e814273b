"""What the use cases ask of a store, in their own words. Implemented in store/, sealed by trust/.

A store runs *jobs*: functions of a Reader or a Writer. A write job is durable when its future resolves; jobs of
concurrent calls share one commit. A job may run more than once (a lost race, a deadlock), so it must have no effect
but through its writer. Instants are milliseconds since 1970-01-01T00:00:00Z.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from hutong_server.domain.consent import Directive, Opening
from hutong_server.domain.person import Demographics, PatientKey, Person
from hutong_server.domain.recognition import Institution
from hutong_server.domain.report import CodeKey, Instant, ResultFacts, VersionKey
from hutong_server.store.base_catalog import CatalogDiff as CatalogDiff
from hutong_server.store.base_catalog import CatalogImport as CatalogImport
from hutong_server.store.base_catalog import CatalogReader, CatalogWriter
from hutong_server.store.base_catalog import CatalogRow as CatalogRow
from hutong_server.store.base_certificates import CertificateReader, CertificateWriter
from hutong_server.store.base_decisions import DecisionReader, DecisionWriter
from hutong_server.store.base_notices import NoticeReader, NoticeWriter
from hutong_server.store.base_statistics import StatisticsReader, StatisticsWriter
from hutong_server.store.base_unmapped import UnmappedReader, UnmappedWriter

T = TypeVar("T")


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


class Reader(
    CatalogReader, CertificateReader, NoticeReader, DecisionReader, StatisticsReader, UnmappedReader, Protocol
):
    """A consistent view of the store."""

    def institutions(self, after: str = "", limit: int = 0) -> list[Institution]:
        """By code. `limit` 0: all."""

    def institution(self, code: str) -> Institution | None: ...
    def persons(self, tokens: Sequence[bytes]) -> list[Person]:
        """The persons that the tokens lead to, each whole, by key. Placed held records are part of their person."""

    def person_of(self, key: PatientKey) -> Person | None: ...
    def changes(self, keys: Sequence[PatientKey]) -> tuple[int, ...]:
        """For each record, a number that every commit raises which changes what a chart of it shows."""

    def prompts(self, prompt_id: bytes) -> list[Prompt]:
        """What stands under this id, the newest first: one, or one for each person that repeats were answered from."""

    def reports(self, keys: Sequence[PatientKey], only: ReportFilter | None = None) -> list[StoredReport]:
        """Index rows under these keys, any order: one indexed range read per key. Held and moved reports are absent."""

    def report(self, key: PatientKey, report_id: bytes) -> StoredReport | None:
        """One index row, unless held or withheld."""

    def hidden_report(self, key: PatientKey, report_id: bytes) -> StoredReport | None:
        """One index row, held or withheld or not. For no answer: only to change it, or to ask what it is about."""

    def hidden_reports(self, key: PatientKey) -> list[StoredReport]:
        """All index rows of a record, held and withheld too. For no answer to a doctor."""

    def document(self, key: PatientKey, report_id: bytes, version: int) -> tuple[bytes, bytes] | None:
        """(document, images) of a version."""

    def versions(self, key: PatientKey, report_id: bytes) -> list[VersionHead]: ...
    def identity(self, key: bytes) -> Identity | None: ...
    def identity_of(self, report_id: bytes) -> Identity | None: ...
    def feed(self, institution: str, feed: str) -> FeedStatus | None: ...
    def feeds(self) -> list[FeedStatus]:
        """One per institution: its most recent feed row, with the institution's longest gap. For coverage."""

    def held(self, after: tuple[Instant, bytes] | None, limit: int) -> list[HeldReport]: ...
    def held_count(self) -> int:
        """How many reports wait for an administrator."""

    def held_report(self, held_id: bytes) -> HeldReport | None: ...
    def patient_records(self, keys: Sequence[PatientKey]) -> list[PatientRecordRow]: ...
    def steps(self, keys: Sequence[PatientKey]) -> list[PatientStep]:
        """Steps that concern any of the records, newest first."""

    def step(self, step_id: bytes) -> PatientStep | None: ...
    def consent(self, keys: Sequence[PatientKey]) -> tuple[list[Directive], list[Opening]]:
        """Directives and openings under these keys, in force or not, any order. One indexed range read."""

    def opening(self, key: PatientKey, opening_id: bytes) -> Opening | None: ...
    def openings(self, after: tuple[Instant, bytes] | None, limit: int, *, closed: bool = False) -> list[Opening]:
        """Openings that wait for a review, and with `closed` all, oldest first; `after` is (opened_at, id)."""

    def openings_waiting(self) -> int:
        """How many openings wait for a review."""

    def institution_counts(self, code: str) -> tuple[int, int]:
        """(reports visible, reports held) of an institution."""

    def data_keys(self) -> list[DataKey]:
        """All keys of the store, by number."""

    def sealed_anything(self) -> bool:
        """Whether anything of a patient or an access is kept yet."""

    def check_seals(self) -> None:
        """Opens one blob of each kind. Raises SealBroken when one does not open."""

    def seal_uses(self) -> dict[bytes, dict[str, int]]:
        """First bytes of sealed blobs → how many begin so, by table.column."""

    def token_uses(self) -> dict[int, tuple[int, int]]:
        """Token key → (tokens, those of them that cannot be made again because their identifier is not kept)."""

    def name_uses(self, first: int) -> dict[int, int]:
        """Digest key → names of reports under it; `first` is the number of the first key, whose names do not say it."""

    def accesses(self, keys: Sequence[PatientKey], since: Instant, before: LeafPlace, limit: int) -> list[Leaf]:
        """What is in the ledger under these keys, publishes left out, newest first."""

    def replication_lag(self) -> float:
        """Seconds that the replica farthest behind is late; 0 without any, or where the role may not see them."""

    def ping(self) -> None:
        """Raises StoreUnavailable when the database does not answer."""


class Writer(
    Reader,
    CatalogWriter,
    CertificateWriter,
    NoticeWriter,
    DecisionWriter,
    StatisticsWriter,
    UnmappedWriter,
    Protocol,
):
    """A transaction. Everything or nothing of a job is kept."""

    def lock(self, keys: Iterable[bytes]) -> None:
        """Serialises with every other job that locks one of these keys, until the end of the transaction."""

    def open_patient(self, key: PatientKey, demographics: Demographics, at: Instant, tokens: Sequence[bytes]) -> None:
        """A new record, a person of its own, to which the tokens lead."""

    def add_tokens(self, key: PatientKey, tokens: Sequence[bytes]) -> None: ...
    def remove_tokens(self, key: PatientKey, tokens: Sequence[bytes]) -> None: ...
    def put_step(self, step: PatientStep) -> None:
        """Adds or replaces a step, and re-forms the persons concerned from the link steps that stand."""

    def put_identity(self, identity: Identity) -> None:
        """Adds or replaces by key."""

    def put_version(self, version: ReportVersion) -> None: ...
    def put_report(self, row: StoredReport, *, held: bool = False) -> None:
        """Adds or replaces the index row by (patient_key, report_id). A held row is invisible to reports()."""

    def set_held(self, key: PatientKey, report_id: bytes, held: bool) -> None: ...
    def remove_report(self, key: PatientKey, report_id: bytes) -> None:
        """Hides the report from this key: removes its index row (versions stay)."""

    def put_held(self, held: HeldReport) -> None: ...
    def remove_held(self, held_id: bytes) -> None: ...
    def put_feed(self, status: FeedStatus) -> None: ...
    def put_prompt(self, prompt: Prompt) -> None:
        """Adds, or merges with what earlier answers to the same request offered: a line that was offered once stays,
        and the prompt counts from its first answer."""

    def put_directive(self, directive: Directive) -> None:
        """Adds or replaces by (patient key, id)."""

    def put_opening(self, opening: Opening) -> None:
        """Adds or replaces by (patient key, id)."""

    def record(self, access: AccessRecord) -> None: ...
    def put_data_key(self, key: DataKey) -> None:
        """Adds or replaces, wraps included."""

    def remove_data_key(self, number: int) -> None:
        """Destroys a key: what it seals can never be opened again."""

    def reseal(self, place: str, prefix: bytes, after: tuple[object, ...] | None, limit: int) -> Swept:
        """Seals anew, in the order of their keys, blobs at a place of seal_uses() that begin otherwise."""

    def retoken(self, key: int, after: tuple[object, ...] | None, limit: int) -> Swept:
        """Makes anew, under the token key of this number, tokens of other keys whose identifier is kept."""

    def rename(self, key: int, after: tuple[object, ...] | None, limit: int) -> Swept:
        """Makes anew, under the digest key of this number, names of reports under others."""

    def retoken_held(self, key: int, after: tuple[object, ...] | None, limit: int) -> Swept:
        """The same for the tokens that held reports came with."""


class PatientToken(bytes):
    """A token that knows how it was made, so that it can be made again under another key. Compares as its bytes."""

    identifier: bytes
    """The normalised identifier: sealed beside the token, shown nowhere."""
    key: int
    """Number of the token key."""
    also: tuple[bytes, ...]
    """What it is under the other keys that count while token keys are exchanged."""

    @classmethod
    def of(cls, token: bytes, identifier: bytes, key: int, also: tuple[bytes, ...] = ()) -> "PatientToken":
        """A token made of `identifier`."""
        made = cls(token)
        made.identifier, made.key, made.also = identifier, key, also
        return made


class ReportName(PatientToken):
    """The keyed name of a report's identity. `also`: its names under the other keys that count."""


class StoreUnavailable(Exception):
    """The database did not answer or refused; nothing was kept. Holds no parameters of the statement."""


class StoreOverloaded(StoreUnavailable):
    """Too many write jobs wait already; nothing was queued."""


Question = Callable[[Reader], tuple[T, Callable[[Writer], Any]]]
"""A read job that gives an answer, and the write job that must be durable before the answer leaves."""


class Store(Protocol):
    """Runs jobs. Thread-safe; sync. `read` blocks for one short read; `submit` returns at once."""

    def read(self, job: Callable[[Reader], T]) -> T:
        """Runs a read job in the calling thread, in one read transaction."""

    def submit(self, job: Callable[[Writer], T]) -> "Future[T]":
        """Queues a write job; the future resolves after the commit that made it durable, or with the job's exception.

        Raises StoreOverloaded when too many wait, StoreUnavailable after close().
        """

    def answer(self, question: Question[T]) -> "Future[T]":
        """Queues a question; the future resolves with its answer after the commit that made its write job durable, or
        with its exception. It is read for and kept by one thread, together with others that wait. Raises as submit.
        """

    def close(self) -> None:
        """Finishes what is queued, then releases everything."""


class SignedTree(NamedTuple):
    """A log at one size: RFC 9162 tree head and its signature (C2SP checkpoint)."""

    size: int
    root: bytes
    signature: bytes
    """Of the checkpoint's text: key id and Ed25519 signature, as a signed note holds them."""


class LedgerLog(Protocol):
    """One append-only Merkle log, as its only writer holds it."""

    log_id: bytes
    """Random 16 bytes."""

    @property
    def size(self) -> int:
        """Leaves that are durable."""

    def signed(self, hashes: Sequence[bytes]) -> SignedTree:
        """The tree with these leaf hashes appended, signed. Changes nothing until `advance`."""

    def advance(self) -> None:
        """What `signed` gave last is durable: the log goes on from there."""


class Ledger(Protocol):
    """Makes logs. Implemented in trust/."""

    def new_log(self) -> LedgerLog: ...
    def root_log(self, hashes: Sequence[bytes]) -> LedgerLog:
        """The root log as it stands: the log of logs."""

    def leaf_hash(self, leaf: bytes) -> bytes: ...
    def committed(self, log_id: bytes, tree: SignedTree) -> None:
        """Told after each commit, for the export of checkpoints. Returns at once."""

    def close(self) -> None:
        """Exports what is left."""


ROOT_LOG = bytes(16)
"""Id of the root log: it holds the start of every other log and the checkpoints at which they were found or ended."""


class SealBroken(Exception):
    """A sealed blob was altered, moved, or sealed under another key."""


class Sealer(Protocol):
    """Seals what must not be at rest in clear (AES-256-GCM). `context` is bound: a blob moved elsewhere does not open,
    and raises SealBroken."""

    def seal(self, plain: bytes, context: bytes) -> bytes: ...
    def open(self, sealed: bytes, context: bytes) -> bytes: ...


class Tokens(Protocol):
    """Keyed digests."""

    def patient(self, system: str, assigner: str, value: str) -> PatientToken:
        """Token of a normalised patient identifier: 32 bytes of HMAC under the token key."""

    def remade(self, identifier: bytes) -> PatientToken:
        """The token of PatientToken.identifier under the token key of now."""

    def lasting(self, token: bytes) -> bytes:
        """What stands for a token in digests: stays the same when the token key is exchanged."""

    def digest(self, purpose: str, *parts: str) -> bytes:
        """Keyed digest (32 bytes) of the parts, apart from that of every other purpose. Never changes."""

    def passing(self, purpose: str, *parts: str) -> bytes:
        """The same under the digest key of now: for what need not be known again once that is exchanged."""

    def name(self, purpose: str, *parts: str) -> ReportName:
        """The name of a report's identity under the digest key of now."""

    def renamed(self, name: bytes) -> bytes:
        """What a name of before is under the digest key of now."""


class Ids(Protocol):
    """Opaque ids handed out: sealed, deterministic, bound to the audience they were given to."""

    def seal(self, kind: str, audience: str, parts: Sequence[bytes]) -> str: ...
    def open(self, kind: str, audience: str, text: str) -> tuple[bytes, ...] | None:
        """None for anything that was not sealed for this kind and audience."""
