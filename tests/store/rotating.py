"""A process that exchanges keys until it is killed: `python -m tests.store.rotating URL KEK WHAT SETTLE`."""

import sys
from pathlib import Path

from hutong_server.trust.key_ring import KeyRing
from hutong_server.trust.rotation import Rotation
from hutong_server.trust.suites import SUITES

from tests.store.rows import NOW


def main(url: str, kek: str, what: str, settle: str, suite: str) -> None:
    from hutong_server.store.sql_store import open_store

    ring = KeyRing(Path(kek), lambda: NOW)
    store = open_store(url, ring.sealer, pool_size=2, timeout_ms=20_000)
    store.use_tokens(ring.tokens)
    ring.attach(store)
    ring.load()
    print("started", flush=True)
    rotation = Rotation(
        store, ring, Path(kek), SUITES[suite], lambda: NOW, lambda text: print(text, flush=True), float(settle), 3, 0.01
    )
    for each in what.split(","):
        getattr(rotation, each)()
    store.close()
    print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
