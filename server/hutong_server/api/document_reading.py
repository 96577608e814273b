"""Reading documents apart from answering charts: in processes of their own, else in threads.

Reading is the dearest work of the registry and holds the interpreter; in a process of its own it neither slows charts
nor shares their core. A document that ends its process (memory, a fault in native code) is refused after a second try,
and the others go on.
"""

import asyncio
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

from hutong_server.api.wire_form import ProtoWire
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.report import Report, Result, called_in
from hutong_server.fhir.intake import Outcome, Reading, read_document

_WIRE = ProtoWire()
_TRIES = 2


def read_rendered(document: bytes, release: str, reading: Reading) -> tuple[Outcome, ...]:
    """read_document, with what a reader sees of each result in its wire form already: little to hand over."""
    return tuple(_rendered(each) for each in read_document(document, release=release, reading=reading))


def _rendered(outcome: Outcome) -> Outcome:
    if not isinstance(outcome, Report):
        return outcome
    return replace(outcome, results=tuple(map(_written, outcome.results)))


def _written(result: Result) -> Result:
    if isinstance(result.detail, bytes):
        return result
    detail, names = _WIRE.detail(result.detail), called_in(result.detail)
    return Result(result.facts, detail, result.path, result.performers, result.readers, names)


class DocumentReading:
    """Reads documents. `processes` 0: in `threads`."""

    def __init__(self, threads: Executor, processes: int) -> None:
        self._threads = threads
        self._count = processes
        self._door = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._closed = False

    async def read(self, document: bytes, release: str, reading: Reading) -> tuple[Outcome, ...]:
        """See fhir.intake.read_document. Raises HutongError; INTERNAL for a document that ended its process twice."""
        if not self._count:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, read_rendered, document, release, reading)
        for _ in range(_TRIES):
            pool = self._opened()
            try:
                return await asyncio.wrap_future(self._submit(pool, document, release, reading))
            except BrokenProcessPool:
                self._replace(pool)
        raise HutongError(Reason.INTERNAL, "The document could not be read.")

    def close(self) -> None:
        """Ends the processes."""
        with self._door:
            self._closed = True
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)

    def _submit(
        self, pool: ProcessPoolExecutor, document: bytes, release: str, reading: Reading
    ) -> "Future[tuple[Outcome, ...]]":
        return pool.submit(read_rendered, document, release, reading)

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
        broken.shutdown(wait=False)


def _begin(parent: int) -> None:
    """A reader ends with its registry, not before it: signals to the group are the registry's to act on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(0)
