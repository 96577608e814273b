"""Upkeep of the database itself, while servers go on: what its own machinery leaves to somebody, and how it stands.

SQLite: statistics for its planner, the write-ahead log cut, the file checked. PostgreSQL: a vacuum of what was just
emptied, and a look at what autovacuum does not mend: indexes that are invalid or bloated, transaction ids that run out.
"""

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import Engine, Index, inspect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateIndex

from hutong_server.store.base import StoreUnavailable
from hutong_server.store.base_housekeeping import FORGETTABLE
from hutong_server.store.engine import make_engine
from hutong_server.store.housekeeping import table_of
from hutong_server.store.ledger_file import Beside, files_of
from hutong_server.store.tables import metadata
from hutong_server.store.transaction import DRIVER_ERRORS

LONGEST_MS: Final = 6 * 3_600_000
"""How long one step may take: a database of years is checked for an hour or more."""
_WAIT_MS = 500
"""How long SQLite may keep writers waiting to cut its log. Where it cannot, the next run will."""
_BLOATED = 64 * 2**20
"""Bytes that are to be won before an index is called bloated; it is, at twice what its rows need."""
_OLDEST_XID = 1_000_000_000
"""Transaction ids that may have passed since everything was frozen; PostgreSQL stops at some 2.1 thousand million."""


_REFUSED: Final[tuple[type[Exception], ...]] = (SQLAlchemyError, *DRIVER_ERRORS)


class Finding(NamedTuple):
    """Something looked at."""

    subject: str
    text: str
    wrong: str = ""
    """How it is mended; empty when nothing is wrong."""


@contextmanager
def _connected(url: str) -> Iterator[tuple[Engine, Any]]:
    """A connection of the driver, each statement by itself. Raises StoreUnavailable."""
    engine = make_engine(url, pooled=False, timeout_ms=LONGEST_MS)
    try:
        pooled = engine.raw_connection()
        try:
            yield engine, pooled.driver_connection
        finally:
            pooled.close()
    except _REFUSED as error:
        raise StoreUnavailable(f"the database refused ({type(error).__name__})") from None
    finally:
        engine.dispose()


def vacuum(url: str, forgotten: Collection[str], *, compact: bool = False) -> list[Finding]:
    """Tidies up after rows of `forgotten` (of FORGETTABLE) went. `compact`: SQLite gives free pages back to the disk,
    for which every writer waits. Raises StoreUnavailable, UnsafeSettings."""
    with _connected(url) as (engine, connection):
        if engine.dialect.name == "sqlite":
            found = [Finding("vacuum", _vacuum_sqlite(connection, compact))]
            for path, ledger in _ledger_files(engine):
                found.append(Finding("vacuum", f"{path.name}: {_vacuum_sqlite(ledger, compact)}"))
            return found
        names = sorted({table_of(what) for what in FORGETTABLE if what in forgotten})
        for name in names:
            # One that somebody has locked is left to the next run.
            connection.execute(f'VACUUM (ANALYZE, SKIP_LOCKED) "{name}"')
        return [Finding("vacuum", ", ".join(names) or "nothing to tidy up")]


def _ledger_files(engine: Engine) -> Iterator[tuple[Path, sqlite3.Connection]]:
    """Those beside a SQLite database, one after the other."""
    beside = Beside(Path(engine.url.database or ""), LONGEST_MS)
    for number, path in files_of(beside.database).items():
        with closing(beside.connect(number)) as connection:
            yield path, connection


def _vacuum_sqlite(connection: Any, compact: bool) -> str:
    def number(pragma: str) -> int:
        return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])

    if compact:
        connection.execute("VACUUM")
    connection.execute("PRAGMA optimize")
    connection.execute(f"PRAGMA busy_timeout={_WAIT_MS}")
    busy, frames, moved = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    log = f"log not cut, somebody reads it: {moved} of {frames} pages moved" if busy else "log cut"
    free, pages, size = number("freelist_count"), number("page_count"), number("page_size")
    share = f"{free * size / 2**20:.0f} MB of {pages * size / 2**20:.0f} MB are free for new rows"
    return f"planner's statistics renewed; {log}; {share}"


def check(url: str, *, deep: bool = False, mend: bool = False) -> list[Finding]:
    """Looks at tables and indexes. `deep`: every row of every index as well. `mend`: makes indexes that are missing,
    and makes anew those that are invalid or bloated. Raises StoreUnavailable, UnsafeSettings."""
    with _connected(url) as (engine, connection):
        of_sqlite = engine.dialect.name == "sqlite"
        missing = list(_missing(engine))
        if mend:
            for index in missing:
                _make(index, engine, connection)
        found = [_told("indexes", [f"{index.name} is missing" for index in missing], "all are there", mend)]
        if not of_sqlite:
            return found + _check_postgresql(connection, deep, mend)
        found.append(_check_sqlite("", connection, deep, mend))
        return found + [_check_sqlite(f"{path.name}: ", ledger, deep, mend) for path, ledger in _ledger_files(engine)]


def _told(subject: str, wrong: list[str], well: str, mended: bool) -> Finding:
    if not wrong:
        return Finding(subject, well)
    text = "; ".join(wrong)
    return Finding(subject, f"{text}: mended") if mended else Finding(subject, text, "housekeeping --mend")


def _missing(engine: Engine) -> Iterator[Index]:
    known = inspect(engine)
    for table in metadata.sorted_tables:
        there = {index["name"] for index in known.get_indexes(table.name)}
        yield from (
            index for index in sorted(table.indexes, key=lambda each: str(each.name)) if index.name not in there
        )


def _make(index: Index, engine: Engine, connection: Any) -> None:
    text = str(CreateIndex(index).compile(dialect=engine.dialect))
    if engine.dialect.name == "postgresql":
        # Writers go on meanwhile.
        text = text.replace("INDEX", "INDEX CONCURRENTLY", 1)
    connection.execute(text)


def _check_sqlite(which: str, connection: Any, deep: bool, mend: bool) -> Finding:
    pragma = "integrity_check" if deep else "quick_check"
    if mend:
        connection.execute("REINDEX")
    # Its words name tables, indexes and row numbers.
    faults = [str(line) for (line,) in connection.execute(f"PRAGMA {pragma}(20)").fetchall()]
    if faults == ["ok"]:
        return Finding("file", f"{which}{pragma}: ok")
    wrong = "housekeeping --mend, else restore the last backup"
    return Finding("file", f"{which}{pragma}: {'; '.join(faults)}", wrong)


_INVALID = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid AND indrelid::regclass::text = ANY(%s)"
# Leaf pages of a B-tree at their usual nine tenths, from the mean widths that ANALYZE found.
_SIZES = """
SELECT i.indexrelid::regclass::text, pg_relation_size(i.indexrelid),
       greatest(c.reltuples, 0) * (20 + sum(coalesce(s.avg_width, 8))) / 0.9
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
LEFT JOIN pg_stats s ON s.schemaname = current_schema() AND s.tablename = i.indrelid::regclass::text
                    AND s.attname = a.attname
WHERE i.indrelid::regclass::text = ANY(%s) AND i.indpred IS NULL
GROUP BY 1, 2, c.reltuples
"""
_AGE = "SELECT max(age(datfrozenxid)) FROM pg_database"
_AMCHECK = "SELECT count(*) FROM pg_extension WHERE extname = 'amcheck'"
_BTREES = """
SELECT i.indexrelid, i.indexrelid::regclass::text
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
WHERE m.amname = 'btree' AND i.indisvalid AND i.indrelid::regclass::text = ANY(%s)
"""


def _check_postgresql(connection: Any, deep: bool, mend: bool) -> list[Finding]:
    tables = [table.name for table in metadata.sorted_tables]
    invalid = [name for (name,) in connection.execute(_INVALID, (tables,)).fetchall()]
    bloated = [
        (name, size)
        for name, size, needed in connection.execute(_SIZES, (tables,)).fetchall()
        if size - needed > _BLOATED and size > 2 * needed
    ]
    if mend:
        for name in dict.fromkeys([*invalid, *(name for name, _ in bloated)]):
            connection.execute(f"REINDEX INDEX CONCURRENTLY {name}")
    (age,) = connection.execute(_AGE).fetchone()
    return [
        _told("invalid", [f"{name} is invalid: it is written and never used" for name in invalid], "none", mend),
        _told("bloat", [f"{name} takes {size / 2**20:.0f} MB, twice its rows" for name, size in bloated], "none", mend),
        Finding(
            "ids",
            f"the oldest of them was given {age} transactions ago",
            "VACUUM (FREEZE) as a superuser; see what keeps autovacuum from it" if age > _OLDEST_XID else "",
        ),
        *(_deeply(connection, tables) if deep else ()),
    ]


def _deeply(connection: Any, tables: list[str]) -> Iterator[Finding]:
    if not connection.execute(_AMCHECK).fetchone()[0]:
        yield Finding("rows", "not looked at: there is no amcheck", "CREATE EXTENSION amcheck, as a superuser")
        return
    faults = []
    for oid, name in connection.execute(_BTREES, (tables,)).fetchall():
        try:
            connection.execute("SELECT bt_index_check(%s::regclass, true)", (oid,))
        except DRIVER_ERRORS:
            faults.append(f"{name} and its table differ")
    yield _told("rows", faults, "every row is in every index", False)
