"""What stands on the disk: sealed where it stands, and in clear only what is searched by."""

import dataclasses
from pathlib import Path

import pytest
from hutong_server.domain.person import Demographics
from hutong_server.store.base import FeedStatus, Prompt, SealBroken, Store
from hutong_server.store.engine import make_engine
from hutong_server.store.sql_store import open_store
from hutong_server.trust.sealing import AesGcmSealer

from tests.postgresql import PostgresqlServer
from tests.store.rows import NOW, access, facts, held, key, opened, report, step, token, version, write
from tests.store.test_decisions import decision
from tests.store.test_notices import notice, reliance

CANARY = "CANARYcanary欧阳锋"
OPEN = "OPENLYSAID"


def fill(store: Store) -> None:
    """Puts the secret into every field that may hold something of a patient."""
    patient = opened(store, token(), said=Demographics((CANARY,), CANARY, CANARY))
    secret_facts = facts()._replace(codes=((CANARY, CANARY),), method=(("", CANARY),))
    secret = CANARY.encode()
    row = report(
        patient,
        institution=OPEN,
        results=(secret_facts,),
        details=(secret,),
        header=secret,
        categories=(CANARY,),
        specialty=CANARY,
    )
    kept = dataclasses.replace(version(patient, row.report_id, document=secret), images=secret, path=CANARY)
    waiting = dataclasses.replace(held(key(), key()), reason=CANARY, demographics=Demographics((CANARY,)))
    record = dataclasses.replace(
        access(patient),
        request_id=CANARY,
        practitioner=CANARY,
        department=CANARY,
        encounter=CANARY,
        encounter_class=CANARY,
        purpose=CANARY,
    )

    def job(writer):
        writer.put_report(row)
        writer.put_version(kept)
        writer.put_held(waiting)
        writer.put_step(dataclasses.replace(step("linked", patient), reason=CANARY))
        writer.put_prompt(Prompt(key(), "H1", patient, NOW, "found", 1, ((CANARY, key(), 0),)))
        writer.put_reliance(reliance(patient_key=patient, encounter=CANARY, practitioner=CANARY))
        writer.put_notice(notice(patient_key=patient, encounter=CANARY, practitioner=CANARY, reasons=(CANARY,)))
        writer.put_feed(FeedStatus("H1", "lis", OPEN, NOW, 0))
        writer.put_decision(decision(patient, text=CANARY, practitioner=CANARY, encounter_id=CANARY))
        writer.record(record)

    write(store, job)


def files_of(store_url: str, request: pytest.FixtureRequest) -> list[Path]:
    if store_url.startswith("sqlite"):
        return list(Path(store_url.removeprefix("sqlite:///")).parent.iterdir())
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    server.execute("CHECKPOINT")
    return [path for path in (server.directory / "data").rglob("*") if path.is_file()]


def test_nothing_of_a_patient_is_on_the_disk_in_clear(
    store_url: str, sealer: AesGcmSealer, request: pytest.FixtureRequest
) -> None:
    store = open_store(store_url, sealer)
    fill(store)
    content = [path.read_bytes() for path in files_of(store_url, request)]
    assert any(OPEN.encode() in each for each in content), "the files that were looked into are not the database's"
    for part in (CANARY.encode(), b"CANARY", "欧阳锋".encode()):
        assert not any(part in each for each in content)
    store.close()


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("report", "body"),
        ("report_version", "document"),
        ("report_version", "images"),
        ("report_version", "head"),
        ("patient", "demographics"),
    ],
)
def test_what_is_moved_to_another_patient_does_not_open(store: Store, store_url: str, table: str, column: str) -> None:
    tokens = [token(), token()]
    patients = [opened(store, each) for each in tokens]
    rows = [report(patient) for patient in patients]
    for row in rows:
        write(
            store,
            lambda writer, row=row: (
                writer.put_report(row),
                writer.put_version(version(row.patient_key, row.report_id)),
            ),
        )

    def look(reader):
        for each, row in zip(tokens, rows, strict=True):
            reader.persons((each,))
            assert reader.reports([row.patient_key]) == [row]
            assert reader.document(row.patient_key, row.report_id, 1) is not None
            assert len(reader.versions(row.patient_key, row.report_id)) == 1

    store.read(look)
    literal = "x'{}'" if store_url.startswith("sqlite") else "'\\x{}'"
    owner = "key" if table == "patient" else "patient_key"
    engine = make_engine(store_url, pooled=False)
    with engine.connect() as connection:
        first = f"SELECT {column} FROM {table} WHERE {owner} = {literal.format(patients[0].hex())}"  # noqa: S608
        connection.exec_driver_sql(f"UPDATE {table} SET {column} = ({first})")  # noqa: S608
        connection.commit()
    with pytest.raises(SealBroken):
        store.read(look)


def test_another_key_opens_nothing(store: Store, store_url: str) -> None:
    row = report(key())
    write(store, lambda writer: writer.put_report(row))
    stranger = open_store(store_url, AesGcmSealer(b"another key of thirty-two bytes."))
    with pytest.raises(SealBroken):
        stranger.read(lambda reader: reader.reports([row.patient_key]))
    stranger.close()
