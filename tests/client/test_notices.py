"""client.watch_notices, hutong notices and hutong admin report withhold, against a real registry."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from hutong.v1 import reuse_service_pb2 as reuse
from hutong_client import HutongClient, NotFound, PermissionDenied, Unavailable, call_context

from tests.api.documents import encoded, lab_report, person, question
from tests.client.conftest import Cli, RegistryProcess, connect, onboard
from tests.client.test_cli import ASK, parsed, patient_text

H2 = {"institution": "H2", "role": "emr"}
CONTEXT = call_context(practitioner="D1", encounter="E1")


class Feed:
    """A hospital's feed and a doctor elsewhere."""

    def __init__(self, registry: RegistryProcess) -> None:
        self.feed = connect(registry.authority, registry.address, "H1", "feed", deadline=30)
        self.doctor = connect(registry.authority, registry.address, "H2", "emr", deadline=30)

    async def relied(self, serial: int) -> str:
        """The id of a report that the doctor has opened."""
        await self.feed.publish(encoded(lab_report(f"client-{serial}", person(serial))))
        answer = await self.doctor.open_chart(question(person(serial)), CONTEXT)
        report_id = answer.lines[0].result.report_id
        await self.doctor.get_report(report_id, CONTEXT, prompt_id=answer.prompt_id)
        return report_id

    async def withdraw(self, serial: int) -> None:
        report = lab_report(f"client-{serial}", person(serial), status="entered-in-error", days_ago=0.1)
        await self.feed.publish(encoded(report))

    async def close(self) -> None:
        await self.feed.close()
        await self.doctor.close()


@pytest.fixture
async def feed(registry: RegistryProcess) -> AsyncIterator[Feed]:
    made = Feed(registry)
    yield made
    await made.close()


@asynccontextmanager
async def listening(client: HutongClient, **more: Any) -> AsyncIterator[Callable[[], Any]]:
    """Gives a function that waits for the next notice."""
    stream = client.watch_notices(CONTEXT, **more)
    try:
        yield lambda: asyncio.wait_for(anext(stream), 30)
    finally:
        await stream.aclose()


async def test_notices_are_watched_listed_and_acknowledged(feed: Feed) -> None:
    first, second = await feed.relied(801), await feed.relied(802)
    await feed.withdraw(801)
    async with listening(feed.doctor) as following:
        known = await following()
        assert (known.kind, known.report_id) == (reuse.NOTICE_KIND_WITHDRAWN, first)
        await feed.withdraw(802)
        new = await following()
        assert new.report_id == second
    async with listening(feed.doctor, resume_token=known.resume_token) as following:
        assert (await following()).notice_id == new.notice_id
    listed = [each.notice_id async for each in feed.doctor.list_notices(CONTEXT, page_size=1)]
    assert listed == [known.notice_id, new.notice_id]
    for notice_id in listed:
        assert (await feed.doctor.acknowledge_notice(CONTEXT, notice_id)).HasField("acknowledged_at")
    assert [each async for each in feed.doctor.list_notices(CONTEXT)] == []
    everything = [each.notice_id async for each in feed.doctor.list_notices(CONTEXT, include_acknowledged=True)]
    assert everything[-2:] == listed
    with pytest.raises(NotFound):
        await feed.doctor.acknowledge_notice(CONTEXT, "hnothing")


async def test_a_stream_goes_on_by_itself_when_the_registry_was_killed(
    start_registry: Callable[..., RegistryProcess], tmp_path: Path
) -> None:
    registry = start_registry()
    onboard(registry, tmp_path)
    feed = Feed(registry)
    await feed.relied(811)
    second = await feed.relied(812)
    await feed.withdraw(811)
    async with listening(feed.doctor) as following:
        await following()
        waiting = asyncio.ensure_future(following())
        await asyncio.get_running_loop().run_in_executor(None, registry.stop, signal.SIGKILL)
        await asyncio.get_running_loop().run_in_executor(None, registry.start)
        for _ in range(20):
            try:
                await feed.withdraw(812)
                break
            except Unavailable:
                continue
        # What was given already does not come again.
        assert (await waiting).report_id == second
    await feed.close()


async def test_who_may_not_listen_and_a_closed_client_are_told(registry: RegistryProcess) -> None:
    stranger = connect(registry.authority, registry.address, "H1", "feed")
    async with listening(stranger) as following:
        with pytest.raises(PermissionDenied):
            await following()
    await stranger.close()
    async with listening(stranger) as following:
        with pytest.raises(Unavailable):
            await following()


async def test_a_registry_that_falls_silent_is_left(authority: Any, raw_server: Any) -> None:
    opened = []

    async def watch(request: bytes, context: Any) -> AsyncIterator[bytes]:
        opened.append(reuse.WatchNoticesRequest.FromString(request).resume_token)
        notice = reuse.Notice(notice_id=str(len(opened)), resume_token=f"after {len(opened)}")
        yield reuse.WatchNoticesResponse(notice=notice).SerializeToString()
        await asyncio.sleep(60)

    address = await raw_server({"hutong.v1.ReuseService/WatchNotices": grpc.unary_stream_rpc_method_handler(watch)})
    client = connect(authority, address)
    async with listening(client, silence=0.3) as following:
        assert [(await following()).notice_id for _ in range(3)] == ["1", "2", "3"]
    assert opened == ["", "after 1", "after 2"]
    await client.close()


def test_the_command_line_from_withhold_to_ack(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "1.json").write_bytes(encoded(lab_report("cli-notice", person(821))))
    sent = parsed(cli("publish", tmp_path / "1.json", "--json", institution="H1", role="feed"))
    published = sent["documents"][0]["results"][0]["report_id"]
    patient = patient_text(821)
    line = parsed(cli("chart", *ASK, "--json", stdin=patient, **H2))["lines"][0]["result"]
    cli("report", line["report_id"], *ASK, **H2)
    identifier = patient.splitlines()[0]
    shown = parsed(cli("admin", "patients", "show", "--json", stdin=identifier))
    (known,) = shown["persons"][0]["records"][0]["known_reports"]
    assert (known["institution"], known["withheld"]) == ("H1", False)
    assert known["report_id"] in cli("admin", "patients", "show", stdin=identifier).stdout
    reason = ("--reason", "a mix-up of tubes")
    hidden = cli("admin", "report", "withhold", known["report_id"], *reason)
    assert "no answer shows it" in hidden.stdout
    assert "1 institutions are told" in hidden.stdout
    assert "withheld" in cli("admin", "patients", "show", stdin=identifier).stdout
    assert parsed(cli("chart", *ASK, "--json", stdin=patient, **H2))["lines"] == []
    waiting = parsed(cli("notices", "list", *ASK, "--json", **H2))["notices"]
    (mine,) = [each for each in waiting if each["report_id"] == line["report_id"]]
    assert mine["kind"] == "NOTICE_KIND_WITHHELD"
    text = cli("notices", "list", *ASK, **H2).stdout
    assert "withheld by the registry" in text
    assert "平台已停止展示" in cli("notices", "list", *ASK, "--lang", "zh", **H2).stdout
    watched = cli("notices", "watch", *ASK, "--count", str(len(waiting)), "--json", **H2).stdout
    assert [json.loads(each)["notice_id"] for each in watched.splitlines()] == [each["notice_id"] for each in waiting]
    assert mine["notice_id"] in cli("notices", "watch", *ASK, "--count", str(len(waiting)), **H2).stdout
    assert "acknowledged" in cli("notices", "ack", mine["notice_id"], *ASK, **H2).stdout
    assert mine["notice_id"] not in cli("notices", "list", *ASK, **H2).stdout
    assert mine["notice_id"] in cli("notices", "list", "--all", *ASK, **H2).stdout
    # By the publisher's id too.
    lifted = parsed(cli("admin", "report", "withhold", published, "--lift", *reason, "--json"))
    assert lifted == {"withheld": False, "notified": 0}
    assert len(parsed(cli("chart", *ASK, "--json", stdin=patient, **H2))["lines"]) == 1
    cli("admin", "report", "withhold", line["report_id"], *reason, status=5)
