"""The Store over SQLite or PostgreSQL."""

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, PoolProxiedConnection
from sqlalchemy.exc import SQLAlchemyError

from hutong_server.store.base import LateReader, Ledger, Question, Reader, Sealer, StoreUnavailable, Tokens, Writer
from hutong_server.store.engine import BUSY_MS, UnsafeSettings, make_engine
from hutong_server.store.lanes import Lanes
from hutong_server.store.ledger_file import Beside, LedgerFiles
from hutong_server.store.ledger_slot import LedgerSlot
from hutong_server.store.replica import Replica, TooLate
from hutong_server.store.sessions import SESSION, Prepared, Session, Timeouts
from hutong_server.store.sql import SqlReader, SqlWriter
from hutong_server.store.transaction import DRIVER_ERRORS

T = TypeVar("T")

QUEUE_LIMIT = 4096

_NO_CONNECTION: tuple[type[Exception], ...] = (SQLAlchemyError, *DRIVER_ERRORS)


class SqlStore:
    """See Store. Made by open_store."""

    def __init__(
        self,
        engine: Engine,
        sealer: Sealer,
        *,
        lanes: int,
        queue_limit: int,
        ledger: Ledger | None = None,
        replica: Replica | None = None,
        beside: Beside | None = None,
    ) -> None:
        """`beside`: where the ledger files of SQLite stand."""
        self._engine = engine
        self._beside = beside
        self._slot = LedgerSlot(beside) if beside is not None and ledger is not None else None
        self._replica = replica
        self._database = engine.dialect.name
        self._sealer = sealer
        self._ledger = ledger
        self._tokens: Tokens | None = None
        self._closed = False
        # SQLite has one writer at a time.
        self._lanes = Lanes(self._writer, 1 if self._database == "sqlite" else lanes, queue_limit)

    @property
    def queues(self) -> tuple[int, int, int]:
        """(write jobs that wait, reading connections in use, those at rest)."""
        pool: Any = self._engine.pool
        return self._lanes.waiting, pool.checkedout(), pool.checkedin()

    def use_tokens(self, tokens: Tokens) -> None:
        """From the next connection on, tokens that were kept in sealed blobs are made anew with these."""
        self._tokens = tokens

    def read(self, job: Callable[[Reader], T]) -> T:
        """See Store. A connection that turns out to be dead is replaced once."""
        try:
            return self._read(job)
        except DRIVER_ERRORS:
            pass
        try:
            return self._read(job)
        except DRIVER_ERRORS as error:
            raise StoreUnavailable(f"the database refused a read ({type(error).__name__})") from None

    def read_late(self, job: Callable[[LateReader], T]) -> T:
        """See Store."""
        if self._replica is not None:
            with suppress(TooLate):
                return self._replica.read(job)
        return self.read(job)

    def _read(self, job: Callable[[Reader], T]) -> T:
        pooled = self._connected()
        try:
            session: Session = pooled.info.get(SESSION, Session())
            reader = SqlReader(pooled.driver_connection, self._database, self._sealer, session)
            reader.tokens = self._tokens
            reader.files = self._files(reader)
            reader.begin_read()
            value = job(reader)
            reader.commit()
        except Exception as error:
            # A job's own refusal says nothing against the connection; the database's may.
            if isinstance(error, DRIVER_ERRORS):
                self._give_up(pooled)
            else:
                reader.rollback()
            raise
        except BaseException:
            pooled.invalidate()
            raise
        else:
            return value
        finally:
            reader.close_files()
            pooled.close()

    def _give_up(self, pooled: PoolProxiedConnection) -> None:
        """Lets a connection go; when the server closed it, those at rest too: it closed them all, or another serves."""
        closed = getattr(pooled.driver_connection, "closed", False)
        pooled.invalidate()
        if closed:
            self._engine.dispose()

    def submit(self, job: Callable[[Writer], T]) -> "Future[T]":
        """See Store."""
        return self._lanes.submit(job)

    def answer(self, question: Question[T]) -> "Future[T]":
        """See Store."""
        return self._lanes.answer(question)

    def close(self) -> None:
        """See Store."""
        self._lanes.close()
        if self._slot is not None:
            self._slot.close()
        if self._ledger is not None:
            self._ledger.close()
        self._closed = True
        if self._replica is not None:
            self._replica.close()
        self._engine.dispose()

    def _connected(self) -> PoolProxiedConnection:
        if self._closed:
            raise StoreUnavailable("the store is closed")
        try:
            return self._engine.raw_connection()
        except UnsafeSettings as error:
            # It was safe when the server started: the database was changed under it.
            raise StoreUnavailable(str(error)) from None
        except _NO_CONNECTION as error:
            raise StoreUnavailable(f"the database does not answer ({type(error).__name__})") from None

    def _writer(self) -> SqlWriter:
        pooled = self._connected()
        connection, session = pooled.driver_connection, pooled.info.get(SESSION, Session())
        # A lane keeps its connection: it is none of the pool's.
        pooled.detach()
        writer = SqlWriter(connection, self._database, self._sealer, self._ledger, session, self._slot)
        writer.tokens = self._tokens
        writer.files = self._files(writer)
        return writer

    def _files(self, tx: SqlReader) -> LedgerFiles | None:
        return None if self._beside is None else LedgerFiles(self._beside, tx.connection, self._sealer)


def open_store(
    url: str,
    sealer: Sealer,
    *,
    pool_size: int = 8,
    lanes: int = 2,
    queue_limit: int = QUEUE_LIMIT,
    timeout_ms: int = BUSY_MS,
    timeouts: Timeouts | None = None,
    prepared: Prepared = "auto",
    ledger: Ledger | None = None,
    replica: Replica | None = None,
) -> SqlStore:
    """Opens the store at a database URL whose schema is in place (see migrations).

    `pool_size`: connections for reads. `lanes`: committing connections beside them (PostgreSQL; SQLite has one).
    `queue_limit`: write jobs that may wait; more raise StoreOverloaded. `timeout_ms`: a statement's, and a lock's.
    `timeouts`: PostgreSQL's, one by one. `prepared`: whether statements are prepared; "auto": unless behind a pooler.
    `ledger`: makes every access record a leaf of a log; without it, records stand outside and verify as such.
    `replica`: asked for what may lag.
    Raises UnsafeSettings when a commit could be lost, StoreUnavailable when the database does not answer.
    """
    engine = make_engine(url, pool_size=pool_size, timeout_ms=timeout_ms, timeouts=timeouts, prepared=prepared)
    try:
        engine.raw_connection().close()
    except _NO_CONNECTION as error:
        raise StoreUnavailable(f"the database does not answer ({type(error).__name__})") from None
    beside = None
    if engine.dialect.name == "sqlite":
        beside = Beside(Path(engine.url.database or ""), timeout_ms)
    return SqlStore(engine, sealer, lanes=lanes, queue_limit=queue_limit, ledger=ledger, replica=replica, beside=beside)
