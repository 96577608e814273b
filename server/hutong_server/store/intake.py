"""What was taken in of each institution, day by day."""

from collections.abc import Mapping

from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import ClauseElement

from hutong_server.store.intake_tables import intake_count
from hutong_server.store.statements import Statement
from hutong_server.store.transaction import Transaction

_c = intake_count.c
_OF = Statement(
    select(_c.kind, func.sum(_c.reports))
    .where(_c.institution == bindparam("of_institution"), _c.day >= bindparam("first"), _c.day <= bindparam("last"))
    .group_by(_c.kind)
)


def _adding(database: str) -> ClauseElement:
    insert = sqlite.insert if database == "sqlite" else postgresql.insert
    added = insert(intake_count).values({column.name: bindparam(column.name) for column in intake_count.columns})
    keys = [column.name for column in intake_count.primary_key]
    return added.on_conflict_do_update(index_elements=keys, set_={"reports": _c.reports + added.excluded.reports})


_ADD = Statement(_adding)


def intake_counts(tx: Transaction, institution: str, first_day: str, last_day: str) -> dict[str, int]:
    """See UnmappedReader."""
    rows = tx.rows(_OF, of_institution=institution, first=first_day, last=last_day)
    # Sums are of a wider type on PostgreSQL.
    return {kind: int(reports) for kind, reports in rows}


def add_intake(tx: Transaction, counts: Mapping[tuple[str, str, str], int]) -> None:
    """See UnmappedWriter."""
    tx.run_many(
        _ADD,
        [
            {"institution": institution, "day": day, "kind": kind, "reports": reports}
            for (institution, day, kind), reports in sorted(counts.items())
        ],
    )
