"""Decisions and events about a prompt that was given, with parts of them changed to anything."""

from typing import Any

import pytest
from hutong.v1 import reuse_service_pb2
from hypothesis import given, settings

from tests.api.documents import chart, context, person
from tests.fuzz.messages import CANARY, requests
from tests.fuzz.target import Target

FUZZ = settings.get_profile("fuzz")
SERVICE = "/hutong.v1.ReuseService"
METHODS = reuse_service_pb2.DESCRIPTOR.services_by_name["ReuseService"].methods_by_name


@pytest.mark.parametrize("method", ["RecordDecisions", "ReportPromptEvents"])
def test_what_is_told_of_a_prompt_may_be_anything(fuzzed: Target, method: str) -> None:
    opened = fuzzed.channel("H2", "emr").unary_unary(f"{SERVICE}/OpenChart")(
        chart(person(1, name=CANARY), f"fuzz-{method}").SerializeToString(), timeout=10
    )
    prompt = reuse_service_pb2.OpenChartResponse.FromString(opened)
    assert prompt.prompt_id
    named = {"prompt_id": prompt.prompt_id, "item": "LAB-K"}
    decisions = [
        reuse_service_pb2.Decision(kind=kind, ground="4" if kind == 2 else "", decided_at=prompt.judged_at, **named)
        for kind in (1, 2, 3)
    ]
    events = [reuse_service_pb2.PromptEvent(kind=kind, at=prompt.judged_at, **named) for kind in (1, 4)]
    seeds: dict[str, Any] = {
        "RecordDecisions": reuse_service_pb2.RecordDecisionsRequest(context=context(), decisions=decisions),
        "ReportPromptEvents": reuse_service_pb2.ReportPromptEventsRequest(events=events),
    }
    seen: set[str] = set()

    @FUZZ
    @given(content=requests(METHODS[method].input_type, [seeds[method]]))
    def attempt(content: bytes) -> None:
        seen.add(fuzzed.call(f"{SERVICE}/{method}", content))

    attempt()
    fuzzed.log_is_clean()
    assert "OK" in seen
