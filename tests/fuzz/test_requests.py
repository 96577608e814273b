"""Every method, with requests of any shape, on a running server.

No crash, no hang over a second, no status but the contract's, nothing of a patient in an error, a log or a metric.
"""

from typing import Any

import pytest
from hutong.v1 import registry_service_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.documents import publish
from tests.fuzz.documents import documents
from tests.fuzz.messages import broken, changed, requests, wire
from tests.fuzz.seeds import methods, seeds
from tests.fuzz.target import Target

FUZZ = settings.get_profile("fuzz")
"""Registered by conftest."""
STREAM = "/hutong.v1.RegistryService/PublishReports"
METHODS = methods()
SEEDS = seeds()


@pytest.mark.parametrize("method", [method for method in METHODS if method != STREAM])
def test_a_method_withstands_any_request(fuzzed: Target, method: str) -> None:
    seen: set[str] = set()

    @FUZZ
    @given(content=requests(METHODS[method].input_type, SEEDS.get(method, ())))
    def attempt(content: bytes) -> None:
        seen.add(fuzzed.call(method, content))

    attempt()
    fuzzed.log_is_clean()
    assert "UNIMPLEMENTED" not in seen


def test_a_stream_withstands_any_requests(fuzzed: Target) -> None:
    good: Any = SEEDS[STREAM]

    @FUZZ
    @given(contents=st.lists(st.one_of(changed(good).map(wire), broken(good)), max_size=4))
    def attempt(contents: list[bytes]) -> None:
        status, answers = fuzzed.publish_all(contents)
        if status == "OK":
            assert answers == len(contents)

    attempt()
    fuzzed.log_is_clean()


def test_the_intake_withstands_any_document(fuzzed: Target) -> None:
    @FUZZ
    @given(document=documents())
    def attempt(document: bytes) -> None:
        fuzzed.call("/hutong.v1.RegistryService/PublishReport", publish(document).SerializeToString())

    for _ in range(4):
        attempt()
    fuzzed.log_is_clean()


def test_a_stream_withstands_any_documents_and_answers_each(fuzzed: Target) -> None:
    @FUZZ
    @given(sent=st.lists(documents(), min_size=1, max_size=5))
    def attempt(sent: list[bytes]) -> None:
        contents = [
            registry_service_pb2.PublishReportsRequest(
                feed="fuzz", position=str(number), report=publish(document)
            ).SerializeToString()
            for number, document in enumerate(sent)
        ]
        assert fuzzed.publish_all(contents) == ("OK", len(sent))

    attempt()
    fuzzed.log_is_clean()
