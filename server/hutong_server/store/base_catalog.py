"""What use cases ask of a store about the catalogue and its versions. Part of Reader and Writer of store/base.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from hutong_server.domain.recognition import Institution
from hutong_server.domain.report import Instant


@dataclass(frozen=True, slots=True)
class CatalogRow:
    """One entry of the catalogue; institutions are entries in versions and differences only. `body`: canonical JSON."""

    kind: str
    key: str
    body: str


@dataclass(frozen=True, slots=True)
class CatalogDiff:
    """A difference between two catalogues."""

    change: str
    """added, removed, changed."""
    kind: str
    key: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class CatalogImport:
    """What files amount to.

    Institutions are added or changed, never removed. `rows` replace everything in the `scopes` that the files name:
    (kind, "") is the whole kind; (kind, "CODE|") is one institution's part of it (mappings, grants), so that importing
    one hospital's mappings leaves the others' alone.
    """

    institutions: tuple[Institution, ...] = ()
    rows: tuple[CatalogRow, ...] = ()
    scopes: tuple[tuple[str, str], ...] = ()


class CatalogVersion(NamedTuple):
    """A version of the catalogue."""

    version: int
    at: Instant
    by: str
    comment: str
    change_count: int


PENDING, CANCELLED, FAILED, DONE = "pending", "cancelled", "failed", "done"


@dataclass(frozen=True, slots=True)
class PendingImport:
    """An import that waits for its moment, or waited."""

    pending_id: bytes
    state: str
    """pending, cancelled, failed, done."""
    activate_at: Instant
    made_at: Instant
    changed_at: Instant
    by: str
    """INSTITUTION/ROLE of the certificate that made it."""
    certificate: str
    comment: str
    note: str = ""
    """Why it was cancelled, or does not fit the catalogue any more."""
    change_count: int = 0
    """Differences when it was made."""
    version: int = 0
    """The version that it became."""


class HistoryPosition(NamedTuple):
    """How far a list of the history has come."""

    version: int
    """The last version listed."""
    ended: tuple[Instant, bytes]
    """(changed_at, id) of the last import listed that was cancelled or failed."""


class CatalogReader(Protocol):
    """The part of Reader."""

    def catalog_version(self) -> int: ...
    def catalog_rows(self, kind: str = "", after: tuple[str, str] | None = None, limit: int = 0) -> list[CatalogRow]:
        """Entries in force by (kind, key); institutions only when `kind` says so. `limit` 0: all."""

    def catalog_changes(self, lower: int, higher: int) -> list[CatalogDiff]:
        """What differs from version `lower` to version `higher`, by kind and key; institutions with their state."""

    def catalog_history(
        self, before: HistoryPosition | None, limit: int
    ) -> tuple[list[CatalogVersion], list[PendingImport]]:
        """Versions, and imports that were cancelled or failed; each newest first, at most `limit` of each."""

    def waiting_imports(self) -> list[PendingImport]:
        """Imports that wait, soonest first."""

    def due_import(self, now: Instant) -> bytes | None:
        """Id of the first import whose moment has come."""

    def pending_import(self, pending_id: bytes) -> tuple[PendingImport, CatalogImport] | None: ...


class CatalogWriter(Protocol):
    """The part of Writer."""

    def put_institution(self, row: Institution, at: Instant, by: str, comment: str) -> int:
        """Adds or replaces; returns the new catalogue version."""

    def apply_catalog(
        self,
        put: Sequence[CatalogRow],
        remove: Sequence[tuple[str, str]],
        at: Instant,
        by: str,
        comment: str,
        institutions: Sequence[Institution] = (),
    ) -> int:
        """Puts and removes entries and puts institutions, keeping every former version; returns the new version."""

    def put_pending(self, pending: PendingImport, content: CatalogImport | None = None) -> None:
        """Adds, or changes all but the content when `content` is None."""
