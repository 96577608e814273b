"""Notices over mutual TLS: listed, streamed live, resumed, acknowledged, and the ends of a stream."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import grpc
import pytest
import pytest_asyncio
from hutong.v1 import (
    catalog_service_pb2,
    consent_service_pb2,
    consent_service_pb2_grpc,
    patient_service_pb2,
    report_pb2,
    reuse_service_pb2,
)
from hutong_server.api import notice_methods
from hutong_server.domain.notice import How, Notice, NoticeKind
from hutong_server.store.base import Writer
from hutong_server.store.prompts import access_records

from tests.api import raw_http2 as h2
from tests.api.documents import CATALOG, chart, context, question
from tests.api.noticing import (
    CORRECTED,
    LIVE,
    NOT_REUSABLE,
    WITHDRAWN,
    WITHHELD,
    Relied,
    acknowledge,
    acknowledge_all,
    listed,
    recognize,
    watching,
    withhold,
)
from tests.api.site import Material, Site, refusal_of, refused, start_site
from tests.conftest import MakeStoreUrl

OPENED, RECOGNIZED = reuse_service_pb2.RELIANCE_OPENED, reuse_service_pb2.RELIANCE_RECOGNIZED


def whole(site: Site, report_id: str, institution: str = "H2"):
    request = reuse_service_pb2.GetReportRequest(report_id=report_id, context=context())
    return site.asking(institution).GetReport(request, timeout=10)


async def test_a_correction_is_listed_for_who_opened_it_and_opens(site: Site, serials: Iterator[int]) -> None:
    relied = Relied(site, next(serials))
    await relied.open(encounter="E7", practitioner="D7")
    await relied.correct()
    (notice,) = [each for each in await listed(site) if each.report_id == relied.offered]
    assert (notice.kind, notice.reliance, notice.issuer.name) == (CORRECTED, OPENED, "县医院")
    assert (notice.encounter, notice.practitioner) == ("E7", "D7")
    assert notice.created_at.ToMilliseconds() >= notice.relied_at.ToMilliseconds() > 0
    assert not notice.HasField("acknowledged_at")
    entry = (await whole(site, notice.report_id)).entry
    assert (entry.version, entry.status) == (2, "corrected")
    # No values: those are for who opens it.
    assert b"4.90" not in notice.SerializeToString()
    assert relied.offered not in {each.report_id for each in await listed(site, "T1")}


async def test_a_withdrawal_is_told_of_what_was_recognized_and_answers_as_withdrawn(
    site: Site, serials: Iterator[int]
) -> None:
    relied = Relied(site, next(serials))
    await recognize(site, await relied.open())
    await relied.withdraw()
    (notice,) = [each for each in await listed(site) if each.report_id == relied.offered]
    assert (notice.kind, notice.reliance, notice.item.code, notice.item.name_zh) == (
        WITHDRAWN,
        RECOGNIZED,
        "LAB-K",
        "钾",
    )
    entry = (await whole(site, notice.report_id)).entry
    assert (entry.withdrawn, len(entry.results)) == (True, 0)


async def test_a_withheld_report_is_nowhere_and_comes_back(site: Site, serials: Iterator[int]) -> None:
    relied = Relied(site, next(serials))
    await relied.open()
    done = await withhold(site, relied.published)
    assert (done.withheld, done.notified) == (True, 1)
    assert (await withhold(site, relied.published)).notified == 0
    assert not (await site.asking("H2").OpenChart(chart(relied.patient, "again"), timeout=10)).lines
    assert (await refused(whole(site, relied.offered))).reason == "REPORT_NOT_FOUND"
    (notice,) = [each for each in await listed(site) if each.report_id == relied.offered]
    assert notice.kind == WITHHELD
    # By the id that the patient index shows, which opens nothing.
    show = patient_service_pb2.ShowPatientRequest(
        identifier=report_pb2.PatientIdentifier(**relied.patient["identifier"][0])
    )
    (person,) = (await site.patients().ShowPatient(show, timeout=10)).persons
    (known,) = person.records[0].known_reports
    assert (known.withheld, known.institution) == (True, "H1")
    assert (await refused(whole(site, known.report_id))).reason == "REPORT_NOT_FOUND"
    assert (await withhold(site, known.report_id, lift=True)).withheld is False
    assert (await site.asking("H2").OpenChart(chart(relied.patient, "lifted"), timeout=10)).lines
    assert (await refused(withhold(site, relied.offered))).code == "NOT_FOUND"
    kept = [each for each in records(site) if each.method == "WithholdReport" and each.reports]
    assert [each.outcome for each in kept] == ["withheld", "unchanged", "lifted"]
    assert kept[-1].detail == ("a mix-up of tubes",)


def records(site: Site):
    assert site.registry is not None
    return [record for _, record in site.registry.store.read(lambda reader: access_records(reader, limit=10_000))]


async def test_a_stream_gives_what_is_known_then_what_comes(site: Site, serials: Iterator[int]) -> None:
    await acknowledge_all(site)
    first, second = Relied(site, next(serials)), Relied(site, next(serials))
    await first.open()
    await second.open()
    await first.correct()
    async with watching(site) as stream:
        (known,) = await stream.live()
        assert (known.kind, known.report_id) == (CORRECTED, first.offered)
        await second.withdraw()
        began = time.monotonic()
        notice = await stream.next()
        assert time.monotonic() - began < LIVE
        assert (notice.kind, notice.report_id) == (WITHDRAWN, second.offered)
    # Without a token everything that was not acknowledged comes again; with it, what came after.
    async with watching(site) as stream:
        assert [each.notice_id for each in await stream.live()] == [known.notice_id, notice.notice_id]
    async with watching(site, resume_token=known.resume_token) as stream:
        assert [each.notice_id for each in await stream.live()] == [notice.notice_id]
    await acknowledge(site, known.notice_id)
    async with watching(site) as stream:
        assert [each.notice_id for each in await stream.live()] == [notice.notice_id]


async def test_a_quiet_stream_says_that_it_lives(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice_methods, "LIFE_SIGN", 0.2)
    async with watching(site, "T1") as stream:
        assert [await stream.next(5) for _ in range(3)] == [None] * 3


async def test_what_is_delivered_is_on_record_before(site: Site, serials: Iterator[int]) -> None:
    await acknowledge_all(site)
    relied = Relied(site, next(serials))
    await relied.open()
    async with watching(site) as stream:
        await stream.live()
        before = len(records(site))
        await relied.correct()
        await stream.next()
        told = [each for each in records(site)[before:] if each.method == "WatchNotices"]
        assert [(each.outcome, len(each.patient_keys), len(each.reports)) for each in told] == [("found", 1, 1)]
        assert (told[0].practitioner, told[0].consent_basis, told[0].institution) == ("D1", "opt_out", "H2")
    before = len(records(site))
    (notice,) = await listed(site)
    await acknowledge(site, notice.notice_id)
    kept = [(each.method, each.outcome) for each in records(site)[before:]]
    assert kept == [("ListNotices", "found"), ("AcknowledgeNotice", "acknowledged")]


async def test_a_notice_is_acknowledged_once_by_its_own_institution(site: Site, serials: Iterator[int]) -> None:
    relied = Relied(site, next(serials))
    await relied.open()
    await relied.withdraw()
    (notice,) = [each for each in await listed(site) if each.report_id == relied.offered]
    assert (await refused(acknowledge(site, notice.notice_id, "T1"))).code == "NOT_FOUND"
    first = await acknowledge(site, notice.notice_id)
    assert first.HasField("acknowledged_at")
    assert await acknowledge(site, notice.notice_id) == first
    assert notice.notice_id not in {each.notice_id for each in await listed(site)}
    assert notice.notice_id in {each.notice_id for each in await listed(site, include_acknowledged=True)}


async def test_pages_and_bad_requests(site: Site, serials: Iterator[int]) -> None:
    await acknowledge_all(site)
    for _ in range(3):
        relied = Relied(site, next(serials))
        await relied.open()
        await relied.withdraw()
    one_by_one = [each.notice_id for each in await listed(site, size=1)]
    assert len(one_by_one) == len(set(one_by_one)) == 3
    assert one_by_one == [each.notice_id for each in await listed(site)]
    asking = site.asking("H2")
    bare = await refused(asking.ListNotices(reuse_service_pb2.ListNoticesRequest(), timeout=5))
    assert bare.code == "INVALID_ARGUMENT"
    assert "context.practitioner" in bare.paths
    token = (
        await asking.ListNotices(reuse_service_pb2.ListNoticesRequest(context=context(), page_size=1), timeout=5)
    ).next_page_token
    stolen = reuse_service_pb2.ListNoticesRequest(context=context(), page_token=token)
    assert (await refused(site.asking("T1").ListNotices(stolen, timeout=5))).reason == "PAGE_TOKEN_INVALID"
    other = reuse_service_pb2.ListNoticesRequest(context=context(), page_token=token, include_acknowledged=True)
    assert (await refused(asking.ListNotices(other, timeout=5))).reason == "PAGE_TOKEN_INVALID"
    empty = reuse_service_pb2.AcknowledgeNoticeRequest(context=context())
    assert (await refused(asking.AcknowledgeNotice(empty, timeout=5))).paths == ("notice_id",)


@pytest.mark.parametrize("nonsense", ["", "nonsense"], ids=["another institution's", "nonsense"])
async def test_a_resume_token_of_another_is_refused(site: Site, serials: Iterator[int], nonsense: str) -> None:
    await acknowledge_all(site)
    relied = Relied(site, next(serials))
    await relied.open()
    await relied.withdraw()
    (notice,) = await listed(site)
    async with watching(site, "T1", resume_token=nonsense or notice.resume_token) as stream:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await stream.next()
    found = refusal_of(error.value)
    assert (found.code, found.paths) == ("INVALID_ARGUMENT", ("resume_token",))


async def test_what_the_patient_withholds_comes_when_the_patient_allows_it(site: Site, serials: Iterator[int]) -> None:
    await acknowledge_all(site)
    relied = Relied(site, next(serials))
    await relied.open()
    deciding = consent_service_pb2_grpc.ConsentServiceStub(site.channel("H2", "emr"))
    put = consent_service_pb2.PutDirectiveRequest(
        request_id="d",
        patient=question(relied.patient),
        context=context(),
        directive=consent_service_pb2.Directive(effect="DIRECTIVE_EFFECT_WITHHOLD", scope="DIRECTIVE_SCOPE_EVERYTHING"),
    )
    given = (await deciding.PutDirective(put, timeout=10)).directive
    async with watching(site) as stream:
        await stream.live()
        await relied.withdraw()
        other = Relied(site, next(serials))
        await other.open()
        await other.correct()
        # What comes after it comes; it does not exist.
        notice = await stream.next()
        assert notice.report_id == other.offered
        assert [each.report_id for each in await listed(site)] == [other.offered]
        revoke = consent_service_pb2.RevokeDirectiveRequest(
            directive_id=given.directive_id, patient=question(relied.patient), context=context()
        )
        await deciding.RevokeDirective(revoke, timeout=10)
        late = await stream.next()
        assert (late.report_id, late.kind) == (relied.offered, WITHDRAWN)
    # Its place is the newest: who goes on after the other gets it.
    async with watching(site, resume_token=notice.resume_token) as stream:
        assert [each.report_id for each in await stream.live()] == [relied.offered]


async def test_a_grant_that_is_annulled_back_dated_is_told_with_the_reason(site: Site, serials: Iterator[int]) -> None:
    await acknowledge_all(site)
    relied, opened_only = Relied(site, next(serials)), Relied(site, next(serials))
    await recognize(site, await relied.open())
    await opened_only.open()
    annulled = CATALOG["grants.csv"].replace("H1,*,9904,,,", "H1,*,9904,,2020-12-31,")
    found: dict[str, reuse_service_pb2.Notice] = {}
    async with watching(site) as stream:
        await stream.live()
        await site.load({"grants.csv": annulled})
        # What doctors of other tests opened has fallen as well.
        while not {relied.offered, opened_only.offered} <= found.keys():
            notice = await stream.next(20)
            found[notice.report_id] = notice
    await site.load({"grants.csv": CATALOG["grants.csv"]})
    told = found[relied.offered], found[opened_only.offered]
    assert [each.kind for each in told] == [NOT_REUSABLE] * 2
    assert [each.reliance for each in told] == [
        reuse_service_pb2.RELIANCE_RECOGNIZED,
        reuse_service_pb2.RELIANCE_OPENED,
    ]
    assert [list(each.reasons) for each in told] == [[report_pb2.NOT_REUSABLE_REASON_NO_QUALITY_GRANT]] * 2


async def test_a_stream_ends_when_its_institution_is_suspended(site: Site) -> None:
    async with watching(site, "T1") as stream:
        await stream.live()
        suspend = catalog_service_pb2.SuspendInstitutionRequest(
            code="T1", scope="SUSPENSION_SCOPE_ACCESS", reason="a test"
        )
        await site.catalog().SuspendInstitution(suspend, timeout=10)
        try:
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await stream.next()
            assert refusal_of(error.value).reason == "INSTITUTION_SUSPENDED"
        finally:
            suspend.lift = True
            await site.catalog().SuspendInstitution(suspend, timeout=10)


@pytest_asyncio.fixture(loop_scope="session")
async def impatient(material: Material, make_store_url: MakeStoreUrl) -> AsyncIterator[Site]:
    """A registry of its own that waits a second for who does not read."""
    started = await start_site(material, make_store_url("sqlite"), HUTONG_STALL_SECONDS="1")
    await started.load(CATALOG)
    yield started
    await started.close()


async def test_a_stream_ends_when_the_server_drains(impatient: Site) -> None:
    assert impatient.registry is not None
    async with watching(impatient) as stream:
        await stream.live()
        draining = asyncio.ensure_future(impatient.registry.drain())
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await stream.next()
        assert refusal_of(error.value).code == "UNAVAILABLE"
        await draining
    impatient.registry = None


async def test_a_caller_that_does_not_read_is_let_go(impatient: Site) -> None:
    """It answers every ping and never widens its window: 64 kB of notices, then no more."""
    assert impatient.registry is not None

    def backlog(writer: Writer) -> None:
        for number in range(1500):
            writer.put_notice(
                Notice(
                    institution="H2",
                    notice_id=number.to_bytes(16, "big"),
                    kind=NoticeKind.CORRECTED,
                    patient_key=b"p" * 16,
                    report_id=b"r" * 16,
                    issuer="H1",
                    how=How.OPENED,
                    encounter="E1",
                    practitioner="D1",
                    relied_at=1,
                    created_at=2,
                )
            )

    impatient.registry.store.submit(backlog).result(30)
    authority = impatient.material.authority
    tls = h2.client_tls(authority.certificate_file, *authority.client("H2", "emr"))
    connection = await h2.Connection.open(impatient.port, tls)
    request = reuse_service_pb2.WatchNoticesRequest(context=context()).SerializeToString()
    path = "/hutong.v1.ReuseService/WatchNotices"
    connection.send(h2.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.call_headers(path)))
    connection.send(h2.frame(h2.DATA, h2.END_STREAM, 1, h2.message(request)))
    streams, most, ended, began = impatient.registry.server.streams, 0, 0.0, time.monotonic()
    while not ended and time.monotonic() - began < 10:
        await connection.watch(0.2)
        most = max(most, len(streams))
        if most and not len(streams):
            ended = time.monotonic() - began
    connection.close()
    assert most == 1
    assert 0.8 < ended < 9
    # Others are served meanwhile, and nothing was lost.
    async with watching(impatient) as stream:
        assert len(await stream.live()) == 1500
