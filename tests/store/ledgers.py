"""A store with a ledger, written to and then tampered with as by somebody who holds the database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hutong_server.store.base import AccessRecord, RecordedReport, Sealer
from hutong_server.store.engine import make_engine
from hutong_server.store.ledger_file import files_of
from hutong_server.store.ledger_view import SqlLedgerView
from hutong_server.store.sql_store import SqlStore, open_store
from hutong_server.trust.checkpoint import CheckpointKey
from hutong_server.trust.ledger import MerkleLedger
from hutong_server.trust.ledger_check import Verified, verify
from sqlalchemy import Connection, make_url, text

from tests.store.rows import NOW, key, write

KEY = CheckpointKey("hutong.test", bytes(range(32)))


def seen(number: int, *patients: bytes) -> AccessRecord:
    """An access that uses every field."""
    report = key()
    return AccessRecord(
        at=NOW + number,
        method="OpenChart",
        institution="H2",
        role="emr",
        certificate="ab" * 32,
        request_id=f"r{number}",
        outcome="found",
        practitioner="医师-7",
        department="心内科",
        encounter="E1",
        encounter_class="outpatient",
        purpose="treatment",
        patient_keys=patients or (key(),),
        prompt_id=key(),
        reports=(report,),
        consent_basis="opt_out",
        withheld=((report, 1, "CONSENT_WITHHELD"),),
        contents=(RecordedReport(report, 2, ("REUSABLE", "OUTSIDE_WINDOW"), bytes(32)),),
        detail=("a", "b"),
    )


def ledger_store(url: str, sealer: Sealer, *, lanes: int = 1) -> SqlStore:
    return open_store(url, sealer, lanes=lanes, ledger=MerkleLedger(KEY))


def written(url: str, sealer: Sealer, count: int) -> None:
    """A store that opened, recorded so many accesses, each with its commit, and closed."""
    store = ledger_store(url, sealer)
    for number in range(count):
        write(store, lambda writer, number=number: writer.record(seen(number)))
    store.close()


def verified(store: SqlStore, notes: Sequence[str] = ()) -> Verified:
    return store.read(lambda reader: verify(SqlLedgerView(reader), KEY.verifier, notes))  # type: ignore[arg-type]


@contextmanager
def reopened(url: str, sealer: Sealer) -> Iterator[SqlStore]:
    """A store that only reads."""
    store = open_store(url, sealer, lanes=1, pool_size=1)
    try:
        yield store
    finally:
        store.close()


def tamper(url: str, *statements: str, **values: Any) -> int:
    """Runs statements as somebody who holds the database; how many rows the last one changed."""
    for statement in statements:
        changed = 0
        for place in places(url, statement):
            with opened(place) as connection:
                connection.exec_driver_sql("BEGIN")
                changed += connection.execute(text(statement), values if ":" in statement else {}).rowcount
                connection.exec_driver_sql("COMMIT")
    return changed


def places(url: str, statement: str) -> list[str]:
    """Where a statement about leaves is to be run on SQLite: in every ledger file as well; what is added, in one."""
    files = [f"sqlite:///{path}" for path in ledger_files(url)] if "access_record" in statement else []
    return files[:1] or [url] if statement.startswith("INSERT") else [url, *files]


def ledger_files(url: str) -> list[Path]:
    """Those of a SQLite database; none of PostgreSQL's."""
    return list(files_of(Path(make_url(url).database or "")).values()) if url.startswith("sqlite") else []


@contextmanager
def opened(url: str) -> Iterator[Connection]:
    engine = make_engine(url, pooled=False)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def rows(url: str, statement: str, **values: Any) -> list[Any]:
    """What a statement finds; leaves in ledger files and in the database are one table to it."""
    with opened(url) as connection:
        view = "SELECT * FROM main.access_record"
        for number, path in enumerate(ledger_files(url)):
            connection.exec_driver_sql(f"ATTACH '{path}' AS ledger{number}")
            if connection.exec_driver_sql(f"SELECT 1 FROM ledger{number}.sqlite_master LIMIT 1").first():  # noqa: S608
                view += f" UNION ALL SELECT * FROM ledger{number}.access_record"  # noqa: S608
        if " UNION " in view:
            connection.exec_driver_sql(f"CREATE TEMP VIEW access_record AS {view}")
        return list(connection.execute(text(statement), values).fetchall())
