"""Health and reflection over mTLS."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from hutong_server.api.server import SERVICES

from tests.api.documents import CATALOG, chart, person
from tests.api.process import run
from tests.api.site import Material, Site, refused, start_site
from tests.postgresql import PostgresqlServer

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def health(site: Site) -> Any:
    return health_pb2_grpc.HealthStub(site.channel("registry", "monitor"))


async def status(site: Site, service: str = "") -> int:
    answer = await health(site).Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
    return int(answer.status)


@pytest.mark.parametrize("service", ["", *SERVICES])
async def test_every_service_says_that_it_serves(site: Site, service: str) -> None:
    assert await status(site, service) == SERVING


async def test_a_service_that_does_not_exist_is_not_found(site: Site) -> None:
    check = health(site).Check(health_pb2.HealthCheckRequest(service="hutong.v1.Nothing"), timeout=5)
    assert (await refused(check)).code == "NOT_FOUND"


async def test_any_valid_certificate_may_ask(site: Site) -> None:
    stub: Any = health_pb2_grpc.HealthStub(site.channel("NOT-YET-ADDED", "emr"))
    assert (await stub.Check(health_pb2.HealthCheckRequest(), timeout=5)).status == SERVING


async def test_reflection_lists_the_services_and_describes_them(site: Site) -> None:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(site.channel("H1", "feed"))

    async def asked() -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")
        yield reflection_pb2.ServerReflectionRequest(file_containing_symbol="hutong.v1.ReuseService")

    answers = [answer async for answer in stub.ServerReflectionInfo(asked(), timeout=5)]
    listed = {service.name for service in answers[0].list_services_response.service}
    assert listed >= {*SERVICES, "grpc.health.v1.Health"}
    assert b"OpenChart" in b"".join(answers[1].file_descriptor_response.file_descriptor_proto)


@pytest_asyncio.fixture(loop_scope="session")
async def on_postgresql(material: Material, make_store_url: Any) -> AsyncIterator[tuple[Site, str]]:
    url = make_store_url("postgresql")
    site = await start_site(material, url, HUTONG_HEALTH_INTERVAL_SECONDS="0.2")
    await site.load(CATALOG)
    yield site, url
    await site.close()


def asked(site: Site, directory: Path, *options: str) -> int:
    """Exit status of `hutong-server health`."""
    certificate, key = site.material.authority.client("registry", "monitor")
    files = {"CA": site.material.authority.certificate_file, "CERT": certificate, "KEY": key}
    given = {f"HUTONG_{name}": str(path) for name, path in files.items()}
    return run(["health", "--target", f"localhost:{site.port}", *options], given, directory).returncode


async def test_health_follows_the_database(
    on_postgresql: tuple[Site, str], postgresql: PostgresqlServer, tmp_path: Path
) -> None:
    site, url = on_postgresql
    database = postgresql.database(url)
    watch = health(site).Watch(health_pb2.HealthCheckRequest(service=SERVICES[0]), timeout=60)
    assert (await watch.read()).status == SERVING

    postgresql.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false')
    end_all = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"  # noqa: S608  ours
    postgresql.execute(end_all)
    assert (await asyncio.wait_for(watch.read(), 10)).status == NOT_SERVING
    assert [await status(site, service) for service in ("", *SERVICES)] == [NOT_SERVING] * (1 + len(SERVICES))
    # It serves nothing, and lives: nobody is to start it again.
    assert [await asyncio.to_thread(asked, site, tmp_path, *more) for more in ((), ("--alive",))] == [1, 0]
    found = await refused(site.asking("H2").OpenChart(chart(person(1)), timeout=10))
    assert (found.code, found.reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")

    postgresql.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')
    assert (await asyncio.wait_for(watch.read(), 10)).status == SERVING
    await site.asking("H2").OpenChart(chart(person(1)), timeout=10)
    watch.cancel()
