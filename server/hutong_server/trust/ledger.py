"""The ledger as its writers hold it: a log for each committing lane, and the root log over them (store.base.Ledger)."""

import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from hutong_server.store.base import ROOT_LOG, DataKey, Sealer, SignedTree
from hutong_server.telemetry import log
from hutong_server.trust.checkpoint import Checkpoint, CheckpointKey
from hutong_server.trust.keys import read_key_file
from hutong_server.trust.ledger_acts import ActExport
from hutong_server.trust.ledger_export import CheckpointExport
from hutong_server.trust.merkle import Frontier, leaf_hash


class MerkleLog:
    """LedgerLog of store/base.py."""

    def __init__(self, key: CheckpointKey, log_id: bytes, frontier: Frontier) -> None:
        self.log_id = log_id
        self._key = key
        self._frontier = frontier
        self._next: Frontier | None = None

    @property
    def size(self) -> int:
        """Leaves that are durable."""
        return self._frontier.size

    def signed(self, hashes: Sequence[bytes]) -> SignedTree:
        """See LedgerLog."""
        # On a copy: a commit that fails leaves the log as it was.
        grown = self._next = self._frontier.copy()
        for hashed in hashes:
            grown.append(hashed)
        root = grown.root()
        return SignedTree(grown.size, root, self._key.sign(Checkpoint(self.log_id, grown.size, root)))

    def advance(self) -> None:
        """See LedgerLog."""
        if self._next is not None:
            self._frontier, self._next = self._next, None


class MerkleLedger:
    """Ledger of store/base.py."""

    def __init__(
        self, key: CheckpointKey, export: CheckpointExport | None = None, acts: ActExport | None = None
    ) -> None:
        """`export` hears of every tree that has become durable; closed with the ledger. `acts`: of what is done again
        after a restore."""
        self._key = key
        self._export = export
        self._acts = acts
        self._sizes: dict[bytes, int] = {}
        self._committed = 0.0

    @property
    def leaves(self) -> int:
        """Leaves that became durable in this process, those of the root log left out."""
        return sum(self._sizes.values())

    @property
    def committed_at(self) -> float:
        """When the last signed tree became durable here: seconds since 1970; 0 before the first."""
        return self._committed

    @property
    def export_lag(self) -> float:
        """Seconds for which the oldest tree that is not exported yet has waited; 0 when none does."""
        return self._export.lag if self._export is not None else 0.0

    def new_log(self) -> MerkleLog:
        """See Ledger."""
        return MerkleLog(self._key, secrets.token_bytes(16), Frontier())

    def root_log(self, hashes: Sequence[bytes]) -> MerkleLog:
        """See Ledger."""
        frontier = Frontier()
        for hashed in hashes:
            frontier.append(hashed)
        return MerkleLog(self._key, ROOT_LOG, frontier)

    def leaf_hash(self, leaf: bytes) -> bytes:
        """See Ledger."""
        return leaf_hash(leaf)

    def committed(self, log_id: bytes, tree: SignedTree) -> None:
        """See Ledger."""
        self._committed = time.time()
        if log_id != ROOT_LOG:
            self._sizes[log_id] = tree.size
        if self._export is not None:
            self._export.put(log_id, tree)

    def tell(self, log_id: bytes, acts: bytes, sealer: Sealer, keys: Sequence[DataKey]) -> None:
        """See Ledger."""
        if self._acts is None:
            return
        try:
            self._acts.put(log_id, acts, sealer, keys)
        except OSError as error:
            log().error("acts not exported", extra={"error_type": type(error).__name__})
            if acts:
                raise

    def close(self) -> None:
        """See Ledger."""
        if self._export is not None:
            self._export.close()


def checkpoint_key(name: str, key_file: Path) -> CheckpointKey:
    """The key that signs for a registry. Raises UnsafeKey."""
    return CheckpointKey(name, read_key_file(key_file))


def open_ledger(name: str, key_file: Path, export: str) -> MerkleLedger:
    """The ledger of a registry. `export`: directory for checkpoints, or "".

    Raises UnsafeKey for the key file, OSError for the directory.
    """
    key = checkpoint_key(name, key_file)
    if not export:
        return MerkleLedger(key)
    return MerkleLedger(key, CheckpointExport(Path(export), name), ActExport(Path(export)))
