"""Fixtures for every kind of test.

postgresql         session   a PostgresqlServer (tests/postgresql.py), started when asked for; skips without its wheel
pgbouncer          session   a Pgbouncer (tests/pgbouncer.py) before it; skips where `make packages` could not get it
make_store_url     session   backend name → URL of a new database on the real migrations
store_url          function  such a URL; the test runs once on each backend
module_store_url   module    the same, one database for a module
store              function  an open SqlStore at store_url
sealer tokens ids  session   real ones, under keys of this run
"""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hutong_server.store.distributing import distribute
from hutong_server.store.migrations import migrate
from hutong_server.store.sql_store import SqlStore, open_store
from hutong_server.trust.ids import SealedIds
from hutong_server.trust.sealing import AesGcmSealer
from hutong_server.trust.tokens import HmacTokens

from tests.citus import CITUS_URL, NOT_RUN, emptied, stand_in
from tests.pgbouncer import NoPgbouncer, Pgbouncer
from tests.postgresql import NoPostgresql, PostgresqlServer


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--cases=DIR`, or HUTONG_CASES: case files of that folder instead of tests/cases."""
    folder = os.environ.get("HUTONG_CASES")
    parser.addoption("--cases", type=Path, default=Path(folder) if folder else None, metavar="DIR")


BACKENDS = tuple(os.environ.get("HUTONG_TEST_BACKENDS", "sqlite,postgresql").split(","))
"""What tests of the store run on. HUTONG_TEST_BACKENDS names others: pgbouncer is PostgreSQL through it; distributed is
the distributed form on a PostgreSQL that stands in for Citus, citus a real one (tests/citus.py)."""

MakeStoreUrl = Callable[[str], str]


@pytest.fixture(scope="session")
def sealer() -> AesGcmSealer:
    return AesGcmSealer(secrets.token_bytes(32))


@pytest.fixture(scope="session")
def tokens() -> HmacTokens:
    return HmacTokens(secrets.token_bytes(32))


@pytest.fixture(scope="session")
def ids() -> SealedIds:
    return SealedIds(secrets.token_bytes(32))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    try:
        server = PostgresqlServer()
    except NoPostgresql as error:
        pytest.skip(str(error))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def pgbouncer(postgresql: PostgresqlServer) -> Iterator[Pgbouncer]:
    try:
        pooler = Pgbouncer(postgresql)
    except NoPgbouncer as error:
        pytest.skip(str(error))
    yield pooler
    pooler.stop()


@pytest.fixture(scope="session")
def make_store_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> MakeStoreUrl:
    # Each is a copy of one that was migrated: the same schema as by migrating, in a hundredth of the time.
    templates: dict[str, str] = {}

    def make(backend: str) -> str:
        if backend == "sqlite":
            if backend not in templates:
                templates[backend] = str(tmp_path_factory.mktemp("template") / "hutong.db")
                migrate(f"sqlite:///{templates[backend]}")
            path = tmp_path_factory.mktemp("store") / "hutong.db"
            shutil.copy(templates[backend], path)
            return f"sqlite:///{path}"
        if backend == "citus":
            if not CITUS_URL:
                pytest.skip(NOT_RUN)
            return emptied(CITUS_URL)
        server: PostgresqlServer = request.getfixturevalue("postgresql")
        if "postgresql" not in templates:
            templates["postgresql"] = server.create()
            migrate(server.url(templates["postgresql"]))
        if backend == "distributed" and backend not in templates:
            templates[backend] = server.create(templates["postgresql"])
            stand_in(server.conninfo(templates[backend]))
            distribute(server.url(templates[backend]))
        made = server.create(templates["distributed" if backend == "distributed" else "postgresql"])
        if backend == "pgbouncer":
            pooler: Pgbouncer = request.getfixturevalue("pgbouncer")
            return pooler.url(made)
        return server.url(made)

    return make


@pytest.fixture(params=BACKENDS)
def store_url(request: pytest.FixtureRequest, make_store_url: MakeStoreUrl) -> Iterator[str]:
    yield from _for_a_while(request, make_store_url)


@pytest.fixture(scope="module", params=BACKENDS)
def module_store_url(request: pytest.FixtureRequest, make_store_url: MakeStoreUrl) -> Iterator[str]:
    yield from _for_a_while(request, make_store_url)


def _for_a_while(request: pytest.FixtureRequest, make: MakeStoreUrl) -> Iterator[str]:
    url = make(request.param)
    if request.param == "citus":
        yield url
    elif request.param == "sqlite":
        yield url
        shutil.rmtree(Path(url.removeprefix("sqlite:///")).parent)
    else:
        server: PostgresqlServer = request.getfixturevalue("postgresql")
        yield url
        server.drop(server.database(url))


@pytest.fixture
def store(store_url: str, sealer: AesGcmSealer) -> Iterator[SqlStore]:
    opened = open_store(store_url, sealer)
    yield opened
    opened.close()
