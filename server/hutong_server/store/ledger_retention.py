"""Retention: what is past it is cut off each log at a checkpoint. The roots of the part that is cut stay, so that the
rest verifies as before, and the root log says where the cut was made.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, func, select, update

from hutong_server.domain.report import Instant
from hutong_server.store import tables
from hutong_server.store.base import Ledger, SignedTree
from hutong_server.store.ledger import append_root
from hutong_server.store.ledger_file import in_file
from hutong_server.store.ledger_tables import is_outside, ledger_checkpoint, ledger_log, ledger_subject
from hutong_server.store.ledger_view import LogState, StoredTree
from hutong_server.store.statements import Statement
from hutong_server.store.transaction import Transaction

_rec, _tree, _subject = tables.access_record.c, ledger_checkpoint.c, ledger_subject.c
_FIRST_KEPT = Statement(
    select(func.min(_rec.leaf_index)).where(_rec.log_id == bindparam("of_log"), _rec.at >= bindparam("since"))
)
_LAST = Statement(select(func.max(_rec.leaf_index)).where(_rec.log_id == bindparam("of_log")))
_TREE = Statement(
    select(_tree.size, _tree.at, _tree.root, _tree.signature)
    .where(_tree.log_id == bindparam("of_log"), _tree.size <= bindparam("most"))
    .order_by(_tree.size.desc())
    .limit(1)
)
_CUT = Statement(
    update(ledger_log)
    .where(ledger_log.c.log_id == bindparam("of_log"))
    .values(cut=bindparam("to"), cut_nodes=bindparam("nodes"))
)
_FORGET_RECORDS = Statement(
    delete(tables.access_record).where(_rec.log_id == bindparam("of_log"), _rec.leaf_index < bindparam("to"))
)
_FIRST_CUT = Statement(
    select(_rec.leaf_index).where(_rec.log_id == bindparam("of_log"), _rec.leaf_index < bindparam("to")).limit(1)
)
_FORGET_TREES = Statement(
    delete(ledger_checkpoint).where(_tree.log_id == bindparam("of_log"), _tree.size < bindparam("to"))
)
_FORGET_LISTED = Statement(
    delete(ledger_subject).where(_subject.log_id == bindparam("of_log"), _subject.leaf_index < bindparam("to"))
)
_FORGET_OUTSIDE = Statement(delete(tables.access_record).where(is_outside, _rec.at < bindparam("since")))


class Cut(NamedTuple):
    """What is left of the part of a log that is cut off."""

    log_id: bytes
    tree: StoredTree
    nodes: tuple[bytes, ...]


def cut_point(tx: Transaction, log: LogState, since: Instant) -> StoredTree | None:
    """The largest checkpoint of a log before its first leaf that is kept; None when there is nothing to cut."""
    leaves = in_file(tx, log.file)
    first = leaves.row(_FIRST_KEPT, of_log=log.log_id, since=since)
    most = first[0] if first and first[0] is not None else None
    if most is None:
        last = leaves.row(_LAST, of_log=log.log_id)
        if last is None or last[0] is None:
            return None
        most = last[0] + 1
    row = tx.row(_TREE, of_log=log.log_id, most=most)
    tree = StoredTree(*row) if row else None
    return tree if tree is not None and tree.size > log.cut else None


def forget_cut(tx: Transaction, logs: Iterable[LogState]) -> None:
    """Deletes in ledger files what earlier runs cut off: the database committed that first, a file at its own time."""
    if tx.files is None:
        return
    there = set(tx.files.numbers())
    cut: dict[int, list[LogState]] = {}
    for log in logs:
        if log.cut and log.file is not None and log.file in there:
            cut.setdefault(log.file, []).append(log)
    for number, of_file in cut.items():
        if any(tx.files.of(number).row(_FIRST_CUT, of_log=log.log_id, to=log.cut) for log in of_file):
            # What was read there until now is of before.
            tx.files.close()
            with tx.files.writing(number) as ledger:
                for log in of_file:
                    ledger.run(_FORGET_RECORDS, of_log=log.log_id, to=log.cut)


def cut_off(tx: Transaction, ledger: Ledger, cuts: Sequence[Cut], since: Instant, at: Instant) -> SignedTree:
    """Cuts, and says so in the root log; the root log's tree."""

    def entries(_: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            {
                "v": 1,
                "type": "cut",
                "at": at,
                "log": cut.log_id.hex(),
                "size": cut.tree.size,
                "root": cut.tree.root.hex(),
            }
            for cut in cuts
        ]

    tree = append_root(tx, ledger, at, entries)
    for log_id, stored, nodes in cuts:
        values = {"of_log": log_id, "to": stored.size}
        tx.run(_CUT, **values, nodes=b"".join(nodes))
        tx.run(_FORGET_RECORDS, **values)
        tx.run(_FORGET_LISTED, **values)
        tx.run(_FORGET_TREES, **values)
    tx.run(_FORGET_OUTSIDE, since=since)
    return tree
