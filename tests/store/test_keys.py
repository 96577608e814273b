"""Keys in the database, wrapped: what opens with what, and what was sealed before."""

import dataclasses
import zlib
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from hutong_server.domain.person import Demographics
from hutong_server.store import migrations
from hutong_server.store.base import SealBroken, StoredReport
from hutong_server.store.engine import make_engine
from hutong_server.store.migrations import migrate
from hutong_server.store.packing import pack, pack_demographics, pack_order
from hutong_server.store.sql_store import open_store
from hutong_server.trust.first_keys import NoFirstKeys
from hutong_server.trust.keys import UnsafeKey, create_key_file, read_key_file
from hutong_server.trust.sealing import AesGcmSealer
from hutong_server.trust.suites import AES, SM
from hutong_server.trust.tokens import HmacTokens
from sqlalchemy import text

from tests.postgresql import PostgresqlServer
from tests.store.keyed import FormerSealer, Keyed, add_person, dump, execute, open_keyed, person_at, uses_of
from tests.store.rows import NOW, key, report, version, write

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
    blobs = dump(keyed, "SELECT wrapped FROM key_wrap")
    assert len(blobs) == 4
    assert not any(secret in blob for secret in secrets for blob in blobs)


def test_a_wrap_that_was_moved_to_another_key_does_not_open(keyed: Keyed) -> None:
    execute(keyed, "UPDATE key_wrap SET wrapped = (SELECT wrapped FROM key_wrap WHERE number = 2) WHERE number = 3")
    with pytest.raises(UnsafeKey, match="altered"):
        keyed.again()


def test_a_database_of_before_keeps_opening_and_its_first_keys_are_those_of_the_files(
    store_url: str, directory: Path
) -> None:
    seal, tokens = read_key_file(directory / "seal.key"), HmacTokens(read_key_file(directory / "token.key"))
    patient, row = key(), report(key())
    former = open_store(store_url, FormerSealer(seal))
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
    assert not uses_of(opened, opened.keys("seal")["retired"])
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
    seal = FormerSealer(read_key_file(directory / "seal.key")).seal
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


# Institutions are bound


@pytest.mark.parametrize(("table", "column"), [("report", "body"), ("report_version", "document")])
def test_what_is_given_to_another_institution_does_not_open(keyed: Keyed, table: str, column: str) -> None:
    add_person(keyed, 1)
    assert person_at(keyed, 1)[1] == 1
    execute(keyed, f"UPDATE {table} SET institution = 'H2'")  # noqa: S608  names of this test
    with pytest.raises(SealBroken):
        person_at(keyed, 1)
