"""Changes by another process are heard of at once on PostgreSQL, and again after the connection was lost."""

import queue
from collections.abc import Iterator

import psycopg
import pytest
from hutong_server.store.base_certificates import CertificateRow
from hutong_server.store.listening import EVERYTHING, REVOCATIONS, RULES, Listening
from hutong_server.store.sql_store import SqlStore, open_store
from hutong_server.trust.sealing import AesGcmSealer

from tests.conftest import MakeStoreUrl
from tests.postgresql import PostgresqlServer


class Ear:
    """What was heard, and whether there is a connection."""

    def __init__(self, url: str) -> None:
        self.heard: queue.Queue[str] = queue.Queue()
        self.connected: queue.Queue[bool] = queue.Queue()
        self.listening = Listening(url, self.heard.put, self.connected.put, longest_pause=0.3)
        self.listening.start()

    def settled(self) -> None:
        """Waits for the connection, and takes what is said at its beginning."""
        assert {self.heard.get(timeout=10) for _ in EVERYTHING} == set(EVERYTHING)

    def silent(self) -> bool:
        try:
            self.heard.get(timeout=0.3)
        except queue.Empty:
            return True
        return False


@pytest.fixture(scope="module")
def url(make_store_url: MakeStoreUrl) -> str:
    return make_store_url("postgresql")


@pytest.fixture(scope="module")
def other(url: str, sealer: AesGcmSealer) -> Iterator[SqlStore]:
    """The other process."""
    store = open_store(url, sealer, pool_size=1)
    yield store
    store.close()


@pytest.fixture
def ear(url: str) -> Iterator[Ear]:
    made = Ear(url)
    made.settled()
    yield made
    made.listening.close()


def certificate(serial: str, revoked_at: int | None) -> CertificateRow:
    return CertificateRow(
        serial=serial,
        fingerprint=serial * 4,
        institution="H1",
        role="emr",
        authority="",
        not_before=0,
        not_after=1 << 50,
        lineage=serial,
        renewed_from="",
        revoked_at=revoked_at,
        revoked_because="",
        revoked_by="",
    )


def test_a_change_of_rules_and_a_revocation_are_heard_of_and_nothing_else(ear: Ear, other: SqlStore) -> None:
    other.submit(lambda writer: writer.put_certificate(certificate("a1", None))).result()
    assert ear.silent()
    other.submit(lambda writer: writer.apply_catalog((), (), 1, "x", "y")).result()
    assert ear.heard.get(timeout=10) == RULES
    other.submit(lambda writer: writer.put_certificate(certificate("a2", 5))).result()
    assert ear.heard.get(timeout=10) == REVOCATIONS


def test_what_was_undone_is_not_told(ear: Ear, other: SqlStore) -> None:
    def undone(writer: object) -> None:
        writer.apply_catalog((), (), 1, "x", "y")  # type: ignore[attr-defined]
        raise LookupError

    with pytest.raises(LookupError):
        other.submit(undone).result()
    assert ear.silent()


def test_a_lost_connection_comes_back_and_everything_is_looked_at(
    ear: Ear, other: SqlStore, url: str, postgresql: PostgresqlServer
) -> None:
    with psycopg.connect(postgresql.conninfo(postgresql.database(url)), autocommit=True) as connection:
        (ended,) = connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        ).fetchone() or (0,)
    assert ended == 1
    ear.settled()
    other.submit(lambda writer: writer.apply_catalog((), (), 1, "x", "y")).result()
    assert ear.heard.get(timeout=10) == RULES
    seen = [ear.connected.get_nowait() for _ in range(ear.connected.qsize())]
    assert seen == [True, False, True]


def test_it_ends_while_the_database_is_away() -> None:
    ear = Ear("postgresql://nobody@/x?host=/nowhere")
    assert ear.silent()
    ear.listening.close()
    assert set(ear.connected.queue) == {False}
