"""Restores, and which institutions' feeds have not gone on since the newest of them."""

import json

from sqlalchemy import bindparam, select

from hutong_server.domain.restored import NOTHING_LOST, Unresumed, not_resumed
from hutong_server.store import tables
from hutong_server.store.base_restoration import Restoration
from hutong_server.store.restoration_tables import restoration as _table
from hutong_server.store.statements import Statement, upsert
from hutong_server.store.transaction import Transaction

_NEWEST = Statement(select(_table).order_by(_table.c.number.desc()).limit(1))
_PUT = upsert(_table)
_feed = tables.feed_status.c
_SOME_SILENT = Statement(select(_feed.institution).where(_feed.last_received < bindparam("since")).limit(1))
_HEARD = Statement(select(_feed.institution, _feed.last_received))


def restoration(tx: Transaction) -> Restoration | None:
    """See Reader."""
    row = tx.row(_NEWEST)
    if row is None:
        return None
    number, at, reaches, settled, lost_since, excused = row
    return Restoration(number, at, reaches, settled, lost_since, tuple(json.loads(excused)))


def unresumed(tx: Transaction) -> Unresumed:
    """See Reader."""
    last = restoration(tx)
    if last is None:
        return NOTHING_LOST
    # Asked again and again, for ever after a restore: what is usual is cheap.
    heard = tx.rows(_HEARD) if tx.row(_SOME_SILENT, since=last.at) else ()
    return Unresumed(last.settled is None, not_resumed(heard, last.at, last.reaches, last.excused))


def put_restoration(tx: Transaction, restoration: Restoration) -> None:
    """See Writer."""
    tx.run(
        _PUT,
        number=restoration.number,
        at=restoration.at,
        reaches=restoration.reaches,
        settled=restoration.settled,
        lost_since=restoration.lost_since,
        excused=json.dumps(restoration.excused),
    )
