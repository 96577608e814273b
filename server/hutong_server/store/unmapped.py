"""Codes that lead nowhere. What they are called is sealed: it comes out of reports."""

from collections.abc import Sequence

from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import ClauseElement

from hutong_server.store.base_unmapped import UnmappedRow
from hutong_server.store.packing import pack, unpack
from hutong_server.store.rule_tables import unmapped_code, unmapped_share
from hutong_server.store.statements import Statement, StatementOver, upsert
from hutong_server.store.transaction import Row, Transaction

_code, _share = unmapped_code.c, unmapped_share.c
_ALL = select(unmapped_code)
_EVERY = Statement(_ALL)
_OF = Statement(_ALL.where(_code.institution == bindparam("of_institution")))
_ROWS = StatementOver(lambda keys: _ALL.where(_code.code_key.in_(keys)))
_COUNT = Statement(
    select(func.count()).select_from(unmapped_code).where(_code.institution == bindparam("of_institution"))
)
_PUT = upsert(unmapped_code)
_SHARES = Statement(select(_share.institution, _share.results))


def _adding(database: str) -> ClauseElement:
    insert = sqlite.insert if database == "sqlite" else postgresql.insert
    added = insert(unmapped_share).values(institution=bindparam("of_institution"), results=bindparam("count"))
    return added.on_conflict_do_update(
        index_elements=["institution"], set_={"results": _share.results + added.excluded.results}
    )


_ADD = Statement(_adding)


def body_context(key: bytes) -> bytes:
    """What a row's body is bound to."""
    return b"unmapped" + key


def unmapped_codes(tx: Transaction, institution: str = "") -> list[UnmappedRow]:
    """See Reader."""
    found = tx.rows(_OF, of_institution=institution) if institution else tx.rows(_EVERY)
    return [_row(tx, row) for row in found]


def unmapped_rows(tx: Transaction, keys: Sequence[bytes]) -> list[UnmappedRow]:
    """See Reader."""
    return [_row(tx, row) for row in tx.rows_over(_ROWS, keys)]


def unmapped_count(tx: Transaction, institution: str) -> int:
    """See Reader."""
    row = tx.row(_COUNT, of_institution=institution)
    return int(row[0]) if row else 0


def results_seen(tx: Transaction) -> dict[str, int]:
    """See Reader."""
    return dict(tx.rows(_SHARES))


def put_unmapped(tx: Transaction, rows: Sequence[UnmappedRow]) -> None:
    """See Writer."""
    tx.run_many(
        _PUT,
        [
            {
                "code_key": row.code_key,
                "institution": row.institution,
                "occurrences": row.occurrences,
                "first_seen": row.first_seen,
                "last_seen": row.last_seen,
                "rules_version": row.rules_version,
                "body": tx.sealer.seal(
                    pack((row.system, row.code, row.display, row.patients)), body_context(row.code_key)
                ),
            }
            for row in rows
        ],
    )


def add_results_seen(tx: Transaction, institution: str, count: int) -> None:
    """See Writer."""
    tx.run(_ADD, of_institution=institution, count=count)


def _row(tx: Transaction, row: Row) -> UnmappedRow:
    key, institution, occurrences, first, last, version, body = row
    system, code, display, patients = unpack(tx.sealer.open(body, body_context(key)))
    return UnmappedRow(
        bytes(key), institution, occurrences, first, last, version, system, code, display, tuple(patients)
    )
