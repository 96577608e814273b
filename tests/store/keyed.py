"""A store with its key ring, for tests of keys."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hutong_server.domain.person import Demographics
from hutong_server.store.base import DataKey, Writer
from hutong_server.store.engine import make_engine
from hutong_server.store.sql_store import SqlStore, open_store
from hutong_server.trust.first_keys import begin
from hutong_server.trust.key_ring import KeyRing
from hutong_server.trust.keys import derive
from hutong_server.trust.rotation import Rotation, key_uses
from hutong_server.trust.sealing import AesGcmSealer
from hutong_server.trust.suites import AES, SUITES

from tests.store.rows import NOW, key, report, version, write


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


class FormerSealer(AesGcmSealer):
    """Seals as was done before there were several keys: not bound to institutions, no number of a key."""

    def __init__(self, seal_key: bytes) -> None:
        super().__init__(seal_key)
        self._cipher = AESGCM(derive(seal_key, "hutong seal 1 9"))

    def seal(self, plain: bytes, context: bytes) -> bytes:
        context = context.removesuffix(b"H1")
        return b"\x01\x09" + b"n" * 12 + self._cipher.encrypt(b"n" * 12, plain, b"\x01\x09" + context)


def uses_of(of: Keyed, key: DataKey) -> dict[str, int]:
    return next(use.uses for use in key_uses(of.store) if use.key.number == key.number)


def dump(of: Keyed, statement: str) -> list[bytes]:
    engine = make_engine(of.url, pooled=False)
    try:
        with engine.connect() as connection:
            return [bytes(row[0]) for row in connection.exec_driver_sql(statement)]
    finally:
        engine.dispose()


def execute(of: Keyed, statement: str) -> None:
    engine = make_engine(of.url, pooled=False)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
            connection.commit()
    finally:
        engine.dispose()
