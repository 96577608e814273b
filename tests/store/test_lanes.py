"""Write jobs share commits, and are kept apart."""

import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from itertools import pairwise

import pytest
from hutong_server.store.base import FeedStatus, Identity, Store, StoreOverloaded, StoreUnavailable, Writer
from hutong_server.store.engine import make_engine
from hutong_server.store.sql_store import SqlStore, open_store
from hutong_server.trust.sealing import AesGcmSealer

from tests.postgresql import PostgresqlServer
from tests.store.rows import NOW, WANG, key, opened, report, step, token, version, write


@pytest.fixture
def one_lane(store_url: str, sealer: AesGcmSealer) -> Iterator[SqlStore]:
    """A store whose writes all pass through one lane, also on PostgreSQL; few may wait, and not for long."""
    store = open_store(store_url, sealer, lanes=1, queue_limit=8, timeout_ms=200)
    yield store
    store.close()


class Busy:
    """A job that keeps the lane until it is let go, so that what comes after it forms a batch."""

    def __init__(self, store: Store) -> None:
        self.begun, self.end = threading.Event(), threading.Event()
        self.future = store.submit(self._work)
        assert self.begun.wait(10)

    def _work(self, _writer: Writer) -> None:
        self.begun.set()
        assert self.end.wait(10)

    def let_go(self) -> None:
        self.end.set()


def put_feed(name: str) -> Callable[[Writer], str]:
    def job(writer: Writer) -> str:
        writer.put_feed(FeedStatus("H1", name, "", NOW, 0))
        return name

    return job


def test_a_job_that_fails_undoes_itself_and_no_other_of_its_batch(one_lane: SqlStore) -> None:
    def fails(writer: Writer) -> None:
        writer.put_feed(FeedStatus("H1", "bad", "", NOW, 0))
        raise KeyError("mine")

    busy = Busy(one_lane)
    before, bad, after = one_lane.submit(put_feed("a")), one_lane.submit(fails), one_lane.submit(put_feed("b"))
    busy.let_go()
    assert (before.result(10), after.result(10)) == ("a", "b")
    with pytest.raises(KeyError, match="mine"):
        bad.result(10)
    found = one_lane.read(lambda reader: [reader.feed("H1", name) is not None for name in ("a", "bad", "b")])
    assert found == [True, False, True]


def test_what_the_database_refuses_costs_the_rest_of_the_batch_nothing(one_lane: SqlStore) -> None:
    patient, report_id = key(), key()
    write(one_lane, lambda writer: writer.put_version(version(patient, report_id)))
    busy = Busy(one_lane)
    before = one_lane.submit(put_feed("a"))
    refused = one_lane.submit(lambda writer: writer.put_version(version(patient, report_id)))
    after = one_lane.submit(put_feed("b"))
    busy.let_go()
    assert (before.result(10), after.result(10)) == ("a", "b")
    with pytest.raises(StoreUnavailable):
        refused.result(10)


def test_an_error_of_the_database_shows_no_value(one_lane: SqlStore) -> None:
    patient, report_id = key(), key()
    write(one_lane, lambda writer: writer.put_version(version(patient, report_id)))
    with pytest.raises(StoreUnavailable) as refused:
        write(one_lane, lambda writer: writer.put_version(version(patient, report_id)))
    shown = "".join(traceback.format_exception(refused.value))
    assert patient.hex() not in shown
    assert repr(patient)[2:-1] not in shown
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_future_resolves_after_the_commit(one_lane: SqlStore, store_url: str, jobs: int) -> None:
    other = make_engine(store_url, pooled=False)
    seen: list[bool] = []

    def look_from_outside(future: "Future[str]") -> None:
        with other.connect() as connection:
            statement = f"SELECT count(*) FROM feed_status WHERE feed = '{future.result()}'"  # noqa: S608
            seen.append(connection.exec_driver_sql(statement).scalar() == 1)

    busy = Busy(one_lane)
    futures = [one_lane.submit(put_feed(f"f{number}")) for number in range(jobs)]
    for future in futures:
        future.add_done_callback(look_from_outside)
    busy.let_go()
    wait(futures, 20)
    one_lane.close()
    assert seen == [True] * jobs


def test_a_future_that_was_cancelled_is_not_run(one_lane: SqlStore) -> None:
    busy = Busy(one_lane)
    cancelled, kept = one_lane.submit(put_feed("a")), one_lane.submit(put_feed("b"))
    assert cancelled.cancel()
    busy.let_go()
    assert kept.result(10) == "b"
    with pytest.raises(CancelledError):
        cancelled.result(10)
    assert one_lane.read(lambda reader: reader.feed("H1", "a")) is None


def test_too_many_waiting_writes_are_turned_away(one_lane: SqlStore) -> None:
    busy = Busy(one_lane)
    queued = [one_lane.submit(put_feed(str(number))) for number in range(8)]
    with pytest.raises(StoreOverloaded):
        one_lane.submit(put_feed("one too many"))
    busy.let_go()
    assert [future.result(10) for future in queued] == [str(number) for number in range(8)]


def test_closing_finishes_what_waits(store_url: str, sealer: AesGcmSealer) -> None:
    store = open_store(store_url, sealer)
    futures = [store.submit(put_feed(str(number))) for number in range(100)]
    store.close()
    assert all(future.done() and future.exception() is None for future in futures)
    with pytest.raises(StoreUnavailable):
        store.submit(put_feed("late"))
    with pytest.raises(StoreUnavailable):
        store.read(lambda reader: reader.ping())
    store.close()


def publish_once(name: bytes, patient_token: bytes) -> Callable[[Writer], bytes]:
    """As the publish use case does: lock, look, write what is missing."""

    def job(writer: Writer) -> bytes:
        writer.lock((name, patient_token))
        known = writer.identity(name)
        if known is not None:
            return known.report_id
        persons = writer.persons((patient_token,))
        patient = persons[0].key if persons else key()
        if not persons:
            writer.open_patient(patient, WANG, NOW, (patient_token,))
        row = report(patient)
        writer.put_identity(Identity(name, row.report_id, patient, 1, False))
        writer.put_version(version(patient, row.report_id))
        writer.put_report(row)
        return row.report_id

    return job


def test_twenty_threads_that_publish_one_report_make_one(store: Store) -> None:
    name, patient_token, gate = token(), token(), threading.Barrier(20)

    def publish() -> bytes:
        gate.wait(10)
        return write(store, publish_once(name, patient_token))

    with ThreadPoolExecutor(20) as threads:
        ids = {future.result(20) for future in [threads.submit(publish) for _ in range(20)]}
    assert len(ids) == 1
    (person,) = store.read(lambda reader: reader.persons((patient_token,)))
    assert len(person.keys) == 1
    (row,) = store.read(lambda reader: reader.reports(person.keys))
    assert {row.report_id} == ids


def test_twenty_reports_of_one_patient_at_once_open_one_record(store: Store) -> None:
    patient_token = token()
    futures = [store.submit(publish_once(token(), patient_token)) for _ in range(20)]
    assert len({future.result(20) for future in futures}) == 20
    (person,) = store.read(lambda reader: reader.persons((patient_token,)))
    assert len(person.keys) == 1
    assert len(store.read(lambda reader: reader.reports(person.keys))) == 20


@pytest.fixture
def no_deadlock(store_url: str, request: pytest.FixtureRequest) -> Iterator[None]:
    """PostgreSQL breaks a deadlock after a second, each time; the store shall not make any."""
    if store_url.startswith("sqlite"):
        yield
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    before = len(server.said())
    yield
    assert "deadlock detected" not in server.said()[before:]


def test_locked_jobs_lose_no_update_and_never_wait_for_each_other(store: Store, no_deadlock: None) -> None:
    names = [f"feed {number}" for number in range(5)]

    def raise_all(order: list[str]) -> Callable[[Writer], None]:
        def job(writer: Writer) -> None:
            writer.lock(name.encode() for name in order)
            for name in order:
                known = writer.feed("H1", name)
                writer.put_feed(FeedStatus("H1", name, "", NOW, known.longest_gap + 1 if known else 1))

        return job

    futures = [store.submit(raise_all(names[n % 5 :] + names[: n % 5])) for n in range(300)]
    for future in futures:
        future.result(60)
    assert [store.read(lambda reader, n=n: reader.feed("H1", n)).longest_gap for n in names] == [300] * 5


def test_feeds_that_publish_at_once_never_wait_for_each_other(store: Store, no_deadlock: None) -> None:
    futures = [store.submit(put_feed(f"feed {n * n % 7}")) for n in range(600)]
    for future in futures:
        future.result(60)


def test_a_step_waits_for_one_that_is_being_taken(store: Store) -> None:
    tokens = [token() for _ in range(3)]
    # In this order the two steps, blind to each other, would each give b to another person.
    a, c, b = sorted(opened(store, each) for each in tokens)
    begun = threading.Event()

    def slow(writer: Writer) -> None:
        writer.put_step(step("linked", a, b))
        begun.set()
        time.sleep(0.3)

    first = store.submit(slow)
    assert begun.wait(10)
    second = store.submit(lambda writer: writer.put_step(step("linked", b, c)))
    first.result(10)
    second.result(10)
    (person,) = store.read(lambda reader: reader.persons(tokens))
    assert set(person.keys) == {a, b, c}


def test_links_made_at_once_form_one_person(store: Store) -> None:
    tokens = [token() for _ in range(12)]
    records = [opened(store, each) for each in tokens]
    pairs = list(pairwise(records))
    futures = [
        store.submit(lambda writer, p=pair: writer.put_step(step("linked", *p))) for pair in pairs[::2] + pairs[1::2]
    ]
    for future in futures:
        future.result(30)
    (person,) = store.read(lambda reader: reader.persons(tokens))
    assert set(person.keys) == set(records)


def test_a_write_outlasts_another_writers_lock(one_lane: SqlStore, store_url: str) -> None:
    write(one_lane, put_feed("a"))
    with HeldTable(store_url) as release:
        future = one_lane.submit(put_feed("a"))
        time.sleep(0.3)
        assert not future.done()
        release()
        assert future.result(10) == "a"


def test_a_write_that_cannot_be_made_fails_in_time_and_the_lane_goes_on(one_lane: SqlStore, store_url: str) -> None:
    write(one_lane, put_feed("a"))
    with HeldTable(store_url):
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable):
            write(one_lane, put_feed("a"))
        assert time.monotonic() - begun < 5
    assert write(one_lane, put_feed("a")) == "a"


class HeldTable:
    """Another program that holds the table."""

    def __init__(self, url: str) -> None:
        self._engine = make_engine(url, pooled=False, timeout_ms=5000)
        self._connection = self._engine.raw_connection()
        self._held = False

    def __enter__(self) -> Callable[[], None]:
        cursor = self._connection.cursor()
        for statement in self._statements():
            cursor.execute(statement)
        self._held = True
        return self.release

    def _statements(self) -> tuple[str, ...]:
        if self._engine.dialect.name == "sqlite":
            return ("BEGIN IMMEDIATE",)
        return ("BEGIN", "LOCK TABLE feed_status IN EXCLUSIVE MODE")

    def release(self) -> None:
        if self._held:
            self._connection.cursor().execute("ROLLBACK")
            self._held = False

    def __exit__(self, *_: object) -> None:
        self.release()
        self._connection.close()


def test_a_read_sees_one_state_throughout(store: Store) -> None:
    write(store, put_feed("a"))

    def look(reader):
        before = len(reader.feeds())
        write(store, lambda writer: writer.put_feed(FeedStatus("H2", "b", "", NOW, 0)))
        return before, len(reader.feeds())

    assert store.read(look) == (1, 1)
    assert len(store.read(lambda reader: reader.feeds())) == 2


def test_a_read_jobs_own_exception_comes_out_and_costs_no_connection(store_url: str, sealer: AesGcmSealer) -> None:
    store = open_store(store_url, sealer, pool_size=1, timeout_ms=500)

    def fails(_reader):
        raise LookupError("mine")

    for _ in range(5):
        with pytest.raises(LookupError, match="mine"):
            store.read(fails)
    store.read(lambda reader: reader.ping())
    store.close()


def test_a_read_that_finds_no_connection_fails_in_time(store_url: str, sealer: AesGcmSealer) -> None:
    store = open_store(store_url, sealer, pool_size=1, timeout_ms=100)
    with pytest.raises(StoreUnavailable):
        store.read(lambda _reader: store.read(lambda reader: reader.ping()))
    store.close()
