"""Loads a made city into an empty registry, in several processes."""

import multiprocessing
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hutong_client.city import City
from hutong_server.api.rule_snapshot import read_book
from hutong_server.domain.rulebook import RuleBook
from hutong_server.sealed_store import open_sealed
from hutong_server.settings import Settings
from hutong_server.settings import load as load_settings
from hutong_server.store import tables
from hutong_server.store.base import FeedStatus, Tokens
from hutong_server.store.engine import make_engine
from hutong_server.store.order_tables import patient_change
from hutong_server.trust.ledger import open_ledger
from sqlalchemy import Engine

from tests.bulk.moulds import Mould, Person, make_moulds
from tests.bulk.rows import STAGED, Bulk, BulkWriter

BATCH = 5_000
"""Reports of one transaction."""
A_PATIENT = (8, 16)
"""Reports of each patient, from and to."""
SEED = 41
_TABLES = (
    tables.patient,
    tables.patient_token,
    tables.identity,
    tables.report,
    tables.report_version,
    tables.access_record,
    patient_change,
)
_WAIT_MS = 3_600_000
"""For the one writer of SQLite, and for indexes that are made anew."""

Pour = Callable[["Plan", Bulk, RuleBook, Tokens, range, int], Iterator[int]]
"""(plan, bulk, rule book, tokens, patients, now): adds reports, and says how many each time that a transaction may
end."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is loaded."""

    environment: Mapping[str, str]
    """HUTONG_* of the registry."""
    patients: int
    pour: Pour
    documents: bool = True

    moulds: int = 400
    """Documents that are read, of the institutions that the catalogue names."""

    @property
    def settings(self) -> Settings:
        """Of the registry."""
        return load_settings(self.environment)


class NotEmpty(Exception):
    """The database holds patients already."""


def load(plan: Plan, processes: int, say: Callable[[str], None]) -> int:
    """Loads; how many reports. The schema and the catalogue are there. Raises NotEmpty."""
    url = plan.settings.database_url
    began = time.perf_counter()
    # The keys of a new database are made by who opens it first.
    store, ring = open_sealed(plan.settings, _now)
    ring.close()
    store.close()
    with _laid_aside(url):
        context = multiprocessing.get_context("spawn")
        told: Any = context.Queue()
        parts = [
            range(plan.patients * each // processes, plan.patients * (each + 1) // processes)
            for each in range(processes)
        ]
        started = [context.Process(target=_work, args=(plan, part, told)) for part in parts if part]
        for process in started:
            process.start()
        count = _watched(started, told, began, say)
        say(f"{count} reports in {time.perf_counter() - began:.0f} s; indexes now")
    say(f"{count} reports loaded in {time.perf_counter() - began:.0f} s")
    return count


def _watched(started: list[Any], told: Any, began: float, say: Callable[[str], None]) -> int:
    count, left, spoke = 0, len(started), began
    while left:
        if not told.empty():
            found = told.get()
            left -= found is None
            count += found or 0
        elif any(process.exitcode for process in started):
            for process in started:
                process.terminate()
            raise RuntimeError("a loading process ended early")
        else:
            time.sleep(0.05)
        if time.perf_counter() - spoke > 10:
            spoke = time.perf_counter()
            say(f"{count} reports, {count / (spoke - began):.0f}/s")
    for process in started:
        process.join()
    return count


def _work(plan: Plan, part: range, told: Any) -> None:
    settings = plan.settings
    store, ring = open_sealed(settings, _now)
    book = store.read(read_book)
    engine = make_engine(settings.database_url, pooled=False, timeout_ms=_WAIT_MS)
    connection = _connection(engine)
    writer = BulkWriter(
        connection, engine.dialect.name, ring.sealer, open_ledger(settings.registry_name, settings.ledger_key, "")
    )
    if writer.database == "sqlite":
        connection.execute("PRAGMA cache_size=-262144")
    now = _now()
    bulk = Bulk(writer, book, ring.tokens, documents=plan.documents)
    done = 0
    for added in plan.pour(plan, bulk, book, ring.tokens, part, now):
        done += added
        if done >= BATCH:
            writer.commit_all()
            told.put(done)
            done = 0
    for code in sorted(bulk.institutions):
        writer.put_feed(FeedStatus(code, "bulk", "", now, 0))
    if done:
        writer.commit_all()
        told.put(done)
    writer.end_log()
    told.put(None)
    connection.close()
    ring.close()
    store.close()


def _now() -> int:
    return time.time_ns() // 1_000_000


def pour_city(plan: Plan, bulk: Bulk, book: RuleBook, tokens: Tokens, patients: range, now: int) -> Iterator[int]:
    """Patients of the made city, each with reports from moulds of their sex."""
    city = city_of(plan.patients, now)
    moulds = make_moulds(city_of(400, now), book, tokens, now, plan.moulds)
    for index in patients:
        person = Person(city.patients[index])
        rng = random.Random(f"{SEED}-{index}")  # noqa: S311  a made city, repeatable
        whose = bulk.open_patient(ordered_key(index, plan.patients, rng), person.demographics, now)
        chosen = chosen_for(person, moulds, index)
        for turn, mould in enumerate(chosen):
            bulk.put(whose, mould, person, number_of(mould, index, turn), now)
        yield len(chosen)


def chosen_for(person: Person, moulds: Mapping[str, list[Mould]], index: int) -> list[Mould]:
    """The reports of a patient."""
    rng = random.Random(f"{SEED}-reports-{index}")  # noqa: S311  a made city, repeatable
    mine = moulds[person.patient.sex]
    return rng.sample(mine, min(len(mine), rng.randint(*A_PATIENT)))


def city_of(patients: int, now: int) -> City:
    """The city of now with so many people."""
    return City.make(SEED, datetime.fromtimestamp(now // 86_400_000 * 86_400, UTC), patients, scale="town")


def number_of(mould: Mould, patient: int, turn: int) -> str:
    """A report number like the mould's."""
    return f"{mould.number[:9]}{patient:08d}{turn:02d}"


def ordered_key(index: int, of: int, rng: random.Random) -> bytes:
    """A key of 16 bytes, spread as random ones are, and in the order in which the patients come: rows are then written
    side by side, which a nightly import of a real registry cannot have."""
    return ((index << 64) // max(of, 1)).to_bytes(8, "big") + rng.randbytes(8)


def _connection(engine: Engine) -> Any:
    """A driver's connection that is nobody else's."""
    pooled = engine.raw_connection()
    connection = pooled.driver_connection
    pooled.detach()
    return connection


def check_empty(url: str) -> None:
    """Raises NotEmpty for a database that holds patients."""
    engine = make_engine(url, pooled=False)
    connection = _connection(engine)
    try:
        _check_empty(connection)
    finally:
        connection.close()
        engine.dispose()


def _check_empty(connection: Any) -> None:
    if connection.execute("SELECT key FROM patient LIMIT 1").fetchone():
        raise NotEmpty


@contextmanager
def _laid_aside(url: str) -> Iterator[None]:
    """Takes what is made faster at the end out of the way: indexes, and on SQLite the order of digests.

    A load that is interrupted leaves a database without them, to be thrown away.
    """
    engine = make_engine(url, pooled=False, timeout_ms=_WAIT_MS)
    connection = _connection(engine)
    try:
        _check_empty(connection)
        aside = _sqlite_aside if engine.dialect.name == "sqlite" else _postgresql_aside
        back = aside(connection)
        yield
        for statement in back:
            connection.execute(statement)
    finally:
        connection.close()
        engine.dispose()


def _sqlite_aside(connection: Any) -> list[str]:
    back = ["PRAGMA cache_size=-1048576"]
    for name in STAGED:
        connection.execute(f"DROP TABLE IF EXISTS bulk_{name}")
        connection.execute(f"CREATE TABLE bulk_{name} AS SELECT * FROM {name} LIMIT 0")  # noqa: S608
        key = ", ".join(column.name for column in tables.metadata.tables[name].primary_key)
        back += [f"INSERT INTO {name} SELECT * FROM bulk_{name} ORDER BY {key}", f"DROP TABLE bulk_{name}"]  # noqa: S608
    for table in _TABLES:
        rows = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL",
            (table.name,),
        )
        for name, made in rows.fetchall():
            connection.execute(f'DROP INDEX "{name}"')
            back.append(made)
    return back


def _postgresql_aside(connection: Any) -> list[str]:
    back = ["SET maintenance_work_mem = '512MB'"]
    for table in _TABLES:
        # As one that grew was: else whoever reads a row first looks up whether who wrote it committed, and marks it.
        back.append(f"VACUUM (FREEZE, ANALYZE) {table.name}")
        keys = connection.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid = %s::regclass AND contype IN ('p', 'u')",
            (table.name,),
        ).fetchall()
        indexes = connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s", (table.name,)
        ).fetchall()
        for name, made in indexes:
            if name not in dict(keys):
                connection.execute(f'DROP INDEX "{name}"')
                back.append(made)
        for name, made in keys:
            connection.execute(f'ALTER TABLE {table.name} DROP CONSTRAINT "{name}"')
            back.append(f'ALTER TABLE {table.name} ADD CONSTRAINT "{name}" {made}')
    return back


__all__ = ["NotEmpty", "Plan", "check_empty", "city_of", "load", "number_of", "ordered_key", "pour_city"]
