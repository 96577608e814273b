"""A long-running client through renewals, rotations and new server certificates: no call fails."""

import asyncio
import datetime
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hutong.v1 import certificate_service_pb2 as certificates
from hutong.v1.reuse_service_pb2_grpc import ReuseServiceStub
from hutong_client import Document, HutongClient
from hutong_client.enrollment import RegistryNotTrusted, enroll, renew
from hutong_client.errors import HutongCallError, PermissionDenied
from hutong_client.files import CertificateFiles
from hutong_server.trust import ca_directory

from tests.api.documents import CATALOG, chart, context, encoded, lab_report, person, question
from tests.api.site import Material, outcome
from tests.conftest import MakeStoreUrl
from tests.enrollment.place import NOW, PASSPHRASE, Place, new_server_certificate, start_place, until

LIFE = 6.0
"""Seconds: not what an operator may set, so that a test sees several renewals."""


@pytest.fixture
async def brief(material: Material, make_store_url: MakeStoreUrl, tmp_path: Path) -> AsyncIterator[Place]:
    """A registry whose certificates live for seconds."""
    place = await start_place(
        material, make_store_url("sqlite"), tmp_path / "place", certificate_life_hours=LIFE / 3600
    )
    await place.site.load(CATALOG)
    yield place
    await place.site.close()


async def enrolled(place: Place, directory: Path, role: str = "emr") -> CertificateFiles:
    done = await enroll(place.enrollment_address, await place.token("H1", role), place.fingerprint, directory)
    assert (done.institution, done.role, done.pending) == ("H1", role, False)
    return done.files


def connect(place: Place, files: CertificateFiles, **more: Any) -> HutongClient:
    return HutongClient.connect(
        place.address, ca=files.ca, certificate=files.certificate, key=files.key, deadline=5, **more
    )


async def open_chart(client: HutongClient) -> None:
    await client.open_chart(question(person(5)), context())


class Load:
    """Charts, opened all the time by several callers."""

    def __init__(self, client: HutongClient) -> None:
        self.client = client
        self.answered = 0
        self.failed: list[str] = []
        self._going = True
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Load":
        self._tasks = [asyncio.ensure_future(self._call()) for _ in range(4)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._going = False
        await asyncio.gather(*self._tasks)

    async def _call(self) -> None:
        while self._going:
            try:
                await open_chart(self.client)
                self.answered += 1
            except HutongCallError as error:
                self.failed.append(f"{error.reason} {error.message}")
            await asyncio.sleep(0.01)


async def test_a_client_survives_its_renewals_under_load(brief: Place, tmp_path: Path) -> None:
    files = await enrolled(brief, tmp_path / "held")
    first = files.certificate.read_bytes()
    async with connect(brief, files, renew_from=brief.enrollment_address) as client, Load(client) as load:
        renewal = client.renewal
        assert renewal is not None
        await asyncio.sleep(2.5 * LIFE)
        assert renewal.count >= 2
        assert renewal.failure is None
    assert load.failed == []
    assert load.answered > 100
    assert files.certificate.read_bytes() != first
    assert files.key.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in files.key.parent.iterdir() if not path.name.startswith(".")) == [
        "ca.pem",
        "client.key",
        "client.pem",
    ]


async def test_a_publishing_stream_survives_its_renewals(brief: Place, tmp_path: Path) -> None:
    files = await enrolled(brief, tmp_path / "held", "feed")

    async def documents() -> AsyncIterator[Document]:
        for number in range(30):
            yield Document(encoded(lab_report(f"load-{number}", person(6))), position=str(number))
            await asyncio.sleep(1.6 * LIFE / 30)

    async with connect(brief, files, renew_from=brief.enrollment_address) as client:
        positions = [each.document.position async for each in client.publish_stream(documents(), feed="f")]
        assert client.renewal is not None
        assert client.renewal.count >= 1
    assert positions == [str(number) for number in range(30)]


async def test_a_station_that_was_off_renews_before_its_first_call(brief: Place, tmp_path: Path) -> None:
    files = await enrolled(brief, tmp_path / "held")
    await asyncio.sleep(LIFE + 1.5)
    assert files.period()[1] < datetime.datetime.now(datetime.UTC)
    async with connect(brief, files, renew_from=brief.enrollment_address) as client:
        await open_chart(client)
        assert client.renewal is not None
        assert client.renewal.count == 1


async def test_a_rotation_of_the_root_fails_no_call(brief: Place, tmp_path: Path) -> None:
    files = await enrolled(brief, tmp_path / "held")
    old_root = brief.roots
    server = brief.directory / "server.pem", brief.directory / "server.key"
    async with connect(brief, files, renew_from=brief.enrollment_address) as client, Load(client) as load:
        renewal = client.renewal
        assert renewal is not None
        ca_directory.prepare(
            brief.ca, "hutong.local", brief.directory / "root.key", PASSPHRASE, NOW, brief.directory / "root2.key"
        )
        await asyncio.sleep(0.3)
        ca_directory.activate(brief.ca)
        new_server_certificate(brief.ca, *server)
        await asyncio.sleep(0.3)
        # Who knows the old root only still gets in, and so does who enrols now.
        (tmp_path / "old").mkdir()
        late = await enrolled(brief, tmp_path / "late")
        late.ca.write_bytes(old_root)
        await renew(brief.enrollment_address, late)
        before = renewal.count
        await asyncio.sleep(1.2 * LIFE)
        assert renewal.count > before
        ca_directory.retire(brief.ca)
        new_server_certificate(brief.ca, *server)
        before = renewal.count
        await asyncio.sleep(1.2 * LIFE)
        assert renewal.count > before
    assert load.failed == []
    assert load.answered > 100
    # The root of before is not trusted any more.
    late.ca.write_bytes(old_root)
    with pytest.raises(HutongCallError):
        await renew(brief.enrollment_address, late)


async def test_a_retired_authority_ends_what_is_open(brief: Place) -> None:
    held = await brief.hold("H1", "emr")
    async with brief.channel(held) as channel:
        stub: Any = ReuseServiceStub(channel)
        request = chart(person(5))
        assert await outcome(stub.OpenChart(request, timeout=5)) == "OK"
        ca_directory.prepare(brief.ca, "hutong.local", brief.directory / "root.key", PASSPHRASE, NOW)
        ca_directory.activate(brief.ca)
        assert await outcome(stub.OpenChart(request, timeout=5)) == "OK"
        ca_directory.retire(brief.ca)

        async def told() -> bool:
            return await outcome(stub.OpenChart(request, timeout=5)) == "PERMISSION_DENIED"

        await until(told, 1.5)
    async with brief.channel(held) as channel:
        again: Any = ReuseServiceStub(channel)
        assert await outcome(again.OpenChart(request, timeout=5)) == "UNAVAILABLE"


async def test_the_token_is_not_sent_to_another_registry(brief: Place, tmp_path: Path) -> None:
    token = await brief.token()
    with pytest.raises(RegistryNotTrusted):
        await enroll(brief.enrollment_address, token, "sha256:" + "0" * 64, tmp_path / "held")
    assert brief.records("Enroll") == []
    done = await enroll(brief.enrollment_address, token, brief.fingerprint, tmp_path / "held")
    assert not done.pending


async def test_a_revoked_client_keeps_trying_and_says_why(brief: Place, tmp_path: Path) -> None:
    files = await enrolled(brief, tmp_path / "held")
    async with connect(brief, files, renew_from=brief.enrollment_address) as client:
        assert client.renewal is not None
        async for row in client_rows(brief):
            await brief.admin().RevokeCertificate(row, timeout=5)
        assert not await client.renewal.attempt()
        assert isinstance(client.renewal.failure, PermissionDenied)


async def client_rows(place: Place) -> AsyncIterator[Any]:
    page = await place.admin().ListCertificates(certificates.ListCertificatesRequest(institution="H1"), timeout=5)
    for row in page.certificates:
        yield certificates.RevokeCertificateRequest(serial=row.serial, reason="test")
