"""The distributed form: every table has its place, Citus would take the schema, and a database in use moves into it."""

import dataclasses
import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from hutong_server import store
from hutong_server.store import distribution, index_apart
from hutong_server.store.base import LeafPlace
from hutong_server.store.distributing import NoCitus, distribute, is_distributed
from hutong_server.store.distribution import PLACEMENTS, Placement, faults, plan
from hutong_server.store.index_view import IndexView
from hutong_server.store.leaves import PUBLISHING
from hutong_server.store.sql_store import open_store
from hutong_server.store.statements import DIALECTS, Statement, StatementOver
from hutong_server.trust.sealing import AesGcmSealer
from sqlalchemy.sql import ClauseElement
from typer.testing import CliRunner

from tests.citus import stand_in
from tests.conftest import MakeStoreUrl
from tests.postgresql import PostgresqlServer
from tests.store import ledgers
from tests.store.rows import NOW, access, identity, key, opened, report, token, version, write


@pytest.fixture
def url(make_store_url: MakeStoreUrl, postgresql: PostgresqlServer) -> Iterator[str]:
    """A PostgreSQL in the usual form, that could be distributed."""
    made = make_store_url("postgresql")
    stand_in(postgresql.conninfo(postgresql.database(made)))
    yield made
    postgresql.drop(postgresql.database(made))


def test_every_table_is_in_a_place_that_citus_takes() -> None:
    assert faults() == []


@pytest.mark.parametrize(
    ("table", "placement", "said"),
    [
        ("report", None, "is in no place"),
        ("report", Placement("distributed", "patient"), "has no column"),
        ("report_version", Placement("distributed", "institution"), "does not hold"),
        ("certificate", Placement("distributed", "serial"), "does not hold"),  # its fingerprints are unique
        ("nothing", Placement("coordinator"), "is no table"),
    ],
)
def test_what_citus_would_refuse_is_said(
    monkeypatch: pytest.MonkeyPatch, table: str, placement: Placement | None, said: str
) -> None:
    changed = {**PLACEMENTS, table: placement}
    if placement is None:
        del changed[table]
    monkeypatch.setattr(distribution, "PLACEMENTS", changed)
    assert [each for each in faults() if each.startswith((table, f"a unique key of {table}")) and said in each]


def test_what_stands_beside_a_table_comes_after_it_and_nothing_twice() -> None:
    statements = plan((), formed=False)
    places = {statement.split("'")[1]: n for n, statement in enumerate(statements) if statement.startswith("SELECT")}
    for name, placement in PLACEMENTS.items():
        assert (name in places) == (placement.kind != "coordinator")
        assert not placement.beside or places[placement.beside] < places[name]
    assert plan(PLACEMENTS, formed=True) == []
    assert len(plan(PLACEMENTS.keys() - {"notice"}, formed=True)) == 1


def test_a_database_in_use_moves_and_its_servers_go_on(url: str, sealer: AesGcmSealer) -> None:
    store = ledgers.ledger_store(url, sealer)
    outside = open_store(url, sealer, lanes=1, pool_size=1)
    first, second = token(), token()
    wang = opened(store, first)
    row = report(wang)
    known = identity(row.patient_key, row.report_id)
    write(store, lambda writer: (writer.put_report(row), writer.put_identity(known), writer.record(access(wang))))
    write(outside, lambda writer: writer.record(access(wang)))
    assert not is_distributed(url)
    placed = distribute(url)
    assert set(placed) == {name for name, placement in PLACEMENTS.items() if placement.kind == "distributed"}
    assert is_distributed(url)
    assert distribute(url) == ()
    # Their sessions were ended; the next ones know the form.
    li = opened(store, second)
    for each in (store, outside):
        assert each.read(_distributed)
        assert [person.keys for person in each.read(lambda reader: reader.persons([first]))] == [(wang,)]
        assert [person.keys for person in each.read(lambda reader: reader.persons([second]))] == [(li,)]
        assert each.read(lambda reader: reader.reports([wang])) == [row]
        assert each.read(lambda reader: reader.identity_of(row.report_id)) == known
        assert len(each.read(lambda reader: reader.access_records())) == 2
    write(outside, lambda writer: writer.record(access(wang)))
    write(store, lambda writer: writer.record(access(li)))
    store.close()
    outside.close()
    with ledgers.reopened(url, sealer) as again:
        faults = [str(each) for each in ledgers.verified(again).faults]
    # Two records beside the ledger are what this test wrote there.
    assert all("outside" in each for each in faults), faults


def _distributed(reader: object) -> bool:
    return bool(reader.distributed)  # type: ignore[attr-defined]


def test_the_command_says_what_is_missing_and_does_it(
    url: str, make_store_url: MakeStoreUrl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from hutong_server.__main__ import cli

    def migrated(of: str, *more: str) -> tuple[int, str]:
        monkeypatch.setenv("HUTONG_DATABASE_URL", of)
        done = CliRunner().invoke(cli, ["migrate", *more])
        return done.exit_code, done.output

    code, said = migrated(make_store_url("postgresql"), "--distributed")
    assert code == 1
    assert "no Citus" in said
    code, said = migrated(f"sqlite:///{tmp_path}/x.db", "--distributed")
    assert code == 1
    assert "SQLite" in said
    assert migrated(url) == (0, "up to date\n")
    code, said = migrated(url, "--distributed")
    assert (code, said.count("distributed ")) == (0, sum(each.kind == "distributed" for each in PLACEMENTS.values()))
    assert migrated(url) == (0, "up to date\n")


def test_a_table_that_a_later_version_adds_is_distributed_by_migrating(
    make_store_url: MakeStoreUrl, postgresql: PostgresqlServer
) -> None:
    url = make_store_url("distributed")
    with psycopg.connect(postgresql.conninfo(postgresql.database(url)), autocommit=True) as connection:
        connection.execute("DELETE FROM pg_dist_partition WHERE logicalrelid = 'notice'::regclass")
    assert distribute(url) == ("notice",)


def test_sqlite_is_never_distributed(tmp_path: Path) -> None:
    assert not is_distributed(f"sqlite:///{tmp_path}/x.db")
    with pytest.raises(NoCitus):
        distribute(f"sqlite:///{tmp_path}/x.db")


def test_who_has_seen_a_patient_is_told_in_the_same_pages(url: str, sealer: AesGcmSealer) -> None:
    store = ledgers.ledger_store(url, sealer)
    patient = key()
    for number in range(12):
        # Publishes of before they were left out of the list stand between what is asked for.
        method = "OpenChart" if number % 4 == 0 else PUBLISHING
        given = replace(ledgers.seen(number, patient), at=NOW + number, method=method)
        write(store, lambda writer, given=given: writer.record(given))
    listed = (
        f"INSERT INTO ledger_subject SELECT '\\x{patient.hex()}', at, log_id, leaf_index FROM access_record"  # noqa: S608
        f" WHERE method = '{PUBLISHING}' ON CONFLICT DO NOTHING"
    )
    ledgers.tamper(url, listed)

    def pages() -> list[list[int]]:
        found, before = [], LeafPlace(NOW * 2, b"\xff" * 16, 0)
        while page := store.read(lambda reader, before=before: reader.accesses([patient], 0, before, 2)):
            found.append([leaf.access.at - NOW for leaf in page])
            before = page[-1].place
        return found

    before = pages()
    assert before == [[8, 4], [0]]
    distribute(url)
    assert pages() == before
    store.close()


ASKED_OTHERWISE = {
    "accesses": {"_PAGE"},
    "index_view": {"_NAMES", "_STRAY_ROWS", "_STRAY_VERSIONS"},
    "ledger_view": {"_STRAY_SUBJECTS"},
    "patients": {"_PERSONS", "_PERSON_OF"},
    "statistics_raw": {"_AGAIN", "_DECISIONS", "_EVENTS", "_OPENED", "_TOUCHED"},
    "steps": {"_STEPS"},
}
"""Statements that join what stands on different machines, and that the distributed form has others for."""


def test_what_joins_across_machines_is_known() -> None:
    found: dict[str, set[str]] = {}
    for module in pkgutil.iter_modules(store.__path__):
        names = (
            vars(importlib.import_module(f"hutong_server.store.{module.name}")) if module.name != "migrations" else {}
        )
        for name, value in names.items():
            if any(_joined(element) for element in _elements(value)):
                found.setdefault(module.name, set()).add(name)
    assert found == ASKED_OTHERWISE


def _elements(value: object) -> Iterator[ClauseElement]:
    if isinstance(value, StatementOver):
        value = value.of(1)
    if isinstance(value, Statement):
        build = value._build
        yield build if isinstance(build, ClauseElement) else build("postgresql")
    elif isinstance(value, dict):
        yield from (element for each in value.values() for element in _elements(each))
    elif isinstance(value, (list, tuple)):
        yield from (element for each in value for element in _elements(each))
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from (element for field in dataclasses.fields(value) for element in _elements(getattr(value, field.name)))


def _joined(element: ClauseElement) -> bool:
    """Whether a statement reads distributed tables, or one of them twice, in more than one place."""
    text = str(element.compile(dialect=DIALECTS["postgresql"]()))
    read = re.findall(r"(?:FROM|JOIN|UPDATE|INTO|,) (\w+)(?= |\n|$)", text.replace("\n", " "))
    return sum(name in PLACEMENTS and PLACEMENTS[name].kind == "distributed" for name in read) > 1


@pytest.mark.parametrize(
    ("tampering", "said"),
    [
        ("UPDATE identity SET patient_key = '\\x00'", index_apart.ROWS),
        ("DELETE FROM identity", index_apart.VERSIONS),
        ("DELETE FROM report_name", index_apart.NAMES),
        ("DELETE FROM person_member", index_apart.MEMBERS),
        ("INSERT INTO person_member SELECT '\\x00', key FROM patient", index_apart.MEMBERS),
    ],
)
def test_what_is_amiss_in_the_index_is_found(
    make_store_url: MakeStoreUrl, sealer: AesGcmSealer, tampering: str, said: str
) -> None:
    url = make_store_url("distributed")
    store = ledgers.ledger_store(url, sealer)
    row = report(opened(store, token()))
    known = identity(row.patient_key, row.report_id)
    write(store, lambda writer: writer.put_report(row))
    write(store, lambda writer: writer.put_identity(known))
    write(store, lambda writer: writer.put_version(version(row.patient_key, row.report_id)))
    assert store.read(lambda reader: IndexView(reader).strays()) == []  # type: ignore[arg-type]
    assert len(store.read(lambda reader: list(IndexView(reader).reports()))) == 1  # type: ignore[arg-type]
    ledgers.tamper(url, tampering)
    assert said in dict(store.read(lambda reader: IndexView(reader).strays()))  # type: ignore[arg-type]
    store.close()
