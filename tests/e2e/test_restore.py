"""A registry is backed up while it is published to, killed with SIGKILL, lost, and put back. What was withdrawn,
withheld, revoked and suspended after the backup holds again; of whoever has not gone on since, nothing is reusable."""

import asyncio
import contextlib
import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hutong.v1 import (
    catalog_service_pb2,
    certificate_service_pb2,
    certificate_service_pb2_grpc,
    consent_service_pb2,
    consent_service_pb2_grpc,
    patient_service_pb2,
    report_pb2,
)
from hutong_server import app, settings
from hutong_server.sealed_store import open_sealed
from hutong_server.store.base_certificates import CertificateRow
from hutong_server.store.database_copy import CopyRefused, cut_off, load

from tests.api.documents import CATALOG, chart, context, lab_report, person, publish, question
from tests.api.site import Material, Site, refused, start_site
from tests.conftest import BACKENDS, MakeStoreUrl
from tests.e2e.desk import Desk
from tests.e2e.running import RunningServer
from tests.postgresql import PostgresqlServer, programs

FILES = {**CATALOG, "institutions.csv": CATALOG["institutions.csv"] + "H3,民营医院,private,990421,,,0\n"}
DAY = 86_400_000
LATE, UNKNOWN = publish(lab_report("late", person(6))), publish(lab_report("unknown", person(7)))
"""Published after the backup, and sent again after the loss."""
LOAD = 100
"""The first serial number of those who are published all the while."""


@pytest.fixture(params=BACKENDS)
def desk(
    request: pytest.FixtureRequest, material: Material, make_store_url: MakeStoreUrl, tmp_path: Path
) -> Iterator[Desk]:
    url = make_store_url(request.param)
    server = request.getfixturevalue("postgresql") if request.param == "postgresql" else None
    made = Desk(material, url, tmp_path, server)
    yield made
    if server:
        server.drop(server.database(made.url))


def put_certificate(desk: Desk, institution: str, role: str) -> str:
    """Registers the certificate that the tests' authority made; its serial number."""
    path, _ = desk.material.authority.client(institution, role)
    leaf = x509.load_pem_x509_certificate(path.read_bytes())
    serial, fingerprint = f"{leaf.serial_number:x}", sha256(leaf.public_bytes(Encoding.DER)).hexdigest()
    row = CertificateRow(serial, fingerprint, institution, role, "", app.now() - DAY, app.now() + DAY, serial)
    store, ring = open_sealed(settings.load(desk.environment), app.now)
    store.submit(lambda writer: writer.put_certificate(row)).result()
    ring.close()
    store.close()
    return serial


async def withdraw(site: Site, name: str, patient: dict[str, Any], institution: str = "H1") -> None:
    gone = lab_report(name, patient, status="entered-in-error")
    await site.publishing(institution).PublishReport(publish(gone), timeout=10)


async def reasons(site: Site, patient: dict[str, Any], request_id: str, asker: str = "H2") -> list[str]:
    """Of the one result there is: its reasons, or REUSABLE."""
    answer = await site.asking(asker).OpenChart(chart(patient, request_id, include_not_reusable=True), timeout=10)
    if answer.lines:
        return ["REUSABLE"]
    names = report_pb2.NotReusableReason.Name
    return [
        names(reason).removeprefix("NOT_REUSABLE_REASON_") for each in answer.not_reusable for reason in each.reasons
    ]


async def publish_on(site: Site) -> None:
    """Publishes one report after the other, until the registry is gone."""
    with contextlib.suppress(grpc.aio.AioRpcError):
        for serial in range(LOAD, LOAD + 5000):
            await site.publishing("H1").PublishReport(publish(lab_report(f"load-{serial}", person(serial))), timeout=10)


async def decide_after(site: Site, serial: str, ids: Mapping[str, str]) -> None:
    """What must hold, and happens after the backup."""
    await withdraw(site, "withdrawn", person(2))
    await site.publishing("H1").PublishReport(UNKNOWN, timeout=10)
    await withdraw(site, "unknown", person(7))
    put = consent_service_pb2.PutDirectiveRequest(
        request_id="d1",
        patient=question(person(3)),
        context=context(),
        directive=consent_service_pb2.Directive(
            effect=consent_service_pb2.DIRECTIVE_EFFECT_WITHHOLD, scope=consent_service_pb2.DIRECTIVE_SCOPE_EVERYTHING
        ),
    )
    await consent_service_pb2_grpc.ConsentServiceStub(site.channel("H2", "emr")).PutDirective(put, timeout=10)
    hide = patient_service_pb2.WithholdReportRequest(report_id=ids["hidden"], reason="tubes were mixed up")
    await site.patients().WithholdReport(hide, timeout=10)
    await site.load({"institutions.csv": FILES["institutions.csv"].replace("民营医院", "民营二院")})
    suspend = catalog_service_pb2.SuspendInstitutionRequest(code="T1", scope="SUSPENSION_SCOPE_ACCESS", reason="x")
    await site.catalog().SuspendInstitution(suspend, timeout=10)
    certificates = certificate_service_pb2_grpc.CertificateServiceStub(site.channel("registry", "admin"))
    revoke = certificate_service_pb2.RevokeCertificateRequest(serial=serial, reason="stolen")
    await certificates.RevokeCertificate(revoke, timeout=10)


@pytest.mark.timeout(120)
async def test_what_must_hold_holds_after_a_loss(desk: Desk, material: Material) -> None:
    serial = put_certificate(desk, "H3", "emr")
    server = RunningServer(desk.environment, desk.directory / "log")
    site = Site(material, server.port)
    backup, export = desk.directory / "backup", str(desk.directory / "export")
    try:
        await site.load(FILES)
        ids = {}
        for number, name in enumerate(("kept", "withdrawn", "consent", "hidden"), 1):
            made = await site.publishing("H1").PublishReport(publish(lab_report(name, person(number))), timeout=10)
            ids[name] = made.results[0].report_id
        await site.publishing("T1").PublishReport(publish(lab_report("t1", person(5))), timeout=10)
        assert await reasons(site, person(1), "before", "H3") == ["REUSABLE"]
        load = asyncio.ensure_future(publish_on(site))
        made = await asyncio.to_thread(desk.run, "backup", "--to", str(backup), "--keys-to", f"{desk.directory}/keys")
        assert made.exit_code == 0
        assert not load.done()
        await decide_after(site, serial, ids)
        await site.publishing("H1").PublishReport(LATE, timeout=10)
    finally:
        server.kill()
    await load
    await site.close()

    desk.lose()
    put_back = desk.run("restore", "--from", str(backup), HUTONG_LEDGER_EXPORT="")
    assert put_back.exit_code == 3
    assert "--accept-loss-since" in put_back.output
    with pytest.raises(settings.SettingsError, match="hutong-server restore"):
        await app.start(settings.load(desk.environment))
    assert desk.run("restore", "--from", str(backup)).exit_code == 1, "something is there"
    settled = desk.run("restore", "--export", export)
    assert settled.exit_code == 0
    for replayed in ("2 × withdrawal", "1 × directive", "1 × report_hidden", "1 × certificate", "1 × institution"):
        assert f"replayed: {replayed}" in settled.output
    assert "MISSING: 1 × rules" in settled.output, "files hold what they say"

    site = await start_site(material, desk.url, HUTONG_LEDGER_EXPORT=export)
    try:
        await check_what_holds(site)
    finally:
        await site.close()
    assert desk.run("audit", "verify", "--against", export).exit_code == 0
    assert desk.run("audit", "dump", "--to", f"{desk.directory}/dump").exit_code == 0
    entries = [json.loads(line).get("text") or "{}" for line in (desk.directory / "dump").read_text().splitlines()]
    (told,) = [entry for entry in map(json.loads, entries) if entry.get("type") == "restore"]
    assert told["lost_since"] is None
    assert sum(known - left for _, left, known in told["lost"]) >= 6, "a leaf for each act"


def test_what_was_cut_off_is_not_settled(
    material: Material, make_store_url: MakeStoreUrl, postgresql: PostgresqlServer, tmp_path: Path
) -> None:
    """On PostgreSQL, where rows come before indexes: a file of which a part is missing takes the place of a kill."""
    desk = Desk(material, make_store_url("postgresql"), tmp_path, postgresql)
    put_certificate(desk, "H1", "feed")
    assert desk.run("backup", "--to", str(tmp_path / "backup")).exit_code == 0
    copy = tmp_path / "backup" / "hutong.dump"
    (tmp_path / "part").write_bytes(copy.read_bytes()[: copy.stat().st_size - 100])
    desk.lose()
    with pytest.raises(CopyRefused):
        load(desk.url, tmp_path / "part", programs(), app.now())
    with pytest.raises(settings.SettingsError):
        app.prepare_schema(desk.url)
    made = desk.run("restore")
    assert (made.exit_code, "was cut off" in made.output) == (1, True)
    assert desk.run("restore", "--from", str(tmp_path / "backup")).exit_code == 1, "something is there"
    # Nothing was in the ledger yet.
    assert desk.run("restore", "--from", str(tmp_path / "backup"), "--force").exit_code == 0
    assert not cut_off(desk.url)
    postgresql.drop(postgresql.database(desk.url))


async def check_what_holds(site: Site) -> None:
    assert site.registry is not None
    assert await reasons(site, person(1), "a1") == ["FEED_NOT_RESUMED"]
    assert await reasons(site, person(2), "a2") == ["WITHDRAWN", "FEED_NOT_RESUMED", "NOT_FINAL"]
    assert await reasons(site, person(3), "a3") == [], "the patient withholds it"
    assert await reasons(site, person(4), "a4") == [], "an administrator hides it"
    assert await reasons(site, person(6), "a6") == [], "it was published after the backup"
    assert "FEED_NOT_RESUMED" in await reasons(site, person(5), "a5")
    revoked = await refused(site.asking("H3").OpenChart(chart(person(1), "a7"), timeout=5))
    assert revoked.reason == "CERTIFICATE_REVOKED"
    gone_on = publish(lab_report("t2", person(5)))
    assert (await refused(site.publishing("T1").PublishReport(gone_on, timeout=5))).reason == "INSTITUTION_SUSPENDED"
    await site.registry.observations.look()
    shown = await site.catalog().GetInstitution(catalog_service_pb2.GetInstitutionRequest(code="H1"), timeout=5)
    assert shown.institution.feed_not_resumed
    read = site.registry.metrics.registry.get_sample_value
    assert read("hutong_feed_not_resumed", {"institution": "H1"}) == 1
    assert read("hutong_restore_unsettled") == 0

    # Its feed goes on from where the backup left it.
    await site.publishing("H1").PublishReport(LATE, timeout=10)
    for attempt in range(100):
        if await reasons(site, person(1), f"b{attempt}") == ["REUSABLE"]:
            break
        await asyncio.sleep(0.05)
    assert await reasons(site, person(6), "c6") == ["REUSABLE"]
    assert await reasons(site, person(2), "c2") == ["WITHDRAWN", "NOT_FINAL"]
    assert "FEED_NOT_RESUMED" in await reasons(site, person(5), "c5"), "of the others nothing"
    # The withdrawal of what was not in the backup waits for its report.
    await site.publishing("H1").PublishReport(UNKNOWN, timeout=10)
    assert "WITHDRAWN" in await reasons(site, person(7), "c7")
