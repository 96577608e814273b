"""Ledger files: on SQLite the leaves of a process stand in a file of its own beside the database.

The file has the database's name with `-ledger-<number>` behind it. A process holds one number, from its first leaf to
its end, by a lock on an empty file that the system releases when the process dies. Whoever writes to any of the files
holds the database's own write lock meanwhile, so that no two ever wait for each other there.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from hutong_server.store import tables
from hutong_server.store.base import Sealer
from hutong_server.store.engine import set_up_sqlite
from hutong_server.store.ledger_tables import ledger_checkpoint, ledger_log
from hutong_server.store.statements import Statement, as_number, insert
from hutong_server.store.transaction import Transaction

PREPARED_MOST: Final = 8192
"""Leaves that one commit holds at most, generously: of so many it may be that a process died between its two commits.
"""
_NUMBERS: Final = 1000
_DIALECT: Final = sqlite.dialect()
_MADE: Final = [
    str(CreateTable(tables.access_record, if_not_exists=True).compile(dialect=_DIALECT)),
    *(
        str(CreateIndex(each, if_not_exists=True).compile(dialect=_DIALECT))
        for each in sorted(tables.access_record.indexes, key=lambda index: str(index.name))
    ),
]

_rec, _log, _tree = tables.access_record.c, ledger_log.c, ledger_checkpoint.c
_RECORD = insert(tables.access_record)
_LAST = Statement(select(_rec.log_id).order_by(_rec.record_id.desc()).limit(1))
_COMMITTED = Statement(select(func.max(_tree.size)).where(_tree.log_id == bindparam("of_log")))
_ENDED = Statement(select(_log.ended).where(_log.log_id == bindparam("of_log")))
_FILE = Statement(select(as_number(_log.file)).where(_log.log_id == bindparam("of_log")))
_BEYOND = Statement(
    select(func.count()).where(_rec.log_id == bindparam("of_log"), _rec.leaf_index >= bindparam("size"))
)
_REMOVE = Statement(
    delete(tables.access_record).where(_rec.log_id == bindparam("of_log"), _rec.leaf_index >= bindparam("size"))
)


class NoSlot(OSError):
    """Every number is taken."""


class Beside(NamedTuple):
    """Where the ledger files of a SQLite database stand."""

    database: Path
    timeout_ms: int
    """How long a statement waits for a lock."""

    def path(self, number: int) -> Path:
        """Of a file, which need not be there."""
        return path_of(self.database, number)

    def connect(self, number: int) -> sqlite3.Connection:
        """To a file that is there. Raises sqlite3.Error, UnsafeSettings."""
        connection = sqlite3.connect(
            f"{self.path(number).absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, check_same_thread=False
        )
        try:
            set_up_sqlite(connection, self.timeout_ms)
        except BaseException:
            connection.close()
            raise
        return connection


def path_of(database: Path, number: int) -> Path:
    """Of a ledger file, which need not be there."""
    return database.with_name(f"{database.name}-ledger-{number}")


def files_of(database: Path) -> dict[int, Path]:
    """The ledger files of a database that are there, by number."""
    begins = f"{database.name}-ledger-"
    try:
        names = [each.name for each in database.parent.iterdir() if each.is_file()]
    except FileNotFoundError:
        return {}
    ends = (name.removeprefix(begins) for name in names if name.startswith(begins))
    numbers = sorted(int(end) for end in ends if end.isascii() and end.isdecimal() and str(int(end)) == end)
    return {number: path_of(database, number) for number in numbers}


class LedgerFiles:
    """The ledger files of a database as one transaction sees them: each at one state, from when it is first read."""

    def __init__(self, beside: Beside, connection: sqlite3.Connection, sealer: Sealer) -> None:
        """`connection`: the database's own."""
        self._beside = beside
        self._connection = connection
        self._sealer = sealer
        self._open: dict[int, Transaction] = {}

    def numbers(self) -> list[int]:
        """Of those that are there."""
        return list(files_of(self._beside.database))

    def of(self, number: int) -> Transaction:
        """A file to read in. One that is not there, or is none of ours, is read as empty, and none is made."""
        found = self._open.get(number)
        if found is None:
            connection = self._read(number)
            connection.text_factory = self._connection.text_factory
            found = self._open[number] = Transaction(connection, "sqlite", self._sealer)
        return found

    def _read(self, number: int) -> sqlite3.Connection:
        if self._beside.path(number).is_file():
            try:
                return self._begun(number)
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorcode not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
                    raise
        empty = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        empty.execute(_MADE[0])
        return empty

    def _begun(self, number: int) -> sqlite3.Connection:
        connection = self._beside.connect(number)
        try:
            connection.execute("PRAGMA query_only=ON")
            connection.execute("BEGIN")
            connection.execute("SELECT leaf_hash FROM access_record LIMIT 1").fetchone()
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def writing(self, number: int) -> Iterator[Transaction]:
        """A transaction of its own in a file that is there, committed at the end. For who holds the database's lock."""
        ledger = Transaction(self._beside.connect(number), "sqlite", self._sealer)
        try:
            ledger.begin_write()
            yield ledger
            ledger.commit()
        finally:
            ledger.connection.close()

    def committed_now(self, log_id: bytes) -> int:
        """Up to which size a log is committed at this moment, whatever state of the database the transaction sees."""
        target = f"{self._beside.database.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(target, uri=True, isolation_level=None, timeout=self._beside.timeout_ms / 1000)
        try:
            return committed(Transaction(connection, "sqlite", self._sealer), log_id)
        finally:
            connection.close()

    def close(self) -> None:
        """Ends what was read."""
        opened, self._open = self._open, {}
        for each in opened.values():
            each.connection.close()


class LedgerSlot:
    """The ledger file that this process writes."""

    def __init__(self, beside: Beside) -> None:
        self._beside = beside
        self._lock: int | None = None
        self._number = 0
        self._connection: sqlite3.Connection | None = None
        self._doubtful = True
        """Whether leaves may stand there whose commit in the database did not come through."""

    def take(self) -> int:
        """The number of the file, which is made where it is not there. Raises OSError."""
        if self._lock is None:
            self._lock, self._number = _first_free(self._beside)
        return self._number

    def write(self, tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
        """Makes leaves durable in the file, in the middle of the database's transaction `tx`, before its commit.

        Raises sqlite3.Error, UnsafeSettings; nothing is in the file then, or what the next call removes.
        """
        doubtful, self._doubtful = self._doubtful, True
        try:
            if self._connection is None:
                self._connection = self._opened()
            ledger = Transaction(self._connection, "sqlite", tx.sealer)
            ledger.begin_write()
            if doubtful:
                _remove_prepared(tx, ledger)
            ledger.run_many(_RECORD, rows)
            ledger.commit()
        except BaseException:
            self._let_go()
            raise

    def committed(self) -> None:
        """What was written last is committed in the database too."""
        self._doubtful = False

    def _opened(self) -> sqlite3.Connection:
        connection = self._beside.connect(self._number)
        try:
            for statement in _MADE:
                connection.execute(statement)
        except BaseException:
            connection.close()
            raise
        return connection

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def close(self) -> None:
        """Gives the number back."""
        self._let_go()
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)


def _first_free(beside: Beside) -> tuple[int, int]:
    """(descriptor that holds the lock, number)."""
    for number in range(_NUMBERS):
        path = beside.path(number)
        # The lock is no file of SQLite's: to close one of those would give up all locks that this process has on it.
        lock = os.open(path.with_name(f"{path.name}-lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
                _sync_directory(path.parent)
        except BlockingIOError:
            os.close(lock)
        except BaseException:
            os.close(lock)
            raise
        else:
            return lock, number
    raise NoSlot("every ledger file is taken")


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_prepared(tx: Transaction, ledger: Transaction) -> None:
    """Removes what was prepared in the file and never committed in the database. It is what was written last there.

    More than one commit holds was not left by a process that died: it stays, and verification names it.
    """
    last = ledger.row(_LAST)
    if last is None:
        return
    log_id = last[0]
    size = committed(tx, log_id)
    if not _over(tx, log_id) and 0 < beyond(ledger, log_id, size) <= PREPARED_MOST:
        ledger.run(_REMOVE, of_log=log_id, size=size)


def committed(tx: Transaction, log_id: bytes) -> int:
    """Up to which size a log is committed in the database: that of its newest checkpoint, 0 where there is none."""
    row = tx.row(_COMMITTED, of_log=log_id)
    return row[0] or 0 if row else 0


def _over(tx: Transaction, log_id: bytes) -> bool:
    row = tx.row(_ENDED, of_log=log_id)
    return bool(row and row[0])


def beyond(ledger: Transaction, log_id: bytes, size: int) -> int:
    """Leaves of a log that stand in a ledger file at or after a number."""
    row = ledger.row(_BEYOND, of_log=log_id, size=size)
    return int(row[0]) if row else 0


def counted(tx: Transaction, ledger: Transaction, log_id: bytes, *, ended: bool) -> int | None:
    """How many leaves in a ledger file are of a log; None: all that stand there.

    What is beyond the newest checkpoint that the transaction sees was prepared, or came after it.
    """
    size = committed(tx, log_id)
    if tx.files is None or ended or not size:
        return None
    few = beyond(ledger, log_id, size) <= PREPARED_MOST
    return size if few or beyond(ledger, log_id, tx.files.committed_now(log_id)) <= PREPARED_MOST else None


def leaves_of(tx: Transaction, log_id: bytes) -> Transaction:
    """Where the leaves of a log are read: in the database itself, or in its ledger file."""
    if tx.files is None:
        return tx
    row = tx.row(_FILE, of_log=log_id)
    return tx if row is None or row[0] is None else tx.files.of(row[0])


def in_file(tx: Transaction, number: int | None) -> Transaction:
    """Where leaves are read that stand in a ledger file, or in the database itself."""
    return tx if tx.files is None or number is None else tx.files.of(number)
