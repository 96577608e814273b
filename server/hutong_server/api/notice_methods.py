"""Notices to institutions that relied on a report. What is delivered is on record before it leaves."""

import asyncio
from concurrent.futures import Future
from typing import Any, Final

import grpc
from hutong.v1 import reuse_service_pb2

from hutong_server.api import call
from hutong_server.api.convert import Faults
from hutong_server.api.convert_notices import NOTICE_ID, notice_out, position_in
from hutong_server.api.convert_reuse import Asker, context_in
from hutong_server.api.paging import Pages
from hutong_server.api.parts import Parts
from hutong_server.api.refusals import keeping_refusals
from hutong_server.api.status import refusal
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.notice import Notice
from hutong_server.store.base import Reader
from hutong_server.usecases.notices import (
    Listener,
    NoticePage,
    acknowledge_notice,
    began,
    list_notices,
    look_again,
    next_notices,
)

Context = grpc.aio.ServicerContext[Any, Any]

PAGE: Final = 50
LARGEST_PAGE: Final = 200
LOOK_AGAIN: Final = 2.0
"""Seconds after which a stream looks again at notices that consent withheld, if there are any."""
LIFE_SIGN: Final = 30.0
"""Seconds without a notice after which a stream says that it lives."""


class NoticeMethods:
    """See the contract."""

    _parts: Parts

    async def ListNotices(
        self, request: reuse_service_pb2.ListNoticesRequest, context: Context
    ) -> reuse_service_pb2.ListNoticesResponse:
        """See the contract."""
        parts, this = self._parts, call.current()
        faults = Faults()
        asked_by = context_in(request.context, faults)
        size = faults.page_size(request.page_size, PAGE, LARGEST_PAGE)
        faults.check()
        asker = Asker(this.peer.institution, parts.rules.book, parts.ids)
        pages, listed = Pages(parts.ids), "notices:all" if request.include_acknowledged else "notices"
        position = pages.open(listed, asker.institution, request.page_token)
        after = int(position[0]) if position else 0
        ask = Listener("ListNotices", asked_by, this.peer, this.request_id)

        def answer() -> tuple[reuse_service_pb2.ListNoticesResponse, Future[None]]:
            found = parts.store.read(
                lambda reader: list_notices(
                    ask, after, size, reader, asker.book, parts.clock(), acknowledged=request.include_acknowledged
                )
            )
            kept = parts.store.submit(found.keep)
            this.outcome = "found" if found.notices else "none"
            response = reuse_service_pb2.ListNoticesResponse()
            for notice in found.notices:
                notice_out(response.notices.add(), notice, asker)
            if found.more:
                response.next_page_token = pages.seal(listed, asker.institution, str(found.last))
            return response, kept

        return await parts.run_kept(answer)

    async def AcknowledgeNotice(
        self, request: reuse_service_pb2.AcknowledgeNoticeRequest, context: Context
    ) -> reuse_service_pb2.AcknowledgeNoticeResponse:
        """See the contract."""
        parts, this = self._parts, call.current()
        faults = Faults()
        asked_by = context_in(request.context, faults)
        if not request.notice_id:
            faults.add("notice_id", "is required")
        faults.check()
        asker = Asker(this.peer.institution, parts.rules.book, parts.ids)
        opened = parts.ids.open(NOTICE_ID, asker.institution, request.notice_id)
        if opened is None:
            raise refusal(Reason.NOT_FOUND)
        notice_id = opened[0]
        ask = Listener("AcknowledgeNotice", asked_by, this.peer, this.request_id)

        def answer() -> tuple[reuse_service_pb2.AcknowledgeNoticeResponse, Future[None]]:
            found = parts.store.read(
                lambda reader: acknowledge_notice(ask, notice_id, reader, asker.book, parts.clock())
            )
            kept = parts.store.submit(found.keep)
            response = reuse_service_pb2.AcknowledgeNoticeResponse()
            notice_out(response.notice, found.notice, asker)
            return response, kept

        return await parts.run_kept(keeping_refusals(parts.store, answer))

    # Any: it writes to the context, which the stubs do not know.
    def WatchNotices(self, request: reuse_service_pb2.WatchNoticesRequest, context: Context) -> Any:
        """See the contract."""
        return self._answer_watch(request, context)

    async def _answer_watch(self, request: reuse_service_pb2.WatchNoticesRequest, context: Context) -> None:
        parts, this = self._parts, call.current()
        faults = Faults()
        asked_by = context_in(request.context, faults)
        position = position_in(request.resume_token, self._reader_of(this), faults)
        faults.check()
        ask = Listener("WatchNotices", asked_by, this.peer, this.request_id)
        await parts.write(lambda writer: writer.record(began(ask, parts.clock())))
        with parts.news.listen(this.peer.institution) as news:
            await self._watch(_Stream(context, parts.limits.stall), ask, position, news)

    async def _watch(self, stream: "_Stream", ask: Listener, position: int, news: asyncio.Event) -> None:
        """Delivers for ever. Nothing is kept in memory but the batch that is being sent."""
        hidden = True
        """Whether there may be notices that consent withheld."""
        said = False
        loop = asyncio.get_running_loop()
        while True:
            news.clear()
            if hidden:
                hidden = await self._look_again(ask)
            more = True
            while more:
                page = await self._next(ask, position)
                for notice in page.notices:
                    await stream.write(self._message(notice, stream))
                hidden = hidden or bool(page.hide)
                position, more = page.last, page.more
            if not said or loop.time() - stream.written >= LIFE_SIGN:
                await stream.write(reuse_service_pb2.WatchNoticesResponse())
                said = True
            quiet = stream.written + LIFE_SIGN - loop.time()
            try:
                async with asyncio.timeout(min(quiet, LOOK_AGAIN) if hidden else quiet):
                    await news.wait()
            except TimeoutError:
                pass

    async def _next(self, ask: Listener, position: int) -> NoticePage:
        parts = self._parts
        page = await parts.read(lambda reader: next_notices(ask, position, reader, parts.rules.book, parts.clock()))
        if not page.idle:
            await parts.write(page.keep)
        return page

    async def _look_again(self, ask: Listener) -> bool:
        """Walks through what consent withheld; whether there still is any. What comes, comes as the newest."""
        parts, after, left = self._parts, 0, False

        def job(reader: Reader) -> NoticePage:
            return look_again(ask, after, reader, parts.rules.book, parts.clock())

        while True:
            page = await parts.read(job)
            if not page.idle:
                await parts.write(page.keep)
            left = left or page.withheld
            if not page.more:
                return left
            after = page.last

    def _message(self, notice: Notice, stream: "_Stream") -> reuse_service_pb2.WatchNoticesResponse:
        message = reuse_service_pb2.WatchNoticesResponse()
        notice_out(message.notice, notice, self._reader_of(stream.call))
        return message

    def _reader_of(self, this: call.Call) -> Asker:
        return Asker(this.peer.institution, self._parts.rules.book, self._parts.ids)


class _Stream:
    """Writes to one caller, who has to read."""

    def __init__(self, context: Context, stall: float) -> None:
        """`stall`: seconds that a message may wait to be taken."""
        self._context = context
        self._stall = stall
        self.call = call.current()
        self.written = asyncio.get_running_loop().time()
        """When something was sent last."""

    async def write(self, message: reuse_service_pb2.WatchNoticesResponse) -> None:
        """Sends. Raises DEADLINE_TOO_SHORT when the caller does not read."""
        try:
            async with asyncio.timeout(self._stall):
                await self._context.write(message)
        except TimeoutError:
            raise HutongError(Reason.DEADLINE_TOO_SHORT, "The caller does not read its notices.") from None
        self.call.on_sent()
        self.written = asyncio.get_running_loop().time()
