"""Questions side by side: each is answered as if alone, in fewer round trips, whatever becomes of others."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hutong_server.store import tables
from hutong_server.store.base import Reader, Writer
from hutong_server.store.sql import SqlReader
from hutong_server.store.sql_store import SqlStore, open_store
from hutong_server.store.statements import Statement
from hutong_server.store.transaction import Transaction
from hutong_server.trust.sealing import AesGcmSealer
from sqlalchemy import bindparam, func, select

from tests.store.rows import key, opened, report, token, write
from tests.store.test_lanes import Busy

PATIENTS = 12
Kept = Callable[[Writer], None]


@pytest.fixture
def store(store_url: str, sealer: AesGcmSealer) -> Iterator[SqlStore]:
    """One lane, so that what waits for it is asked together."""
    opened = open_store(store_url, sealer, lanes=1)
    yield opened
    opened.close()


@pytest.fixture
def patients(store: SqlStore) -> list[tuple[bytes, bytes]]:
    """(token, key) of each; the first has one report, each after it one more."""
    found = []
    for number in range(PATIENTS):
        name = token()
        patient = opened(store, name)
        for _ in range(number + 1):
            row = report(patient, key())
            write(store, lambda writer, row=row: writer.put_report(row))
        found.append((name, patient))
    return found


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many values went with each statement."""
    counts: list[int] = []
    plain = Transaction.rows_of_each

    def counted(self: Transaction, text: str, many: Any) -> Any:
        counts.append(len(many))
        return plain(self, text, many)

    monkeypatch.setattr(Transaction, "rows_of_each", counted)
    return counts


def chart(name: bytes, *, behind: bool = False) -> Callable[[Reader], tuple[tuple[Any, ...], Kept]]:
    """What a chart reads. `behind`: something that the others do not ask comes first."""

    def question(reader: Reader) -> tuple[tuple[Any, ...], Kept]:
        if behind:
            assert reader.prompts(key()) == []
        (person,) = reader.persons([name])
        consent = reader.consent(person.keys)
        rows = reader.reports(person.keys)
        return (person.key, consent, sorted(row.report_id for row in rows), len(rows)), lambda _: None

    return question


def together(store: SqlStore, *questions: Callable[[Reader], Any]) -> list[Any]:
    """The answers of questions that wait at the same time; an exception for one that raised."""
    busy = Busy(store)
    asked = [store.answer(each) for each in questions]
    busy.let_go()
    return [each.exception(10) or each.result(10) for each in asked]


def alone(store: SqlStore, question: Callable[[Reader], Any]) -> Any:
    return store.read(lambda reader: question(reader)[0])


def test_each_is_answered_as_if_it_were_alone(
    store: SqlStore, patients: list[tuple[bytes, bytes]], sent: list[int]
) -> None:
    asked = [chart(name, behind=number % 3 == 1) for number, (name, _) in enumerate(patients)]
    found = together(store, *asked)
    assert [(key, count) for key, _, _, count in found] == [(key, n + 1) for n, (_, key) in enumerate(patients)]
    used, sent[:] = sent[:], []
    assert found == [alone(store, each) for each in asked]
    if store._database == "sqlite":
        assert used == []
    else:
        # At least three statements each (more in the distributed form), in as many round trips as one or two need.
        assert sum(used) >= 3 * PATIENTS + PATIENTS // 3
        assert 4 * len(used) <= sum(used)


def test_one_that_raises_costs_the_others_nothing(store: SqlStore, patients: list[tuple[bytes, bytes]]) -> None:
    def raises(reader: Reader) -> Any:
        assert reader.persons([patients[0][0]])
        raise KeyError("mine")

    def rests_and_catches(reader: Reader) -> tuple[int, Kept]:
        try:
            alone_key = reader.persons([patients[1][0]])[0].key
            reader.reports([alone_key])
            raise LookupError
        except LookupError:
            return len(reader.reports([alone_key])), lambda _: None

    first, failed, caught, last = together(
        store, chart(patients[2][0]), raises, rests_and_catches, chart(patients[3][0])
    )
    assert (first[3], caught, last[3]) == (3, 2, 4)
    assert isinstance(failed, KeyError)


def test_what_the_database_refuses_is_refused_and_the_next_are_answered(
    store: SqlStore, patients: list[tuple[bytes, bytes]]
) -> None:
    def refused(reader: Reader) -> Any:
        assert isinstance(reader, SqlReader)
        reader.command("SELECT nothing FROM nowhere")

    refusals = together(store, chart(patients[0][0]), refused, chart(patients[1][0]))
    assert {type(each).__name__ for each in refusals} == {"StoreUnavailable"}
    assert together(store, chart(patients[0][0]), chart(patients[1][0]))[1][3] == 2
    assert alone(store, chart(patients[4][0]))[3] == 5


def test_what_asks_for_no_rows_goes_on_at_once(store: SqlStore, patients: list[tuple[bytes, bytes]]) -> None:
    def pings(reader: Reader) -> tuple[int, Kept]:
        reader.ping()
        return len(reader.reports([patients[0][1]])), lambda _: None

    assert together(store, pings, chart(patients[5][0]), pings)[::2] == [1, 1]


def test_one_that_asks_for_many_gets_each_its_own_in_the_same_round_trip(
    store: SqlStore, patients: list[tuple[bytes, bytes]], sent: list[int]
) -> None:
    """As every list of keys is asked for in the distributed form."""
    column = tables.report.c.patient_key
    of = Statement(select(func.count()).where(column == bindparam("of_key")))

    def counts(*numbers: int) -> Callable[[Reader], tuple[list[int], Kept]]:
        def question(reader: Reader) -> tuple[list[int], Kept]:
            found = reader.rows_of_many(of, [{"of_key": patients[number][1]} for number in numbers])  # type: ignore[attr-defined]
            return [count for (count,) in found], lambda _: None

        return question

    asked = counts(4, 0, 7), counts(), counts(1), counts(9, 9)
    assert together(store, *asked) == [[5, 1, 8], [], [2], [10, 10]]
    assert len(sent) == (len(asked) if store._database == "sqlite" else 1)
