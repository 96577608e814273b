"""How a command of hutong-server opens the store, and what it says where that cannot be."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hutong_server.domain.report import Instant
from hutong_server.refusing import refuse
from hutong_server.settings import Settings, SettingsError

if TYPE_CHECKING:
    from hutong_server.store.sql_store import SqlStore
    from hutong_server.trust.key_ring import KeyRing
    from hutong_server.trust.ledger import MerkleLedger

LONGEST_MS = 6 * 3_600_000
"""How long a statement of a command may take: some look at every row of a nation, and nobody waits for them."""


def now() -> Instant:
    """Milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


@contextmanager
def opened(
    settings: Settings,
    *,
    timeout_ms: int,
    pool_size: int = 2,
    ledger: "MerkleLedger | None" = None,
    fresh: bool = False,
    status: int = 1,
) -> "Iterator[tuple[SqlStore, KeyRing]]":
    """The store and its keys; both are closed at the end.

    A database that does not exist is a mistake in the settings, unless `fresh`: then it is made. Whatever does not
    open, and a database that goes away meanwhile, ends the command with `status`.
    """
    # Not at the top: `hutong-server --help` loads neither SQLAlchemy nor gRPC.
    from hutong_server import app
    from hutong_server.sealed_store import open_sealed
    from hutong_server.store.base import StoreUnavailable
    from hutong_server.store.engine import UnsafeSettings

    try:
        if not fresh and app.is_new_file(settings.database_url):
            refuse(["HUTONG_DATABASE_URL: there is no database yet"], status)
        app.prepare_schema(settings.database_url)
        store, ring = open_sealed(
            settings, now, pool_size=pool_size, ledger=ledger, timeout_ms=timeout_ms, any_suite=True
        )
        try:
            yield store, ring
        finally:
            ring.close()
            store.close()
    except SettingsError as error:
        refuse(error.problems, status)
    except (UnsafeSettings, StoreUnavailable) as error:
        refuse([f"HUTONG_DATABASE_URL: {error}"], status)


def opened_ledger(settings: Settings, status: int = 1) -> "MerkleLedger":
    """What signs leaves and exports checkpoints; ends the command where key or directory cannot be used."""
    from hutong_server.trust.keys import UnsafeKey
    from hutong_server.trust.ledger import open_ledger

    try:
        return open_ledger(settings.registry_name, settings.ledger_key, settings.ledger_export)
    except UnsafeKey as error:
        refuse([f"HUTONG_LEDGER_KEY: {error}"], status)
    except OSError as error:
        refuse([f"HUTONG_LEDGER_EXPORT: {error.strerror}"], status)
