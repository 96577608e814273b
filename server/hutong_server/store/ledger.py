"""The ledger in the database: leaves are written with what they tell of, in the same transaction, before its commit.
Those that go into a ledger file (ledger_file.py) are committed there before the database is.

Each committing connection is a log of its own. Its start is a leaf of the root log, written with its first leaves;
a log that begins also puts on record how far every other log had come that did not end in good order.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select, update

from hutong_server.domain.report import Instant
from hutong_server.store import tables
from hutong_server.store.base import ROOT_LOG, AccessRecord, Ledger, LedgerLog, SignedTree
from hutong_server.store.base_acts import Act
from hutong_server.store.leaves import PUBLISHING, canonical, leaf_at_rest, leaf_of
from hutong_server.store.ledger_tables import OUTSIDE, ledger_checkpoint, ledger_log, ledger_root, ledger_subject
from hutong_server.store.packing import join_keys, pack
from hutong_server.store.statements import Statement, insert
from hutong_server.store.transaction import Transaction

_LEAF = b"leaf"
_ACCESS = b"access"
_LOCK = b"ledger root"

_RECORD = insert(tables.access_record)
_OPEN = insert(ledger_log)
_END = Statement(update(ledger_log).where(ledger_log.c.log_id == bindparam("of_log")).values(ended=bindparam("done")))
_ROOT = insert(ledger_root)
_ROOTS = Statement(select(ledger_root.c.body, ledger_root.c.leaf_hash).order_by(ledger_root.c.leaf_index))
_SUBJECT = insert(ledger_subject)
_CHECKPOINT = insert(ledger_checkpoint)
_UNFINISHED = Statement(select(ledger_log.c.log_id).where(ledger_log.c.ended == bindparam("done")))
_check = ledger_checkpoint.c
_LAST = Statement(
    select(_check.size, _check.root).where(_check.log_id == bindparam("of_log")).order_by(_check.size.desc()).limit(1)
)


class Pending(NamedTuple):
    """A leaf that waits for its commit."""

    access: AccessRecord
    leaf: bytes
    acts: tuple[Act, ...] = ()


class Committed(NamedTuple):
    """What a commit makes durable."""

    log: LedgerLog
    trees: tuple[tuple[bytes, SignedTree], ...]
    acts: bytes = b""
    """(leaf number, leaf, acts) of those leaves that have any, packed."""
    rows: Sequence[Mapping[str, Any]] = ()
    """Leaves that are yet to be written into the ledger file."""


def leaf_context(log_id: bytes, index: int) -> bytes:
    """What a sealed leaf is bound to: it opens nowhere else."""
    return _LEAF + log_id + index.to_bytes(8, "big")


def record_context(at: Instant, keys: bytes) -> bytes:
    """What the sealed record of a row outside of every log is bound to."""
    return _ACCESS + at.to_bytes(8, "big", signed=True) + keys


def pending_of(access: AccessRecord, acts: tuple[Act, ...] = ()) -> Pending:
    """Made where the job runs."""
    return Pending(access, leaf_of(access), acts)


def write_outside(tx: Transaction, pending: Sequence[Pending]) -> None:
    """Writes records of a store that has no ledger."""
    rows = []
    for access, leaf, _ in pending:
        keys = join_keys(access.patient_keys)
        sealed = tx.sealer.seal(leaf_at_rest(access.method, leaf), record_context(access.at, keys))
        rows.append(_row(access, keys, sealed, OUTSIDE if tx.distributed else None, None, None))
    tx.run_many(_RECORD, rows)


def write_leaves(
    tx: Transaction, ledger: Ledger, log: LedgerLog, pending: Sequence[Pending], file: int | None = None
) -> Committed:
    """Writes leaves, and the checkpoint that covers them. The caller commits.

    `file`: number of the ledger file into which the caller writes the leaves themselves.
    """
    index, log_id = log.size, log.log_id
    at = max(each.access.at for each in pending)
    trees: tuple[tuple[bytes, SignedTree], ...] = ()
    if index == 0:
        tx.run(_OPEN, log_id=log_id, started=at, ended=False, cut=0, cut_nodes=b"", file=file)
        trees = ((ROOT_LOG, append_root(tx, ledger, at, lambda known: _begun(tx, log_id, at, known))),)
    rows, subjects, hashes = [], [], []
    for number, (access, leaf, _) in enumerate(pending, index):
        hashed = ledger.leaf_hash(leaf)
        hashes.append(hashed)
        sealed = tx.sealer.seal(leaf_at_rest(access.method, leaf), leaf_context(log_id, number))
        rows.append(_row(access, join_keys(access.patient_keys), sealed, log_id, number, hashed))
        subjects += [
            {"patient_key": key, "at": access.at, "log_id": log_id, "leaf_index": number}
            for key in dict.fromkeys(access.patient_keys)
            if access.method != PUBLISHING
        ]
    if file is None:
        tx.run_many(_RECORD, rows)
    tx.run_many(_SUBJECT, subjects)
    tree = log.signed(hashes)
    _keep(tx, log_id, at, tree)
    acts = [(number, leaf, told) for number, (_, leaf, told) in enumerate(pending, index) if told]
    return Committed(log, (*trees, (log_id, tree)), pack(acts) if acts else b"", () if file is None else rows)


def end_log(tx: Transaction, ledger: Ledger, log: LedgerLog, at: Instant) -> tuple[tuple[bytes, SignedTree], ...]:
    """Writes the end of a log. The caller commits."""
    tx.run(_END, of_log=log.log_id, done=True)
    last = _last(tx, "end", log.log_id, at)
    return ((ROOT_LOG, append_root(tx, ledger, at, lambda _: [last] if last else [])),)


def append_root(
    tx: Transaction, ledger: Ledger, at: Instant, entries: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
) -> SignedTree:
    """Appends to the root log what `entries` makes of what stands there; its signed tree. Serialised among writers."""
    may_wait, tx.may_wait = tx.may_wait, True
    tx.lock((_LOCK,))
    tx.may_wait = may_wait
    stored = tx.rows(_ROOTS)
    leaves = [canonical(entry) for entry in entries([json.loads(body) for body, _ in stored])]
    hashes = [ledger.leaf_hash(leaf) for leaf in leaves]
    tx.run_many(
        _ROOT,
        [
            {"leaf_index": number, "body": leaf, "leaf_hash": hashed}
            for number, (leaf, hashed) in enumerate(zip(leaves, hashes, strict=True), len(stored))
        ],
    )
    tree = ledger.root_log([hashed for _, hashed in stored]).signed(hashes)
    if leaves:
        _keep(tx, ROOT_LOG, at, tree)
    return tree


def _begun(tx: Transaction, log_id: bytes, at: Instant, known: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Entries of the root log when a log begins: the unfinished others as far as not on record, then its start."""
    recorded = {(entry["log"], entry.get("size")) for entry in known}
    found = [_last(tx, "found", other, at) for (other,) in tx.rows(_UNFINISHED, done=False) if other != log_id]
    entries = [entry for entry in found if entry is not None and (entry["log"], entry["size"]) not in recorded]
    return [*entries, {"v": 1, "type": "start", "at": at, "log": log_id.hex()}]


def _last(tx: Transaction, kind: str, log_id: bytes, at: Instant) -> dict[str, Any] | None:
    row = tx.row(_LAST, of_log=log_id)
    if row is None:
        return None
    return {"v": 1, "type": kind, "at": at, "log": log_id.hex(), "size": row[0], "root": row[1].hex()}


def _keep(tx: Transaction, log_id: bytes, at: Instant, tree: SignedTree) -> None:
    tx.run(_CHECKPOINT, log_id=log_id, size=tree.size, at=at, root=tree.root, signature=tree.signature)


def _row(
    access: AccessRecord, keys: bytes, sealed: bytes, log_id: bytes | None, index: int | None, hashed: bytes | None
) -> dict[str, Any]:
    return {
        "at": access.at,
        "method": access.method,
        "institution": access.institution,
        "role": access.role,
        "outcome": access.outcome,
        "patient_keys": keys,
        "body": sealed,
        "log_id": log_id,
        "leaf_index": index,
        "leaf_hash": hashed,
    }
