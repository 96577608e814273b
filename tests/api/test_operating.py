"""What administrators see of an institution at a glance, after it published well and badly; and housekeeping while the
registry answers."""

import asyncio
import json
import secrets
from collections.abc import Iterator
from typing import Any

from hutong.v1 import catalog_service_pb2 as catalog
from hutong.v1 import registry_service_pb2 as v1
from hutong_server import settings as configuration
from hutong_server.api.rule_snapshot import read_book
from hutong_server.opening import now, opened, opened_ledger
from hutong_server.retention import retain
from hutong_server.store.base_certificates import CertificateRow
from hutong_server.usecases.housekeeping import Keep

from tests.api.documents import CATALOG, chart, lab_report, person, publish
from tests.api.site import Material, Site, refused
from tests.building import DAY

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
    await refused(feed.PublishReport(publish(b"{", validate_only=True), timeout=10))
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


async def test_housekeeping_beside_a_registry_fails_no_call(
    site: Site, material: Material, module_store_url: str, serials: Iterator[int]
) -> None:
    """From another process's store, as the command does it: more rows than a commit takes, charts and publishes on."""
    assert site.registry is not None
    registry = site.registry
    old = now() - 4 * 366 * DAY

    def past(writer: Any) -> None:
        column = {"sqlite": "?", "postgresql": "%s"}[writer.database]
        rows = [(b"p" * 16, secrets.token_bytes(16), "H2", old, "found", 1, b"", old + n) for n in range(1500)]
        writer._execute_many(
            "INSERT INTO prompt (patient_key, prompt_id, institution, at, outcome, rules_version, lines, recorded)"  # noqa: S608
            f" VALUES ({', '.join([column] * 8)})",
            rows,
        )

    # Counted first: what is put there by hand cannot be.
    assert await asyncio.to_thread(registry.counting.count)
    await asyncio.wrap_future(registry.store.submit(past))
    keep = Keep(prompts=400, reliances=5479, notices=184, records=92, renewal_grace=30.0)
    settings = configuration.load(material.environment(module_store_url))
    with opened(settings, timeout_ms=60_000, ledger=opened_ledger(settings)) as (other, _):
        book = other.read(read_book)
        done = asyncio.ensure_future(asyncio.to_thread(retain, other, book, keep, now()))
        answered = 0
        while not done.done() or answered < 3:
            patient = person(next(serials))
            report = lab_report(f"b{next(serials)}", patient)
            await site.publishing("H1").PublishReport(publish(report), timeout=10)
            answer = await site.asking("H2").OpenChart(chart(patient, f"b{next(serials)}"), timeout=10)
            assert len(answer.lines) == 1
            answered += 1
        assert {each.what: each.rows for each in await done if each.rows} == {"prompts": 1500}
