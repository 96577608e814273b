"""Which trace a call belongs to: by the examples and rules of W3C Trace Context."""

import pytest
from hutong_server.api.trace_context import span_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{SPAN}-01"


def test_a_trace_goes_on_with_a_span_of_our_own() -> None:
    found = span_of((("user-agent", "x"), ("traceparent", GIVEN)))
    assert (found.trace_id, found.parent_id, found.sampled) == (TRACE, SPAN, True)
    assert found.span_id != SPAN
    assert found.header == f"00-{TRACE}-{found.span_id}-01"
    assert span_of((("traceparent", GIVEN),)).span_id != found.span_id


def test_who_does_not_keep_the_trace_is_heard() -> None:
    found = span_of((("traceparent", f"00-{TRACE}-{SPAN}-00"),))
    assert not found.sampled
    assert found.header.endswith("-00")


def test_later_versions_may_say_more() -> None:
    assert span_of((("traceparent", f"01-{TRACE}-{SPAN}-01-more"),)).trace_id == TRACE


@pytest.mark.parametrize(
    "given",
    [
        "",
        "00",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        f" {GIVEN}",
    ],
)
def test_what_is_malformed_begins_a_trace_of_its_own(given: str) -> None:
    found = span_of((("traceparent", given),))
    assert found.trace_id != TRACE
    assert len(found.trace_id) == 32
    assert len(found.span_id) == 16
    assert found.parent_id == ""


def test_two_are_none() -> None:
    assert span_of((("traceparent", GIVEN), ("traceparent", GIVEN))).parent_id == ""
