"""Versions of the catalogue: what differs between them, and imports that wait for their moment."""

import json
import zlib

from sqlalchemy import and_, bindparam, or_, select, tuple_, update

from hutong_server.domain.canonical import institution_entry, institution_of
from hutong_server.domain.report import Instant
from hutong_server.store import tables
from hutong_server.store.base_catalog import (
    CANCELLED,
    FAILED,
    PENDING,
    CatalogDiff,
    CatalogImport,
    CatalogRow,
    CatalogVersion,
    HistoryPosition,
    PendingImport,
)
from hutong_server.store.rule_tables import catalog_pending
from hutong_server.store.statements import Statement, upsert
from hutong_server.store.transaction import Transaction

_entry, _version, _pending = tables.catalog_entry.c, tables.catalog_version.c, catalog_pending.c
_CHANGES = Statement(
    select(_entry.kind, _entry.key, _entry.added_in, _entry.removed_in, _entry.body)
    .where(
        or_(
            and_(_entry.added_in > bindparam("lower"), _entry.added_in <= bindparam("higher")),
            and_(_entry.removed_in > bindparam("lower_2"), _entry.removed_in <= bindparam("higher_2")),
        )
    )
    .order_by(_entry.kind, _entry.key)
)
_VERSIONS = Statement(
    select(_version.version, _version.at, _version.by, _version.comment, _version.change_count)
    .where(_version.version < bindparam("before"))
    .order_by(_version.version.desc())
    .limit(bindparam("limit"))
)
_HEAD = select(*(column for column in _pending if column.name != "content"))
_WAITING = Statement(_HEAD.where(_pending.state == PENDING).order_by(_pending.activate_at, _pending.pending_id))
_ENDED = Statement(
    _HEAD.where(
        or_(_pending.state == CANCELLED, _pending.state == FAILED),
        tuple_(_pending.changed_at, _pending.pending_id) < tuple_(bindparam("before_at"), bindparam("before_id")),
    )
    .order_by(_pending.changed_at.desc(), _pending.pending_id.desc())
    .limit(bindparam("limit"))
)
_DUE = Statement(
    select(_pending.pending_id)
    .where(_pending.state == PENDING, _pending.activate_at <= bindparam("now"))
    .order_by(_pending.activate_at, _pending.pending_id)
    .limit(1)
)
_ONE = Statement(_HEAD.add_columns(_pending.content).where(_pending.pending_id == bindparam("of_id")))
_PUT = upsert(catalog_pending)
_CHANGE = Statement(
    update(catalog_pending)
    .where(_pending.pending_id == bindparam("of_id"))
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in ("state", "activate_at", "changed_at", "comment", "note", "change_count", "version")
        }
    )
)
_FIRST = HistoryPosition((1 << 62), ((1 << 62), b""))


def catalog_changes(tx: Transaction, lower: int, higher: int) -> list[CatalogDiff]:
    """See Reader. An entry that was neither added nor ended in between is the same in both."""
    before: dict[tuple[str, str], str] = {}
    after: dict[tuple[str, str], str] = {}
    rows = tx.rows(_CHANGES, lower=lower, higher=higher, lower_2=lower, higher_2=higher)
    for kind, key, added, removed, body in rows:
        if added <= lower:
            before[kind, key] = body
        if removed is None or removed > higher:
            after[kind, key] = body
    found = []
    for entry in sorted(before.keys() | after.keys()):
        old, new = before.get(entry, ""), after.get(entry, "")
        if old != new:
            found.append(CatalogDiff("added" if not old else "removed" if not new else "changed", *entry, old, new))
    return found


def catalog_history(
    tx: Transaction, before: HistoryPosition | None, limit: int
) -> tuple[list[CatalogVersion], list[PendingImport]]:
    """See Reader."""
    last, (ended_at, ended_id) = before or _FIRST
    versions = tx.rows(_VERSIONS, before=last, limit=limit)
    ended = tx.rows(_ENDED, before_at=ended_at, before_id=ended_id, limit=limit)
    return [CatalogVersion(version, at, by, why, count or 0) for version, at, by, why, count in versions], [
        PendingImport(*row) for row in ended
    ]


def waiting_imports(tx: Transaction) -> list[PendingImport]:
    """See Reader."""
    return [PendingImport(*row) for row in tx.rows(_WAITING)]


def due_import(tx: Transaction, now: Instant) -> bytes | None:
    """See Reader."""
    row = tx.row(_DUE, now=now)
    return bytes(row[0]) if row else None


def pending_import(tx: Transaction, pending_id: bytes) -> tuple[PendingImport, CatalogImport] | None:
    """See Reader."""
    row = tx.row(_ONE, of_id=pending_id)
    return (PendingImport(*row[:-1]), _content_of(row[-1])) if row else None


def put_pending(tx: Transaction, pending: PendingImport, content: CatalogImport | None = None) -> None:
    """See Writer."""
    values = {name: getattr(pending, name) for name in _NAMES}
    if content is not None:
        tx.run(_PUT, **values, content=_packed(content))
        return
    tx.run(_CHANGE, of_id=pending.pending_id, **{f"new_{name}": value for name, value in values.items()})


_NAMES = tuple(column.name for column in _pending if column.name != "content")


def _packed(content: CatalogImport) -> bytes:
    whole = {
        "institutions": [institution_entry(each) for each in content.institutions],
        "rows": [(row.kind, row.key, row.body) for row in content.rows],
        "scopes": content.scopes,
    }
    return zlib.compress(json.dumps(whole, ensure_ascii=False).encode())


def _content_of(packed: bytes) -> CatalogImport:
    whole = json.loads(zlib.decompress(packed))
    return CatalogImport(
        institutions=tuple(institution_of(json.loads(each)) for each in whole["institutions"]),
        rows=tuple(CatalogRow(*row) for row in whole["rows"]),
        scopes=tuple((kind, prefix) for kind, prefix in whole["scopes"]),
    )
