"""What the use cases ask of a store, in their own words. Implemented in store/, sealed by trust/.

A store runs *jobs*: functions of a Reader or a Writer. A write job is durable when its future resolves; jobs of
concurrent calls share one commit. A job may run more than once (a lost race, a deadlock), so it must have no effect
but through its writer. Instants are milliseconds since 1970-01-01T00:00:00Z.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

from hutong_server.domain.consent import Directive, Opening
from hutong_server.domain.person import Demographics, PatientKey, Person
from hutong_server.domain.recognition import Institution
from hutong_server.domain.report import Instant
from hutong_server.store.base_acts import Act as Act
from hutong_server.store.base_acts import ToldAct as ToldAct
from hutong_server.store.base_catalog import CatalogDiff as CatalogDiff
from hutong_server.store.base_catalog import CatalogImport as CatalogImport
from hutong_server.store.base_catalog import CatalogReader, CatalogWriter
from hutong_server.store.base_catalog import CatalogRow as CatalogRow
from hutong_server.store.base_certificates import CertificateReader, CertificateWriter
from hutong_server.store.base_decisions import DecisionReader, DecisionWriter
from hutong_server.store.base_housekeeping import HousekeepingReader, HousekeepingWriter
from hutong_server.store.base_late import LateReader as LateReader
from hutong_server.store.base_notices import NoticeReader, NoticeWriter
from hutong_server.store.base_records import AccessRecord as AccessRecord
from hutong_server.store.base_records import DataKey as DataKey
from hutong_server.store.base_records import FeedStatus as FeedStatus
from hutong_server.store.base_records import HeldReport as HeldReport
from hutong_server.store.base_records import Identity as Identity
from hutong_server.store.base_records import Leaf as Leaf
from hutong_server.store.base_records import LeafPlace as LeafPlace
from hutong_server.store.base_records import PatientRecordRow as PatientRecordRow
from hutong_server.store.base_records import PatientStep as PatientStep
from hutong_server.store.base_records import Prompt as Prompt
from hutong_server.store.base_records import RecordedReport as RecordedReport
from hutong_server.store.base_records import ReportFilter as ReportFilter
from hutong_server.store.base_records import ReportVersion as ReportVersion
from hutong_server.store.base_records import StoredReport as StoredReport
from hutong_server.store.base_records import Swept as Swept
from hutong_server.store.base_records import VersionHead as VersionHead
from hutong_server.store.base_restoration import Restoration as Restoration
from hutong_server.store.base_restoration import RestorationReader, RestorationWriter
from hutong_server.store.base_statistics import StatisticsReader, StatisticsWriter
from hutong_server.store.base_trust import ROOT_LOG as ROOT_LOG
from hutong_server.store.base_trust import Ids as Ids
from hutong_server.store.base_trust import Ledger as Ledger
from hutong_server.store.base_trust import LedgerLog as LedgerLog
from hutong_server.store.base_trust import PatientToken as PatientToken
from hutong_server.store.base_trust import ReportName as ReportName
from hutong_server.store.base_trust import SealBroken as SealBroken
from hutong_server.store.base_trust import Sealer as Sealer
from hutong_server.store.base_trust import SignedTree as SignedTree
from hutong_server.store.base_trust import Tokens as Tokens
from hutong_server.store.base_unmapped import UnmappedReader, UnmappedWriter

T = TypeVar("T")


class Reader(
    CatalogReader,
    CertificateReader,
    NoticeReader,
    DecisionReader,
    StatisticsReader,
    UnmappedReader,
    HousekeepingReader,
    RestorationReader,
    Protocol,
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

    def look_at_nobodys_consent(self) -> None:
        """Opens a directive that is nobody's, as consent() opens a patient's: it takes as long. In the same way
        persons() opens a record of nobody where there is none."""

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
    HousekeepingWriter,
    RestorationWriter,
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

    def record(self, access: AccessRecord, *acts: Act) -> None:
        """Adds a leaf to the ledger. `acts`: what must be done again when the database is put back from a backup."""

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

    def read_late(self, job: Callable[[LateReader], T]) -> T:
        """As read, of a standby where there is one that is not too far behind; else of the store itself."""

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
