"""Reading the ledger whole, as it is stored: for verification, proofs and export."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from sqlalchemy import and_, bindparam, func, not_, select

from hutong_server.domain.report import Instant
from hutong_server.store import compact, tables
from hutong_server.store.base import ROOT_LOG, SealBroken
from hutong_server.store.leaves import leaf_from_rest
from hutong_server.store.ledger import leaf_context
from hutong_server.store.ledger_file import beyond, counted
from hutong_server.store.ledger_file_strays import LOGLESS, OUTSIDE_ALL, file_strays
from hutong_server.store.ledger_tables import is_outside, ledger_checkpoint, ledger_log, ledger_root, ledger_subject
from hutong_server.store.packing import part_keys
from hutong_server.store.statements import Statement, as_bytes, as_number
from hutong_server.store.transaction import Transaction

_CHUNK = 500
_ALL = 2**63 - 1
_UNREADABLE: tuple[type[Exception], ...] = (SealBroken, ValueError, IndexError, *compact.UNREADABLE)


class LogState(NamedTuple):
    """A log as the database knows it."""

    log_id: bytes
    started: Instant
    ended: bool
    cut: int
    """Leaves that retention cut off."""
    cut_nodes: tuple[bytes, ...]
    file: int | None = None
    """The ledger file in which its leaves stand; None: in the database itself."""


class IndexRow(NamedTuple):
    """What the index says of a leaf in clear."""

    at: Instant
    method: str
    institution: str
    role: str
    outcome: str
    patient_keys: tuple[bytes, ...]
    listed_for: tuple[bytes, ...]
    """Patient keys under which the leaf is found."""


class StoredLeaf(NamedTuple):
    """A leaf."""

    number: int
    """Its place in its log, from 0."""
    hashed: bytes
    leaf: bytes | None
    """None when it does not open."""
    row: IndexRow | None
    """None when the source holds no index (the root log, a dump)."""


class StoredTree(NamedTuple):
    """A signed tree head."""

    size: int
    at: Instant
    root: bytes
    signature: bytes


class LedgerView(Protocol):
    """The ledger, wherever it is read from."""

    def logs(self) -> list[LogState]: ...
    def leaves(self, log_id: bytes, start: int = 0) -> Iterator[StoredLeaf]:
        """By index."""

    def trees(self, log_id: bytes) -> Iterator[StoredTree]:
        """By size."""

    def strays(self) -> list[tuple[str, int]]:
        """What belongs to no log: (what, how many)."""

    def newest(self, log_id: bytes) -> StoredTree | None:
        """The newest signed tree of a log."""

    def hashes(self, log_id: bytes, size: int) -> list[bytes]:
        """Hashes of the leaves that are kept, up to a size."""


_rec, _log, _tree, _subject = (
    tables.access_record.c,
    ledger_log.c,
    ledger_checkpoint.c,
    ledger_subject.c,
)
_LOGS = Statement(
    select(
        as_bytes(_log.log_id),
        as_number(_log.started),
        _log.ended,
        as_number(_log.cut),
        as_bytes(_log.cut_nodes),
        as_number(_log.file),
    ).order_by(_log.started, _log.log_id)
)
_LEAVES = Statement(
    select(
        as_number(_rec.leaf_index),
        as_bytes(_rec.leaf_hash),
        as_bytes(_rec.body),
        _rec.at,
        _rec.method,
        _rec.institution,
        _rec.role,
        _rec.outcome,
        as_bytes(_rec.patient_keys),
    )
    .where(
        _rec.log_id == bindparam("of_log"),
        _rec.leaf_index >= bindparam("start"),
        _rec.leaf_index < bindparam("end"),
    )
    .order_by(_rec.leaf_index)
    .limit(bindparam("limit"))
)
_HASHES = Statement(
    select(as_bytes(_rec.leaf_hash))
    .where(
        _rec.log_id == bindparam("of_log"),
        _rec.leaf_index >= bindparam("start"),
        _rec.leaf_index < bindparam("end"),
    )
    .order_by(_rec.leaf_index)
)
_root = ledger_root.c
_ROOTS = Statement(
    select(as_number(_root.leaf_index), as_bytes(_root.body), as_bytes(_root.leaf_hash)).order_by(_root.leaf_index)
)
_TREES = Statement(
    select(as_number(_tree.size), _tree.at, as_bytes(_tree.root), as_bytes(_tree.signature))
    .where(_tree.log_id == bindparam("of_log"), _tree.size > bindparam("after"))
    .order_by(_tree.size)
    .limit(bindparam("limit"))
)
_LAST_TREE = Statement(
    select(as_number(_tree.size), _tree.at, as_bytes(_tree.root), as_bytes(_tree.signature))
    .where(_tree.log_id == bindparam("of_log"))
    .order_by(_tree.size.desc())
    .limit(1)
)
_LOG = Statement(
    select(as_number(_log.file), _log.ended, as_number(_log.cut)).where(_log.log_id == bindparam("of_log"))
)
_LISTED = Statement(
    select(_subject.patient_key).where(
        _subject.patient_key == bindparam("key"),
        _subject.at == bindparam("of_at"),
        _subject.log_id == bindparam("of_log"),
        _subject.leaf_index == bindparam("of_index"),
    )
)
_STRAY_LEAVES = Statement(
    select(func.count())
    .select_from(tables.access_record.outerjoin(ledger_log, _rec.log_id == _log.log_id))
    .where(not_(is_outside), _log.log_id.is_(None))
)
_STRAY_TREES = Statement(
    select(func.count())
    .select_from(ledger_checkpoint.outerjoin(ledger_log, _tree.log_id == _log.log_id))
    .where(_tree.log_id != bindparam("root"), _log.log_id.is_(None))
)
_STRAY_SUBJECTS = Statement(
    select(func.count())
    .select_from(
        ledger_subject.outerjoin(
            tables.access_record,
            and_(_subject.log_id == _rec.log_id, _subject.leaf_index == _rec.leaf_index),
        )
    )
    .where(_rec.log_id.is_(None))
)
# In the distributed form entries and leaves stand on different machines, on SQLite in different files: log after log,
# then, which are not long.
_LOGS_LISTED = Statement(select(_subject.log_id).distinct())
_LISTED_OF = Statement(
    select(_subject.leaf_index, func.count())
    .where(_subject.log_id == bindparam("of_log"))
    .group_by(_subject.leaf_index)
)
_THERE = Statement(
    select(_rec.leaf_index).where(
        _rec.log_id == bindparam("of_log"),
        _rec.leaf_index >= bindparam("start"),
        _rec.leaf_index < bindparam("end"),
    )
)
_OUTSIDE = Statement(
    select(func.count()).where(
        is_outside,
        _rec.at >= select(func.min(_log.started)).scalar_subquery(),
    )
)


def take_any_text(tx: Transaction) -> None:
    """From now on this connection of SQLite's reads texts that are none: what was put there by hand is looked for."""
    if tx.database == "sqlite":
        tx.connection.text_factory = lambda text: text.decode("utf-8", "backslashreplace")


def begin_whole(tx: Transaction) -> None:
    """The database and its ledger files as they are now: for who reads all of them, which may take hours."""
    if tx.files is not None:
        tx.rows(_LOGS)  # the database first: a leaf stands in its file before its checkpoint stands there
        tx.files.begin()


class _Place(NamedTuple):
    """Where leaves stand that are a log's."""

    tx: Transaction
    start: int
    """From which number on: what is before it was cut off, and may not be deleted yet."""
    end: int
    """Before which number."""


class SqlLedgerView:
    """LedgerView over a transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def logs(self) -> list[LogState]:
        """See LedgerView."""
        return [
            LogState(
                log_id, started, bool(ended), cut, tuple(nodes[i : i + 32] for i in range(0, len(nodes), 32)), file
            )
            for log_id, started, ended, cut, nodes, file in self._tx.rows(_LOGS)
        ]

    def leaves(self, log_id: bytes, start: int = 0) -> Iterator[StoredLeaf]:
        """See LedgerView."""
        if log_id == ROOT_LOG:
            for index, body, hashed in self._tx.rows(_ROOTS):
                yield StoredLeaf(index, hashed, body, None)
            return
        ledger, cut, end = self._place(log_id)
        start = max(start, cut)
        while True:
            rows = ledger.rows(_LEAVES, of_log=log_id, start=start, end=end, limit=_CHUNK)
            for index, hashed, sealed, *clear in rows:
                yield StoredLeaf(index, hashed, self._opened(sealed, log_id, index), self._row(log_id, index, *clear))
            if len(rows) < _CHUNK:
                return
            start = rows[-1][0] + 1

    def trees(self, log_id: bytes) -> Iterator[StoredTree]:
        """See LedgerView."""
        after = -1
        while True:
            rows = self._tx.rows(_TREES, of_log=log_id, after=after, limit=_CHUNK)
            for row in rows:
                yield StoredTree(*row)
            if len(rows) < _CHUNK:
                return
            after = rows[-1][0]

    def strays(self) -> list[tuple[str, int]]:
        """See LedgerView."""
        beside = file_strays(self._tx)
        counts = (
            (LOGLESS, self._count(_STRAY_LEAVES) + beside.pop(LOGLESS, 0)),
            ("checkpoints of a log that is not there", self._count(_STRAY_TREES, root=ROOT_LOG)),
            ("entries of a patient's list without their leaf", self._stray_subjects()),
            (OUTSIDE_ALL, self._count(_OUTSIDE) + beside.pop(OUTSIDE_ALL, 0)),
            *beside.items(),
        )
        return [(what, count) for what, count in counts if count]

    def _count(self, statement: Statement, **values: Any) -> int:
        row = self._tx.row(statement, **values)
        return int(row[0]) if row else 0

    def _stray_subjects(self) -> int:
        if not self._tx.distributed and self._tx.files is None:
            return self._count(_STRAY_SUBJECTS)
        count = 0
        for (log_id,) in self._tx.rows(_LOGS_LISTED):
            ledger, start, end = self._place(log_id)
            there = {index for (index,) in ledger.rows(_THERE, of_log=log_id, start=start, end=end)}
            count += sum(times for index, times in self._tx.rows(_LISTED_OF, of_log=log_id) if index not in there)
        return count

    def newest(self, log_id: bytes) -> StoredTree | None:
        """The newest signed tree of a log."""
        row = self._tx.row(_LAST_TREE, of_log=log_id)
        return StoredTree(*row) if row else None

    def hashes(self, log_id: bytes, size: int) -> list[bytes]:
        """Hashes of the leaves that are kept, up to a size."""
        if log_id == ROOT_LOG:
            return [leaf.hashed for leaf in self.leaves(ROOT_LOG)][:size]
        ledger, cut, end = self._place(log_id)
        return [bytes(row[0]) for row in ledger.rows(_HASHES, of_log=log_id, start=cut, end=min(size, end))]

    def prepared(self) -> list[tuple[bytes, int, int]]:
        """(log, first leaf, leaves) that stand in ledger files and do not count: their commit did not come through."""
        found = []
        for log in self.logs():
            ledger, _, end = self._place(log.log_id)
            if self._tx.files is not None and end < _ALL and beyond(ledger, log.log_id, end):
                # Or came since.
                size = max(end, self._tx.files.committed_now(log.log_id))
                if left := beyond(ledger, log.log_id, size):
                    found.append((log.log_id, size, left))
        return found

    def _place(self, log_id: bytes) -> _Place:
        """Where the leaves of a log stand."""
        log = self._tx.row(_LOG, of_log=log_id)
        if self._tx.files is None or log is None or log[0] is None:
            return _Place(self._tx, 0, _ALL)
        ledger = self._tx.files.of(log[0])
        end = counted(self._tx, ledger, log_id, ended=bool(log[1]))
        return _Place(ledger, log[2], _ALL if end is None else end)

    def _opened(self, sealed: bytes, log_id: bytes, index: int) -> bytes | None:
        try:
            return leaf_from_rest(self._tx.sealer.open(sealed, leaf_context(log_id, index)))
        except _UNREADABLE:
            return None

    def _row(
        self,
        log_id: bytes,
        index: int,
        at: Instant,
        method: str,
        institution: str,
        role: str,
        outcome: str,
        keys: bytes,
    ) -> IndexRow:
        parted = part_keys(keys)
        listed = tuple(
            key
            for key in dict.fromkeys(parted)
            if self._tx.row(_LISTED, key=key, of_at=at, of_log=log_id, of_index=index) is not None
        )
        return IndexRow(at, method, institution, role, outcome, parted, listed)
