"""Publishing over one stream: in order, each answered once, through cut lines and killed servers."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import hutong_client
import pytest
from hutong.v1 import error_reason_pb2, registry_service_pb2
from hutong_client import Document, HutongClient, Published

from tests.api.documents import encoded, lab_report, person
from tests.client.conftest import RegistryProcess, connect, onboard

ACCEPTED = (
    registry_service_pb2.PUBLISH_OUTCOME_ACCEPTED,
    registry_service_pb2.PUBLISH_OUTCOME_ACCEPTED_WITH_WARNINGS,
)


def documents(prefix: str, count: int, **more: Any) -> list[Document]:
    patient = person(700)
    return [Document(encoded(lab_report(f"{prefix}-{n}", patient, **more)), f"{prefix}/{n}") for n in range(count)]


async def publish_all(client: HutongClient, sent: Any, **more: Any) -> list[Published]:
    return [published async for published in client.publish_stream(sent, **more)]


def check(sent: list[Document], published: list[Published]) -> None:
    assert [each.document.position for each in published] == [each.position for each in sent]
    assert all(each.response.results[0].outcome in ACCEPTED for each in published)


async def count_of(registry: RegistryProcess, institution: str) -> int:
    async with connect(registry.authority, registry.address, "registry", "admin", deadline=30) as admin:
        return (await admin.admin.get_institution(institution)).reports


@asynccontextmanager
async def cutting(target: int, budgets: list[int]) -> AsyncIterator[int]:
    """A line to `target` that is cut after so many bytes of answers; each budget is for one connection."""

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = budgets.pop(0) if budgets else None
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)

        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter, limited: bool) -> None:
            nonlocal left
            while chunk := await source.read(4096):
                if limited and left is not None:
                    left -= len(chunk)
                    if left < 0:
                        break
                sink.write(chunk)
                await sink.drain()

        copies = [asyncio.create_task(copy(reader, far_writer, False))]
        copies.append(asyncio.create_task(copy(far_reader, writer, True)))
        await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        for task in copies:
            task.cancel()
        await asyncio.gather(*copies, return_exceptions=True)
        for end in (writer, far_writer):
            end.transport.abort()

    server = await asyncio.start_server(join, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_answers_come_in_order_and_the_feed_knows_its_place(registry: RegistryProcess) -> None:
    sent = documents("order", 40)
    async with connect(registry.authority, registry.address, "H1", "feed", deadline=30) as client:
        check(sent, await publish_all(client, sent, feed="order"))
        assert (await client.feed_status("order")).position == "order/39"
        assert (await client.feed_status("never")).position == ""


async def test_an_async_iterable_is_read_as_it_comes(registry: RegistryProcess) -> None:
    sent = documents("slow", 3)
    answered = asyncio.Semaphore(0)

    async def slowly() -> AsyncIterator[Document]:
        for document in sent:
            yield document
            # The next is made only after the former was answered: nothing waits for a full batch.
            async with asyncio.timeout(30):
                await answered.acquire()

    count = 0
    async with connect(registry.authority, registry.address, "H1", "feed") as client:
        async for published in client.publish_stream(slowly()):
            assert published.document is sent[count]
            count += 1
            answered.release()
    assert count == len(sent)


async def test_every_answer_comes_once_over_a_line_that_is_cut(registry: RegistryProcess) -> None:
    sent = documents("cut", 150)
    before = await count_of(registry, "H1")
    budgets = [9_000, 9_000, 15_000]
    async with (
        cutting(registry.port, budgets) as port,
        connect(registry.authority, f"localhost:{port}", "H1", "feed") as client,
    ):
        check(sent, await publish_all(client, sent, feed="cut"))
    assert budgets == []
    assert await count_of(registry, "H1") == before + len(sent)


async def test_a_line_that_is_always_cut_ends_with_the_error(registry: RegistryProcess) -> None:
    async with (
        cutting(registry.port, [0] * 100) as port,
        connect(registry.authority, f"localhost:{port}", "H1", "feed") as client,
    ):
        with pytest.raises(hutong_client.Unavailable):
            await publish_all(client, documents("never", 3), attempts=3)


async def test_a_registry_that_is_killed_loses_nothing_that_it_answered(
    start_registry: Callable[..., RegistryProcess], tmp_path: Path
) -> None:
    own = start_registry()
    onboard(own, tmp_path)
    sent = documents("killed", 200)
    published: list[Published] = []
    async with connect(own.authority, own.address, "H1", "feed") as client:
        async for each in client.publish_stream(sent, feed="killed", attempts=60):
            published.append(each)
            if len(published) in (30, 90):
                await asyncio.to_thread(own.stop, signal.SIGKILL)
                await asyncio.to_thread(own.start)
    check(sent, published)
    assert await count_of(own, "H1") == len(sent)
    own.stop()


async def test_resuming_after_a_position(registry: RegistryProcess) -> None:
    sent = documents("resume", 5)
    async with connect(registry.authority, registry.address, "H1", "feed") as client:
        check(sent[3:], await publish_all(client, sent, feed="r", resume_after="resume/2"))
        with pytest.raises(LookupError):
            await publish_all(client, sent, feed="r", resume_after="elsewhere")


async def test_a_bad_document_does_not_end_the_stream(registry: RegistryProcess) -> None:
    good = documents("good", 2)
    sent = [good[0], Document(b"{", "bad"), good[1]]
    async with connect(registry.authority, registry.address, "H1", "feed") as client:
        published = await publish_all(client, sent)
    check(good, [published[0], published[2]])
    assert published[1].response.issues[0].reason == error_reason_pb2.ERROR_REASON_NOT_JSON


async def test_documents_too_large_for_the_stream_keep_their_place(registry: RegistryProcess) -> None:
    small = documents("small", 3)
    large = Document(encoded(lab_report("large", person(700), conclusion="阴性" * 700_000)), "large")
    huge = Document(encoded(lab_report("huge", person(700), conclusion="阴性" * 2_000_000)), "huge")
    async with connect(registry.authority, registry.address, "H1", "feed") as client:
        published = await publish_all(client, [small[0], large, small[1], huge, small[2]])
    check([small[0], large, small[1]], published[:3])
    assert published[3].response.issues[0].reason == error_reason_pb2.ERROR_REASON_TOO_LARGE
    check([small[2]], published[4:])


async def test_a_registry_with_a_smaller_limit(start_registry: Callable[..., RegistryProcess], tmp_path: Path) -> None:
    own = start_registry(HUTONG_MAX_MESSAGE_BYTES="65536")
    onboard(own, tmp_path)
    small = documents("small", 4)
    big = Document(encoded(lab_report("big", person(700), conclusion="阴性" * 100_000)), "big")
    async with connect(own.authority, own.address, "H1", "feed", deadline=30) as client:
        published = await publish_all(client, [*small[:2], big, *small[2:]])
        with pytest.raises(hutong_client.TooLarge):
            await client.publish(big.content)
    check(small, published[:2] + published[3:])
    assert published[2].response.issues[0].reason == error_reason_pb2.ERROR_REASON_TOO_LARGE
    own.stop()


async def test_a_source_that_fails_is_raised_after_what_came_before_it(registry: RegistryProcess) -> None:
    def failing() -> Iterator[Document]:
        yield from documents("source", 3)
        raise OSError("disk")

    async with connect(registry.authority, registry.address, "H1", "feed") as client:
        stream = aiter(client.publish_stream(failing()))
        check(documents("source", 3), [await anext(stream) for _ in range(3)])
        with pytest.raises(OSError, match="disk"):
            await anext(stream)


async def test_leaving_early_ends_the_stream(registry: RegistryProcess) -> None:
    async with connect(registry.authority, registry.address, "H1", "feed") as client:
        stream = aiter(client.publish_stream(documents("leave", 500)))
        await anext(stream)
        async with asyncio.timeout(20):
            await stream.aclose()


async def test_a_role_that_may_not_publish(registry: RegistryProcess) -> None:
    async with connect(registry.authority, registry.address, "H1", "emr") as client:
        with pytest.raises(hutong_client.PermissionDenied) as caught:
            await publish_all(client, documents("denied", 2))
    assert caught.value.reason == "ROLE_NOT_ALLOWED"


async def test_publish_names_the_path_of_what_is_refused(registry: RegistryProcess) -> None:
    report = lab_report("refused", person(700))
    report["status"] = "done"
    async with connect(registry.authority, registry.address, "H1", "feed", deadline=30) as client:
        with pytest.raises(hutong_client.InvalidRequest) as caught:
            await client.publish(encoded(report))
        assert (await client.publish(encoded(lab_report("checked", person(700))), validate_only=True)).results
    assert caught.value.reason == "FHIR_INVALID"
    assert [fault.path for fault in caught.value.violations] == ["DiagnosticReport.status"]
    assert caught.value.request_id
