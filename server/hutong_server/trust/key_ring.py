"""The key ring: the keys of the store, unwrapped in memory, and what seals, makes tokens and hands out ids with them.

Another process may add keys or change what they are used for. A ring looks once a second, and never uses keys that it
has not looked at for LEASE seconds: who exchanges keys waits that long before each step (usecases/rotate_keys.py).
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from hutong_server.domain.report import Instant
from hutong_server.store.base import DataKey, Store, StoreUnavailable
from hutong_server.trust.ids import KeyedIds, id_cipher
from hutong_server.trust.keys import UnsafeKey, read_key_file
from hutong_server.trust.sealing import KeyedSealer, SealKey
from hutong_server.trust.suites import SUITES
from hutong_server.trust.tokens import FIRST_DIGEST_KEY, KeyedTokens, NameKey, TokenKey
from hutong_server.trust.wrapping import unwrapped

LEASE = 5.0
"""Seconds for which keys may be used without looking at the store again."""
POLL = 1.0
IDS_OPEN = 30 * 86_400_000
"""Milliseconds for which an id that was handed out opens after its key was exchanged."""
_MISSING_PAUSE = 1.0
_ALSO = ("coming", "former", "closed")
"""States of keys under which something may stand, or soon will, beside the current one."""


class KeyRing:
    """See above. `sealer` goes into the store, which is then given to attach()."""

    def __init__(self, kek: Path, clock: Callable[[], Instant]) -> None:
        self.sealer = KeyedSealer(self._missing)
        self.tokens = KeyedTokens(self._fresh)
        self.ids = KeyedIds(self._fresh)
        self.keys: tuple[DataKey, ...] = ()
        self._kek = kek
        self._clock = clock
        self._store: Store | None = None
        self._materials: dict[int, bytes] = {}
        self._seals: dict[int, SealKey] = {}
        self._loaded = 0.0
        self._asked = 0.0
        self._door = threading.Lock()
        self._end = threading.Event()
        self._poll: threading.Thread | None = None

    def attach(self, store: Store) -> None:
        """Where the keys are. load() reads them."""
        self._store = store

    def load(self) -> None:
        """Takes the keys as they are in the store now.

        Raises StoreUnavailable, and UnsafeKey when the file does not unwrap them or one that is needed is missing.
        """
        if self._store is None:
            raise UnsafeKey("the key ring has no store")
        with self._door:
            began = time.monotonic()
            keys = tuple(self._store.read(lambda reader: reader.data_keys()))
            if keys != self.keys:
                self._take(keys)
            self._loaded = began

    def start(self) -> None:
        """Looks again every second, until close()."""
        self._poll = threading.Thread(target=self._watch, name="hutong-keys", daemon=True)
        self._poll.start()

    def close(self) -> None:
        """Looks no more."""
        self._end.set()
        if self._poll is not None:
            self._poll.join()

    def material(self, number: int) -> bytes:
        """A key in clear, to be wrapped anew."""
        return self._materials[number]

    def _take(self, keys: tuple[DataKey, ...]) -> None:
        new = [key for key in keys if key.number not in self._materials]
        if new:
            # Read each time: it may have been exchanged since.
            kek = read_key_file(self._kek)
            for key in new:
                self._materials[key.number] = unwrapped(kek, key)
        self._use_seals(keys)
        self._use_tokens(keys)
        self._use_ids(keys)
        self._materials = {key.number: self._materials[key.number] for key in keys}
        self.keys = keys

    def _use_seals(self, keys: tuple[DataKey, ...]) -> None:
        mine = [key for key in keys if key.purpose == "seal"]
        for key in mine:
            if key.number not in self._seals:
                self._seals[key.number] = SealKey.of(key.number, SUITES[key.suite], self._materials[key.number])
        self.sealer.use([self._seals[key.number] for key in mine], self._seals[_current(keys, "seal").number])

    def _use_tokens(self, keys: tuple[DataKey, ...]) -> None:
        def made(key: DataKey) -> TokenKey:
            return TokenKey.of(key.number, SUITES[key.suite], self._materials[key.number])

        others = [key for key in keys if key.purpose == "token" and key.state in _ALSO]
        digests = sorted((key for key in keys if key.purpose == "digest"), key=lambda key: key.number)
        if not digests or digests[0].number != FIRST_DIGEST_KEY:
            raise UnsafeKey("the store lacks its first key to digest with")
        first, *later = digests
        self.tokens.use(
            made(_current(keys, "token")), [*map(made, others)], SUITES[first.suite], self._materials[first.number]
        )
        self.tokens.use_names(
            [NameKey.of(key.number, SUITES[key.suite], self._materials[key.number]) for key in later],
            _current(keys, "digest").number,
            [key.number for key in digests if key.state in _ALSO],
        )

    def _use_ids(self, keys: tuple[DataKey, ...]) -> None:
        until = self._clock() - IDS_OPEN
        current = _current(keys, "ids")
        others = [
            key
            for key in keys
            if key.purpose == "ids" and key != current and (key.state != "retired" or key.changed > until)
        ]
        ciphers = [id_cipher(SUITES[key.suite], self._materials[key.number]) for key in (current, *others)]
        self.ids.use(ciphers[0], ciphers[1:])

    def _fresh(self) -> None:
        if time.monotonic() - self._loaded > LEASE:
            try:
                self.load()
            except UnsafeKey as error:
                # Without the new key, some of the patients would seem to be unknown.
                raise StoreUnavailable(f"the keys of the store cannot be used ({error})") from None

    def _missing(self) -> None:
        """A blob names a key that is not here: it may have been made a moment ago."""
        now = time.monotonic()
        if now - self._asked > _MISSING_PAUSE:
            self._asked = now
            self.load()

    def _watch(self) -> None:
        while not self._end.wait(POLL):
            try:
                self.load()
            except (StoreUnavailable, UnsafeKey):
                # The next use after LEASE says so to its caller.
                continue


def _current(keys: tuple[DataKey, ...], purpose: str) -> DataKey:
    found = next((key for key in keys if key.purpose == purpose and key.state == "current"), None)
    if found is None:
        raise UnsafeKey(f"the store has no current key to {purpose} with")
    if found.suite not in SUITES:
        raise UnsafeKey(f"key {found.number} of the store is of a suite that is not known here")
    return found
