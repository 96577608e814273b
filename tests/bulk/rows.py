"""The rows of made reports, as publishing writes them, many at a time.

What is sealed, named and hashed is so for each report anew; a row's body is packed once for each mould. Everything
goes into the tables at commit, with the leaves of the ledger and the tree that covers them: a log for each process,
as each lane of a server has one.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any

from hutong_server.domain.person import Demographics
from hutong_server.domain.report import RawIdentifier
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store import tables
from hutong_server.store.base import AccessRecord, Ledger, PatientToken, RecordedReport, Tokens
from hutong_server.store.keys import token_context
from hutong_server.store.ledger_tables import ledger_subject
from hutong_server.store.order_tables import patient_change
from hutong_server.store.packing import pack, pack_demographics, pack_document, pack_order, version_context
from hutong_server.store.report_body import packed
from hutong_server.store.sql import SqlWriter
from hutong_server.store.statements import Statement
from sqlalchemy import BigInteger, Boolean, Integer, LargeBinary, Table, Text

from tests.bulk.moulds import Mould, Person

STAGED = ("identity", "patient_token")
"""Tables whose keys are digests: on SQLite their rows are sorted before they go in (see load.py)."""
_TYPES = {BigInteger: "int8", Integer: "int4", LargeBinary: "bytea", Text: "text", Boolean: "bool"}
_ROW_TABLES: tuple[Table, ...] = (
    tables.patient,
    tables.patient_token,
    tables.identity,
    tables.report,
    tables.report_version,
    patient_change,
)


class BulkWriter(SqlWriter):
    """A writer whose rows go in together at commit: COPY on PostgreSQL, one statement for many on SQLite."""

    __slots__ = ("_waiting", "staging")

    def __init__(self, connection: Any, database: str, sealer: Any, ledger: Ledger) -> None:
        super().__init__(connection, database, sealer, ledger)
        self._waiting: dict[str, tuple[tuple[str, ...], list[tuple[Any, ...]]]] = {}
        self.staging = database == "sqlite"

    def add(self, table: Table, **values: Any) -> None:
        """One row."""
        names, rows = self._waiting.setdefault(table.name, (tuple(values), []))
        rows.append(tuple([values[name] for name in names]))

    def commit_all(self) -> None:
        """Makes durable what was added, in a transaction that begins only now: others write meanwhile."""
        pending = self.pending
        self.begin_write()
        self.pending = pending
        self.commit()

    def commit(self) -> None:
        """See SqlWriter."""
        waiting, self._waiting = self._waiting, {}
        for name, (columns, rows) in waiting.items():
            self._insert(tables.metadata.tables[name], columns, rows)
        super().commit()

    def run_many(self, statement: Statement, many: Sequence[Mapping[str, Any]]) -> None:
        """See Transaction. The leaves go the same way as the rows."""
        compiled = statement.on(self.database)
        table = next((t for t in (tables.access_record, ledger_subject) if f" {t.name} " in compiled.text), None)
        if table is None or not many or not compiled.text.startswith("INSERT"):
            super().run_many(statement, many)
            return
        self._insert(table, tuple(many[0]), [tuple(each.values()) for each in many])

    def _insert(self, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        names = ", ".join(f'"{name}"' for name in columns)
        if self.database == "sqlite":
            into = f"bulk_{table.name}" if self.staging and table.name in STAGED else table.name
            marks = ", ".join("?" * len(columns))
            self.connection.executemany(f"INSERT INTO {into} ({names}) VALUES ({marks})", rows)  # noqa: S608
            return
        with self.connection.cursor().copy(f"COPY {table.name} ({names}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types([_type_of(table, name) for name in columns])
            for row in rows:
                copy.write_row(row)


def _type_of(table: Table, column: str) -> str:
    kind = table.c[column].type
    return next(name for base, name in _TYPES.items() if isinstance(kind, base))


class Whose:
    """A person of the registry, and what leads to them."""

    __slots__ = ("key", "known", "led")

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.known: dict[RawIdentifier, PatientToken] = {}
        self.led: set[bytes] = set()


class Bulk:
    """Pours reports into a writer."""

    def __init__(self, writer: BulkWriter, book: RuleBook, tokens: Tokens, *, documents: bool = True) -> None:
        """`documents`: False leaves them out, for a database of which only the index is measured."""
        self._writer, self._book, self._tokens = writer, book, tokens
        self._documents = documents
        self.institutions: set[str] = set()
        """Who published."""
        self._bodies: dict[int, bytes] = {}
        self._numbers = count()

    def open_patient(self, key: bytes, said: Demographics, at: int) -> Whose:
        """A person, for whom reports are put."""
        sealed = self._writer.sealer.seal(pack(pack_demographics(said)), b"patient" + key)
        self._writer.add(tables.patient, key=key, person=key, opened=at, demographics=sealed)
        self._writer.add(patient_change, patient_key=key, changes=1)
        return Whose(key)

    def put(self, whose: Whose, mould: Mould, person: Person, number: str, at: int) -> bytes:
        """A report of the city; its id."""
        slots = person.slots(mould, number)
        document = mould.kept.filled(slots).encode() if self._documents else b""
        digest = mould.digest(slots) if self._documents else secrets.token_bytes(32)
        return self.put_row(whose, mould, person.identifiers(mould), number, document, digest, at)

    def put_row(
        self,
        whose: Whose,
        mould: Mould,
        identifiers: Iterable[RawIdentifier],
        number: str,
        document: bytes,
        digest: bytes,
        at: int,
    ) -> bytes:
        """The rows and the leaf of one report; its id."""
        writer, seal, prepared = self._writer, self._writer.sealer.seal, mould.prepared
        key, report_id, institution = whose.key, secrets.token_bytes(16), mould.institution
        self._lead(whose, identifiers, institution)
        self.institutions.add(institution)
        body = self._bodies.get(id(mould))
        if body is None:
            body = self._bodies[id(mould)] = packed(mould.row)

        def bound(place: bytes, plain: bytes) -> bytes:
            return seal(plain, version_context(place, key, report_id, 1, institution))

        writer.add(
            tables.identity,
            key=bytes(self._tokens.name("report", institution, prepared.identity_system, number)),
            report_id=report_id,
            patient_key=key,
            current_version=1,
            derived=False,
            held=False,
            disputed=False,
            former_keys=b"",
            withheld=False,
        )
        writer.add(
            tables.report,
            patient_key=key,
            report_id=report_id,
            institution=institution,
            version=1,
            held=False,
            body=bound(b"report", body),
        )
        assert prepared.rows is not None
        writer.add(
            tables.report_version,
            patient_key=key,
            report_id=report_id,
            version=1,
            head=bound(
                b"head", pack((digest, pack_order(prepared.order), prepared.status, at, bool(prepared.rows.images)))
            ),
            images=bound(b"images", prepared.rows.images) if prepared.rows.images else b"",
            document=bound(b"document", pack_document(document)),
            institution=institution,
        )
        writer.record(self._access(key, report_id, institution, digest, at))
        return report_id

    def _lead(self, whose: Whose, identifiers: Iterable[RawIdentifier], institution: str) -> None:
        """Lets the tokens of the identifiers lead to the patient."""
        for raw in identifiers:
            token = whose.known.get(raw)
            if token is None:
                found = self._book.identifier(raw, institution)
                if found is None or not hasattr(found, "value"):
                    raise ValueError("an identifier of the made city is not one that counts")
                token = whose.known[raw] = self._tokens.patient(found.system, found.assigner, found.value)
            if token not in whose.led:
                whose.led.add(token)
                self._writer.add(
                    tables.patient_token,
                    token=bytes(token),
                    patient_key=whose.key,
                    token_key=token.key,
                    identifier=self._writer.sealer.seal(token.identifier, token_context(token, whose.key)),
                )

    def _access(self, key: bytes, report_id: bytes, institution: str, digest: bytes, at: int) -> AccessRecord:
        return AccessRecord(
            at=at,
            method="PublishReport",
            institution=institution,
            role="feed",
            certificate="ab" * 32,
            request_id=f"bulk.{next(self._numbers)}",
            outcome="accepted",
            patient_keys=(key,),
            reports=(report_id,),
            contents=(RecordedReport(report_id, 1, ("accepted",), digest),),
        )
