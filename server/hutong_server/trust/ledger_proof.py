"""Proofs of the ledger, as a verifier that has nothing but the public key needs them."""

from base64 import b64encode
from typing import Any, NamedTuple

from hutong_server.store.ledger_view import LedgerView, LogState, StoredTree
from hutong_server.trust.checkpoint import Checkpoint, CheckpointKey, note_of
from hutong_server.trust.merkle import Frontier, Tree


class NoProof(Exception):
    """There is no such leaf, log or checkpoint, or it was cut off. Says which."""


class Inclusion(NamedTuple):
    """That a leaf stands in its log."""

    leaf: bytes
    number: int
    path: list[bytes]
    checkpoint: str

    def as_json(self) -> dict[str, Any]:
        """What `hutong verify-proof` reads."""
        return {
            "leaf": b64encode(self.leaf).decode(),
            "leaf_index": self.number,
            "path": [b64encode(node).decode() for node in self.path],
            "checkpoint": self.checkpoint,
        }


def note(name: str, log_id: bytes, tree: StoredTree) -> str:
    """The signed note of a stored tree."""
    return note_of(name, Checkpoint(log_id, tree.size, tree.root), tree.signature)


def state_of(view: LedgerView, log_id: bytes) -> LogState:
    """A log, the root log included. Raises NoProof."""
    for log in view.logs():
        if log.log_id == log_id:
            return log
    if not any(log_id):
        return LogState(log_id, 0, False, 0, ())
    raise NoProof("no such log")


def tree_of(view: LedgerView, log_id: bytes, size: int) -> Tree:
    """What is kept of the log's first `size` leaves. Raises NoProof."""
    log = state_of(view, log_id)
    hashes = view.hashes(log_id, size)
    if log.cut + len(hashes) != size:
        raise NoProof("the log is not whole; see `audit verify`")
    return Tree(hashes, Frontier(log.cut, log.cut_nodes))


def prove(view: LedgerView, name: str, log_id: bytes, number: int) -> Inclusion:
    """Proves a leaf in the newest checkpoint of its log. Raises NoProof."""
    newest = view.newest(log_id)
    stored = next(view.leaves(log_id, number), None)
    if newest is None or stored is None or stored.number != number or stored.leaf is None or number >= newest.size:
        raise NoProof("no such leaf")
    tree = tree_of(view, log_id, newest.size)
    return Inclusion(stored.leaf, number, tree.inclusion(number, newest.size), note(name, log_id, newest))


def consistent(view: LedgerView, key: CheckpointKey, old: str, new: str) -> dict[str, Any]:
    """Proves that one checkpoint's log is the beginning of the other's. Raises NoProof, CheckpointInvalid."""
    first, second = key.verifier.read(old), key.verifier.read(new)
    if first.log_id != second.log_id:
        raise NoProof("the checkpoints are of different logs")
    if first.size > second.size:
        raise NoProof("the first checkpoint is larger than the second; give the older one first")
    try:
        tree = tree_of(view, first.log_id, second.size)
        path = [] if first.size == 0 else tree.consistency(first.size, second.size)
    except ValueError:
        raise NoProof("the older checkpoint lies in what retention cut off") from None
    return {
        "old_checkpoint": old,
        "new_checkpoint": new,
        "path": [b64encode(node).decode() for node in path],
    }
