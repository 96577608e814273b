"""Lanes that commit: jobs of concurrent calls share one transaction and one sync of the disk.

A lane is a thread with a connection of its own. It takes what waits. Questions among it are read for first, in one
read transaction: each gives its answer and a write job. Then the lane runs each write job within a savepoint, commits
once, and resolves the futures: nothing is acknowledged that is not durable. A job that fails is undone alone.
When the database refuses, or another lane holds a lock that a job needs, jobs run again, each in a transaction of
its own.

That the thread which reads is the one which commits is for speed: threads that hand the interpreter to each other for
every call cost more than the call.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from hutong_server.store.base import Prompt, Question, StoreOverloaded, StoreUnavailable, Writer
from hutong_server.store.ledger import Pending
from hutong_server.store.sql import SqlWriter, Untold
from hutong_server.store.transaction import DRIVER_ERRORS, Contended, disk_full

T = TypeVar("T")

BATCH = 64
"""Jobs that share a commit, at most."""
_PAUSES = (0.0, 0.02, 0.1)
"""Seconds before each try of a job on its own."""


@dataclass(frozen=True, slots=True)
class _Queued:
    job: Callable[[Writer], Any]
    future: "Future[Any]"
    question: "Question[Any] | None" = None
    """Read for first; `job` is what it gives."""


@dataclass(frozen=True, slots=True)
class _Ran:
    queued: _Queued
    value: Any = None
    error: Exception | None = None
    leaves: Sequence[Pending] = ()
    prompts: Sequence[Prompt] = ()
    """Nothing else was written of the job, and these are written with those of the others."""

    def resolve(self) -> None:
        if self.error is None:
            self.queued.future.set_result(self.value)
        else:
            self.queued.future.set_exception(self.error)


def _prompted(writer: SqlWriter, ran: list[_Ran]) -> tuple[list[_Ran], list[_Queued]]:
    """Writes the prompts of jobs; those that may stand as they ran, and those of repeats, which have to run alone."""
    prompts = [prompt for each in ran for prompt in each.prompts]
    if not prompts:
        return ran, []
    there = iter(writer.add_prompts(prompts))
    repeated = {id(each) for each in ran if any(list(islice(there, len(each.prompts))))}
    return (
        [each for each in ran if id(each) not in repeated],
        [each.queued for each in ran if id(each) in repeated],
    )


def _nothing(_: Writer) -> None:
    """The write job of a question that was not read for."""


def _giving(value: T, job: Callable[[Writer], Any]) -> Callable[[Writer], T]:
    def run(writer: Writer) -> T:
        job(writer)
        return value

    return run


class Lanes:
    """Runs write jobs. `connect` makes a writer on a connection of its own, or raises StoreUnavailable."""

    def __init__(self, connect: Callable[[], SqlWriter], count: int, limit: int) -> None:
        self._queue: queue.SimpleQueue[_Queued | None] = queue.SimpleQueue()
        self._limit = limit
        self._closed = False
        self._door = threading.Lock()
        self._lanes = [_Lane(self._queue, connect) for _ in range(count)]
        self._threads = [
            threading.Thread(target=lane.run, name=f"hutong-commit-{number}", daemon=True)
            for number, lane in enumerate(self._lanes)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Jobs that no lane has taken up yet."""
        return self._queue.qsize()

    def submit(self, job: Callable[[Writer], T]) -> "Future[T]":
        """See Store."""
        future: Future[T] = Future()
        self._put(_Queued(job, future))
        return future

    def answer(self, question: Question[T]) -> "Future[T]":
        """See Store."""
        future: Future[T] = Future()
        self._put(_Queued(_nothing, future, question))
        return future

    def _put(self, queued: _Queued) -> None:
        if self._queue.qsize() >= self._limit:
            raise StoreOverloaded("too many writes wait")
        with self._door:
            if self._closed:
                raise StoreUnavailable("the store is closed")
            self._queue.put(queued)

    def close(self) -> None:
        """Finishes what is queued."""
        with self._door:
            if not self._closed:
                self._closed = True
                for _ in self._lanes:
                    self._queue.put(None)
        for thread in self._threads:
            thread.join()


class _Lane:
    """One thread's work."""

    def __init__(self, waiting: "queue.SimpleQueue[_Queued | None]", connect: Callable[[], SqlWriter]) -> None:
        self._waiting = waiting
        self._connect = connect
        self._writer: SqlWriter | None = None

    def run(self) -> None:
        """Works until it finds the sign to stop."""
        last = False
        while not last:
            batch, last = self._take()
            ready = [queued for queued in batch if queued.future.set_running_or_notify_cancel()]
            try:
                if any(queued.question for queued in ready):
                    ready = self._answered(ready)
                for queued in self._together(ready) if len(ready) > 1 else ready:
                    self._alone(queued)
            except BaseException as error:
                # A lane that died would leave every later caller waiting for ever.
                self._discard()
                for queued in batch:
                    if not queued.future.done():
                        queued.future.set_exception(StoreUnavailable(f"a write failed ({type(error).__name__})"))
        self._end_log()
        self._discard()

    def _take(self) -> tuple[list[_Queued], bool]:
        """What waits, at least one; whether to stop after it."""
        batch: list[_Queued] = []
        with suppress(queue.Empty):
            while len(batch) < BATCH:
                queued = self._waiting.get(block=not batch)
                if queued is None:
                    return batch, True
                batch.append(queued)
        return batch, False

    def _answered(self, batch: list[_Queued]) -> list[_Queued]:
        """Reads for the questions; what is to be written. A connection that turns out to be dead is replaced once."""
        refusal = ""
        for _ in range(2):
            try:
                return self._read(batch)
            except DRIVER_ERRORS as error:
                self._discard()
                refusal = f"the database refused a read ({type(error).__name__})"
            except StoreUnavailable as error:
                refusal = str(error)
        for queued in batch:
            if queued.question is not None:
                queued.future.set_exception(StoreUnavailable(refusal))
        return [queued for queued in batch if queued.question is None]

    def _read(self, batch: list[_Queued]) -> list[_Queued]:
        reader = self._opened()
        ready = [queued for queued in batch if queued.question is None]
        refused: list[_Ran] = []
        reader.begin_read()
        asked = [(queued, queued.question) for queued in batch if queued.question is not None]
        answers = reader.answers([question for _, question in asked])
        for (queued, _), answer in zip(asked, answers, strict=True):
            if answer.error is None:
                value, job = answer.value
                ready.append(_Queued(_giving(value, job), queued.future))
            elif isinstance(answer.error, DRIVER_ERRORS):
                raise answer.error
            else:
                refused.append(_Ran(queued, error=answer.error))
        reader.end_read()
        for each in refused:
            each.resolve()
        return ready

    def _together(self, batch: list[_Queued]) -> list[_Queued]:
        """Runs jobs in one transaction; returns those that have to run alone."""
        ran: list[_Ran] = []
        later: list[_Queued] = []
        try:
            writer = self._opened()
            writer.may_wait = False
            writer.begin_write()
            for queued in batch:
                writer.begin_job()
                try:
                    value = queued.job(writer)
                except DRIVER_ERRORS:
                    raise
                except Contended:
                    writer.undo_job()
                    later.append(queued)
                except Exception as error:
                    writer.undo_job()
                    ran.append(_Ran(queued, error=error))
                else:
                    ran.append(_Ran(queued, value, None, *writer.end_job()))
            ran, repeated = _prompted(writer, ran)
            later += repeated
            writer.pending = [leaf for each in ran for leaf in each.leaves]
            writer.commit()
        except DRIVER_ERRORS:
            self._undo()
            return batch
        except Untold:
            return batch
        except StoreUnavailable as error:
            for queued in batch:
                queued.future.set_exception(error)
            return []
        for each in ran:
            each.resolve()
        return later

    def _alone(self, queued: _Queued) -> None:
        """Runs a job in a transaction of its own, a few times if the database refuses."""
        refusal = ""
        for pause in _PAUSES:
            time.sleep(pause)
            try:
                self._once(queued).resolve()
            except DRIVER_ERRORS as error:
                self._undo()
                refusal = type(error).__name__
                if disk_full(error):
                    # Nobody makes room within a tenth of a second, and the next one waits behind this.
                    break
            except StoreUnavailable as error:
                queued.future.set_exception(error)
                return
            else:
                return
        queued.future.set_exception(StoreUnavailable(f"the database refused a write ({refusal})"))

    def _once(self, queued: _Queued) -> _Ran:
        writer = self._opened()
        writer.may_wait = True
        writer.begin_write()
        try:
            ran = _Ran(queued, value=queued.job(writer))
        except DRIVER_ERRORS:
            raise
        except Exception as error:
            writer.rollback()
            return _Ran(queued, error=error)
        writer.commit()
        return ran

    def _opened(self) -> SqlWriter:
        if self._writer is None:
            self._writer = self._connect()
        return self._writer

    def _undo(self) -> None:
        """Rolls back; a connection that cannot even do that is given up."""
        if self._writer is not None:
            try:
                self._writer.rollback()
            except DRIVER_ERRORS:
                self._discard()

    def _end_log(self) -> None:
        if self._writer is not None:
            try:
                self._writer.end_log()
            except DRIVER_ERRORS:
                # A later start finds it unfinished and says how far it came.
                self._undo()

    def _discard(self) -> None:
        if self._writer is not None:
            with suppress(*DRIVER_ERRORS):
                self._writer.close_files()
                self._writer.connection.close()
            self._writer = None
