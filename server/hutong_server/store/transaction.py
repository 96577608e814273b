"""One transaction on a driver's connection: runs compiled statements, seals and opens what they hold."""

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

from hutong_server.store.base import PatientToken, Sealer, Tokens
from hutong_server.store.decoys import Decoys
from hutong_server.store.sessions import Session
from hutong_server.store.statements import Statement, StatementOver

if TYPE_CHECKING:
    from hutong_server.store.ledger_file import LedgerFiles

DRIVER_ERRORS: tuple[type[Exception], ...] = (sqlite3.Error, psycopg.Error)
"""What the database says when it refuses. Their texts may hold values and go nowhere."""


def disk_full(error: Exception) -> bool:
    """Whether the database refused because it has no room left."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_FULL or isinstance(error, psycopg.errors.DiskFull)


Row = tuple[Any, ...]

CHUNK = 100
"""Values in one IN list at most, so that there are few texts."""

_AT_ONCE = 1000
"""Runs of one statement in one round trip at most: an answer is waited for only so long (bounded.py), and an import of
a province's codes takes longer than any statement may."""

_LOCK = "SELECT pg_advisory_xact_lock(k) FROM unnest(%s::bigint[]) AS k"
_TRY_LOCK = "SELECT bool_and(pg_try_advisory_xact_lock(k)) FROM unnest(%s::bigint[]) AS k"


_BEGIN_READ = {"sqlite": "BEGIN", "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}
# Behind a pooler each transaction may be another server's, and it was the connection that was checked. A standby
# refuses to begin as if to write.
_BEGIN_READ_POOLED = "BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE; SET TRANSACTION READ ONLY"
_BEGIN_WRITE = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"}


class Contended(BaseException):
    """Another lane holds a lock that this job needs. Not an Exception: no job shall catch it."""


class Transaction:
    """What the resource modules are given as `tx`."""

    __slots__ = (
        "_begin_read",
        "_begin_with",
        "_execute",
        "_execute_many",
        "_rest",
        "_warnings",
        "connection",
        "database",
        "decoys",
        "distributed",
        "files",
        "may_wait",
        "sealer",
        "tokens",
        "touched",
    )

    def __init__(self, connection: Any, database: str, sealer: Sealer, session: Session = Session()) -> None:  # noqa: B008  immutable
        """`session`: what sessions.begin says of the connection."""
        self._begin_with = session.begin_with
        pooled = session.begin_with and not session.standby
        self._begin_read = _BEGIN_READ_POOLED if pooled else _BEGIN_READ[database]
        self.distributed = session.distributed
        self.files: LedgerFiles | None = None
        """The ledger files beside a SQLite database; None: it has none."""
        self._warnings: list[str] = []
        self.connection = connection
        self.database = database
        self.decoys = Decoys()
        self.sealer = sealer
        self.tokens: Tokens | None = None
        """Makes anew the tokens that were kept in a sealed blob; None: they are as they were."""
        self.touched: set[bytes] = set()
        """Records of which this transaction changes what a chart shows."""
        self.may_wait = True
        """Whether lock() waits. A job that shares its transaction must not: it would hold others' locks meanwhile."""
        target = connection.cursor(binary=True) if database == "postgresql" else connection
        self._execute, self._execute_many = target.execute, target.executemany
        self._rest: Callable[[str, Sequence[Any]], list[list[Row]]] | None = None

    def rows(self, statement: Statement, **values: Any) -> list[Row]:
        """All rows."""
        compiled = statement.on(self.database)
        return self._all(compiled.text, compiled.values(values))

    def row(self, statement: Statement, **values: Any) -> Row | None:
        """The first row, if any."""
        compiled = statement.on(self.database)
        if self._rest is not None:
            return next(iter(self._rest(compiled.text, [compiled.values(values)])[0]), None)
        found: Row | None = self._execute(compiled.text, compiled.values(values)).fetchone()
        return found

    def _all(self, text: str, values: Sequence[Any]) -> list[Row]:
        if self._rest is not None:
            return self._rest(text, [values])[0]
        found: list[Row] = self._execute(text, values).fetchall()
        return found

    def run(self, statement: Statement, **values: Any) -> None:
        """Changes rows."""
        compiled = statement.on(self.database)
        self._execute(compiled.text, compiled.values(values))

    def run_many(self, statement: Statement, many: Sequence[Mapping[str, Any]]) -> None:
        """Changes rows by one statement, once for each of `many`."""
        compiled = statement.on(self.database)
        if len(many) == 1:
            self._execute(compiled.text, compiled.values(many[0]))
            return
        for start in range(0, len(many), _AT_ONCE):
            part = many[start : start + _AT_ONCE]
            self._execute_many(compiled.text, [compiled.values(values) for values in part])

    def rows_of_many(self, statement: Statement, many: Sequence[Mapping[str, Any]]) -> list[Row]:
        """All rows that one statement gives, run once for each of `many`; on PostgreSQL in few round trips."""
        compiled = statement.on(self.database)
        values = [compiled.values(each) for each in many]
        return [row for rows in (self._rest or self.rows_of_each)(compiled.text, values) for row in rows]

    def rows_over(self, statement: StatementOver, values: Sequence[Any]) -> list[Row]:
        """All rows over a list of values, which may be empty or long."""
        if self.distributed:
            # Each value may stand on another machine: so many statements for one machine each, in one round trip.
            return self.rows_of_many(statement.of(1), [{"v0": value} for value in dict.fromkeys(values)])
        return self.rows_everywhere(statement, values)

    def rows_everywhere(self, statement: StatementOver, values: Sequence[Any]) -> list[Row]:
        """As rows_over, also where no machine is known to have the rows: in the distributed form all of them are asked
        at once. For nothing that somebody waits for."""
        found: list[Row] = []
        for start in range(0, len(values), CHUNK):
            part = values[start : start + CHUNK]
            found += self._all(statement.of(len(part)).on(self.database).text, part)
        return found

    @contextmanager
    def resting_by(self, rest: Callable[[str, Sequence[Any]], list[list[Row]]]) -> Iterator[None]:
        """Meanwhile, this is asked instead of rows_of_each (side_by_side.py)."""
        self._rest = rest
        try:
            yield
        finally:
            self._rest = None

    def rows_of_each(self, text: str, many: Sequence[Any]) -> list[list[Row]]:
        """The rows that one statement gives for each of `many`, apart; on PostgreSQL in few round trips."""
        if self.database == "sqlite" or len(many) == 1:
            return [self._execute(text, values).fetchall() for values in many]
        cursor = self.connection.cursor(binary=True)
        found: list[list[Row]] = []
        for start in range(0, len(many), _AT_ONCE):
            cursor.executemany(text, many[start : start + _AT_ONCE], returning=True)
            found += [each.fetchall() for each in cursor.results()]
        return found

    def command(self, text: str, values: Sequence[Any] = ()) -> list[Row]:
        """Runs the database's own words: transaction control, locks."""
        cursor = self._execute(text, values)
        return cursor.fetchall() if cursor.description else []

    def begin_read(self) -> None:
        """Starts a transaction that sees one state of the database throughout."""
        self._begin(self._begin_read)

    def end_read(self) -> None:
        """Ends a transaction that saw one state."""
        self.close_files()
        self._execute("COMMIT")

    def begin_write(self) -> None:
        """Starts a transaction that writes. Each statement sees what others have committed before it."""
        self._begin(_BEGIN_WRITE[self.database])

    def _begin(self, text: str) -> None:
        if self._begin_with:
            # Several commands in one round trip: only as plain text.
            self.connection.execute(text + self._begin_with)
        else:
            self._execute(text)

    def commit(self) -> None:
        """Makes it durable."""
        self.close_files()
        self._warnings.clear()
        self._execute("COMMIT")
        if self._warnings:
            raise psycopg.OperationalError("the commit may not be on the standby")

    def rollback(self) -> None:
        """Undoes all of it."""
        self.close_files()
        self._execute("ROLLBACK")

    def close_files(self) -> None:
        """Ends what was read in ledger files."""
        if self.files is not None:
            self.files.close()

    def touch(self, *keys: bytes) -> None:
        """Notes that what a chart of these records shows changes (see changes.py). The note of a job that is undone may
        stand: a number that is raised for nothing costs one reading."""
        self.touched.update(keys)

    def lock(self, keys: Iterable[bytes]) -> None:
        """See Writer. One order for all, so that no two jobs wait for each other. SQLite has one writer anyway."""
        if self.database == "sqlite":
            return
        numbers = sorted({_number(key) for key in _all_names(keys)})
        if self.may_wait:
            self.command(_LOCK, (numbers,))
        elif not self.command(_TRY_LOCK, (numbers,))[0][0]:
            raise Contended


def _all_names(keys: Iterable[bytes]) -> Iterator[bytes]:
    """While token keys are exchanged, two servers may make different tokens of one identifier: both are locked."""
    for key in keys:
        yield key
        if isinstance(key, PatientToken):
            yield from key.also


def _number(key: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big", signed=True)
