"""open_chart_or_empty: always an answer, always in time, and UNAVAILABLE is never NONE."""

import asyncio
import time
from typing import Any

import grpc
import pytest
from hutong.v1 import reuse_service_pb2 as reuse
from hutong_client import ChartState, HutongClient, Unavailable, call_context, patient_query

from tests.client.conftest import RawServer, connect, load_make_certs

PATIENT = patient_query([("urn:test", "1")], birth_date="1980-01-02", sex="female")
CONTEXT = call_context(practitioner="D1", encounter="E1")
SLACK = 4.0
"""Seconds that a busy machine may add to a deadline. Without the deadline these calls take minutes."""
OPEN_CHART = "hutong.v1.ReuseService/OpenChart"


async def timed(client: HutongClient, deadline: float) -> tuple[ChartState, str, float]:
    before = time.monotonic()
    answer = await client.open_chart_or_empty(PATIENT, CONTEXT, deadline=deadline)
    assert answer.response == reuse.OpenChartResponse()
    return answer.state, answer.reason, time.monotonic() - before


async def test_a_server_that_accepts_and_never_answers(authority: Any, black_hole: str) -> None:
    async with connect(authority, black_hole) as client:
        state, reason, took = await timed(client, 0.6)
    assert (state, reason) == (ChartState.UNAVAILABLE, "DEADLINE_EXCEEDED")
    assert 0.5 < took < 0.6 + SLACK


async def test_a_registry_that_takes_the_call_and_never_answers(authority: Any, raw_server: RawServer) -> None:
    async def never(request: bytes, context: Any) -> bytes:
        await asyncio.sleep(60)
        return b""

    registry = await raw_server({OPEN_CHART: grpc.unary_unary_rpc_method_handler(never)})
    async with connect(authority, registry) as client:
        state, reason, took = await timed(client, 0.6)
    assert (state, reason) == (ChartState.UNAVAILABLE, "DEADLINE_EXCEEDED")
    assert took < 0.6 + SLACK


async def test_a_call_whose_own_deadline_does_not_work_is_cut_off_by_the_clock(authority: Any, black_hole: str) -> None:
    class Stuck(HutongClient):
        async def open_chart(self, *_: Any, **__: Any) -> reuse.OpenChartResponse:
            await asyncio.sleep(60)
            raise AssertionError

    from hutong_client.chart import or_empty

    certificate, key = authority.client("H1", "emr")
    async with Stuck.connect(black_hole, ca=authority.certificate_file, certificate=certificate, key=key) as client:
        before = time.monotonic()
        answer = await or_empty(Stuck.open_chart)(client, PATIENT, CONTEXT, deadline=0.3)
    assert answer.state is ChartState.UNAVAILABLE
    assert time.monotonic() - before < 0.3 + SLACK


async def test_connection_refused_answers_before_the_deadline(authority: Any, refusing: str) -> None:
    async with connect(authority, refusing) as client:
        state, reason, took = await timed(client, 10)
    assert (state, reason) == (ChartState.UNAVAILABLE, "UNAVAILABLE")
    assert took < 9


async def test_a_registry_under_another_authority(
    authority: Any, raw_server: RawServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = load_make_certs().Authority(tmp_path_factory.mktemp("other"), name="Another CA")
    registry = await raw_server({})
    certificate, key = authority.client("H1", "emr")
    client = HutongClient.connect(registry, ca=other.certificate_file, certificate=certificate, key=key)
    async with client:
        state, reason, took = await timed(client, 3)
    assert (state, reason) == (ChartState.UNAVAILABLE, "UNAVAILABLE")
    assert took < 3 + SLACK


async def test_a_closed_client(authority: Any, refusing: str) -> None:
    client = connect(authority, refusing)
    await client.close()
    assert (await client.open_chart_or_empty(PATIENT, CONTEXT)).state is ChartState.UNAVAILABLE
    with pytest.raises(Unavailable):
        await client.open_chart(PATIENT, CONTEXT)


async def test_closing_under_a_running_call(authority: Any, black_hole: str) -> None:
    client = connect(authority, black_hole)
    running = asyncio.create_task(client.open_chart_or_empty(PATIENT, CONTEXT, deadline=20))
    direct = asyncio.create_task(client.open_chart(PATIENT, CONTEXT, deadline=20))
    await asyncio.sleep(0.2)
    await client.close()
    assert (await asyncio.wait_for(running, 10)).state is ChartState.UNAVAILABLE
    with pytest.raises(Unavailable):
        await asyncio.wait_for(direct, 10)


@pytest.mark.parametrize(
    ("arguments", "keywords"),
    [
        ((), {}),
        ((None, None), {}),
        (("not a message", 7), {}),
        ((PATIENT, CONTEXT), {"deadline": "soon"}),
        ((PATIENT, CONTEXT), {"deadline": -1}),
        ((PATIENT, CONTEXT), {"deadline": float("nan")}),
        ((PATIENT, CONTEXT), {"no_such_argument": 1}),
        ((PATIENT, CONTEXT), {"request_id": object()}),
        ((PATIENT, CONTEXT), {"request_id": "\ud800"}),
    ],
)
async def test_wrong_arguments_are_an_answer(
    authority: Any, refusing: str, arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> None:
    call: Any = HutongClient.open_chart_or_empty
    async with connect(authority, refusing) as client:
        answer = await call(client, *arguments, **keywords)
    assert answer.state is ChartState.UNAVAILABLE
    assert answer.reason in ("REQUEST_INVALID", "UNAVAILABLE")


async def test_wrong_arguments_are_not_repeated_in_the_answer(authority: Any, refusing: str) -> None:
    call: Any = HutongClient.open_chart_or_empty
    async with connect(authority, refusing) as client:
        answer = await call(client, "canary-990400", CONTEXT, request_id="canary-990400")
    assert "canary" not in repr(answer)


async def test_cancelling_the_waiting_task_passes_through(authority: Any, black_hole: str) -> None:
    async with connect(authority, black_hole) as client:
        task = asyncio.create_task(client.open_chart_or_empty(PATIENT, CONTEXT, deadline=30))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (reuse.OUTCOME_FOUND, ChartState.FOUND),
        (reuse.OUTCOME_NONE, ChartState.NONE),
        (reuse.OUTCOME_PARTIAL, ChartState.PARTIAL),
        (reuse.OUTCOME_IN_DOUBT, ChartState.IN_DOUBT),
        (reuse.OUTCOME_UNSPECIFIED, ChartState.PARTIAL),
        (99, ChartState.PARTIAL),
    ],
)
async def test_the_state_of_an_answer(authority: Any, raw_server: RawServer, outcome: Any, state: ChartState) -> None:
    async def answer(request: bytes, context: Any) -> bytes:
        return reuse.OpenChartResponse(outcome=outcome, prompt_id="p").SerializeToString()

    registry = await raw_server({OPEN_CHART: grpc.unary_unary_rpc_method_handler(answer)})
    async with connect(authority, registry) as client:
        got = await client.open_chart_or_empty(PATIENT, CONTEXT, deadline=10)
    assert (got.state, got.reason, got.response.prompt_id) == (state, "", "p")


async def test_a_repeat_has_the_same_request_id_and_a_new_opening_has_not(
    authority: Any, raw_server: RawServer
) -> None:
    seen = []

    async def fail_first(request: bytes, context: Any) -> bytes:
        seen.append(reuse.OpenChartRequest.FromString(request).request_id)
        if len(seen) == 1:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")
        return reuse.OpenChartResponse(outcome=reuse.OUTCOME_NONE).SerializeToString()

    registry = await raw_server({OPEN_CHART: grpc.unary_unary_rpc_method_handler(fail_first)})
    async with connect(authority, registry) as client:
        assert (await client.open_chart_or_empty(PATIENT, CONTEXT, deadline=10)).state is ChartState.NONE
        assert (await client.open_chart_or_empty(PATIENT, CONTEXT, deadline=10)).state is ChartState.NONE
    assert len(seen) == 3
    assert seen[0] == seen[1] != seen[2]
    assert all(seen)
