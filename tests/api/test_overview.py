"""What an institution's administrators see of it at a glance, after it published well and badly."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

from hutong.v1 import catalog_service_pb2 as catalog
from hutong.v1 import registry_service_pb2 as v1
from hutong_server.app import now
from hutong_server.store.base_certificates import CertificateRow

from tests.api.documents import CATALOG, lab_report, person, publish
from tests.api.site import Site, refused

HOUR = 3_600_000
INSTITUTIONS = CATALOG["institutions.csv"].splitlines()[0]


async def look(site: Site, code: str, *, by: str = "registry") -> Any:
    return await site.catalog(by).GetInstitution(catalog.GetInstitutionRequest(code=code), timeout=5)


async def test_what_came_in_is_told_by_kind_to_those_whom_it_concerns(site: Site, serials: Iterator[int]) -> None:
    code = f"I{next(serials)}"
    files = [
        catalog.CatalogFile(
            name="institutions.csv", content=f"{INSTITUTIONS}\n{code},医院,secondary,990421,,,0\n".encode()
        )
    ]
    await site.catalog().ImportCatalog(catalog.ImportCatalogRequest(files=files), timeout=20)
    feed = site.publishing(code)

    def made(**more: Any) -> dict[str, Any]:
        return {**lab_report(f"seen-{next(serials)}", person(next(serials)), days_ago=0.5), **more}

    prompt = {"issued": "2026-01-05T09:00:00+08:00"}
    good, late, poor, held = made(), made(**prompt), made(), made()
    del poor["category"]
    for document in held["contained"]:
        if document["resourceType"] == "Patient":
            del document["identifier"]
    for document in (good, good, late, poor, held):
        await feed.PublishReport(publish(document), timeout=10)
    # What was only checked does not count, what is refused does: alone, and in a stream.
    await feed.PublishReport(publish(made(), validate_only=True), timeout=10)
    wrong = made(status="unheard-of")
    await refused(feed.PublishReport(publish(wrong), timeout=10))
    await refused(feed.PublishReport(publish(wrong, validate_only=True), timeout=10))
    await refused(feed.PublishReport(publish(b"{"), timeout=10))
    stream = feed.PublishReports(iter([v1.PublishReportsRequest(feed="lis", position="1", report=publish(b"["))]))
    assert [each.issues[0].reason async for each in stream]
    for _ in range(100):
        intake = (await look(site, code)).intake
        if intake.reports + intake.rejected == 7:
            break
        await asyncio.sleep(0.05)
    assert (intake.reports, intake.late, intake.held, intake.rejected) == (4, 1, 1, 3)
    issues = {(each.reason, each.field, each.refused): each.reports for each in intake.issues}
    assert issues["FIELD_RECOMMENDED", "category", False] == 1
    assert issues["PATIENT_IDENTIFIER_MISSING", "", False] == 1
    assert issues["NOT_JSON", "", True] == 2
    assert intake.first_day < intake.last_day
    assert (await look(site, code, by=code)).intake == intake
    other = await look(site, code, by="H2")
    assert (other.institution.code, other.HasField("intake")) == (code, False)
    assert json.dumps(sorted(map(str, issues))).isascii()


async def test_its_good_certificates_are_told_soonest_to_end_first(site: Site, serials: Iterator[int]) -> None:
    at = now()

    def row(number: int, hours: int, revoked: int | None = None) -> CertificateRow:
        name = f"{next(serials):08x}{number}"
        return CertificateRow(name, f"f{name}", "T1", "emr", "a", at - HOUR, at + hours * HOUR, name, "", revoked)

    assert site.registry is not None
    rows = [row(1, 48), row(2, 24), row(3, -1), row(4, 30, at)]
    for each in rows:
        await asyncio.wrap_future(site.registry.store.submit(lambda writer, each=each: writer.put_certificate(each)))
    found = (await look(site, "T1")).certificates
    assert [each.serial for each in found] == [rows[1].serial, rows[0].serial]
    assert len((await look(site, "T1", by="T1")).certificates) == 2
    assert len((await look(site, "T1", by="H2")).certificates) == 0
