"""Questions: read for and kept by one thread, many at a time, and kept apart."""

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError

import pytest
from hutong_server.store.base import FeedStatus, Reader, StoreOverloaded, StoreUnavailable, Writer
from hutong_server.store.sql_store import SqlStore, open_store
from hutong_server.trust.sealing import AesGcmSealer

from tests.store.rows import NOW
from tests.store.test_lanes import Busy, put_feed

Kept = Callable[[Writer], None]


@pytest.fixture
def store(store_url: str, sealer: AesGcmSealer) -> Iterator[SqlStore]:
    """One lane, also on PostgreSQL; few may wait, and not for long."""
    opened = open_store(store_url, sealer, lanes=1, queue_limit=8, timeout_ms=500)
    yield opened
    opened.close()


def known(name: str) -> Callable[[Reader], tuple[bool, Kept]]:
    """Whether there was such a feed; from then on there is."""

    def question(reader: Reader) -> tuple[bool, Kept]:
        def keep(writer: Writer) -> None:
            writer.put_feed(FeedStatus("H1", name, "", NOW, 0))

        return reader.feed("H1", name) is not None, keep

    return question


def is_there(url: str, sealer: AesGcmSealer, name: str) -> bool:
    other = open_store(url, sealer, pool_size=1)
    try:
        return other.read(lambda reader: reader.feed("H1", name)) is not None
    finally:
        other.close()


@pytest.mark.parametrize("count", [1, 2])
def test_an_answer_comes_when_what_it_keeps_is_there(
    store: SqlStore, store_url: str, sealer: AesGcmSealer, count: int
) -> None:
    busy = Busy(store)
    asked = [store.answer(known(f"f{number}")) for number in range(count)]
    assert not is_there(store_url, sealer, "f0")
    busy.let_go()
    for number, each in enumerate(asked):
        assert each.result(10) is False
        assert is_there(store_url, sealer, f"f{number}")


def test_a_question_sees_what_was_acknowledged_before_it(store: SqlStore) -> None:
    store.submit(put_feed("a")).result(10)
    busy = Busy(store)
    asked = [store.answer(known(name)) for name in ("a", "b", "b")]
    busy.let_go()
    # Both of the last were read for before either was kept.
    assert [each.result(10) for each in asked] == [True, False, False]
    assert store.answer(known("b")).result(10) is True


def test_one_that_fails_costs_the_others_nothing(store: SqlStore) -> None:
    def not_read(_: Reader) -> tuple[bool, Kept]:
        raise KeyError("read")

    def not_kept(_: Reader) -> tuple[bool, Kept]:
        def keep(writer: Writer) -> None:
            writer.put_feed(FeedStatus("H1", "lost", "", NOW, 0))
            raise KeyError("kept")

        return True, keep

    busy = Busy(store)
    first, job = store.answer(known("a")), store.submit(put_feed("b"))
    unread, unkept = store.answer(not_read), store.answer(not_kept)
    last = store.answer(known("c"))
    busy.let_go()
    assert (first.result(10), job.result(10), last.result(10)) == (False, "b", False)
    for failed, why in ((unread, "read"), (unkept, "kept")):
        with pytest.raises(KeyError, match=why):
            failed.result(10)
    found = store.read(lambda reader: [reader.feed("H1", name) is not None for name in ("a", "b", "c", "lost")])
    assert found == [True, True, True, False]


def test_a_dead_connection_is_replaced(store: SqlStore) -> None:
    store.submit(put_feed("a")).result(10)
    lane = store._lanes._lanes[0]
    assert lane._writer is not None
    lane._writer.connection.close()
    busy_question = store.answer(known("a"))
    assert busy_question.result(10) is True


def test_a_database_that_is_gone_is_said_to_be(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> None:
        raise StoreUnavailable("gone")

    lane = store._lanes._lanes[0]
    monkeypatch.setattr(lane, "_connect", gone)
    with pytest.raises(StoreUnavailable, match="gone"):
        store.answer(known("a")).result(10)
    monkeypatch.undo()
    assert store.answer(known("a")).result(10) is False


def test_one_that_was_cancelled_is_not_read_for(store: SqlStore) -> None:
    read = []
    busy = Busy(store)

    def question(_: Reader) -> tuple[None, Kept]:
        read.append(True)
        return None, lambda _: None

    asked = store.answer(question)
    assert asked.cancel()
    busy.let_go()
    assert store.answer(known("a")).result(10) is False
    assert not read
    with pytest.raises(CancelledError):
        asked.result(10)


def test_too_many_are_turned_away_and_closing_answers_the_rest(store: SqlStore) -> None:
    busy = Busy(store)
    asked = [store.answer(known(f"f{number}")) for number in range(8)]
    with pytest.raises(StoreOverloaded):
        store.answer(known("one too many"))
    busy.let_go()
    store.close()
    assert [each.result(0) for each in asked] == [False] * 8
    with pytest.raises(StoreUnavailable):
        store.answer(known("late"))
