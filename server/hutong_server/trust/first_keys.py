"""The first keys of a database: taken from the key files once, and kept wrapped in the database from then on.

Blobs, tokens, digests and ids of before the database had keys were made under what these files hold, so they go on.
"""

from pathlib import Path

from hutong_server.domain.report import Instant
from hutong_server.store.base import DataKey, SealBroken, Store, Writer
from hutong_server.trust.key_ring import KeyRing
from hutong_server.trust.keys import UnsafeKey, read_key_file
from hutong_server.trust.sealing import FIRST_SEAL_KEY, SealKey
from hutong_server.trust.suites import AES, SUITES, Suite
from hutong_server.trust.tokens import FIRST_DIGEST_KEY, FIRST_TOKEN_KEY
from hutong_server.trust.wrapping import wrapped

LOCK = b"keys of the store"
_IDS_KEY = 4


class NoFirstKeys(Exception):
    """The database has no keys, and a file that its first keys are taken from cannot be used.

    `which` is "token" or "seal".
    """

    def __init__(self, which: str, fault: str) -> None:
        super().__init__(fault)
        self.which = which


def begin(store: Store, ring: KeyRing, kek: Path, token_key: Path, seal_key: Path, suite: str, now: Instant) -> None:
    """Loads the ring. A database without keys is given its first ones; one that is sealed already keeps its suite.

    Raises NoFirstKeys, UnsafeKey for the key-encryption key, and StoreUnavailable.
    """
    if not store.read(lambda reader: reader.data_keys()):
        _take(store, ring, kek, token_key, seal_key, suite, now)
    ring.load()


def _take(store: Store, ring: KeyRing, kek: Path, token_key: Path, seal_key: Path, suite: str, now: Instant) -> None:
    token = first_key("token", token_key)
    seal = first_key("seal", seal_key)
    chosen = SUITES[suite]
    if store.read(lambda reader: reader.sealed_anything()):
        chosen = AES
        key = SealKey.of(FIRST_SEAL_KEY, AES, seal)
        ring.sealer.use([key], key)
        try:
            store.read(lambda reader: reader.check_seals())
        except SealBroken:
            raise NoFirstKeys("seal", f"{seal_key}: it does not open what the database holds") from None
    first = _first(read_key_file(kek), token, seal, chosen, now)

    def job(writer: Writer) -> None:
        writer.lock((LOCK,))
        # Several servers may start at once.
        if not writer.data_keys():
            for each in first:
                writer.put_data_key(each)

    store.submit(job).result()


def first_key(which: str, path: Path) -> bytes:
    """Reads the file of a first key. Raises NoFirstKeys."""
    try:
        return read_key_file(path)
    except UnsafeKey as error:
        raise NoFirstKeys(which, str(error)) from None


def _first(kek: bytes, token: bytes, seal: bytes, suite: Suite, now: Instant) -> list[DataKey]:
    def key(number: int, purpose: str, material: bytes) -> DataKey:
        wrap = wrapped(kek, number, purpose, suite, material)
        return DataKey(number, purpose, suite.name, "current", now, now, (wrap,))

    return [
        key(FIRST_SEAL_KEY, "seal", seal),
        key(FIRST_TOKEN_KEY, "token", token),
        key(FIRST_DIGEST_KEY, "digest", token),
        key(_IDS_KEY, "ids", seal),
    ]
