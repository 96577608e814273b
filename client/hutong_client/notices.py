"""Notices about reports that the institution relied on: listened to through broken connections, acknowledged."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING, TypeAlias

import grpc
from hutong.v1 import reuse_service_pb2 as reuse

from hutong_client.calls import closed, pause_after, unary
from hutong_client.errors import DeadlineExceeded, Overloaded, Unavailable, call_error

if TYPE_CHECKING:
    from hutong.v1.reuse_service_pb2_grpc import ReuseServiceAsyncStub

Stream: TypeAlias = "grpc.aio.UnaryStreamCall[reuse.WatchNoticesRequest, reuse.WatchNoticesResponse]"

SILENCE = 90.0
"""Seconds without a word after which a stream counts as broken: the registry says that it lives every 30 s."""


class NoticeCalls:
    """What HutongClient has of notices. For role emr."""

    _reuse: "ReuseServiceAsyncStub"
    deadline: float

    async def watch_notices(
        self, context: reuse.CallContext, *, resume_token: str = "", silence: float = SILENCE
    ) -> AsyncGenerator[reuse.Notice, None]:
        """Notices as they come, for ever: `async for notice in client.watch_notices(context)`.

        First everything that was not acknowledged, then each new one within a second. A broken stream is opened again
        by itself and goes on after the last notice. A notice comes again after a restart until it is acknowledged: act
        on it, then acknowledge it.

        Args:
            context: who listens; the plug-in's own practitioner and encounter ids will do. See `call_context`.
            resume_token: of the last notice that was acted on; then nothing before it comes again.
            silence: seconds without a word from the registry after which the stream counts as broken.

        Raises:
            HutongCallError: refused (certificate, role, suspension, a token of another institution), or the client was
                closed. Never for a registry that is away.
        """
        breaks = 0
        while True:
            request = reuse.WatchNoticesRequest(context=context, resume_token=resume_token)
            try:
                call = self._reuse.WatchNotices(request)
            except grpc.aio.UsageError as error:
                raise closed() from error
            try:
                while True:
                    answer = await _read(call, silence)
                    breaks = 0
                    if answer.HasField("notice"):
                        resume_token = answer.notice.resume_token
                        yield answer.notice
            except (Unavailable, DeadlineExceeded) as error:
                breaks += 1
                wait = pause_after(breaks, error)
            finally:
                call.cancel()
            await asyncio.sleep(wait)

    async def list_notices(
        self, context: reuse.CallContext, *, include_acknowledged: bool = False, page_size: int = 0
    ) -> AsyncIterator[reuse.Notice]:
        """Notices, oldest first, page after page."""
        token = ""
        while True:
            request = reuse.ListNoticesRequest(
                context=context, include_acknowledged=include_acknowledged, page_size=page_size, page_token=token
            )
            page = await unary(self._reuse.ListNotices, request, self.deadline)
            for notice in page.notices:
                yield notice
            token = page.next_page_token
            if not token:
                return

    async def acknowledge_notice(
        self, context: reuse.CallContext, notice_id: str, *, deadline: float | None = None
    ) -> reuse.Notice:
        """A notice was acted on: it is not delivered again. Idempotent. Raises NotFound."""
        request = reuse.AcknowledgeNoticeRequest(context=context, notice_id=notice_id)
        seconds = self.deadline if deadline is None else deadline
        return (await unary(self._reuse.AcknowledgeNotice, request, seconds)).notice


async def _read(call: Stream, silence: float) -> reuse.WatchNoticesResponse:
    """The next message. Raises HutongCallError for a stream that broke, ended or fell silent."""
    try:
        async with asyncio.timeout(silence):
            answer = await call.read()
    except TimeoutError:
        text = "The registry stopped answering."
        raise DeadlineExceeded("DEADLINE_EXCEEDED", grpc.StatusCode.DEADLINE_EXCEEDED, text) from None
    except grpc.aio.AioRpcError as error:
        raise call_error(error) from error
    except (grpc.aio.UsageError, asyncio.CancelledError):
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # The connection was exchanged under the stream, or the client was closed: the next call tells which.
        raise Unavailable("UNAVAILABLE", grpc.StatusCode.UNAVAILABLE, "The connection was closed.") from None
    if not isinstance(answer, reuse.WatchNoticesResponse):
        raise Overloaded("UNAVAILABLE", grpc.StatusCode.UNAVAILABLE, "The registry ended the stream.")
    return answer
