"""The catalogue and the institutions. Entries are never changed: a new version adds some and ends others."""

import json
from collections.abc import Sequence

from sqlalchemy import and_, bindparam, func, select, tuple_, update

from hutong_server.domain.canonical import institution_entry
from hutong_server.domain.recognition import Institution, Tier
from hutong_server.domain.report import Instant
from hutong_server.store import tables
from hutong_server.store.base import CatalogRow
from hutong_server.store.listening import RULES, tell
from hutong_server.store.statements import NO_LIMIT, Statement, insert, upsert
from hutong_server.store.transaction import Row, Transaction

LOCK = b"catalog"
"""Serialises changes of the catalogue."""

INSTITUTION = "institution"
"""Kind of the entries that institutions are in versions of the catalogue."""

_entry, _version, _institution = tables.catalog_entry.c, tables.catalog_version.c, tables.institution.c
_IN_FORCE = (
    select(_entry.kind, _entry.key, _entry.body)
    .where(_entry.removed_in.is_(None))
    .order_by(_entry.kind, _entry.key)
    .limit(bindparam("limit"))
)
_AFTER = tuple_(_entry.kind, _entry.key) > tuple_(bindparam("after_kind"), bindparam("after_key"))
_OF_KIND = _entry.kind == bindparam("of_kind")
# Institutions have a table of their own; as entries they stand in versions.
_OF_FILES = _IN_FORCE.where(_entry.kind != INSTITUTION)
_ROWS = Statement(_OF_FILES)
_ROWS_AFTER = Statement(_OF_FILES.where(_AFTER))
_ROWS_OF_KIND = Statement(_IN_FORCE.where(_OF_KIND))
_ROWS_OF_KIND_AFTER = Statement(_IN_FORCE.where(and_(_OF_KIND, _AFTER)))
_VERSION = Statement(select(func.max(_version.version)))
_INSTITUTIONS = Statement(
    select(tables.institution)
    .where(_institution.code > bindparam("after"))
    .order_by(_institution.code)
    .limit(bindparam("limit"))
)
_INSTITUTION = Statement(select(tables.institution).where(_institution.code == bindparam("of_code")))
_PUT_INSTITUTION = upsert(tables.institution)
_NEW_VERSION = insert(tables.catalog_version)
_NEW_ENTRY = upsert(tables.catalog_entry)
_KEYS_IN_FORCE = Statement(select(_entry.kind, _entry.key).where(_entry.removed_in.is_(None)))
_MANY = 1000
_PAGE = 50_000
"""Entries that one statement reads at most: all of a province's take longer than a statement may."""
_END_ENTRY = Statement(
    update(tables.catalog_entry)
    .where(_entry.kind == bindparam("of_kind"), _entry.key == bindparam("of_key"), _entry.removed_in.is_(None))
    .values(removed_in=bindparam("ended_in"))
)


def catalog_version(tx: Transaction) -> int:
    """See Reader. 0 before the first change."""
    row = tx.row(_VERSION)
    return row[0] or 0 if row else 0


def catalog_rows(
    tx: Transaction, kind: str = "", after: tuple[str, str] | None = None, limit: int = 0
) -> list[CatalogRow]:
    """See Reader."""
    if limit:
        return _page(tx, kind, after, limit)
    found = page = _page(tx, kind, after, _PAGE)
    while len(page) == _PAGE:
        page = _page(tx, kind, (page[-1].kind, page[-1].key), _PAGE)
        found = found + page
    return found


def _page(tx: Transaction, kind: str, after: tuple[str, str] | None, limit: int) -> list[CatalogRow]:
    first, later = (_ROWS_OF_KIND, _ROWS_OF_KIND_AFTER) if kind else (_ROWS, _ROWS_AFTER)
    statement = later if after else first
    after_kind, after_key = after or ("", "")
    rows = tx.rows(statement, of_kind=kind, after_kind=after_kind, after_key=after_key, limit=limit)
    return [CatalogRow(*row) for row in rows]


def apply_catalog(
    tx: Transaction,
    put: Sequence[CatalogRow],
    remove: Sequence[tuple[str, str]],
    at: Instant,
    by: str,
    comment: str,
    institutions: Sequence[Institution] = (),
) -> int:
    """See Writer."""
    tx.lock((LOCK,))
    version = catalog_version(tx) + 1
    count = len(put) + len(remove) + len(institutions)
    tx.run(_NEW_VERSION, version=version, at=at, by=by, comment=comment, change_count=count)
    tell(tx, RULES)
    rows = [*put, *(CatalogRow(INSTITUTION, each.code, institution_entry(each)) for each in institutions)]
    ended = [*remove, *((row.kind, row.key) for row in rows)]
    if len(ended) > _MANY:
        # One look at what is in force costs less than as many updates that find nothing.
        in_force = set(tx.rows(_KEYS_IN_FORCE))
        ended = [entry for entry in ended if entry in in_force]
    tx.run_many(_END_ENTRY, [{"of_kind": kind, "of_key": key, "ended_in": version} for kind, key in ended])
    tx.run_many(
        _NEW_ENTRY,
        [{"kind": row.kind, "key": row.key, "added_in": version, "removed_in": None, "body": row.body} for row in rows],
    )
    tx.run_many(
        _PUT_INSTITUTION,
        [
            {
                "code": row.code,
                "name": row.name,
                "tier": row.tier.value,
                "region": row.region,
                "alliances": json.dumps(row.alliances, ensure_ascii=False),
                "identifiers": json.dumps(row.identifiers, ensure_ascii=False),
                "feed_interval_hours": row.feed_interval_hours,
                "access_suspended": row.access_suspended,
                "quality_suspended_since": row.quality_suspended_since,
            }
            for row in institutions
        ],
    )
    return version


def put_institution(tx: Transaction, row: Institution, at: Instant, by: str, comment: str) -> int:
    """See Writer."""
    return apply_catalog(tx, (), (), at, by, comment, (row,))


def institutions(tx: Transaction, after: str = "", limit: int = 0) -> list[Institution]:
    """See Reader."""
    return [_institution_of(row) for row in tx.rows(_INSTITUTIONS, after=after, limit=limit or NO_LIMIT)]


def institution(tx: Transaction, code: str) -> Institution | None:
    """See Reader."""
    row = tx.row(_INSTITUTION, of_code=code)
    return _institution_of(row) if row else None


def _institution_of(row: Row) -> Institution:
    code, name, tier, region, alliances, identifiers, hours, suspended, since = row
    return Institution(
        code=code,
        name=name,
        tier=Tier(tier),
        region=region,
        alliances=tuple(json.loads(alliances)),
        identifiers=tuple((system, value) for system, value in json.loads(identifiers)),
        feed_interval_hours=hours,
        access_suspended=bool(suspended),
        quality_suspended_since=since,
    )
