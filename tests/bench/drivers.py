"""One read of 15 rows from PostgreSQL, by each way there is: why the store runs compiled text on psycopg.

`python -m tests.bench.drivers`. asyncpg is measured where it is installed; nothing else needs it.
"""

import asyncio
import importlib
import json
import secrets
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
from hutong_server.store import tables
from hutong_server.store.engine import make_engine
from hutong_server.store.migrations import migrate
from hutong_server.store.statements import Statement
from sqlalchemy import bindparam, select

from tests.postgresql import PostgresqlServer

ROWS, BYTES = 15, 1000
READS, ROUNDS = 400, 7

_SHOWN = select(tables.report.c.report_id, tables.report.c.version, tables.report.c.body).where(
    tables.report.c.patient_key == bindparam("of_key"), tables.report.c.held.is_(False)
)
TEXT = Statement(_SHOWN).on("postgresql").text


def microseconds(read: Callable[[], int]) -> float:
    """Of one read: the median of rounds."""
    return statistics.median(_round(read) for _ in range(ROUNDS))


def _round(read: Callable[[], int]) -> float:
    began = time.perf_counter()
    for _ in range(READS):
        if read() != ROWS:
            raise RuntimeError("rows are missing")
    return (time.perf_counter() - began) / READS * 1e6


def psycopg_raw(conninfo: str, key: bytes, threshold: int | None) -> float:
    """Text on a binary cursor, as the store does it. `threshold`: reads before it is prepared; None: never."""
    with psycopg.connect(conninfo, autocommit=True, prepare_threshold=threshold) as connection:
        cursor = connection.cursor(binary=True)
        return microseconds(lambda: len(cursor.execute(TEXT.encode(), (key,)).fetchall()))


def core(url: str, key: bytes) -> float:
    """SQLAlchemy Core executes."""
    with make_engine(url, pooled=False).connect() as connection:
        return microseconds(lambda: len(connection.execute(_SHOWN, {"of_key": key}).fetchall()))


def asyncpg(server: PostgresqlServer, database: str, key: bytes) -> float | None:
    """Prepared by itself, on its own event loop."""
    try:
        driver: Any = importlib.import_module("asyncpg")
    except ImportError:
        return None

    async def measure() -> float:
        connection = await driver.connect(host=str(server.directory), user="postgres", database=database)
        text = TEXT.replace("%s", "$1").replace("::BYTEA", "")

        async def fetch() -> int:
            return len(await connection.fetch(text, key))

        try:
            return statistics.median([await _around(fetch) for _ in range(ROUNDS)])
        finally:
            await connection.close()

    return asyncio.run(measure())


async def _around(read: Callable[[], Awaitable[int]]) -> float:
    began = time.perf_counter()
    for _ in range(READS):
        if await read() != ROWS:
            raise RuntimeError("rows are missing")
    return (time.perf_counter() - began) / READS * 1e6


def main() -> int:
    """Measures and prints, in microseconds."""
    server = PostgresqlServer()
    try:
        database = server.create()
        url, conninfo, key = server.url(database), server.conninfo(database), secrets.token_bytes(16)
        migrate(url)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            for number in range(ROWS):
                connection.execute(
                    "INSERT INTO report VALUES (%s, %s, 'H1', 1, false, %s)",
                    (key, number.to_bytes(16, "big"), secrets.token_bytes(BYTES)),
                )
        found = {
            "psycopg, compiled text, prepared (the store)": psycopg_raw(conninfo, key, 5),
            "psycopg, compiled text, not prepared (behind pgbouncer)": psycopg_raw(conninfo, key, None),
            "SQLAlchemy Core on psycopg": core(url, key),
            "asyncpg": asyncpg(server, database, key),
        }
    finally:
        server.stop()
    for name, each in found.items():
        print(f"{name:<58}", "not installed" if each is None else f"{each:7.0f} µs")
    print(json.dumps(found), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
