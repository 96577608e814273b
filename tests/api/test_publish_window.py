"""Back-pressure: a stream whose answers are not taken stops reading."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from hutong_server.api.publish_stream import Document, PublishStream, Sent, Window
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.usecases.publish import Published


class Caller:
    """Sends without end, and counts what was taken from it."""

    def __init__(self, window: Window, size: int, most: int = 10_000) -> None:
        self.taken = 0
        self._window, self._size, self._most = window, size, most

    async def requests(self) -> AsyncIterator[Sent]:
        for number in range(self._most):
            self.taken += 1
            await self._window.enter(self._size)
            ready: asyncio.Future[Document] = asyncio.get_running_loop().create_future()
            ready.set_result(Document(None))
            yield Sent(str(number), self._size, ready)
            await asyncio.sleep(0)


async def keep(documents: Sequence[Document]) -> list[tuple[Published, ...]]:
    return [() for _ in documents]


@pytest.mark.parametrize(("size", "most"), [(1, 16), (1000, 4), (10_000, 1)])
async def test_reading_stops_while_no_answer_is_taken(size: int, most: int) -> None:
    window = Window(16, 4000)
    caller = Caller(window, size)
    stuck = asyncio.Event()

    async def answer(_: Sent, __: Document, ___: tuple[Published, ...]) -> None:
        await stuck.wait()

    ending: asyncio.Future[HutongError] = asyncio.get_running_loop().create_future()
    running = asyncio.ensure_future(PublishStream(keep, answer, window, ending).run(caller.requests()))
    await asyncio.sleep(0.2)
    # One more is in hand, waiting for room.
    assert caller.taken == most + 1
    running.cancel()
    await asyncio.wait({running})


async def test_everything_is_answered_in_order() -> None:
    window = Window(3, 1000)
    caller = Caller(window, 1, most=100)
    answered: list[str] = []

    async def answer(sent: Sent, _: Document, __: tuple[Published, ...]) -> None:
        answered.append(sent.position)

    ending: asyncio.Future[HutongError] = asyncio.get_running_loop().create_future()
    await asyncio.wait_for(PublishStream(keep, answer, window, ending).run(caller.requests()), 10)
    assert answered == [str(number) for number in range(100)]


async def test_what_is_being_kept_is_answered_before_the_end() -> None:
    window = Window(1, 1000)
    caller = Caller(window, 1)
    ending: asyncio.Future[HutongError] = asyncio.get_running_loop().create_future()
    answered: list[str] = []

    async def slow(documents: Sequence[Document]) -> list[tuple[Published, ...]]:
        ending.set_result(HutongError(Reason.STORE_UNAVAILABLE, "draining"))
        await asyncio.sleep(0.05)
        return [() for _ in documents]

    async def answer(sent: Sent, _: Document, __: tuple[Published, ...]) -> None:
        answered.append(sent.position)

    with pytest.raises(HutongError, match="draining"):
        await asyncio.wait_for(PublishStream(slow, answer, window, ending).run(caller.requests()), 10)
    assert answered == ["0"]


async def test_no_job_keeps_more_than_a_chart_can_wait_for() -> None:
    window = Window(64, 1000)
    caller = Caller(window, 1, most=200)
    kept: list[int] = []

    async def slow(documents: Sequence[Document]) -> list[tuple[Published, ...]]:
        kept.append(len(documents))
        await asyncio.sleep(0.01)
        return [() for _ in documents]

    async def answer(_: Sent, __: Document, ___: tuple[Published, ...]) -> None:
        pass

    ending: asyncio.Future[HutongError] = asyncio.get_running_loop().create_future()
    await asyncio.wait_for(PublishStream(slow, answer, window, ending).run(caller.requests()), 10)
    assert sum(kept) == 200
    assert max(kept) == 16
