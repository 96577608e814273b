"""That there is nothing is found with the same work, whatever the reason: times must not tell.

How well they keep it is measured by `python -m tests.bench --only absent`; here the work is counted.
"""

import secrets
from collections.abc import Iterator

import pytest
from hutong_server.domain.caller import Role
from hutong_server.store.base import SealBroken
from hutong_server.store.sql_store import SqlStore, open_store
from hutong_server.trust.sealing import AesGcmSealer
from hutong_server.usecases.asking import Outcome, PatientQuery, tokens_of
from hutong_server.usecases.open_chart import OpenChart, open_chart

from tests.building import caller, chart_of, report, resident_number
from tests.usecases.conftest import Registry
from tests.usecases.test_gate import TREATMENT, decide, registry_of


class Counting:
    """A sealer that counts what is opened, and can lose its key."""

    def __init__(self, sealer: AesGcmSealer) -> None:
        self._sealer, self.opened, self.lost = sealer, 0, 0

    def seal(self, plain: bytes, context: bytes) -> bytes:
        return self._sealer.seal(plain, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        self.opened += 1
        if self.lost:
            self.lost -= 1
            raise SealBroken("lost")
        return self._sealer.open(sealed, context)


@pytest.fixture
def counting(sealer: AesGcmSealer) -> Counting:
    return Counting(sealer)


@pytest.fixture
def store(store_url: str, counting: Counting) -> Iterator[SqlStore]:
    opened = open_store(store_url, counting)
    yield opened
    opened.close()


def opened(at: Registry, counting: Counting, serial: int) -> int:
    before = counting.opened
    identifiers, said = chart_of(report(number=resident_number(serial)))
    # Each a request of its own: a repeat looks at the prompt that it had.
    ask = OpenChart(secrets.token_hex(8), PatientQuery(identifiers, said), TREATMENT, caller("H2", Role.EMR))
    book, tokens = at.publisher.book, at.publisher.tokens
    answer = at.store.read(lambda reader: open_chart(ask, reader, book, tokens, at.now))
    at.store.submit(answer.keep).result(30)
    assert answer.outcome is Outcome.NONE
    return counting.opened - before


def open_empty(at: Registry, serial: int) -> None:
    identifiers, said = chart_of(report(number=resident_number(serial)))
    found = tokens_of(PatientQuery(identifiers, said), "H2", at.publisher.book, at.publisher.tokens)
    at.store.submit(lambda writer: writer.open_patient(bytes([serial]) * 16, said, at.now, found)).result(30)


def test_as_many_rows_are_opened_for_each_kind_of_nothing(store: SqlStore, counting: Counting) -> None:
    at = registry_of(store)
    at.publish(report(number=resident_number(7)))
    decide(at, report(number=resident_number(7)))
    open_empty(at, 8)
    asked = {"withheld": 7, "empty": 8, "unknown": 9}
    assert {kind: opened(at, counting, serial) for kind, serial in asked.items()} == dict.fromkeys(asked, 2)
    # Also when all that is nobody's was made.
    for _ in range(40):
        assert opened(at, counting, 9) == opened(at, counting, 8) == 2


def test_a_key_that_is_gone_fails_nobody(store: SqlStore, counting: Counting) -> None:
    at = registry_of(store)
    assert opened(at, counting, 9) == 2
    counting.lost = 1
    assert opened(at, counting, 9) == 2
