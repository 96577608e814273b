"""Every refused call is a leaf of the ledger; calls that are shed are counted into one."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import grpc
import pytest_asyncio
from hutong.v1 import reuse_service_pb2
from hutong_server.store.base import AccessRecord
from hutong_server.store.ledger_view import SqlLedgerView
from hutong_server.store.prompts import access_records
from hutong_server.trust.checkpoint import CheckpointKey
from hutong_server.trust.keys import read_key_file
from hutong_server.trust.ledger_check import verify

from tests.api.documents import CATALOG, chart, context, person
from tests.api.site import Material, Site, outcome, refused, start_site


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(material: Material, module_store_url: str) -> AsyncIterator[Site]:
    started = await start_site(
        material,
        module_store_url,
        HUTONG_CALLS_PER_SECOND="2",
        HUTONG_CALLS_BURST="6",
        HUTONG_CALLS_PER_SECOND_OF="H1=0,H3=0,X9=0",
    )
    await started.load(CATALOG)
    yield started
    await started.close()


def on_record(site: Site) -> list[AccessRecord]:
    assert site.registry is not None
    found = site.registry.store.read(lambda reader: access_records(reader, limit=10_000))  # type: ignore[arg-type]
    return [record for _, record in found]


async def last(site: Site) -> AccessRecord:
    return (await asyncio.to_thread(on_record, site))[-1]


async def test_a_wrong_role_is_on_record(site: Site) -> None:
    found = await refused(site.asking("H1", "feed").OpenChart(chart(person(1))))
    kept = await last(site)
    assert (kept.method, kept.outcome, kept.reason) == ("OpenChart", "refused", "ROLE_NOT_ALLOWED")
    assert (kept.institution, kept.role, kept.request_id) == ("H1", "feed", found.request_id)
    assert len(kept.certificate) == 64
    assert kept.patient_keys == ()


async def test_an_unknown_institution_a_bad_request_and_an_unknown_method_are_on_record(site: Site) -> None:
    await refused(site.asking("X9").OpenChart(chart(person(1))))
    assert (await last(site)).reason == "INSTITUTION_UNKNOWN"
    await refused(site.asking("H1").OpenChart(reuse_service_pb2.OpenChartRequest()))
    assert (await last(site)).reason == "REQUEST_INVALID"
    await refused(site.channel("H1", "emr").unary_unary("/hutong.v1.ReuseService/NoSuchMethod")(b""))
    kept = await last(site)
    assert (kept.method, kept.reason) == ("unknown", "METHOD_UNKNOWN")


async def test_an_identity_that_is_none_is_on_record_without_anybody(site: Site) -> None:
    certificate = site.material.authority.client("no_role_of_ours", "nobody")
    channel = site.open(
        grpc.ssl_channel_credentials(
            site.material.authority.certificate_file.read_bytes(),
            certificate[1].read_bytes(),
            certificate[0].read_bytes(),
        )
    )
    call = channel.unary_unary(
        "/hutong.v1.ReuseService/OpenChart", request_serializer=reuse_service_pb2.OpenChartRequest.SerializeToString
    )
    found = await refused(call(chart(person(1))))
    await channel.close()
    assert found.reason == "CERTIFICATE_IDENTITY_INVALID"
    kept = await last(site)
    assert (kept.reason, kept.institution, kept.request_id) == (found.reason, "", found.request_id)


async def test_a_report_that_was_never_offered_is_on_record(site: Site) -> None:
    request = reuse_service_pb2.GetReportRequest(report_id="hAAAA", context=context())
    found = await refused(site.asking("H3").GetReport(request))
    kept = await last(site)
    assert (kept.method, kept.reason, kept.institution) == ("GetReport", found.reason, "H3")


async def test_calls_that_are_shed_are_counted_once_a_second(site: Site, serials: Iterator[int]) -> None:
    before = len(await asyncio.to_thread(on_record, site))
    calls = [site.asking("H2").OpenChart(chart(person(next(serials)))) for _ in range(40)]
    ended = await asyncio.gather(*(outcome(call) for call in calls))
    shed = ended.count("RESOURCE_EXHAUSTED")
    assert shed >= 20
    counted = 0
    until = time.monotonic() + 10
    while counted < shed and time.monotonic() < until:
        await asyncio.sleep(0.2)
        records = (await asyncio.to_thread(on_record, site))[before:]
        counts = [record for record in records if record.reason == "RATE_LIMITED"]
        counted = sum(int(record.detail[0].removeprefix("count:")) for record in counts)
    assert counted == shed
    assert len(counts) <= 4
    assert {(record.institution, record.outcome) for record in counts} == {("H2", "refused")}


async def test_all_of_it_verifies(site: Site) -> None:
    assert site.registry is not None
    key = CheckpointKey("hutong.local", read_key_file(site.material.seal_key.with_name("ledger.key")))
    store = site.registry.store
    found = await asyncio.to_thread(
        store.read,
        lambda reader: verify(SqlLedgerView(reader), key.verifier),  # type: ignore[arg-type]
    )
    assert found.good, found
    assert sum(found.sizes.values()) > 10
