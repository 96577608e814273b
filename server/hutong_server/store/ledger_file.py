"""Ledger files: on SQLite the leaves of a process stand in a file of its own beside the database.

The file has the database's name with `-ledger-<number>` behind it; which process has which says ledger_slot.py. Whoever
writes to any of the files holds the database's own write lock meanwhile, so that no two ever wait for each other there.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from hutong_server.store import tables
from hutong_server.store.base import Sealer
from hutong_server.store.engine import set_up_sqlite
from hutong_server.store.ledger_tables import ledger_checkpoint, ledger_log
from hutong_server.store.statements import Statement, as_number
from hutong_server.store.transaction import Transaction

PREPARED_MOST: Final = 8192
"""Leaves that one commit holds at most, generously: of so many it may be that a process died between its two commits.
"""
_DIALECT: Final = sqlite.dialect()
MADE: Final = [
    str(CreateTable(tables.access_record, if_not_exists=True).compile(dialect=_DIALECT)),
    *(
        str(CreateIndex(each, if_not_exists=True).compile(dialect=_DIALECT))
        for each in sorted(tables.access_record.indexes, key=lambda index: str(index.name))
    ),
]
"""What makes the tables of a ledger file, where they are not there: the table first."""

_rec, _log, _tree = tables.access_record.c, ledger_log.c, ledger_checkpoint.c
_COMMITTED = Statement(select(func.max(_tree.size)).where(_tree.log_id == bindparam("of_log")))
_FILE = Statement(select(as_number(_log.file)).where(_log.log_id == bindparam("of_log")))
_BEYOND = Statement(
    select(func.count()).where(_rec.log_id == bindparam("of_log"), _rec.leaf_index >= bindparam("size"))
)


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

    def begin(self) -> None:
        """Opens all that are there: what retention deletes or a new key changes from now on is not seen half."""
        for number in self.numbers():
            self.of(number)

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
        empty.execute(MADE[0])
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


def committed(tx: Transaction, log_id: bytes) -> int:
    """Up to which size a log is committed in the database: that of its newest checkpoint, 0 where there is none."""
    row = tx.row(_COMMITTED, of_log=log_id)
    return row[0] or 0 if row else 0


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
