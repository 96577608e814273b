"""How far each feed has come."""

from dataclasses import replace

from sqlalchemy import bindparam, select

from hutong_server.store import tables
from hutong_server.store.base import FeedStatus
from hutong_server.store.statements import Statement, upsert
from hutong_server.store.transaction import Transaction

_feed = tables.feed_status.c
_ONE = Statement(
    select(tables.feed_status).where(_feed.institution == bindparam("of_code"), _feed.feed == bindparam("of_feed"))
)
_ALL = Statement(select(tables.feed_status).order_by(_feed.institution, _feed.last_received))
_PUT = upsert(tables.feed_status)


def feed(tx: Transaction, institution: str, feed: str) -> FeedStatus | None:
    """See Reader."""
    row = tx.row(_ONE, of_code=institution, of_feed=feed)
    return FeedStatus(*row) if row else None


def feeds(tx: Transaction) -> list[FeedStatus]:
    """See Reader."""
    found: dict[str, FeedStatus] = {}
    for row in tx.rows(_ALL):
        status = FeedStatus(*row)
        before = found.get(status.institution)
        longest = max(status.longest_gap, before.longest_gap if before else 0)
        found[status.institution] = replace(status, longest_gap=longest)
    return list(found.values())


def put_feed(tx: Transaction, status: FeedStatus) -> None:
    """See Writer."""
    # Every publish of an institution writes this one row: without the lock, two lanes that publish for the same
    # institutions in different order would wait for each other.
    tx.lock((f"feed {status.institution} {status.feed}".encode(),))
    tx.run(
        _PUT,
        institution=status.institution,
        feed=status.feed,
        position=status.position,
        last_received=status.last_received,
        longest_gap=status.longest_gap,
    )
