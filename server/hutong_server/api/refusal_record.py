"""Refused calls are put on record before their refusal leaves.

A refusal says nothing of a patient, so it does not wait for ever: when the record is not durable in time, the refusal
leaves and the log says so. Calls that are shed to save work (rate, load, deadlines, a store that does not answer) are
counted and put on record together, once a second: a flood must not become a flood of writes.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from grpc.aio import AbortError

from hutong_server.api.call import Call, current
from hutong_server.api.chain import UNKNOWN_METHOD, Answer, Context
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.report import Instant
from hutong_server.store.base import AccessRecord, Store, StoreUnavailable, Writer
from hutong_server.telemetry import log
from hutong_server.usecases.gate import RefusedOnRecord

OUTCOME = "refused"
SHED = frozenset(
    {
        Reason.RATE_LIMITED,
        Reason.OVERLOADED,
        Reason.DEADLINE_TOO_SHORT,
        Reason.STORE_UNAVAILABLE,
    }
)
"""Reasons whose records are counts."""
TOGETHER = 1.0
"""Seconds over which they are counted."""
_PATIENCE = 1.0
"""Seconds that a refusal waits for its record."""
_KINDS = 4096
"""Kinds of shed calls that are counted apart at a time."""

HANDSHAKE = "TlsHandshake"
"""Stands for the method where no call was made."""

_Kind = tuple[str, str, str, str, str]


class RefusalRecord:
    """The interceptor that records refusals. Stands within the one that turns them into statuses."""

    def __init__(self, store: Store, clock: Callable[[], Instant]) -> None:
        self._store = store
        self._clock = clock
        self._shed: Counter[_Kind] = Counter()
        self._flush: asyncio.TimerHandle | None = None

    def wrap(self, method: str, inner: Answer, streaming: bool) -> Answer:
        """See the class."""
        # A method that does not exist is a stream only so that nothing is read of it.
        streaming = streaming and method != UNKNOWN_METHOD

        async def answer(request: Any, context: Context) -> Any:
            try:
                return await inner(request, context)
            except RefusedOnRecord:
                # Whoever refused has kept it, with whose results were asked for.
                raise
            except HutongError as error:
                await self._keep(current(), error.reason, context, streaming)
                raise
            except StoreUnavailable:
                self._count(current(), Reason.STORE_UNAVAILABLE)
                raise
            except AbortError:
                raise
            except Exception:
                await self._keep(current(), Reason.INTERNAL, context, streaming)
                raise

        return answer

    async def close(self) -> None:
        """Records what was counted."""
        if self._flush is not None:
            self._flush.cancel()
            self._write_counts()

    async def _keep(self, call: Call, reason: Reason, context: Context, streaming: bool) -> None:
        if reason in SHED:
            self._count(call, reason)
            return
        record = self._record(_kind(call, reason), call.request_id)
        left: float | None = context.time_remaining()
        try:
            kept = asyncio.wrap_future(self._store.submit(lambda writer: writer.record(record)))
            if streaming:
                # A caller that is sending while nobody reads would lose the status: it does not wait.
                kept.add_done_callback(_noted)
                return
            async with asyncio.timeout(_PATIENCE if left is None else max(0.0, min(left, _PATIENCE))):
                await asyncio.shield(kept)
        except (TimeoutError, StoreUnavailable) as error:
            log().error(
                "refusal not on record",
                extra={"request_id": call.request_id, "reason": reason.value, "error_type": type(error).__name__},
            )

    def count_handshake(self, reason: str) -> None:
        """A TLS handshake failed: nobody knows whose it was."""
        self._add(("", "", "", HANDSHAKE, reason))

    def _count(self, call: Call, reason: Reason) -> None:
        kind = _kind(call, reason)
        if len(self._shed) >= _KINDS and kind not in self._shed:
            kind = ("", "", "", call.method.rpartition("/")[2], reason.value)
        self._add(kind)

    def _add(self, kind: _Kind) -> None:
        self._shed[kind] += 1
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(TOGETHER, self._write_counts)

    def _write_counts(self) -> None:
        self._flush = None
        counted, self._shed = self._shed, Counter()
        records = [self._record(kind, "", f"count:{count}") for kind, count in counted.items()]

        def job(writer: Writer) -> None:
            for record in records:
                writer.record(record)

        try:
            kept = self._store.submit(job)
        except StoreUnavailable:
            log().error("refusal not on record", extra={"count": sum(counted.values())})
            return
        kept.add_done_callback(
            lambda done: (
                log().error("refusal not on record", extra={"count": sum(counted.values())})
                if done.exception() is not None
                else None
            )
        )

    def _record(self, kind: _Kind, request_id: str, *detail: str) -> AccessRecord:
        institution, role, certificate, method, reason = kind
        return AccessRecord(
            at=self._clock(),
            method=method,
            institution=institution,
            role=role,
            certificate=certificate,
            request_id=request_id,
            outcome=OUTCOME,
            reason=reason,
            detail=detail,
        )


def _noted(kept: "asyncio.Future[None]") -> None:
    if not kept.cancelled() and kept.exception() is not None:
        log().error("refusal not on record", extra={"error_type": type(kept.exception()).__name__})


def _kind(call: Call, reason: Reason) -> _Kind:
    caller, method = call.caller, call.method.rpartition("/")[2]
    if caller is None:
        return "", "", "", method, reason.value
    return caller.institution, caller.role.value, caller.certificate, method, reason.value
