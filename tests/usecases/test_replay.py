"""What is told of acts is done again on an older state of the database, whatever that has of what they are about."""

import secrets
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hutong_server.domain.caller import Role
from hutong_server.domain.consent import Effect, Scope
from hutong_server.store.base import ToldAct, Writer
from hutong_server.store.base_certificates import CertificateRow, EnrollmentToken, Issued
from hutong_server.store.sql_store import SqlStore, open_store
from hutong_server.trust.checkpoint import CheckpointKey
from hutong_server.trust.ledger import MerkleLedger
from hutong_server.trust.ledger_acts import ActExport, logs_told, read_acts
from hutong_server.trust.sealing import AesGcmSealer
from hutong_server.trust.tokens import HmacTokens
from hutong_server.usecases import acts, patients
from hutong_server.usecases.acts import certificate
from hutong_server.usecases.asking import Context, PatientQuery
from hutong_server.usecases.certificates import revoke
from hutong_server.usecases.consent import Told, Wanted, put_directive, revoke_directive
from hutong_server.usecases.enroll import enroll, weigh_token
from hutong_server.usecases.institutions import Scope as Suspension
from hutong_server.usecases.institutions import admin_access, put_institution, suspend_institution
from hutong_server.usecases.publish import Publisher
from hutong_server.usecases.replay import KINDS, Replay, Replayed, replay
from hutong_server.usecases.withhold import withhold_report

from tests.building import DAY, NOW, caller, chart_of, report, resident_number, withdrawal
from tests.conftest import MakeStoreUrl
from tests.postgresql import PostgresqlServer
from tests.usecases.conftest import PlainWire, Registry, rule_book

ADMIN = caller("registry", Role.ADMIN)


class World:
    """A registry, and the state in which its database was when it was backed up."""

    def __init__(self, url: str, copied: str, sealer: AesGcmSealer, export: Path, postgresql: PostgresqlServer | None):
        self._url, self._copied, self._sealer, self._postgresql = url, copied, sealer, postgresql
        self.export = export
        export.mkdir(exist_ok=True)
        self._publisher = Publisher(rule_book(), HmacTokens(secrets.token_bytes(32)), PlainWire())
        self.now = Registry(self._open(url, told=True), self._publisher)

    def _open(self, url: str, *, told: bool) -> SqlStore:
        key = CheckpointKey("hutong.test", bytes(range(32)))
        return open_store(url, self._sealer, ledger=MerkleLedger(key, None, ActExport(self.export)) if told else None)

    def back_up(self) -> None:
        """What is there now is what will be put back."""
        self.now.store.close()
        if self._postgresql:
            self._postgresql.drop(self._postgresql.database(self._copied))
            name, template = (self._postgresql.database(each) for each in (self._copied, self._url))
            self._postgresql.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        else:
            shutil.copy(*(each.removeprefix("sqlite:///") for each in (self._url, self._copied)))
        shutil.rmtree(self.export)
        self.export.mkdir()
        self.now = Registry(self._open(self._url, told=True), self._publisher)

    def put_back(self) -> Registry:
        """The older state, without what was told since."""
        self.now.store.close()
        return Registry(self._open(self._copied, told=False), self._publisher)

    def told(self) -> list[ToldAct]:
        acts, broken = read_acts([self.export], self._sealer, dict.fromkeys(logs_told([self.export]), 0))
        assert not broken
        return acts


@pytest.fixture
def world(
    request: pytest.FixtureRequest, store_url: str, make_store_url: MakeStoreUrl, sealer: AesGcmSealer, tmp_path: Path
) -> Iterator[World]:
    backend = "sqlite" if store_url.startswith("sqlite") else "postgresql"
    server = request.getfixturevalue("postgresql") if backend == "postgresql" else None
    copied = make_store_url(backend)
    made = World(store_url, copied, sealer, tmp_path / "export", server)
    yield made
    made.now.store.close()
    if server:
        server.drop(server.database(copied))


def again(world: World, at: Registry) -> Replayed:
    by = Replay(at.publisher.book, at.publisher.tokens, NOW + DAY)
    return at.store.submit(replay(world.told(), by)).result(30)


def told(at: Registry) -> Told:
    identifiers, demographics = chart_of(report())
    return Told(PatientQuery(identifiers, demographics), Context("dr", "visit", "treatment"), caller("H1"), at.now)


def decide(at: Registry, effect: Effect = Effect.WITHHOLD) -> bytes:
    wanted = Wanted("d", effect, Scope.EVERYTHING)
    job = put_directive(wanted, told(at), at.publisher.book, at.publisher.tokens)
    return at.store.submit(job).result(30).directive_id


def test_a_directive_of_somebody_who_is_not_in_the_backup_waits_for_the_patient(world: World) -> None:
    world.now.publish(report("A"))
    decide(world.now)
    older = world.put_back()
    assert again(world, older).done == {"directive": 1}
    older.publish(report("A"))
    assert not older.chart(report()).rows
    older.store.close()


def test_a_directive_that_was_taken_back_is_taken_back(world: World) -> None:
    world.now.publish(report("A"))
    directive = decide(world.now)
    world.back_up()
    assert not world.now.chart(report()).rows
    job = revoke_directive(directive, told(world.now), world.now.publisher.book, world.now.publisher.tokens)
    world.now.store.submit(job).result(30)
    older = world.put_back()
    assert not older.chart(report()).rows
    again(world, older)
    assert len(older.chart(report()).rows) == 1
    older.store.close()


def test_a_withdrawal_is_done_again_once(world: World) -> None:
    world.now.publish(report("A"))
    world.back_up()
    world.now.publish(withdrawal("A"))
    world.now.publish(withdrawal("A"))
    assert len(world.told()) == 1, "the second said nothing new"
    older = world.put_back()
    for _ in range(2):
        assert again(world, older).done == {"withdrawal": 1}
        assert [row.withdrawn for row in older.chart(report()).rows.values()] == [True]
    # The source sends it again.
    assert older.publish(withdrawal("A"))[0].unchanged
    older.store.close()


def test_persons_whom_an_administrator_parted_are_parted(world: World) -> None:
    one, other = report("A"), report("B", name="别人", number=resident_number(2))
    for each in (one, other):
        world.now.publish(each)
    keys = [
        world.now.store.read(lambda reader, each=each: reader.persons(_tokens(world.now, each)))[0].key
        for each in (one, other)
    ]
    step = patients.Step(ADMIN, "one person", NOW)
    world.now.store.submit(patients.link(keys[0], keys[1], step)).result(30)
    world.back_up()
    assert len(world.now.chart(one).rows) == 2
    world.now.store.submit(patients.unlink(keys[0], step)).result(30)
    older = world.put_back()
    assert len(older.chart(one).rows) == 2
    assert again(world, older).done == {"patient_steps": 1}
    assert len(older.chart(one).rows) == 1
    older.store.close()


def _tokens(at: Registry, of: object) -> list[bytes]:
    raw = chart_of(of)[0][0]  # type: ignore[arg-type]
    identifier = at.publisher.book.identifier(raw, "H1")
    return [at.publisher.tokens.patient(identifier.system, identifier.assigner, identifier.value)]  # type: ignore[union-attr]


def test_what_is_about_something_that_is_not_there_is_counted(world: World) -> None:
    world.now.publish(report("A"), report("B", name="别人", number=resident_number(2)))
    keys = [
        world.now.store.read(lambda reader, each=each: reader.persons(_tokens(world.now, each)))[0].key
        for each in (report(), report(name="别人", number=resident_number(2)))
    ]
    world.now.store.submit(patients.link(keys[0], keys[1], patients.Step(ADMIN, "x", NOW))).result(30)
    older = world.put_back()
    found = again(world, older)
    assert (dict(found.done), dict(found.left)) == ({}, {"patient_steps": 1})
    older.store.close()


def test_what_was_revoked_stays_revoked_and_what_was_suspended_is_as_it_was_last(world: World) -> None:
    row = CertificateRow("0a", "ab" * 32, "H1", "feed", "", NOW - DAY, NOW + DAY, "0a")

    def issue(writer: Writer) -> None:
        writer.put_certificate(row)
        writer.record(admin_access("Enroll", ADMIN, "issued", NOW, "r"), certificate(row))

    store = world.now.store
    store.submit(issue).result(30)
    store.submit(revoke("0a", "stolen", ADMIN, NOW, "r")).result(30)
    known = rule_book().institutions["H1"]
    store.submit(put_institution(known, update=False, caller=ADMIN, now=NOW, request_id="r")).result(30)
    for after, lift in enumerate((False, True, False), 1):
        # Lanes write logs of their own: what puts acts in order is when they were done.
        at = NOW + after
        job = suspend_institution(
            "H1", Suspension.ACCESS, since=NOW, lift=lift, reason="x", caller=ADMIN, now=at, request_id="r"
        )
        store.submit(job).result(30)
    older = world.put_back()
    assert again(world, older).done == {"certificate": 2, "institution": 4}
    # The same again, the issue last: as where clocks differ.
    by = Replay(older.publisher.book, older.publisher.tokens, NOW)
    older.store.submit(
        replay(reversed([each for each in world.told() if each.acts[0].kind == "certificate"]), by)
    ).result(30)
    found = older.store.read(lambda reader: reader.certificate("0a"))
    assert found is not None
    assert found.revoked_because == "stolen"
    assert older.store.read(lambda reader: reader.institution("H1")) == replace(known, access_suspended=True)
    older.store.close()


def test_a_token_that_was_spent_after_the_backup_is_not_good_again(world: World) -> None:
    token = EnrollmentToken(b"t" * 32, b"e" * 16, "registry", "admin", "somebody", NOW, NOW + DAY, needs_approval=False)
    world.now.store.submit(lambda writer: writer.put_enrollment_token(token)).result(30)
    world.back_up()
    issued = Issued(b"", "0b", "cd" * 32, "", NOW, NOW + DAY)
    job = enroll(token.token_hash, "ef" * 32, issued, ("registry", "admin"), 0, NOW, "r")
    assert not world.now.store.submit(job).result(30).refused
    older = world.put_back()

    def refused() -> str:
        return older.store.read(lambda reader: weigh_token(reader, token.token_hash, "ef" * 32, NOW)).refused

    assert not refused()
    assert again(world, older).done == {"certificate": 1, "enrollment": 1}
    assert refused() == "token_used"
    older.store.close()


def test_every_kind_of_act_can_be_done_again() -> None:
    kinds = {value for name, value in vars(acts).items() if name.isupper()}
    assert kinds == KINDS.keys()


def test_a_report_that_was_hidden_and_is_not_in_the_backup_stays_hidden_when_it_comes_again(world: World) -> None:
    world.now.publish(report("A"))
    world.back_up()
    for name in ("B", "C"):
        hide(world.now, world.now.publish(report(name))[0].report_id)
    world.now.publish(withdrawal("C"))
    assert len(world.now.chart(report()).rows) == 1
    older = world.put_back()
    for _ in range(2):
        assert again(world, older).done == {"report_hidden": 2, "withdrawal": 1}
    came = [older.publish(report(name))[0] for name in ("B", "C")]
    assert len(older.chart(report()).rows) == 1
    # What was hidden can be shown again, and not what was withdrawn.
    for each in came:
        hide(older, each.report_id, lift=True)
    assert sorted(row.withdrawn for row in older.chart(report()).rows.values()) == [False, False, True]
    older.store.close()


def hide(at: Registry, report_id: bytes, *, lift: bool = False) -> None:
    at.store.submit(withhold_report(report_id, lift=lift, step=patients.Step(ADMIN, "tubes", at.now))).result(30)


def test_persons_are_parted_though_one_of_them_is_not_in_the_backup(world: World) -> None:
    made = [report("A"), *(report(f"P{number}", name="别人", number=resident_number(number)) for number in (2, 3))]
    step = patients.Step(ADMIN, "one person", NOW)

    def known(of: object) -> bytes:
        world.now.publish(of)
        return world.now.store.read(lambda reader: reader.persons(_tokens(world.now, of)))[0].key

    one, other = known(made[0]), known(made[1])
    world.now.store.submit(patients.link(one, other, step)).result(30)
    world.back_up()
    world.now.store.submit(patients.link(one, known(made[2]), step)).result(30)
    world.now.store.submit(patients.unlink(one, step)).result(30)
    (parting,) = [each for told in world.told() for each in told.acts if len(each.content) == 3]
    older = world.put_back()
    # Steps have no order of their own: the one that is not there may be the first.
    first = sorted(parting.content[:2], key=lambda each: other in each[2])
    parting = parting._replace(content=(*first, parting.content[2]))
    access = world.told()[0].access
    by = Replay(older.publisher.book, older.publisher.tokens, NOW + DAY)
    found = older.store.submit(replay([ToldAct(b"log", 0, access, (parting,))], by)).result(30)
    assert (dict(found.done), len(older.chart(made[0]).rows)) == ({"patient_steps": 1}, 1)
    older.store.close()
