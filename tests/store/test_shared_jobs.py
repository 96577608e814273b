"""Jobs of one batch: prompts are written together, savepoints are set when needed, and nobody pays for another."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hutong_server.store.base import FeedStatus, Prompt, Writer
from hutong_server.store.sql import SqlWriter
from hutong_server.store.sql_store import SqlStore, open_store
from hutong_server.trust.sealing import AesGcmSealer

from tests.store.rows import NOW, access, key
from tests.store.test_lanes import Busy, put_feed


@pytest.fixture
def store(store_url: str, sealer: AesGcmSealer) -> Iterator[SqlStore]:
    """One lane, also on PostgreSQL."""
    opened = open_store(store_url, sealer, lanes=1, timeout_ms=500)
    yield opened
    opened.close()


def prompt(*items: str) -> Prompt:
    return Prompt(key(), "H2", key(), NOW, "found", 3, tuple((item, key(), 0, "H1", 1) for item in items))


def putting(given: Prompt, *then: Callable[[Writer], object]) -> Callable[[Writer], None]:
    def job(writer: Writer) -> None:
        writer.put_prompt(given)
        writer.record(access(given.patient_key or b"", request_id=given.prompt_id.hex()))
        for each in then:
            each(writer)

    return job


def standing(store: SqlStore, *given: Prompt) -> list[list[str]]:
    """Items of each prompt as it stands; no item for one that is not there."""
    found = [store.read(lambda reader, p=each: reader.prompts(p.prompt_id)) for each in given]
    return [[line[0] for each in prompts for line in each.lines] for prompts in found]


def recorded(store: SqlStore) -> list[str]:
    return [record.request_id for _, record in store.read(lambda reader: reader.access_records())]


def fails(_: Writer) -> None:
    raise KeyError("mine")


def test_prompts_of_a_batch_are_all_there_with_their_records(store: SqlStore) -> None:
    busy = Busy(store)
    given = [prompt(f"I{number}") for number in range(5)]
    done = [store.submit(putting(each)) for each in given]
    busy.let_go()
    for each in done:
        each.result(10)
    assert standing(store, *given) == [[f"I{number}"] for number in range(5)]
    assert recorded(store) == [each.prompt_id.hex() for each in given]


def test_a_repeat_beside_the_first_is_joined_with_it(store: SqlStore) -> None:
    first = prompt("K")
    again, other = replace(first, lines=(("NA", key(), 0, "H1", 1),)), prompt("O")
    busy = Busy(store)
    done = [store.submit(putting(each)) for each in (first, other, again)]
    busy.let_go()
    for each in done:
        each.result(10)
    assert standing(store, first, other) == [["NA", "K"], ["O"]]
    # Each answer has its record, and only one.
    assert sorted(recorded(store)) == sorted(each.prompt_id.hex() for each in (first, first, other))


@pytest.mark.parametrize("before", [False, True], ids=["prompt first", "statement first"])
def test_a_job_that_fails_leaves_no_prompt_and_no_record(store: SqlStore, before: bool) -> None:
    good, bad = prompt("G"), prompt("B")
    busy = Busy(store)

    def stated(writer: Writer) -> None:
        writer.put_feed(FeedStatus("H1", "bad", "", NOW, 0))

    def statement_first(writer: Writer) -> None:
        stated(writer)
        putting(bad, fails)(writer)

    failing = store.submit(statement_first if before else putting(bad, stated, fails))
    silent = store.submit(putting(bad, fails))
    done = store.submit(putting(good))
    busy.let_go()
    done.result(10)
    for each in (failing, silent):
        with pytest.raises(KeyError):
            each.result(10)
    assert standing(store, good, bad) == [["G"], []]
    assert store.read(lambda reader: reader.feed("H1", "bad")) is None
    assert recorded(store) == [good.prompt_id.hex()]


def test_a_job_finds_the_prompt_that_it_has_put(store: SqlStore) -> None:
    given, found = prompt("K"), []
    busy = Busy(store)
    done = store.submit(putting(given, lambda writer: found.extend(writer.prompts(given.prompt_id))))
    beside = store.submit(put_feed("a"))
    busy.let_go()
    done.result(10)
    beside.result(10)
    assert found == [given]
    assert standing(store, given) == [["K"]]


def test_what_the_database_refuses_beside_prompts_costs_them_nothing(store: SqlStore) -> None:
    given = prompt("K")
    busy = Busy(store)
    done = store.submit(putting(given))
    broken = store.submit(lambda writer: writer.command("SELECT no_such_column"))  # type: ignore[attr-defined]
    busy.let_go()
    done.result(10)
    with pytest.raises(Exception, match="refused"):
        broken.result(10)
    assert standing(store, given) == [["K"]]
    assert recorded(store) == [given.prompt_id.hex()]


def test_a_job_without_statements_has_no_savepoint(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    real = SqlWriter.command
    monkeypatch.setattr(
        SqlWriter, "command", lambda self, text, values=(): said.append(text) or real(self, text, values)
    )
    busy = Busy(store)
    done = [store.submit(putting(prompt("K"))) for _ in range(3)] + [store.submit(put_feed("a"))]
    busy.let_go()
    for each in done:
        each.result(10)
    assert [text for text in said if "SAVEPOINT" in text] == ["SAVEPOINT job", "RELEASE SAVEPOINT job"]
