"""Publishing streams: order, faults, resuming, back-pressure, and how they end."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import pytest
from hutong.v1 import catalog_service_pb2, error_reason_pb2, registry_service_pb2, reuse_service_pb2

from tests.api.documents import chart, lab_report, person, publish
from tests.api.site import Site, refusal_of, refused, rest_of

REJECTED = registry_service_pb2.PUBLISH_OUTCOME_REJECTED
Request = registry_service_pb2.PublishReportsRequest


def item(position: str, document: dict[str, Any] | bytes, feed: str = "lis", **more: Any) -> Request:
    return Request(feed=feed, position=position, report=publish(document, **more))


async def each(requests: list[Request]) -> AsyncIterator[Request]:
    for request in requests:
        yield request


async def sent(site: Site, requests: list[Request], institution: str = "H1") -> list[Any]:
    stream = site.publishing(institution).PublishReports(each(requests), timeout=60)
    return [answer async for answer in stream]


async def position_of(site: Site, feed: str, institution: str = "H1") -> str:
    status = await site.publishing(institution).GetFeedStatus(
        registry_service_pb2.GetFeedStatusRequest(feed=feed), timeout=5
    )
    return str(status.position)


async def test_answers_come_in_the_order_of_the_requests(site: Site, serials: Iterator[int]) -> None:
    serial = next(serials)
    patients = [person(next(serials)) for _ in range(4)]
    requests = []
    for number in range(60):
        # Large and small by turns, so that those read first are not those sent first.
        conclusion = "长" * (60_000 if number % 7 == 0 else 1)
        report = lab_report(f"order-{serial}-{number}", patients[number % 4], conclusion=conclusion)
        requests.append(item(f"{number:03d}", report))
    answers = await sent(site, requests)
    assert [answer.position for answer in answers] == [f"{number:03d}" for number in range(60)]
    assert all(len(answer.results) == 1 and answer.results[0].report_id for answer in answers)
    assert await position_of(site, "lis") == "059"


async def test_a_bad_document_is_answered_and_the_stream_goes_on(site: Site, serials: Iterator[int]) -> None:
    serial = next(serials)
    good = lab_report(f"goes-on-{serial}", person(next(serials)))
    bad = lab_report(f"bad-{serial}", person(next(serials)), status="nonsense")
    answers = await sent(
        site,
        [
            item("a", b"no JSON", "mixed"),
            item("b", good, "mixed"),
            item("c", bad, "mixed"),
            item("d", b"", "mixed"),
            item("x\ny", good, "mixed"),
            item("e", good, "mixed"),
        ],
    )
    assert [answer.position for answer in answers] == ["a", "b", "c", "d", "x\ny", "e"]
    text, kept, report, empty, position, again = answers
    assert [issue.reason for issue in text.issues] == [error_reason_pb2.ERROR_REASON_NOT_JSON]
    assert not text.results
    assert kept.results[0].report_id
    assert report.results[0].outcome == REJECTED
    assert report.results[0].issues[0].path == "DiagnosticReport.status"
    assert empty.issues[0].path == "document"
    assert position.issues[0].path == "position"
    assert again.results[0].unchanged
    assert await position_of(site, "mixed") == "e"


async def test_a_stream_can_be_sent_again(site: Site, serials: Iterator[int]) -> None:
    serial = next(serials)
    requests = [item(str(n), lab_report(f"again-{serial}-{n}", person(next(serials))), "again") for n in range(10)]
    first = await sent(site, requests[:6])
    assert await position_of(site, "again") == "5"
    second = await sent(site, requests)
    assert [answer.results[0].unchanged for answer in second] == [True] * 6 + [False] * 4
    assert [answer.results[0].report_id for answer in second[:6]] == [answer.results[0].report_id for answer in first]


async def test_a_broken_stream_leaves_a_prefix_and_its_position(site: Site, serials: Iterator[int]) -> None:
    serial = next(serials)
    patient = person(next(serials))
    documents = [lab_report(f"broken-{serial}-{n}", patient, days_ago=1 + n / 100) for n in range(40)]
    stream = site.publishing("H1").PublishReports(timeout=30)
    for number, document in enumerate(documents):
        await stream.write(item(f"{number:03d}", document, f"broken-{serial}"))
    answered = [(await stream.read()).position for _ in range(5)]
    stream.cancel()
    await asyncio.sleep(0.5)
    last = await position_of(site, f"broken-{serial}")
    assert last >= answered[-1]
    answer = await site.asking("H2").OpenChart(chart(patient, include_not_reusable=True), timeout=10)
    assert answer.lines
    resent = await sent(site, [item(f"{n:03d}", d, f"broken-{serial}") for n, d in enumerate(documents)])
    unchanged = [reply.results[0].unchanged for reply in resent]
    # What the position says is exactly what was there.
    assert unchanged == [True] * (int(last) + 1) + [False] * (39 - int(last))


async def test_a_check_in_a_stream_keeps_nothing_and_moves_no_position(site: Site, serials: Iterator[int]) -> None:
    serial = next(serials)
    patient = person(next(serials))
    report = lab_report(f"checked-{serial}", patient)
    answers = await sent(
        site, [item("1", report, "check", validate_only=True), item("2", b"[", "check", validate_only=True)]
    )
    assert not answers[0].results[0].report_id
    assert answers[1].issues
    assert await position_of(site, "check") == ""
    assert (await site.asking("H2").OpenChart(chart(patient), timeout=5)).outcome == reuse_service_pb2.OUTCOME_NONE


async def test_a_feed_name_that_cannot_be_used_ends_the_stream(site: Site) -> None:
    stream = site.publishing("H1").PublishReports(each([item("1", b"{}", "f" * 65)]), timeout=5)
    found = await refused(stream.read())
    assert (found.code, found.reason, found.paths) == ("INVALID_ARGUMENT", "REQUEST_INVALID", ("feed",))


async def test_feeds_of_one_name_are_apart_by_institution(site: Site, serials: Iterator[int]) -> None:
    await sent(site, [item("mine", lab_report(f"apart-{next(serials)}", person(next(serials))), "shared")])
    assert await position_of(site, "shared") == "mine"
    assert await position_of(site, "shared", "H2") == ""
    assert await position_of(site, "never heard of") == ""


@pytest.mark.parametrize("idle", [True, False], ids=["idle", "busy"])
async def test_a_suspension_ends_an_open_stream(site: Site, serials: Iterator[int], idle: bool) -> None:
    code = f"X{next(serials)}"
    added = catalog_service_pb2.Institution(code=code, name="停用测试", tier="TIER_TOWNSHIP", region="990421")
    await site.catalog().PutInstitution(catalog_service_pb2.PutInstitutionRequest(institution=added), timeout=5)
    stream = site.publishing(code).PublishReports(timeout=30)
    await stream.write(item("1", lab_report(f"{code}-1", person(next(serials)))))
    assert (await stream.read()).results[0].report_id
    suspend = catalog_service_pb2.SuspendInstitutionRequest(code=code, scope="SUSPENSION_SCOPE_ACCESS", reason="测试")
    await site.catalog().SuspendInstitution(suspend, timeout=5)
    started = time.monotonic()

    async def write_on() -> None:
        # Writing to a stream that has ended is an error of its own.
        with contextlib.suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError):
            for number in range(2000):
                await stream.write(item(f"{number}", lab_report(f"{code}-{number}", person(next(serials)))))

    writing = asyncio.ensure_future(asyncio.sleep(0) if idle else write_on())
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await rest_of(stream, [])
    found = refusal_of(raised.value)
    assert (found.code, found.reason) == ("PERMISSION_DENIED", "INSTITUTION_SUSPENDED")
    assert time.monotonic() - started < 2
    await writing
