"""Copies of a whole database, taken while servers go on, and putting one back where nothing is.

SQLite: its online backup, in one step of one read transaction, so that writers neither wait nor make it begin again;
its ledger files at the same state, for which writers wait some milliseconds.
PostgreSQL: pg_dump and pg_restore of its own version; counts are of the snapshot that is dumped.
"""

import fcntl
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import create_engine, text

from hutong_server.durable import sync
from hutong_server.store.base import SignedTree, StoreUnavailable
from hutong_server.store.distribution_tables import distributed_only
from hutong_server.store.engine import BUSY_MS, database_of, primary_of
from hutong_server.store.ledger_file import files_of
from hutong_server.store.tables import metadata

NAMES: Final = {"sqlite": "hutong.db", "postgresql": "hutong.dump"}
"""What a copy is called."""
MARKS: Final = "restoration"
"""The table of restores: each restore says itself that it is one, so it is neither dumped nor counted."""
_SCHEMA: Final = "alembic_version"
_SINCE: Final = "0014"
"""The migration that made MARKS."""
_TREES: Final = (
    "SELECT log_id, size, root, signature FROM ledger_checkpoint AS newest WHERE size = "
    "(SELECT max(size) FROM ledger_checkpoint WHERE log_id = newest.log_id) ORDER BY log_id"
)
_LEAVES: Final = "access_record"
_SHARED: Final = (0x40000002, 510)
"""Bytes of a SQLite file that every open connection to it holds locked (its "shared" lock)."""


class CopyRefused(Exception):
    """No copy can be made or put back. Says why and what to do; no secret."""


class Copied(NamedTuple):
    """What a copy holds."""

    schema: str
    """The newest migration that was applied."""
    counts: Mapping[str, int]
    """Rows by table."""
    trees: tuple[tuple[bytes, SignedTree], ...]
    """The newest checkpoint of each log."""


def kind_of(url: str) -> str:
    """sqlite or postgresql. Raises UnsafeSettings."""
    return database_of(url).get_backend_name()


def file_of(url: str) -> Path:
    """Of a SQLite database."""
    return Path(database_of(url).database or "")


def files_at(file: Path) -> list[Path]:
    """A copy, or a SQLite database, and the ledger files beside it that are there."""
    return [file, *files_of(file).values()]


def standing_at(file: Path) -> list[Path]:
    """A SQLite database, its ledger files, and what is left beside them, also of a file that is lost: SQLite would read
    its log into the next of that name. Each log before its file, so that it never stands alone; the database last."""
    mine = re.compile(re.escape(file.name) + r"(-ledger-[0-9]+)?(-wal|-shm|-journal|-lock)?")
    there = [each for each in file.parent.iterdir() if mine.fullmatch(each.name)]
    return sorted(there, key=lambda each: ("-ledger-" not in each.name.removeprefix(file.name), -len(each.name)))


def copy_database(url: str, to: Path, programs: Path | None) -> Copied:
    """Copies the database to a new file, and its ledger files to some beside it. Raises CopyRefused.

    `programs`: where pg_dump is, else by PATH.
    """
    descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.close(descriptor)
    try:
        found = _copy_sqlite(file_of(url), to) if kind_of(url) == "sqlite" else _dump(url, to, programs)
    except (sqlite3.Error, psycopg.Error) as error:
        raise CopyRefused(f"the database cannot be copied ({type(error).__name__})") from None
    if found.schema < _SINCE:
        raise CopyRefused(
            f"its schema is {found.schema}, and restores are known from {_SINCE} on: `hutong-server migrate`"
        )
    return found


def _copy_sqlite(source: Path, to: Path) -> Copied:
    with ExitStack() as stack:
        gate = stack.enter_context(closing(_open(source)))
        # All files at one state: who writes to any of them holds this lock.
        gate.execute("BEGIN IMMEDIATE")
        begun = [(stack.enter_context(closing(_begun(path))), end) for end, path in _ends(source).items()]
        gate.execute("ROLLBACK")
        for live, end in begun:
            path = to.with_name(to.name + end)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
            with closing(sqlite3.connect(path, isolation_level=None)) as copy:
                live.backup(copy)
                # One file, with nothing beside it.
                copy.execute("PRAGMA journal_mode=DELETE")
    return _look_file(to)


def _ends(file: Path) -> dict[str, Path]:
    """A SQLite database and its ledger files, by what follows the database's name."""
    return {path.name.removeprefix(file.name): path for path in files_at(file)}


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
    connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    return connection


def _begun(path: Path) -> sqlite3.Connection:
    """A connection that sees the state of now until it is closed."""
    connection = _open(path)
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return connection


def _look_file(file: Path) -> Copied:
    with closing(sqlite3.connect(file)) as connection:
        found = _look_sqlite(connection)
    counts = dict(found.counts)
    for path in files_of(file).values():
        with closing(sqlite3.connect(path)) as connection:
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (_LEAVES,)).fetchone():
                counts[_LEAVES] += connection.execute(f"SELECT count(*) FROM {_LEAVES}").fetchone()[0]  # noqa: S608  names of our own tables
    return found._replace(counts=counts)


def _look_sqlite(connection: sqlite3.Connection) -> Copied:
    names = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite^_%' ESCAPE '^'"
    )
    tables = sorted(name for (name,) in names if name not in (_SCHEMA, MARKS))
    counts = {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}  # noqa: S608  names of our own tables
    (schema,) = connection.execute(f"SELECT version_num FROM {_SCHEMA}").fetchone()  # noqa: S608  names of our own tables
    return Copied(schema, counts, _trees(connection.execute(_TREES).fetchall()))


def _look_postgresql(connection: "psycopg.Connection[Any]") -> Copied:
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()
    tables = sorted(name for (name,) in rows if name not in (_SCHEMA, MARKS))
    counts = {}
    for name in tables:
        (counts[name],) = connection.execute(f'SELECT count(*) FROM "{name}"'.encode()).fetchone() or (0,)  # noqa: S608  names of our own tables
    (schema,) = connection.execute(f"SELECT version_num FROM {_SCHEMA}".encode()).fetchone() or ("",)  # noqa: S608  names of our own tables
    return Copied(schema, counts, _trees(connection.execute(_TREES).fetchall()))


def _trees(rows: Iterable[Any]) -> tuple[tuple[bytes, SignedTree], ...]:
    return tuple((bytes(log_id), SignedTree(size, bytes(root), bytes(sign))) for log_id, size, root, sign in rows)


def look(url: str) -> Copied:
    """What a database holds. Raises StoreUnavailable."""
    try:
        if kind_of(url) == "sqlite":
            return _look_file(file_of(url))
        with _connected(url) as database:
            return _look_postgresql(database)
    except (sqlite3.Error, psycopg.Error) as error:
        raise StoreUnavailable(f"the database refused ({type(error).__name__})") from None


def _arguments(url: str) -> dict[str, Any]:
    engine = create_engine(database_of(url))
    # A copy of a standby lacks what that has not heard of yet; and who asks it for its users finds none.
    given: dict[str, Any] = {**primary_of(engine.url), **engine.dialect.create_connect_args(engine.url)[1]}
    # SQLAlchemy's own, beside what libpq knows.
    return {name: value for name, value in given.items() if name != "context"}


def _connected(url: str) -> "psycopg.Connection[Any]":
    return psycopg.connect(**_arguments(url), autocommit=True)


def _dump(url: str, to: Path, programs: Path | None) -> Copied:
    with _connected(url) as connection:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        (snapshot,) = connection.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
        found = _look_postgresql(connection)
        _run(
            url,
            programs,
            "pg_dump",
            "--format=custom",
            "--no-owner",
            "--no-privileges",
            f"--exclude-table-data={MARKS}",
            f"--snapshot={snapshot}",
            f"--file={to}",
        )
        return found


def _run(url: str, programs: Path | None, name: str, *arguments: str) -> None:
    program = shutil.which(name, path=str(programs) if programs else None)
    if program is None:
        raise CopyRefused(f"{name} is not here; it comes with PostgreSQL: --postgresql-programs DIR, or PATH")
    given = _arguments(url)
    # A password would stand in the list of processes.
    secret = {"PGPASSWORD": str(given.pop("password"))} if given.get("password") else {}
    made = subprocess.run(  # noqa: S603  a program of PostgreSQL, with arguments of our own
        [program, *arguments, f"--dbname={make_conninfo(**given)}"],
        env=os.environ | secret,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if made.returncode:
        # What it says may quote rows; that it is of another version is what goes wrong.
        mismatch = b"version mismatch" in made.stderr
        raise CopyRefused(
            f"{name} ended with status {made.returncode}"
            + (": it is of another version than the server; give that of the server's" if mismatch else "")
        )


def in_use(url: str) -> bool:
    """Whether anybody has the database open. Raises StoreUnavailable."""
    if kind_of(url) == "sqlite":
        path = file_of(url)
        return path.exists() and _locked(path)
    try:
        with _connected(url) as connection:
            (others,) = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND application_name = 'hutong'"
            ).fetchone() or (0,)
            return bool(others)
    except psycopg.Error as error:
        raise StoreUnavailable(f"the database does not answer ({type(error).__name__})") from None


def _locked(path: Path) -> bool:
    with path.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, _SHARED[1], _SHARED[0])
        except OSError:
            return True
    return False


def empty(url: str) -> bool:
    """Whether nothing is there yet. Raises StoreUnavailable."""
    if kind_of(url) == "sqlite":
        path = file_of(url)
        return not path.exists() or path.stat().st_size == 0
    try:
        with _connected(url) as connection:
            return not connection.execute(
                "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() LIMIT 1"
            ).fetchone()
    except psycopg.Error as error:
        raise StoreUnavailable(f"the database does not answer ({type(error).__name__})") from None


def load(url: str, copy: Path, programs: Path | None, at: int) -> None:
    """Puts a copy into an empty database, which says of itself from the first row on that it is a restore of `at`.

    Raises CopyRefused. PostgreSQL may then hold a part; see cut_off.
    """
    try:
        if kind_of(url) == "sqlite":
            path = file_of(url)
            for end, each in _ends(copy).items():
                shutil.copyfile(each, path.with_name(path.name + end))
                path.with_name(path.name + end).chmod(0o600)
            with closing(sqlite3.connect(path, isolation_level=None)) as file:
                file.execute(f"{_MARK} (?, ?, 0, NULL, NULL, '[]')", (at, at))
            return
        # The mark stands before any row does: who is cut off in between leaves nothing that could be served.
        _run(url, programs, "pg_restore", "--section=pre-data", *_RESTORE, str(copy))
        with _connected(url) as connection:
            connection.execute(f"{_MARK} (%s, %s, {_LOADING}, NULL, NULL, '[]')".encode(), (at, at))
        _run(url, programs, "pg_restore", "--section=data", *_RESTORE, str(copy))
        _run(url, programs, "pg_restore", "--section=post-data", *_RESTORE, str(copy))
        with _connected(url) as connection:
            connection.execute(f"UPDATE {MARKS} SET reaches = 0 WHERE number = %s".encode(), (at,))  # noqa: S608  names of our own tables
    except (sqlite3.Error, psycopg.Error, OSError) as error:
        raise CopyRefused(f"the backup cannot be put back ({type(error).__name__})") from None


_RESTORE: Final = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
_MARK: Final = f"INSERT INTO {MARKS} (number, at, reaches, settled, lost_since, excused) VALUES"
_LOADING: Final = -1
"""What a restore reaches while rows or indexes are still missing."""


def cut_off(url: str) -> bool:
    """Whether putting back was cut off: rows or indexes are missing. Raises StoreUnavailable."""
    if kind_of(url) == "sqlite":
        return False
    try:
        with _connected(url) as connection:
            if connection.execute("SELECT to_regclass(%s)", (MARKS,)).fetchone() == (None,):
                return False
            newest = f"SELECT reaches FROM {MARKS} ORDER BY number DESC LIMIT 1"  # noqa: S608  names of our own tables
            return connection.execute(newest.encode()).fetchone() == (_LOADING,)
    except psycopg.Error as error:
        raise StoreUnavailable(f"the database does not answer ({type(error).__name__})") from None


def clear(url: str) -> None:
    """Removes the registry's tables from a PostgreSQL database. Raises StoreUnavailable."""
    engine = create_engine(database_of(url))
    try:
        with engine.begin() as connection:
            distributed_only.drop_all(connection)
            metadata.drop_all(connection)
            connection.execute(text(f"DROP TABLE IF EXISTS {_SCHEMA}"))
    except Exception as error:
        raise StoreUnavailable(f"the database refused ({type(error).__name__})") from None
    finally:
        engine.dispose()


def finish_file(path: Path, place: Path) -> None:
    """Moves a SQLite file that nobody has open, and its ledger files, to its place, durably: itself last."""
    for end, each in sorted(_ends(path).items(), reverse=True):
        with closing(sqlite3.connect(each, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
        sync(each)
        each.rename(place.with_name(place.name + end))
    sync(place.parent)
