"""What the ledger costs a call: leaf, hash, seal, index rows, frontier and signature, without the disk.

.venv/bin/python -m tests.bench.ledger
"""

import secrets
import sqlite3
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from hutong_server.store.leaves import leaf_of
from hutong_server.store.ledger import pending_of, write_leaves
from hutong_server.store.migrations import migrate
from hutong_server.store.transaction import Transaction
from hutong_server.trust.checkpoint import CheckpointKey
from hutong_server.trust.ledger import MerkleLedger
from hutong_server.trust.merkle import leaf_hash
from hutong_server.trust.sealing import AesGcmSealer

from tests.store.ledgers import seen

ROUNDS = 400


def per_batch(tx: Transaction, size: int) -> float:
    """Seconds for a batch of so many leaves, from record to the last statement before the commit."""
    ledger = MerkleLedger(CheckpointKey("hutong.bench", secrets.token_bytes(32)))
    log = ledger.new_log()
    took = 0.0
    for number in range(ROUNDS):
        accesses = [seen(number) for _ in range(size)]
        tx.begin_write()
        started = time.perf_counter()
        written = write_leaves(tx, ledger, log, [pending_of(access) for access in accesses])
        took += time.perf_counter() - started
        tx.commit()
        written.log.advance()
    return took / ROUNDS


def measure() -> dict[str, float]:
    """Microseconds: of a batch of one, of each further leaf, and of the parts of a leaf."""
    with TemporaryDirectory() as directory:
        file = Path(directory) / "bench.db"
        migrate(f"sqlite:///{file}")
        connection = sqlite3.connect(file, isolation_level=None)
        connection.execute("PRAGMA synchronous=OFF")
        tx = Transaction(connection, "sqlite", AesGcmSealer(secrets.token_bytes(32)))
        per_batch(tx, 1)
        one, many = per_batch(tx, 1), per_batch(tx, 33)
        connection.close()
    access = seen(1)
    started = time.perf_counter()
    for _ in range(10_000):
        leaf = leaf_of(access)
    encoded = time.perf_counter()
    for _ in range(10_000):
        leaf_hash(leaf)
    hashed = time.perf_counter()
    return {
        "batch_of_one": one * 1e6,
        "each_further_leaf": (many - one) / 32 * 1e6,
        "leaf_as_json": (encoded - started) * 100,
        "leaf_hash": (hashed - encoded) * 100,
    }


def main() -> None:
    """Prints the figures."""
    for name, microseconds in measure().items():
        print(f"{name:20} {microseconds:7.1f} µs")


if __name__ == "__main__":
    main()
