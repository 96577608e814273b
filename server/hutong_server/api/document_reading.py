"""Reading documents apart from answering charts: in processes of their own, else in threads.

Reading is the dearest work of the registry and holds the interpreter; in a process of its own it neither slows charts
nor shares their core. A document that ends its process (memory, a fault in native code) is refused after a second try,
and the others go on.
"""

import asyncio
import copyreg
import ctypes
import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, fields, replace
from functools import partial
from operator import attrgetter
from typing import Any

from hutong_server.api.wire_form import ProtoWire
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.report import Party, Report, Result, called_in
from hutong_server.fhir.intake import Outcome, Reading, read_document
from hutong_server.store.packing import pack_document
from hutong_server.telemetry import log

_WIRE = ProtoWire()
_TRIES = 2
_TOGETHER = 8
"""Documents that a process is given at once, at most: to hand over one costs as much as to read a short one."""
_TOGETHER_BYTES = 1 << 20
_COLLECTED_AFTER = 50_000
"""Objects made and not yet let go of after which a reading process looks for what nobody refers to."""


def read_rendered(document: bytes, release: str, reading: Reading) -> tuple[Outcome, ...]:
    """read_document, with all that can be done here: less to hand over, and less for those who write.

    What a reader sees of each result is in its wire form, and the document packed.
    """
    return tuple(_rendered(each) for each in read_document(document, release=release, reading=reading))


def _rendered(outcome: Outcome) -> Outcome:
    if not isinstance(outcome, Report):
        return outcome
    return replace(outcome, results=tuple(map(_written, outcome.results)), document=pack_document(outcome.document))


def _written(result: Result) -> Result:
    if isinstance(result.detail, bytes):
        return result
    detail, names = _WIRE.detail(result.detail), called_in(result.detail)
    return Result(result.facts, detail, result.path, result.performers, result.readers, names)


def read_all(asked: Sequence[tuple[bytes, str, Reading]]) -> list[tuple[Outcome, ...] | Exception]:
    """read_rendered for each, or what it raises."""
    found: list[tuple[Outcome, ...] | Exception] = []
    for document, release, reading in asked:
        try:
            found.append(read_rendered(document, release, reading))
        except Exception as error:
            found.append(error)
    return found


@dataclass(slots=True, eq=False)
class _Asked:
    """A document that waits to be read, or is being read."""

    document: bytes
    release: str
    reading: Reading
    answered: "asyncio.Future[tuple[Outcome, ...]]"
    tries: int = 0
    """How many processes have ended while they had it. From then on it is read alone: it may have ended them."""


class DocumentReading:
    """Reads documents. `processes` 0: in `threads`. What waits while a process reads goes to it together."""

    def __init__(self, threads: Executor, processes: int) -> None:
        self._threads = threads
        self._count = processes
        self._door = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._closed = False
        self._ahead: deque[_Asked] = deque()
        self._behind: deque[_Asked] = deque()
        self._was_ahead = False
        self._in_work = 0
        self._alone = False

    async def read(
        self, document: bytes, release: str, reading: Reading, *, ahead: bool = False
    ) -> tuple[Outcome, ...]:
        """See fhir.intake.read_document. Raises HutongError; INTERNAL for a document that ended its process twice.

        `ahead`: in turn with all that wait without it, however many they are. A single report was finished just now,
        and its doctor waits; streams may bring last year's.
        """
        loop = asyncio.get_running_loop()
        if not self._count:
            return await loop.run_in_executor(self._threads, read_rendered, document, release, reading)
        asked = _Asked(document, release, reading, loop.create_future())
        (self._ahead if ahead else self._behind).append(asked)
        self._hand_out()
        return await asked.answered

    def close(self) -> None:
        """Ends the processes."""
        with self._door:
            self._closed = True
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)

    @property
    def _waiting(self) -> deque[_Asked]:
        """What is read next: what stands ahead, but not twice before the others."""
        return self._ahead if self._ahead and not (self._was_ahead and self._behind) else self._behind

    def _hand_out(self) -> None:
        """Gives the processes what waits: one part more than there are processes, so that none waits for us."""
        while self._waiting and not self._alone and self._in_work <= self._count:
            if self._waiting[0].tries and self._in_work:
                return
            part = self._next()
            if not part:
                continue
            pool = None
            try:
                pool = self._opened()
                done = self._submit(pool, [(each.document, each.release, each.reading) for each in part])
            except (HutongError, BrokenProcessPool) as error:
                self._took(pool, part, error)
                continue
            self._in_work += 1
            self._alone = bool(part[0].tries)
            asyncio.wrap_future(done).add_done_callback(partial(self._done, pool, part))

    def _next(self) -> list[_Asked]:
        part: list[_Asked] = []
        size = 0
        waiting = self._waiting
        self._was_ahead = waiting is self._ahead
        while waiting and len(part) < _TOGETHER:
            asked = waiting[0]
            size += len(asked.document)
            if part and (asked.tries or part[0].tries or size > _TOGETHER_BYTES):
                break
            waiting.popleft()
            if not asked.answered.done():
                part.append(asked)
        return part

    def _done(
        self,
        pool: ProcessPoolExecutor,
        part: list[_Asked],
        done: "asyncio.Future[list[tuple[Outcome, ...] | Exception]]",
    ) -> None:
        self._in_work -= 1
        self._alone = False
        error = asyncio.CancelledError() if done.cancelled() else done.exception()
        if error is not None:
            self._took(pool, part, error)
        else:
            for asked, found in zip(part, done.result(), strict=True):
                if asked.answered.done():
                    continue
                if isinstance(found, Exception):
                    asked.answered.set_exception(found)
                else:
                    asked.answered.set_result(found)
        self._hand_out()

    def _took(self, pool: ProcessPoolExecutor | None, part: list[_Asked], error: BaseException) -> None:
        """A part was not read."""
        if isinstance(error, BrokenProcessPool) and pool is not None:
            self._replace(pool)
        for asked in reversed(part):
            asked.tries += 1
            if asked.answered.done():
                continue
            if isinstance(error, asyncio.CancelledError):
                asked.answered.cancel()
            elif not isinstance(error, BrokenProcessPool):
                asked.answered.set_exception(error)
            elif asked.tries < _TRIES:
                self._ahead.appendleft(asked)
            else:
                asked.answered.set_exception(HutongError(Reason.INTERNAL, "The document could not be read."))

    def _submit(
        self, pool: ProcessPoolExecutor, asked: list[tuple[bytes, str, Reading]]
    ) -> "Future[list[tuple[Outcome, ...] | Exception]]":
        return pool.submit(read_all, asked)

    def _opened(self) -> ProcessPoolExecutor:
        """Started when first asked for: a registry that only answers charts needs none."""
        with self._door:
            if self._closed:
                raise HutongError(Reason.STORE_UNAVAILABLE, "The registry is ending.")
            if self._pool is None:
                self._pool = ProcessPoolExecutor(
                    self._count,
                    # Not fork: the threads of gRPC would be copied half.
                    mp_context=multiprocessing.get_context("spawn"),
                    initializer=_begin,
                    initargs=(os.getpid(),),
                )
            return self._pool

    def _replace(self, broken: ProcessPoolExecutor) -> None:
        with self._door:
            if self._pool is broken:
                self._pool = None
                log().error("reading process ended")
        broken.shutdown(wait=False)


def _reduced(cls: type) -> Callable[[Any], tuple[Any, ...]]:
    """How an object of a dataclass is handed over: by its fields in their order, at half the cost of by their names."""
    values = attrgetter(*(each.name for each in fields(cls)))
    return lambda given: (cls, values(given))


for _each in (Report, Result, Party):
    copyreg.pickle(_each, _reduced(_each))


def _begin(parent: int) -> None:
    """A reader ends with its registry, not before it: signals to the group are the registry's to act on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(0)
    # What a document leaves is let go at once, without a collection; those that looked at one half read took a tenth of
    # its time.
    gc.freeze()
    gc.set_threshold(_COLLECTED_AFTER, 20, 100)
