"""Documents are given to a reading process several at a time, and none pays for another."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from typing import Any

import pytest
import pytest_asyncio
from hutong_server.api.document_reading import DocumentReading, read_all
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.report import Packed, Report, Withdrawal
from hutong_server.fhir.intake import Reading
from hutong_server.store.packing import unpack_document

from tests.api.documents import encoded, lab_report, person
from tests.building import NOW

READING = Reading(zone=UTC, now=NOW + 10 * 365 * 86_400_000)
DEADLY = b"ends the process"


def read_or_die(asked: Sequence[tuple[bytes, str, Reading]]) -> Any:
    """Runs in the reading process."""
    if any(document == DEADLY for document, _, _ in asked):
        os.kill(os.getpid(), signal.SIGKILL)
    return read_all(asked), len(asked)


class Watched(DocumentReading):
    """Notes how many documents went together; one document ends whichever process reads it."""

    def __init__(self) -> None:
        super().__init__(ThreadPoolExecutor(1), 1)
        self.together: list[int] = []

    def _submit(self, pool: Any, asked: list[tuple[bytes, str, Reading]]) -> Any:
        self.together.append(len(asked))
        return pool.submit(read_or_die, asked)

    def _done(self, pool: Any, part: Any, done: Any) -> None:
        if not done.cancelled() and done.exception() is None:
            found, count = done.result()
            assert count == len(part)
            done = asyncio.get_running_loop().create_future()
            done.set_result(found)
        super()._done(pool, part, done)


@pytest_asyncio.fixture(loop_scope="session")
async def reading() -> AsyncIterator[Watched]:
    opened = Watched()
    yield opened
    await asyncio.to_thread(opened.close)


def document(number: int) -> bytes:
    return encoded(lab_report(f"together-{number}", person(number + 1)))


def identities(answers: Sequence[Any]) -> list[str]:
    return [each.identity_value for outcomes in answers for each in outcomes if isinstance(each, Report)]


async def test_what_waits_goes_together_and_each_has_its_own_answer(reading: Watched) -> None:
    answers = await asyncio.gather(*(reading.read(document(number), "", READING) for number in range(30)))
    assert identities(answers) == [f"together-{number}" for number in range(30)]
    assert max(reading.together) == 8
    assert sum(reading.together) == 30


async def test_a_document_that_is_refused_costs_those_beside_it_nothing(reading: Watched) -> None:
    given = [document(0), b"{", document(1), b"[]", document(2)]
    answers = await asyncio.gather(*(reading.read(each, "", READING) for each in given), return_exceptions=True)
    assert identities([answers[0], answers[2], answers[4]]) == ["together-0", "together-1", "together-2"]
    assert [each.reason for each in (answers[1], answers[3]) if isinstance(each, HutongError)] == [
        Reason.NOT_JSON,
        Reason.NOT_A_REPORT,
    ]


@pytest.mark.parametrize("place", [0, 5, 19])
async def test_a_document_that_ends_its_process_is_refused_alone(reading: Watched, place: int) -> None:
    given = [document(number) for number in range(20)]
    given[place] = DEADLY
    answers = await asyncio.gather(*(reading.read(each, "", READING) for each in given), return_exceptions=True)
    fatal = answers.pop(place)
    assert isinstance(fatal, HutongError)
    assert fatal.reason is Reason.INTERNAL
    assert identities(answers) == [f"together-{number}" for number in range(20) if number != place]
    # And the next is read as ever.
    assert identities([await reading.read(document(99), "", READING)]) == ["together-99"]


async def test_a_single_document_is_read_in_turn_with_those_of_streams(reading: Watched) -> None:
    order: list[str] = []

    async def read(number: int, *, ahead: bool) -> None:
        order.extend(identities([await reading.read(document(number), "", READING, ahead=ahead)]))

    streams = [asyncio.ensure_future(read(number, ahead=False)) for number in range(60)]
    await asyncio.sleep(0)
    singles = [asyncio.ensure_future(read(number, ahead=True)) for number in range(100, 120)]
    await asyncio.gather(*streams, *singles)
    assert len(order) == 80
    places = [order.index(f"together-{number}") for number in range(100, 120)]
    # The first two were out already, each alone; then eight of each in turn.
    assert places == [*range(2, 10), *range(18, 26), *range(34, 38)], places


async def test_a_report_is_packed_where_it_is_read_and_a_withdrawal_is_not(reading: Watched) -> None:
    given = document(0)
    (report,) = await reading.read(given, "", READING)
    assert isinstance(report, Report)
    assert isinstance(report.document, Packed)
    assert unpack_document(report.document) == given
    # It stands in the export of the ledger, too, where others read it.
    withdrawn = encoded({**json.loads(given), "status": "entered-in-error"})
    (withdrawal,) = await reading.read(withdrawn, "", READING)
    assert isinstance(withdrawal, Withdrawal)
    assert withdrawal.document == withdrawn


async def test_nobody_is_read_for_who_went_away(reading: Watched) -> None:
    first = asyncio.ensure_future(reading.read(document(0), "", READING))
    gone = [asyncio.ensure_future(reading.read(document(number), "", READING)) for number in range(1, 60)]
    await asyncio.sleep(0)
    for each in gone:
        each.cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    assert identities([await first]) == ["together-0"]
    assert identities([await reading.read(document(60), "", READING)]) == ["together-60"]
    assert sum(reading.together) < 30


async def test_a_registry_that_ends_reads_no_more(reading: Watched) -> None:
    await asyncio.to_thread(reading.close)
    with pytest.raises(HutongError) as told:
        await reading.read(document(0), "", READING)
    assert told.value.reason is Reason.STORE_UNAVAILABLE
