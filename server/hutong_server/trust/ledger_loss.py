"""What a restore takes from the ledger, and how the ledger says so.

A database that is put back from a backup has shorter logs than the checkpoints that left it since. An entry of the root
log, made when the restore is settled, names what was lost; verification then takes those checkpoints for what they
are, and every other difference for a fault as before.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hutong_server.domain.report import Instant
from hutong_server.store.base import ROOT_LOG, Ledger, Writer
from hutong_server.store.base_acts import ToldAct
from hutong_server.store.ledger import append_root
from hutong_server.store.ledger_view import LedgerView, SqlLedgerView
from hutong_server.trust.checkpoint import Checkpoint, CheckpointInvalid, CheckpointVerifier

RECENT = 30 * 86_400_000
"""Milliseconds: a log without an end to which nothing came for so long was cut off long ago, and is not asked for."""
RESTORE = "restore"
"""Type of the root log's entry."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Leaves that stood in the ledger once and are gone."""

    logs: Mapping[bytes, tuple[int, int]] = field(default_factory=dict)
    """Log → (size that is left, size that an exported checkpoint knows of)."""
    roots: frozenset[tuple[int, bytes]] = frozenset()
    """(size, root) of checkpoints of the root log after the backup: from there on it goes another way."""
    at: Instant = 0
    """When the restore was settled; 0: not yet."""

    def holds(self, at: Checkpoint) -> bool:
        """Whether a checkpoint is of what was lost."""
        if at.log_id == ROOT_LOG:
            return (at.size, at.root) in self.roots
        left, known = self.logs.get(at.log_id, (0, 0))
        return left < at.size <= known

    def with_acts(self, told: Iterable[ToldAct], wanted: Mapping[bytes, int]) -> "Loss":
        """The same with what acts tell of: they leave at once, checkpoints within a second. `wanted`: see Compared."""
        logs = dict(self.logs)
        for each in told:
            left, known = logs.get(each.log_id, (wanted[each.log_id], 0))
            logs[each.log_id] = left, max(known, each.number + 1)
        return replace(self, logs=logs)

    def kept(self, log_id: bytes) -> int:
        """Leaves of a log that are left."""
        return self.logs.get(log_id, (0, 0))[0]


def losses_told(view: LedgerView) -> list[Loss]:
    """What the root log tells of earlier restores."""
    found = []
    for stored in view.leaves(ROOT_LOG):
        try:
            entry = json.loads(stored.leaf or b"")
            if entry["type"] == RESTORE:
                found.append(
                    Loss(
                        {bytes.fromhex(log): (left, known) for log, left, known in entry["lost"]},
                        frozenset((size, bytes.fromhex(root)) for size, root in entry["lost_roots"]),
                        entry["at"],
                    )
                )
        except (ValueError, KeyError, TypeError):
            # Verification names it: it is no entry.
            continue
    return found


@dataclass(frozen=True, slots=True)
class Compared:
    """A restored ledger beside its export."""

    loss: Loss
    wanted: Mapping[bytes, int]
    """Log → the first leaf that is lost: from there on its acts are to be done again."""
    since: Instant = 0
    """When the last restore before was settled: what is older was done again then, or given up."""
    problems: tuple[str, ...] = ()
    """Why the export cannot be gone by."""


def compare(view: LedgerView, verifier: CheckpointVerifier, notes: Iterable[str], told: frozenset[bytes]) -> Compared:
    """Compares a restored ledger with the checkpoints that left it, and the logs that tell of their acts (`told`)."""
    problems: list[str] = []
    trees = {log.log_id: view.newest(log.log_id) for log in view.logs()}
    sizes = {log_id: tree.size for log_id, tree in trees.items() if tree is not None}
    root = view.newest(ROOT_LOG)
    earlier = losses_told(view)
    newest: dict[bytes, int] = {}
    roots: set[tuple[int, bytes]] = set()
    for note in notes:
        try:
            at = verifier.read(note)
        except CheckpointInvalid as error:
            problems.append(f"an exported checkpoint: {error}")
            continue
        if any(loss.holds(at) for loss in earlier):
            continue
        if at.log_id != ROOT_LOG:
            newest[at.log_id] = max(at.size, newest.get(at.log_id, 0))
        elif at.size > (root.size if root else 0):
            roots.add((at.size, at.root))
    lost = {log_id: (sizes.get(log_id, 0), size) for log_id, size in newest.items() if size > sizes.get(log_id, 0)}
    before = {log_id for loss in earlier for log_id in loss.logs}
    problems += [f"log {each.hex()} was exported, and what it tells of acts is missing" for each in lost.keys() - told]
    last = max(trees, key=lambda log_id: tree.at if (tree := trees[log_id]) else 0, default=None)
    if last is not None and last not in told:
        problems.append(
            f"log {last.hex()}, the last that was written before the backup, tells of no acts there: it is another "
            "registry's export, or it was not made then"
        )
    wanted = {log_id: sizes.get(log_id, 0) for log_id in told - before}
    since = max((loss.at for loss in earlier), default=0)
    reached = max((tree.at for tree in trees.values() if tree is not None), default=0)
    open_still = {log.log_id: tree.at for log in view.logs() if not log.ended and (tree := trees[log.log_id])}
    problems += [
        f"log {each.hex()} went on when the backup was made, and tells of no acts there: the export of another server "
        "is missing, or was not made then"
        for each, at in sorted(open_still.items())
        if each != last and each not in told | before and at >= max(since, reached - RECENT)
    ]
    return Compared(Loss(lost, frozenset(roots)), wanted, since, tuple(problems))


def tell_loss(
    writer: Writer, ledger: Ledger, loss: Loss, reaches: Instant, lost_since: Instant | None, at: Instant
) -> None:
    """Part of a write job: says in the root log what was lost. `lost_since`: None where its acts were done again."""
    tx: Any = writer  # the store's writers are transactions
    tree = SqlLedgerView(tx).newest(ROOT_LOG)
    entry = {
        "v": 1,
        "type": RESTORE,
        "at": at,
        "log": ROOT_LOG.hex(),
        "size": tree.size if tree else 0,
        "root": tree.root.hex() if tree else "",
        "reaches": reaches,
        "lost_since": lost_since,
        "lost": sorted([log_id.hex(), left, known] for log_id, (left, known) in loss.logs.items()),
        "lost_roots": sorted([size, root.hex()] for size, root in loss.roots),
    }
    append_root(tx, ledger, at, lambda _: [entry])
