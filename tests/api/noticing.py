"""What API tests of notices have in common."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from hutong.v1 import patient_service_pb2, reuse_service_pb2

from tests.api.documents import chart, context, lab_report, person, publish
from tests.api.site import Site

CORRECTED = reuse_service_pb2.NOTICE_KIND_CORRECTED
WITHDRAWN = reuse_service_pb2.NOTICE_KIND_WITHDRAWN
NOT_REUSABLE = reuse_service_pb2.NOTICE_KIND_NOT_REUSABLE
WITHHELD = reuse_service_pb2.NOTICE_KIND_WITHHELD
LIVE = 1.0
"""Seconds within which a change is told, whoever made it."""


class Relied:
    """A report of H1 that a doctor of H2 has opened."""

    def __init__(self, site: Site, serial: int) -> None:
        self.site = site
        self.name = f"notice-{serial}"
        self.patient: dict[str, Any] = person(serial)
        self.offered = ""
        self.published = ""

    async def open(self, institution: str = "H2", **more: Any) -> Any:
        """Publishes it if it is not there, opens the chart and the report."""
        if not self.published:
            self.published = await self.send()
        answer = await self.site.asking(institution).OpenChart(chart(self.patient, self.name), timeout=10)
        self.offered = answer.lines[0].result.report_id
        request = reuse_service_pb2.GetReportRequest(
            report_id=self.offered, context=context(**more), prompt_id=answer.prompt_id
        )
        await self.site.asking(institution).GetReport(request, timeout=10)
        return answer

    async def send(self, site: Site | None = None, **more: Any) -> str:
        """Publishes a version, through another server if one is given."""
        at = site or self.site
        answer = await at.publishing("H1").PublishReport(
            publish(lab_report(self.name, self.patient, **more)), timeout=10
        )
        return str(answer.results[0].report_id)

    async def correct(self, site: Site | None = None) -> None:
        """Its source sends another value."""
        await self.send(site, value="4.90", status="corrected", days_ago=0.5)

    async def withdraw(self, site: Site | None = None) -> None:
        """Its source takes it back."""
        await self.send(site, status="entered-in-error", days_ago=0.1)


async def recognize(site: Site, prompt: Any, institution: str = "H2") -> Any:
    """Decides to rely on the potassium of a prompt."""
    decision = reuse_service_pb2.Decision(
        prompt_id=prompt.prompt_id, item="LAB-K", kind="DECISION_KIND_RECOGNIZED", decided_at=prompt.judged_at
    )
    request = reuse_service_pb2.RecordDecisionsRequest(context=context(), decisions=[decision])
    return (await site.asking(institution).RecordDecisions(request, timeout=10)).results[0]


async def listed(site: Site, institution: str = "H2", *, size: int = 200, **more: Any) -> list[Any]:
    """All pages."""
    found: list[Any] = []
    token = ""
    for _ in range(100):
        request = reuse_service_pb2.ListNoticesRequest(context=context(), page_size=size, page_token=token, **more)
        answer = await site.asking(institution).ListNotices(request, timeout=10)
        found += answer.notices
        token = answer.next_page_token
        if not token:
            return found
    raise AssertionError("the list does not end")


async def acknowledge(site: Site, notice_id: str, institution: str = "H2") -> Any:
    request = reuse_service_pb2.AcknowledgeNoticeRequest(context=context(), notice_id=notice_id)
    return (await site.asking(institution).AcknowledgeNotice(request, timeout=10)).notice


async def acknowledge_all(site: Site, institution: str = "H2") -> None:
    for notice in await listed(site, institution):
        await acknowledge(site, notice.notice_id, institution)


async def withhold(site: Site, report_id: str, *, lift: bool = False, institution: str = "registry") -> Any:
    request = patient_service_pb2.WithholdReportRequest(report_id=report_id, lift=lift, reason="a mix-up of tubes")
    return await site.patients(institution).WithholdReport(request, timeout=10)


class Watching:
    """A stream that is being read."""

    def __init__(self, call: Any) -> None:
        self.call = call

    async def next(self, seconds: float = 10) -> Any:
        """The next notice, or None for a sign of life."""
        answer = await asyncio.wait_for(self.call.read(), seconds)
        assert answer is not grpc.aio.EOF
        return answer.notice if answer.HasField("notice") else None

    async def live(self) -> list[Any]:
        """Reads what was known at the beginning."""
        found = []
        while (notice := await self.next()) is not None:
            found.append(notice)
        return found


@asynccontextmanager
async def watching(site: Site, institution: str = "H2", *, resume_token: str = "") -> AsyncIterator[Watching]:
    """Opens a stream, and cancels it."""
    request = reuse_service_pb2.WatchNoticesRequest(context=context(), resume_token=resume_token)
    call = site.asking(institution).WatchNotices(request)
    try:
        yield Watching(call)
    finally:
        call.cancel()
