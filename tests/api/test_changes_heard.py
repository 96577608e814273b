"""What one process changes, another acts on long before it would have looked by itself (PostgreSQL)."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest_asyncio
from hutong_server import app, settings
from hutong_server.domain.caller import Caller, Role
from hutong_server.store.base_certificates import CertificateRow

from tests.api.site import Material
from tests.conftest import MakeStoreUrl
from tests.postgresql import PostgresqlServer

NEVER = 3600.0
"""Seconds between the looks of the second process: what it knows, it was told."""


class Two:
    """Two registries on one database."""

    def __init__(self, first: app.Registry, second: app.Registry, database: str) -> None:
        self.first = first
        self.second = second
        self.database = database

    async def change(self) -> int:
        """The first makes a version of the rules; its number."""
        job = self.first.store.submit(lambda writer: writer.apply_catalog((), (), 1, "registry", "a test"))
        return await asyncio.wrap_future(job)

    @property
    def listening(self) -> bool:
        return bool(self.second.metrics.listening._value.get())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def two(material: Material, make_store_url: MakeStoreUrl) -> AsyncIterator[Two]:
    url = make_store_url("postgresql")
    environment = material.environment(url, HUTONG_METRICS_LISTEN="")
    first, second = [await app.start(settings.load(environment)) for _ in range(2)]
    for each in (second.rules, second.standing):
        each.waking._seconds = NEVER
    made = Two(first, second, PostgresqlServer.database(url))
    await seen(lambda: made.listening)
    await asyncio.sleep(0.6)  # the waits of before end
    yield made
    await second.drain()
    await first.drain()


async def seen(what: Callable[[], bool], within: float = 10.0) -> None:
    """Waits until it is so: long before anybody would look."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < within
        await asyncio.sleep(0.01)


async def test_rules_and_revocations_arrive(two: Two) -> None:
    version = await two.change()
    await seen(lambda: two.second.rules.book.version == version)
    revoked = CertificateRow("a1", "f" * 64, "H1", "emr", "", 0, 1 << 50, "a1", "", 5, "lost", "registry")
    await asyncio.wrap_future(two.first.store.submit(lambda writer: writer.put_certificate(revoked)))
    caller = Caller("H1", Role.EMR, "f" * 64)
    await seen(lambda: not stands(two.second, caller))


async def test_what_came_while_nobody_listened_is_seen(two: Two, postgresql: PostgresqlServer) -> None:
    allow = f'ALTER DATABASE "{two.database}" WITH ALLOW_CONNECTIONS '
    postgresql.execute(allow + "false")
    postgresql.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
    await seen(lambda: not two.listening)
    version = await two.change()
    await asyncio.sleep(0.3)
    assert two.second.rules.book.version < version
    postgresql.execute(allow + "true")
    await seen(lambda: two.second.rules.book.version == version)
    assert two.listening


def stands(registry: app.Registry, caller: Caller) -> bool:
    try:
        registry.standing.check(caller)
    except Exception:
        return False
    return True
