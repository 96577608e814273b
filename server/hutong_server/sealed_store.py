"""The store with its key ring, opened from settings: for the server and for every command that looks into it."""

from collections.abc import Callable

from hutong_server.domain.report import Instant
from hutong_server.settings import Settings, SettingsError
from hutong_server.store.base import Ledger
from hutong_server.store.replica import Replica
from hutong_server.store.sessions import Timeouts
from hutong_server.store.sql_store import SqlStore, open_store
from hutong_server.trust.first_keys import NoFirstKeys, begin, first_key
from hutong_server.trust.key_ring import KeyRing
from hutong_server.trust.keys import UnsafeKey


def open_sealed(
    settings: Settings,
    clock: Callable[[], Instant],
    *,
    pool_size: int = 2,
    ledger: Ledger | None = None,
    timeout_ms: int | None = None,
    any_suite: bool = False,
) -> tuple[SqlStore, KeyRing]:
    """Opens both; the caller closes the ring, then the store. A database without keys is given its first ones.

    `any_suite`: the database may be sealed under another suite than the setting's. Raises SettingsError, and as
    open_store.
    """
    ring = KeyRing(settings.kek, clock)
    times = timeouts_of(settings) if timeout_ms is None else Timeouts.of(timeout_ms)
    replica = None
    if settings.database_replica_url:
        replica = Replica(
            settings.database_replica_url,
            ring.sealer,
            settings.replica_lag_seconds,
            pool_size=settings.worker_threads,
            timeouts=times,
            prepared=settings.prepared_statements,
        )
    store = open_store(
        settings.database_url,
        ring.sealer,
        pool_size=pool_size,
        lanes=settings.database_lanes,
        ledger=ledger,
        timeout_ms=times.statement,
        timeouts=times,
        prepared=settings.prepared_statements,
        replica=replica,
    )
    store.use_tokens(ring.tokens)
    ring.attach(store)
    try:
        begin(store, ring, settings.kek, settings.token_key, settings.seal_key, settings.crypto_suite, clock())
        if not any_suite:
            check_suite(settings, ring)
    except BaseException as error:
        store.close()
        if isinstance(error, NoFirstKeys):
            raise SettingsError([first_key_problem(error)]) from None
        if isinstance(error, UnsafeKey):
            raise SettingsError([f"HUTONG_KEK: {error}"]) from None
        raise
    return store, ring


def timeouts_of(settings: Settings) -> Timeouts:
    """As the settings say."""
    return Timeouts(
        statement=int(settings.statement_timeout_seconds * 1000),
        lock=int(settings.lock_timeout_seconds * 1000),
        idle=int(settings.idle_transaction_seconds * 1000),
    )


def check_keys(settings: Settings) -> None:
    """Raises SettingsError when the keys of a database cannot be used. Makes nothing."""
    ring = KeyRing(settings.kek, lambda: 0)
    store = open_store(settings.database_url, ring.sealer, pool_size=1)
    ring.attach(store)
    try:
        if store.read(lambda reader: reader.data_keys()):
            ring.load()
            check_suite(settings, ring)
        elif found := first_key_problems(settings):
            raise SettingsError(found)
    except UnsafeKey as error:
        raise SettingsError([f"HUTONG_KEK: {error}"]) from None
    finally:
        store.close()


def check_suite(settings: Settings, ring: KeyRing) -> None:
    """Raises SettingsError when the database is sealed under another suite than the setting's."""
    found = next(key.suite for key in ring.keys if key.purpose == "seal" and key.state == "current")
    if found != settings.crypto_suite:
        raise SettingsError(
            [
                f"HUTONG_CRYPTO_SUITE: the database is sealed with {found}; `hutong-server keys rotate --seal --tokens`"
                f" under HUTONG_CRYPTO_SUITE={settings.crypto_suite} changes it, while servers go on under {found}"
            ]
        )


def first_key_problems(settings: Settings) -> list[str]:
    """What is wrong with the files from which a new database takes its first keys."""
    found = []
    for which, path in (("token", settings.token_key), ("seal", settings.seal_key)):
        try:
            first_key(which, path)
        except NoFirstKeys as error:
            found.append(first_key_problem(error))
    return found


def first_key_problem(error: NoFirstKeys) -> str:
    """As a sentence."""
    return f"HUTONG_{error.which.upper()}_KEY: {error} (make both with `hutong-server keys init`)"
