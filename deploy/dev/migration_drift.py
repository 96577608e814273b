"""Applies the migrations to empty databases and compares the result with store/tables.py. Exits 1 on a difference.

SQLite always; PostgreSQL when the wheel that the tests use is installed.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from hutong_server.store.engine import make_engine
from hutong_server.store.migrations import migrate, migrations_pending
from hutong_server.store.tables import metadata

from tests.postgresql import NoPostgresql, PostgresqlServer


def differences(url: str) -> list[Any]:
    """What the migrations make at this URL and the tables do not say, or the other way round."""
    migrate(url)
    found: list[Any] = [("pending", revision) for revision in migrations_pending(url)]
    engine = make_engine(url, pooled=False)
    try:
        with engine.connect() as connection:
            compared = MigrationContext.configure(connection, opts={"compare_type": True})
            return found + list(compare_metadata(compared, metadata))
    finally:
        engine.dispose()


def main() -> int:
    """Compares; says what it did."""
    found: dict[str, list[Any]] = {}
    with tempfile.TemporaryDirectory() as directory:
        found["SQLite"] = differences(f"sqlite:///{directory}/hutong.db")
    try:
        server = PostgresqlServer()
    except NoPostgresql as error:
        print(f"PostgreSQL: not compared: {error}")
    else:
        try:
            found["PostgreSQL"] = differences(server.url(server.create()))
        finally:
            server.stop()
    for name, each in found.items():
        print(f"{name}: {'migrations and tables agree' if not each else 'migrations and tables differ:'}")
        for difference in each:
            print(f"  {difference}")
    return 1 if any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
