"""A process that dies between the two commits of a leaf: `python -m tests.store.dying URL KEY_FILE COUNT`.

It records COUNT accesses, each with a feed of its number, and kills itself when the ledger file has committed the last
of them and the database has not.
"""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hutong_server.store.base import FeedStatus, Writer
from hutong_server.store.ledger_slot import LedgerSlot
from hutong_server.trust.keys import read_key_file
from hutong_server.trust.sealing import AesGcmSealer

from tests.store.ledgers import ledger_store, seen
from tests.store.rows import NOW, write


class Dying(LedgerSlot):
    """Kills its process when it has written so many leaves."""

    left = 0

    def write(self, tx: Any, rows: Sequence[Any]) -> None:
        super().write(tx, rows)
        self.left -= len(rows)
        if self.left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


def main(url: str, key_file: str, count: str) -> None:
    store = ledger_store(url, AesGcmSealer(read_key_file(Path(key_file))))
    assert store._slot is not None
    store._slot.__class__ = Dying
    store._slot.left = int(count)  # type: ignore[attr-defined]

    def job(writer: Writer, number: int) -> None:
        writer.put_feed(FeedStatus(f"H{number}", "lis", "1", NOW, 0))
        writer.record(seen(number))

    for number in range(int(count)):
        write(store, lambda writer, number=number: job(writer, number))


if __name__ == "__main__":
    main(*sys.argv[1:])
