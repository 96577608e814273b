"""What a store is given to seal, name and prove with. Implemented in trust/."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from hutong_server.store.base_records import DataKey


class PatientToken(bytes):
    """A token that knows how it was made, so that it can be made again under another key. Compares as its bytes."""

    identifier: bytes
    """The normalised identifier: sealed beside the token, shown nowhere."""
    key: int
    """Number of the token key."""
    also: tuple[bytes, ...]
    """What it is under the other keys that count while token keys are exchanged."""

    @classmethod
    def of(cls, token: bytes, identifier: bytes, key: int, also: tuple[bytes, ...] = ()) -> "PatientToken":
        """A token made of `identifier`."""
        made = cls(token)
        made.identifier, made.key, made.also = identifier, key, also
        return made


class ReportName(PatientToken):
    """The keyed name of a report's identity. `identifier`: its name under the first key, which never changes.
    `also`: its names under the other keys that count."""


class SignedTree(NamedTuple):
    """A log at one size: RFC 9162 tree head and its signature (C2SP checkpoint)."""

    size: int
    root: bytes
    signature: bytes
    """Of the checkpoint's text: key id and Ed25519 signature, as a signed note holds them."""


class LedgerLog(Protocol):
    """One append-only Merkle log, as its only writer holds it."""

    log_id: bytes
    """Random 16 bytes."""

    @property
    def size(self) -> int:
        """Leaves that are durable."""

    def signed(self, hashes: Sequence[bytes]) -> SignedTree:
        """The tree with these leaf hashes appended, signed. Changes nothing until `advance`."""

    def advance(self) -> None:
        """What `signed` gave last is durable: the log goes on from there."""


class Ledger(Protocol):
    """Makes logs. Implemented in trust/."""

    def new_log(self) -> LedgerLog: ...
    def root_log(self, hashes: Sequence[bytes]) -> LedgerLog:
        """The root log as it stands: the log of logs."""

    def leaf_hash(self, leaf: bytes) -> bytes: ...
    def committed(self, log_id: bytes, tree: SignedTree) -> None:
        """Told after each commit, for the export of checkpoints. Returns at once."""

    def tell(self, log_id: bytes, acts: bytes, sealer: "Sealer", keys: Sequence[DataKey]) -> None:
        """Exports acts of a log, or that it tells of them (empty), before the commit. `keys`: under one of which the
        sealer seals, wrapped. Raises OSError."""

    def close(self) -> None:
        """Exports what is left."""


ROOT_LOG = bytes(16)
"""Id of the root log: it holds the start of every other log and the checkpoints at which they were found or ended."""


class SealBroken(Exception):
    """A sealed blob was altered, moved, or sealed under another key."""


class Sealer(Protocol):
    """Seals what must not be at rest in clear (AES-256-GCM). `context` is bound: a blob moved elsewhere does not open,
    and raises SealBroken."""

    def seal(self, plain: bytes, context: bytes) -> bytes: ...
    def open(self, sealed: bytes, context: bytes) -> bytes: ...


class Tokens(Protocol):
    """Keyed digests."""

    def patient(self, system: str, assigner: str, value: str) -> PatientToken:
        """Token of a normalised patient identifier: 32 bytes of HMAC under the token key."""

    def remade(self, identifier: bytes) -> PatientToken:
        """The token of PatientToken.identifier under the token key of now."""

    def lasting(self, token: bytes) -> bytes:
        """What stands for a token in digests: stays the same when the token key is exchanged."""

    def digest(self, purpose: str, *parts: str) -> bytes:
        """Keyed digest (32 bytes) of the parts, apart from that of every other purpose. Never changes."""

    def passing(self, purpose: str, *parts: str) -> bytes:
        """The same under the digest key of now: for what need not be known again once that is exchanged."""

    def name(self, purpose: str, *parts: str) -> ReportName:
        """The name of a report's identity under the digest key of now."""

    def name_of(self, first: bytes) -> ReportName:
        """The name under the digest key of now of what ReportName.identifier says."""

    def renamed(self, name: bytes) -> bytes:
        """What a name of before is under the digest key of now."""


class Ids(Protocol):
    """Opaque ids handed out: sealed, deterministic, bound to the audience they were given to."""

    def seal(self, kind: str, audience: str, parts: Sequence[bytes]) -> str: ...
    def open(self, kind: str, audience: str, text: str) -> tuple[bytes, ...] | None:
        """None for anything that was not sealed for this kind and audience."""
