"""Bytes on disk for each laboratory report of 20 results, on PostgreSQL: everything that publishing it leaves there.

The reports are the made city's blood counts and chemistry panels of 20 kB and more, in its five shapes of document,
each with names, numbers, times and values of its own. A real server takes them over streams. What is measured is the
whole database less what it was before the first of them: rows, indexes, documents, tokens, ledger.
"""

import datetime
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from hutong_client.city import City
from hutong_client.city.model import MadeReport

from tests.api.site import Material
from tests.bench import places, publishing

LEAST_BYTES = 20_000
_KINDS = ("blood-count", "chemistry")
_DAYS = 1095
_TOTAL = """
SELECT c.relname, pg_table_size(c.oid), pg_indexes_size(c.oid) FROM pg_class c
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
"""


def city() -> City:
    """The city of today. Three years, by the end of which a patient has about as many reports as in a real one."""
    return City.make(seed=23, reference=datetime.datetime.now(datetime.UTC), patients=100_000, days=_DAYS, scale="town")


def large_reports(made: City, institutions: list[str]) -> Iterator[MadeReport]:
    """Its laboratory reports of 20 results and of 20 kB or more, without what is published on purpose with faults."""
    for each in made.reports(institutions):
        if each.kind in _KINDS and len(each.document) >= LEAST_BYTES and not each.noise:
            yield each


async def measure(
    material: Material, directory: Path, *, reports: int, say: Callable[[str], None]
) -> dict[str, float | dict[str, float]]:
    """Publishes so many, and tells bytes a report, in all and by table."""
    made = city()
    chosen = [each.code for each in made.institutions]
    source = large_reports(made, chosen)
    with places.database("postgresql", directory) as url, places.registry(material, url, directory / "log") as server:
        await places.import_catalog(material, server.port, made.catalog_files(chosen))
        before = sizes(url)
        given = [each for each, _ in zip(source, range(reports), strict=False)]
        await publishing.stream_all(f"localhost:{server.port}", material, given)
        after = sizes(url)
        kept, people = _counts(url)
    parts = {
        name: round((after[name] - before.get(name, 0)) / kept, 1)
        for name in sorted(after, key=lambda name: before.get(name, 0) - after[name])
        if after[name] - before.get(name, 0) > kept
    }
    found = round(sum(after.values()) / kept - sum(before.values()) / kept, 1)
    size = sum(len(each.document) for each in given) / len(given)
    say(f"bytes: {kept} reports of {people} people, {size:.0f} bytes each as JSON, {found} on disk")
    for name, share in parts.items():
        say(f"bytes: {share:8.1f} {name}")
    return {
        "bytes": found,
        "reports": kept,
        "reports_a_patient": round(kept / people, 2),
        "json_bytes": round(size, 1),
        "parts": parts,
    }


def sizes(url: str) -> dict[str, int]:
    """Bytes of every table (with what stands out of line) and of its indexes."""
    with _connected(url) as connection:
        connection.execute("CHECKPOINT")
        rows = connection.execute(_TOTAL).fetchall()
    found = {}
    for name, table, indexes in rows:
        found[name], found[f"{name} indexes"] = table, indexes
    return found


def _counts(url: str) -> tuple[int, int]:
    with _connected(url) as connection:
        row = connection.execute("SELECT (SELECT count(*) FROM report), (SELECT count(*) FROM patient)").fetchone()
    assert row is not None
    return row


def _connected(url: str) -> Any:
    return psycopg.connect(url, autocommit=True)
