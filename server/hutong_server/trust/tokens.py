"""Keyed digests: the same identifier gives the same token, and nobody without the key can make or reverse one."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hutong_server.store.base import PatientToken, ReportName
from hutong_server.trust.suites import AES, Suite

FIRST_TOKEN_KEY = 2
"""Number of the token key that was read from the token key file."""

_PATIENT = "hutong patient tokens 1"
_DIGEST = "hutong digests 1"
_NAME = "hutong report names 1"
FIRST_DIGEST_KEY = 3
"""Number of the digest key that was read from the token key file."""
_NUMBER = 2
"""Bytes before a name that say its key; a name under the first key has none."""
_PLAIN = 32


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A token key, ready for use."""

    number: int
    suite: Suite
    key: bytes

    @classmethod
    def of(cls, number: int, suite: Suite, material: bytes) -> "TokenKey":
        """Derives what makes patient tokens."""
        return cls(number, suite, suite.derive(material, _PATIENT))

    def token(self, message: bytes) -> bytes:
        """Of an identifier as _message puts it."""
        return self.suite.mac(self.key, message)


@dataclass(frozen=True, slots=True)
class NameKey:
    """A digest key after the first. A name under it is made of the name under the key before it, so that names can be
    made anew without what they were made of. To make one, every key before is needed: a leak of some tells nothing.
    """

    number: int
    suite: Suite
    key: bytes

    @classmethod
    def of(cls, number: int, suite: Suite, material: bytes) -> "NameKey":
        """Derives what makes names."""
        return cls(number, suite, suite.derive(material, _NAME))


class KeyedTokens:
    """Tokens of store/base.py: HMAC over the parts, each with its length, apart by purpose.

    While token keys are exchanged, each patient token knows what it is under the others that count. Digests have a
    key of their own, which stays: the reports that they name can then be found whatever became of the token key.
    """

    def __init__(self, fresh: Callable[[], None] = lambda: None) -> None:
        """`fresh` is called before keys are used; it may call use()."""
        self._fresh = fresh
        # Exchanged as one: a look-up between two exchanges would else miss what stands under the former key.
        self._looked_for: tuple[TokenKey, tuple[TokenKey, ...]]
        self._lasting: TokenKey
        self._digest_key = b""
        self._names: tuple[tuple[NameKey, ...], int, tuple[int, ...]] = (), FIRST_DIGEST_KEY, ()

    def use(self, current: TokenKey, others: Sequence[TokenKey], digest_suite: Suite, digest_material: bytes) -> None:
        """From now on tokens are made under `current`, and looked for under `others` too."""
        self._lasting = TokenKey.of(FIRST_TOKEN_KEY, digest_suite, digest_material)
        self._digest_key = digest_suite.derive(digest_material, _DIGEST)
        self._looked_for = current, tuple(others)

    def use_names(self, keys: Sequence[NameKey], current: int, others: Sequence[int]) -> None:
        """From now on names are made under the digest key `current`, and looked for under `others` too.

        `keys` are all after the first, in the order in which they came.
        """
        self._names = tuple(keys), current, tuple(others)

    @property
    def current_name(self) -> int:
        """Number of the key under which names are made."""
        return self._names[1]

    @property
    def current(self) -> int:
        """Number of the key under which tokens are made."""
        return self._looked_for[0].number

    def patient(self, system: str, assigner: str, value: str) -> PatientToken:
        """See Tokens."""
        return self.remade(_message((system, assigner, value)))

    def remade(self, identifier: bytes) -> PatientToken:
        """See Tokens."""
        self._fresh()
        current, others = self._looked_for
        also = tuple([key.token(identifier) for key in others])
        return PatientToken.of(current.token(identifier), identifier, current.number, also)

    def lasting(self, token: bytes) -> bytes:
        """See Tokens."""
        if not isinstance(token, PatientToken) or (
            token.key == self._lasting.number and self._looked_for[0].suite is self._lasting.suite
        ):
            return bytes(token)
        return self._lasting.token(token.identifier)

    def digest(self, purpose: str, *parts: str) -> bytes:
        """See Tokens."""
        self._fresh()
        return self._lasting.suite.mac(self._digest_key, _message((purpose, *parts)))

    def passing(self, purpose: str, *parts: str) -> bytes:
        """See Tokens."""
        found, (keys, current, _) = self.digest(purpose, *parts), self._names
        for key in keys:
            if key.number <= current:
                found = key.suite.mac(key.key, found)
        return found

    def name(self, purpose: str, *parts: str) -> ReportName:
        """See Tokens."""
        return self.name_of(self.digest(purpose, *parts))

    def name_of(self, first: bytes) -> ReportName:
        """See Tokens."""
        keys, current, others = self._names
        names = {FIRST_DIGEST_KEY: first, **_further(first, keys)}
        made = ReportName(names[current])
        made.identifier, made.key, made.also = first, current, tuple([names[number] for number in others])
        return made

    def renamed(self, name: bytes) -> bytes:
        """See Tokens."""
        keys, current, _ = self._names
        under, inner = _under(name), name if len(name) == _PLAIN else name[_NUMBER:]
        later = _further(inner, [key for key in keys if under < key.number <= current])
        return later.get(current, name)


def _under(name: bytes) -> int:
    """Number of the digest key of a name."""
    return FIRST_DIGEST_KEY if len(name) == _PLAIN else int.from_bytes(name[:_NUMBER], "big")


def _further(name: bytes, keys: Iterable[NameKey]) -> dict[int, bytes]:
    """What becomes of a name under one key after the other."""
    found = {}
    for key in keys:
        name = key.suite.mac(key.key, name)
        found[key.number] = key.number.to_bytes(_NUMBER, "big") + name
    return found


class HmacTokens(KeyedTokens):
    """Tokens over the first token key alone: HMAC-SHA-256."""

    def __init__(self, token_key: bytes) -> None:
        super().__init__()
        self.use(TokenKey.of(FIRST_TOKEN_KEY, AES, token_key), (), AES, token_key)


def _message(parts: Iterable[str]) -> bytes:
    # With its length before each part, no two lists of parts give the same message.
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
