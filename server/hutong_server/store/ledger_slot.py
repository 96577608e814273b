"""The ledger file that a process writes, and what it removes there of commits that did not come through.

A process holds one number, from its first leaf to its end, by a lock on an empty file beside it, which the system
releases when the process dies.
"""

import fcntl
import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import bindparam, delete, select

from hutong_server.durable import sync
from hutong_server.store import tables
from hutong_server.store.ledger_file import MADE, PREPARED_MOST, Beside, beyond, committed
from hutong_server.store.ledger_tables import ledger_log
from hutong_server.store.statements import Statement, insert
from hutong_server.store.transaction import Transaction

_NUMBERS: Final = 1000
"""Files that can be written at the same time."""
_rec, _log = tables.access_record.c, ledger_log.c
_RECORD = insert(tables.access_record)
_LAST = Statement(select(_rec.log_id).order_by(_rec.record_id.desc()).limit(1))
_ENDED = Statement(select(_log.ended).where(_log.log_id == bindparam("of_log")))
_REMOVE = Statement(
    delete(tables.access_record).where(_rec.log_id == bindparam("of_log"), _rec.leaf_index >= bindparam("size"))
)


class NoSlot(OSError):
    """Every number is taken."""


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
            for statement in MADE:
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
            _give(lock, beside.database)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileExistsError):
                made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                try:
                    _give(made, beside.database)
                finally:
                    os.close(made)
                sync(path.parent)
        except BlockingIOError:
            os.close(lock)
        except BaseException:
            os.close(lock)
            raise
        else:
            return lock, number
    raise NoSlot("every ledger file is taken")


def _give(descriptor: int, database: Path) -> None:
    """What root makes belongs to the database's owner, as what SQLite makes beside it: the service must open it."""
    if os.geteuid() == 0:
        owner = database.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


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


def _over(tx: Transaction, log_id: bytes) -> bool:
    row = tx.row(_ENDED, of_log=log_id)
    return bool(row and row[0])
