"""Keys in the database, wrapped; exchanged while calls go on, killed at any point; nothing is lost, nobody twice."""

import dataclasses
import random
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hutong_server.domain.person import Demographics
from hutong_server.store import migrations
from hutong_server.store.base import DataKey, PatientToken, SealBroken, StoredReport, Writer
from hutong_server.store.engine import make_engine
from hutong_server.store.migrations import migrate
from hutong_server.store.packing import pack, pack_demographics, pack_order
from hutong_server.store.sql_store import SqlStore, open_store
from hutong_server.trust import key_ring
from hutong_server.trust.first_keys import NoFirstKeys, begin
from hutong_server.trust.key_ring import KeyRing
from hutong_server.trust.keys import UnsafeKey, create_key_file, derive, read_key_file
from hutong_server.trust.rotation import Rotation, key_uses
from hutong_server.trust.sealing import AesGcmSealer
from hutong_server.trust.suites import AES, SM, SUITES
from hutong_server.trust.tokens import HmacTokens
from sqlalchemy import text

from tests.postgresql import PostgresqlServer
from tests.store.rows import NOW, facts, held, key, report, step, version, write

ROOT = Path(__file__).parents[2]
KILLS = 6


@dataclass
class Keyed:
    """A store with its key ring, and the files of its keys."""

    url: str
    directory: Path
    store: SqlStore
    ring: KeyRing
    said: list[str]

    @property
    def kek(self) -> Path:
        return self.directory / "kek.key"

    def again(self, suite: str = AES.name) -> "Keyed":
        """The same database, opened as another server would."""
        return open_keyed(self.url, self.directory, suite)

    def rotation(self, suite: str = AES.name) -> Rotation:
        return Rotation(self.store, self.ring, self.kek, SUITES[suite], lambda: NOW, self.said.append, 0, 3, 0)

    def keys(self, purpose: str) -> dict[str, DataKey]:
        """By state."""
        self.ring.load()
        return {each.state: each for each in self.ring.keys if each.purpose == purpose}

    def close(self) -> None:
        self.ring.close()
        self.store.close()


def open_keyed(url: str, directory: Path, suite: str = AES.name) -> Keyed:
    ring = KeyRing(directory / "kek.key", lambda: NOW)
    store = open_store(url, ring.sealer)
    store.use_tokens(ring.tokens)
    ring.attach(store)
    try:
        begin(store, ring, directory / "kek.key", directory / "token.key", directory / "seal.key", suite, NOW)
    except BaseException:
        store.close()
        raise
    return Keyed(url, directory, store, ring, [])


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name in ("kek.key", "token.key", "seal.key"):
        create_key_file(tmp_path / name)
    return tmp_path


@pytest.fixture
def keyed(store_url: str, directory: Path) -> Iterator[Keyed]:
    opened = open_keyed(store_url, directory)
    yield opened
    opened.close()


def add_person(of: Keyed, number: int) -> bytes:
    """As publishing does: finds the person of an identifier or opens one, and puts a report there."""
    token = of.ring.tokens.patient("urn:card", "", f"P{number:05d}")

    def job(writer: Writer) -> bytes:
        writer.lock((token,))
        found = writer.persons((token,))
        patient = found[0].key if found else key()
        if not found:
            writer.open_patient(patient, Demographics((f"N{number}",)), NOW, (token,))
        else:
            writer.add_tokens(patient, (token,))
        row = report(patient, institution="H1")
        writer.put_report(row)
        writer.put_version(dataclasses.replace(version(patient, row.report_id), institution="H1"))
        return patient

    return write(of.store, job)


def person_at(of: Keyed, number: int) -> tuple[list[bytes], int]:
    """(persons under the identifier, reports that open)."""
    token = of.ring.tokens.patient("urn:card", "", f"P{number:05d}")

    def look(reader):
        persons = reader.persons((token,))
        rows = reader.reports([each for person in persons for each in person.keys])
        assert all(reader.document(row.patient_key, row.report_id, 1) for row in rows)
        return [person.key for person in persons], len(rows)

    return of.store.read(look)


# The envelope


def test_keys_live_in_the_database_and_open_with_the_key_encryption_key_alone(keyed: Keyed) -> None:
    patient = add_person(keyed, 1)
    digest, name = keyed.ring.tokens.digest("report", "x"), keyed.ring.ids.seal("report", "H1", [b"x"])
    (keyed.directory / "token.key").unlink()
    (keyed.directory / "seal.key").unlink()
    other = keyed.again()
    assert person_at(other, 1) == ([patient], 1)
    assert other.ring.tokens.digest("report", "x") == digest
    assert other.ring.ids.open("report", "H1", name) == (b"x",)
    other.close()
    keyed.kek.unlink()
    create_key_file(keyed.kek)
    with pytest.raises(UnsafeKey, match="wrapped under"):
        keyed.again()


def test_no_key_is_in_the_database_in_clear(keyed: Keyed, request: pytest.FixtureRequest) -> None:
    add_person(keyed, 1)
    secrets = [read_key_file(keyed.directory / name) for name in ("kek.key", "token.key", "seal.key")]
    dump = _dump(keyed, "SELECT wrapped FROM key_wrap")
    assert len(dump) == 4
    assert not any(secret in blob for secret in secrets for blob in dump)


def test_a_wrap_that_was_moved_to_another_key_does_not_open(keyed: Keyed) -> None:
    _execute(keyed, "UPDATE key_wrap SET wrapped = (SELECT wrapped FROM key_wrap WHERE number = 2) WHERE number = 3")
    with pytest.raises(UnsafeKey, match="altered"):
        keyed.again()


def test_a_database_of_before_keeps_opening_and_its_first_keys_are_those_of_the_files(
    store_url: str, directory: Path
) -> None:
    seal, tokens = read_key_file(directory / "seal.key"), HmacTokens(read_key_file(directory / "token.key"))
    patient, row = key(), report(key())
    former = open_store(store_url, _FormerSealer(seal))
    bare = bytes(tokens.patient("urn:card", "", "P00001"))
    write(former, lambda writer: writer.open_patient(patient, Demographics(("N",)), NOW, (bare,)))
    write(former, lambda writer: writer.put_report(dataclasses.replace(row, patient_key=patient)))
    write(former, lambda writer: writer.put_version(version(patient, row.report_id)))
    former.close()
    # A fresh database would take the other suite; one that is sealed keeps its own.
    opened = open_keyed(store_url, directory, SM.name)
    assert person_at(opened, 1) == ([patient], 1)
    assert {each.suite for each in opened.ring.keys} == {AES.name}
    opened.rotation().seal()
    assert person_at(opened, 1) == ([patient], 1)
    assert not _uses(opened, opened.keys("seal")["retired"])
    opened.close()


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_a_database_of_the_first_schema_is_migrated_and_opens(
    backend: str, directory: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{directory}/old.db"
    if backend == "postgresql":
        server: PostgresqlServer = request.getfixturevalue("postgresql")
        url = server.url(server.create())
    patient, row = key(), report(key())
    _make_first_schema(url, directory, patient, row)
    assert {"0002", "0005"} <= set(migrate(url))
    opened = open_keyed(url, directory)
    assert person_at(opened, 1) == ([patient], 1)
    (head,) = opened.store.read(lambda reader: reader.versions(patient, row.report_id))
    assert head.status == "final"
    # The next report of this patient brings the identifier; then both keys can go.
    assert add_person(opened, 1) == patient
    opened.rotation().seal()
    opened.rotation().tokens()
    assert person_at(opened, 1) == ([patient], 2)
    assert set(opened.keys("seal")) == set(opened.keys("token")) == {"current", "retired"}
    opened.close()


def _make_first_schema(url: str, directory: Path, patient: bytes, row: StoredReport) -> None:
    """A database as it was before keys could be exchanged: its tables, its columns, its blobs."""
    seal = _FormerSealer(read_key_file(directory / "seal.key")).seal
    token = bytes(HmacTokens(read_key_file(directory / "token.key")).patient("urn:card", "", "P00001"))
    kept = version(patient, row.report_id)
    names = ("status", "withdrawn", "disputed", "effective", "issued", "received", "specialty", "has_images")
    body = [getattr(row, name) for name in (*names, "results", "details", "header", "categories")]
    head = (kept.digest, pack_order(kept.order), kept.status, kept.received, kept.path)
    place = patient + row.report_id + (1).to_bytes(8, "big")
    values = {
        "patient": patient,
        "report": row.report_id,
        "token": token,
        "demographics": seal(pack(pack_demographics(Demographics(("N1",)))), b"patient" + patient),
        "body": seal(zlib.compress(pack(body)), b"report" + place),
        "head": seal(pack(head), b"head" + place),
        "images": seal(b"images", b"images" + place),
        "document": seal(zlib.compress(b"{}"), b"document" + place),
    }
    engine = make_engine(url, pooled=False)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in (
            "INSERT INTO patient (key, person, opened, demographics) VALUES (:patient, :patient, 1, :demographics)",
            "INSERT INTO patient_token (token, patient_key) VALUES (:token, :patient)",
            "INSERT INTO report (patient_key, report_id, institution, version, held, body)"
            " VALUES (:patient, :report, 'H1', 1, false, :body)",
            "INSERT INTO report_version (patient_key, report_id, version, head, images, document)"
            " VALUES (:patient, :report, 1, :head, :images, :document)",
        ):
            connection.execute(text(statement), values)
    engine.dispose()


def test_a_seal_key_that_does_not_open_the_database_is_not_taken(store_url: str, directory: Path) -> None:
    other = open_store(store_url, AesGcmSealer(b"another key of thirty-two bytes."))
    write(other, lambda writer: writer.open_patient(key(), Demographics(("N",)), NOW, ()))
    with pytest.raises(NoFirstKeys, match="does not open"):
        open_keyed(store_url, directory)
    assert other.read(lambda reader: reader.data_keys()) == []
    other.close()


class _FormerSealer(AesGcmSealer):
    """Seals as was done before there were several keys: not bound to institutions, no number of a key."""

    def __init__(self, seal_key: bytes) -> None:
        super().__init__(seal_key)
        self._cipher = AESGCM(derive(seal_key, "hutong seal 1 9"))

    def seal(self, plain: bytes, context: bytes) -> bytes:
        context = context.removesuffix(b"H1")
        return b"\x01\x09" + b"n" * 12 + self._cipher.encrypt(b"n" * 12, plain, b"\x01\x09" + context)


# Institutions are bound


@pytest.mark.parametrize(("table", "column"), [("report", "body"), ("report_version", "document")])
def test_what_is_given_to_another_institution_does_not_open(keyed: Keyed, table: str, column: str) -> None:
    add_person(keyed, 1)
    assert person_at(keyed, 1)[1] == 1
    _execute(keyed, f"UPDATE {table} SET institution = 'H2'")  # noqa: S608  names of this test
    with pytest.raises(SealBroken):
        person_at(keyed, 1)


# Exchanges


def test_everything_is_sealed_anew_under_a_new_key(keyed: Keyed) -> None:
    patients = [add_person(keyed, number) for number in range(10)]
    _fill_other_tables(keyed, patients[0])
    name = keyed.ring.ids.seal("report", "H1", [b"x"])
    before = _uses(keyed, keyed.keys("seal")["current"])
    keyed.rotation().seal()
    keys = keyed.keys("seal")
    after = _uses(keyed, keys["current"])
    assert not _uses(keyed, keys["retired"])
    assert {place: count for place, count in after.items() if place != "access_record.body"} == {
        place: count for place, count in before.items() if place != "access_record.body"
    }
    assert len(before) >= 10, "places that this test does not fill are places where it proves nothing"
    for of in (keyed, other := keyed.again()):
        assert [person_at(of, number) for number in range(10)] == [([patient], 1) for patient in patients]
        assert of.ring.ids.open("report", "H1", name) == (b"x",)
        assert of.ring.ids.seal("report", "H1", [b"x"]) != name
    other.close()


def test_every_blob_column_is_sealed_or_said_not_to_be() -> None:
    from hutong_server.store.resealing import PLACES
    from hutong_server.store.tables import BLOB, metadata

    clear = {
        "identity.former_keys",  # random keys
        "access_record.patient_keys",
        "access_record.leaf_hash",  # of the ledger
        "ledger_log.cut_nodes",
        "ledger_root.body",
        "ledger_root.leaf_hash",
        "ledger_checkpoint.root",
        "ledger_checkpoint.signature",
        "key_wrap.wrapped",
    }
    columns = {
        f"{table.name}.{each.name}" for table in metadata.tables.values() for each in table.c if each.type is BLOB
    }
    assert columns == clear | set(PLACES)


def test_tokens_are_made_anew_and_lead_to_the_same_persons(keyed: Keyed) -> None:
    patients = [add_person(keyed, number) for number in range(10)]
    before = set(_dump(keyed, "SELECT token FROM patient_token"))
    lasting = keyed.ring.tokens.lasting(keyed.ring.tokens.patient("s", "a", "v"))
    digest = keyed.ring.tokens.digest("report", "x")
    keyed.rotation().tokens()
    after = _dump(keyed, "SELECT token FROM patient_token")
    assert len(after) == len(before) == 10
    assert not before & set(after)
    assert [person_at(keyed, number) for number in range(10)] == [([patient], 1) for patient in patients]
    assert keyed.ring.tokens.lasting(keyed.ring.tokens.patient("s", "a", "v")) == lasting
    assert keyed.ring.tokens.digest("report", "x") == digest
    assert set(keyed.keys("token")) == {"current", "retired"}
    keyed.rotation().tokens()
    assert keyed.ring.tokens.lasting(keyed.ring.tokens.patient("s", "a", "v")) == lasting
    assert [add_person(keyed, number) for number in range(10)] == patients


def test_held_reports_find_their_persons_under_the_new_token_key(keyed: Keyed) -> None:
    patient = add_person(keyed, 1)
    token = keyed.ring.tokens.patient("urn:card", "", "P00001")
    waiting = held(key(), key(), token)
    write(keyed.store, lambda writer: writer.put_held(waiting))
    keyed.rotation().tokens()
    found = keyed.store.read(lambda reader: reader.held_report(waiting.held_id))
    assert found is not None
    assert found.tokens != (bytes(token),)
    assert [each.key for each in keyed.store.read(lambda reader: reader.persons(found.tokens))] == [patient]
    keyed.store.use_tokens(HmacTokens(b"nobody's key, which must not be used"))


def test_a_token_without_its_identifier_waits_for_the_next_report(keyed: Keyed) -> None:
    patient = add_person(keyed, 1)
    add_person(keyed, 2)
    token = keyed.ring.tokens.patient("urn:card", "", "P00001")
    number = "UPDATE patient_token SET identifier = NULL, token_key = NULL WHERE token = "
    _execute(keyed, number + ("x'{}'" if "sqlite" in keyed.url else "'\\x{}'").format(token.hex()))
    keyed.rotation().tokens()
    assert "former" in keyed.keys("token")
    assert any("1 tokens wait" in text for text in keyed.said)
    assert person_at(keyed, 1) == ([patient], 1)
    assert add_person(keyed, 1) == patient
    keyed.rotation().tokens()
    assert set(keyed.keys("token")) == {"current", "retired"}
    assert person_at(keyed, 1) == ([patient], 2)


def test_nobody_writes_under_a_token_key_that_is_closed(keyed: Keyed) -> None:
    stale = keyed.ring.tokens.patient("urn:card", "", "P1")
    keyed.rotation().tokens()
    with pytest.raises(Exception, match="token key was exchanged"):
        write(keyed.store, lambda writer: writer.open_patient(key(), Demographics(), NOW, (stale,)))


def test_the_key_encryption_key_is_exchanged_and_the_former_one_opens_no_more(keyed: Keyed) -> None:
    patient = add_person(keyed, 1)
    former = keyed.kek.read_bytes()
    keyed.rotation().wrap_anew()
    assert keyed.kek.read_bytes() != former
    (beside,) = keyed.directory.glob("kek.key.*")
    assert beside.read_bytes() == former
    assert person_at(keyed, 1) == ([patient], 1)
    other = keyed.again()
    assert person_at(other, 1) == ([patient], 1)
    other.close()
    beside.replace(keyed.kek)
    with pytest.raises(UnsafeKey, match="wrapped under"):
        keyed.again()


def test_both_suites_hold_the_same_store(keyed: Keyed) -> None:
    patients = [add_person(keyed, number) for number in range(3)]
    name = keyed.ring.ids.seal("report", "H1", [b"x"])
    keyed.rotation(SM.name).seal()
    keyed.rotation(SM.name).tokens()
    assert {each.suite for each in keyed.ring.keys if each.state == "current" and each.purpose != "digest"} == {SM.name}
    assert [person_at(keyed, number) for number in range(3)] == [([patient], 1) for patient in patients]
    assert keyed.ring.ids.open("report", "H1", name) == (b"x",)
    fresh = keyed.ring.ids.seal("report", "H1", [b"x"])
    assert keyed.ring.ids.open("report", "H1", fresh) == (b"x",)
    assert keyed.ring.ids.open("report", "H2", fresh) is None
    bodies = _dump(keyed, "SELECT body FROM report")
    assert {body[0] for body in bodies} == {SM.mark}


def test_a_retired_key_is_destroyed_after_its_time(keyed: Keyed) -> None:
    patient = add_person(keyed, 1)
    keyed.rotation().seal()
    keyed.rotation().destroy_old()
    assert "retired" in keyed.keys("seal")
    late = dataclasses.replace(keyed.rotation(), clock=lambda: NOW + key_ring.IDS_OPEN + 1)
    late.destroy_old()
    assert set(keyed.keys("seal")) == {"current"}
    other = keyed.again()
    assert person_at(other, 1) == ([patient], 1)
    other.close()


# Broken off


class _BrokenOff(Exception):
    pass


class _Breaking:
    """A store that ends at the nth write: before it, or when it is durable and nobody has heard of it."""

    def __init__(self, store: SqlStore, at: int, *, after: bool) -> None:
        self._store, self._at, self._after = store, at, after
        self.writes = 0
        self.read = store.read

    def submit(self, job):
        self.writes += 1
        if self.writes == self._at and not self._after:
            raise _BrokenOff
        future = self._store.submit(job)
        if self.writes == self._at:
            future.result()
            raise _BrokenOff
        return future


def _everything(rotation: Rotation) -> None:
    rotation.drop_former_wraps()
    rotation.wrap_anew()
    rotation.seal()
    rotation.tokens()


@pytest.mark.parametrize("after", [False, True], ids=["before a write", "after a write"])
def test_broken_off_at_each_write_and_run_again(store_url: str, directory: Path, after: bool) -> None:
    keyed = open_keyed(store_url, directory)
    patients = [add_person(keyed, number) for number in range(4)]
    held_token = keyed.ring.tokens.patient("urn:card", "", "P00001")
    waiting = held(key(), key(), held_token)
    write(keyed.store, lambda writer: writer.put_held(waiting))
    at = 0
    while True:
        at += 1
        breaking = _Breaking(keyed.store, at, after=after)
        rotation = dataclasses.replace(keyed.rotation(), store=breaking, batch=50)
        try:
            _everything(rotation)
        except _BrokenOff:
            pass
        else:
            break
        # As a server that starts now finds it, and as one that goes on.
        for of in (other := keyed.again(), keyed):
            of.ring.load()
            assert [person_at(of, number) for number in range(4)] == [([patient], 1) for patient in patients], at
        other.close()
        _everything(dataclasses.replace(keyed.rotation(), batch=50))
        assert set(keyed.keys("seal")) == set(keyed.keys("token")) == {"current", "retired"}
    assert at > 20
    assert [person_at(keyed, number) for number in range(4)] == [([patient], 1) for patient in patients]
    found = keyed.store.read(lambda reader: reader.held_report(waiting.held_id))
    assert [each.key for each in keyed.store.read(lambda reader: reader.persons(found.tokens))] == [patients[1]]
    keyed.close()


@pytest.mark.parametrize("step", ["hardlink_to", "replace"])
def test_a_new_key_encryption_key_whose_file_did_not_come_to_its_place(
    keyed: Keyed, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = add_person(keyed, 1)

    def broken(*_: object) -> None:
        raise _BrokenOff

    with monkeypatch.context() as patched:
        patched.setattr(Path, step, broken)
        with pytest.raises(_BrokenOff):
            keyed.rotation().wrap_anew()
    other = keyed.again()
    assert person_at(other, 1) == ([patient], 1)
    other.rotation().wrap_anew()
    other.close()
    last = keyed.again()
    assert person_at(last, 1) == ([patient], 1)
    assert all(len(each.wraps) == 1 for each in last.ring.keys)
    last.close()


# While calls go on, and killed


@pytest.mark.timeout(180)
@pytest.mark.parametrize("suite", [AES.name])
def test_killed_at_any_point_while_calls_go_on(
    keyed: Keyed, suite: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(key_ring, "POLL", 0.05)
    keyed.ring.start()
    patients = {number: add_person(keyed, number) for number in range(40)}
    stop = threading.Event()
    faults: list[str] = []
    reports = dict.fromkeys(patients, 1)
    calls = 0

    def work() -> None:
        nonlocal calls
        dice = random.Random(5)  # noqa: S311  repeatable, not secret
        try:
            while not stop.is_set():
                number = dice.choice([*patients, len(patients)])
                patient = add_person(keyed, number)
                if patients.setdefault(number, patient) != patient:
                    faults.append(f"person {number} is there twice")
                reports[number] = reports.get(number, 0) + 1
                asked = dice.choice(list(patients))
                if person_at(keyed, asked) != ([patients[asked]], reports[asked]):
                    faults.append(f"person {asked} was not found whole")
                calls += 1
                time.sleep(0.005)
        except Exception as error:
            faults.append(repr(error))

    worker = threading.Thread(target=work)
    worker.start()
    try:
        dice = random.Random(20_261_122)  # noqa: S311
        outputs = [_rotate(keyed, suite, tmp_path, dice.uniform(0.0, 1.6)) for _ in range(KILLS)]
        outputs.append(_rotate(keyed, suite, tmp_path, None))
    finally:
        stop.set()
        worker.join()
    assert not faults
    assert "done" in outputs[-1]
    assert sum("done" not in output for output in outputs) >= 2, "hardly any run was broken off"
    assert calls > 50
    print(f"{calls} calls beside {len(outputs)} runs, {sum('done' not in each for each in outputs)} of them killed")
    other = keyed.again()
    for number, patient in patients.items():
        assert person_at(other, number) == ([patient], reports[number])
    for use in key_uses(other.store):
        assert use.key.state in ("current", "retired")
        assert use.key.state == "current" or not use.uses
    other.close()


def _rotate(of: Keyed, suite: str, directory: Path, kill_after: float | None) -> str:
    """Runs an exchange of everything in a process; kills it so many seconds after it has started."""
    output = directory / "output"
    arguments = [
        sys.executable,
        "-m",
        "tests.store.rotating",
        of.url,
        str(of.kek),
        "seal,tokens,wrap_anew",
        "0.3",
        suite,
    ]
    with output.open("w") as file:
        process = subprocess.Popen(arguments, cwd=ROOT, stdout=file, stderr=file)
    for _ in range(600):
        if "started" in output.read_text() or process.poll() is not None:
            break
        time.sleep(0.02)
    try:
        process.wait(60 if kill_after is None else kill_after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return output.read_text()


def _uses(of: Keyed, key: DataKey) -> dict[str, int]:
    return next(use.uses for use in key_uses(of.store) if use.key.number == key.number)


def _fill_other_tables(of: Keyed, patient: bytes) -> None:
    from hutong_server.domain.consent import Directive, Effect, Scope
    from hutong_server.store.base import Prompt

    from tests.store.rows import access

    directive = Directive(key(), patient, Effect.WITHHOLD, Scope.EVERYTHING, "", NOW, None, "H1", NOW)

    def job(writer: Writer) -> None:
        writer.put_held(held(key(), key(), of.ring.tokens.patient("urn:card", "", "held")))
        writer.put_step(step("linked", patient))
        writer.put_prompt(Prompt(key(), "H1", patient, NOW, "found", 1, (("K", key(), 0),)))
        writer.put_directive(directive)
        writer.record(access(patient))

    write(of.store, job)
    assert isinstance(of.ring.tokens.patient("a", "b", "c"), PatientToken)
    assert facts()


def _dump(of: Keyed, statement: str) -> list[bytes]:
    engine = make_engine(of.url, pooled=False)
    try:
        with engine.connect() as connection:
            return [bytes(row[0]) for row in connection.exec_driver_sql(statement)]
    finally:
        engine.dispose()


def _execute(of: Keyed, statement: str) -> None:
    engine = make_engine(of.url, pooled=False)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
            connection.commit()
    finally:
        engine.dispose()
