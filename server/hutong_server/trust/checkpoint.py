"""Checkpoints: C2SP tlog-checkpoint in a C2SP signed note, Ed25519 (https://c2sp.org/tlog-checkpoint, /signed-note).

    <origin>
    <size, decimal>
    <root, base64>
    <empty line>
    — <key name> <base64 of key id (4 bytes) and signature (64 bytes)>

The origin is "<registry>/<log id in hex>"; one key, named as the registry, signs for all logs of a registry.
"""

import hashlib
from base64 import b64decode, b64encode
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ED25519 = b"\x01"
_LONGEST = 4096


class CheckpointInvalid(Exception):
    """Not a checkpoint that this key signed. Says what is wrong."""


class Checkpoint(NamedTuple):
    """What a checkpoint says."""

    log_id: bytes
    size: int
    root: bytes


def _key_id(name: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


def body_of(name: str, at: Checkpoint) -> str:
    """The signed text, which ends with its newline."""
    return f"{name}/{at.log_id.hex()}\n{at.size}\n{b64encode(at.root).decode()}\n"


def note_of(name: str, at: Checkpoint, signature: bytes) -> str:
    """The signed note. `signature` with its key id before it."""
    return f"{body_of(name, at)}\n— {name} {b64encode(signature).decode()}\n"


class CheckpointKey:
    """Signs checkpoints."""

    def __init__(self, name: str, seed: bytes) -> None:
        """`name`: of the registry. `seed`: 32 random bytes."""
        self.name = name
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        public = self._private.public_key().public_bytes_raw()
        self._id = _key_id(name, public)
        self.verifier = CheckpointVerifier(name, public)

    def sign(self, at: Checkpoint) -> bytes:
        """Key id and signature."""
        return self._id + self._private.sign(body_of(self.name, at).encode())


class CheckpointVerifier:
    """Verifies checkpoints of one registry."""

    def __init__(self, name: str, public: bytes) -> None:
        self.name = name
        self._public = public
        self._key = Ed25519PublicKey.from_public_bytes(public)
        self._id = _key_id(name, public)

    @property
    def text(self) -> str:
        """The C2SP verifier key: <name>+<key id>+<key>."""
        return f"{self.name}+{self._id.hex()}+{b64encode(_ED25519 + self._public).decode()}"

    @classmethod
    def of(cls, text: str) -> "CheckpointVerifier":
        """Reads a verifier key. Raises CheckpointInvalid."""
        try:
            name, key_id, encoded = text.strip().split("+", 2)
            key = b64decode(encoded, validate=True)
            made = cls(name, key[1:])
        except ValueError:
            raise CheckpointInvalid("not a verifier key") from None
        if key[:1] != _ED25519 or key_id != made._id.hex():
            raise CheckpointInvalid("not an Ed25519 verifier key")
        return made

    def check(self, at: Checkpoint, signature: bytes) -> None:
        """Raises CheckpointInvalid unless this key signed it."""
        if len(signature) != 68 or signature[:4] != self._id:
            raise CheckpointInvalid("signed by another key")
        try:
            self._key.verify(signature[4:], body_of(self.name, at).encode())
        except InvalidSignature:
            raise CheckpointInvalid("the signature does not hold") from None

    def read(self, note: str) -> Checkpoint:
        """What a signed note says. Raises CheckpointInvalid."""
        if len(note) > _LONGEST:
            raise CheckpointInvalid("too long for a checkpoint")
        text, found, signatures = note.partition("\n\n")
        lines = text.split("\n")
        if not found or len(lines) < 3 or not note.endswith("\n"):
            raise CheckpointInvalid("not a signed note")
        try:
            name, log, size = *lines[0].rsplit("/", 1), lines[1]
            at = Checkpoint(bytes.fromhex(log), int(size), b64decode(lines[2], validate=True))
        except ValueError:
            raise CheckpointInvalid("not a checkpoint") from None
        # Written exactly as we write it: what is signed has one form.
        if name != self.name or body_of(name, at) != text + "\n":
            raise CheckpointInvalid("not a checkpoint of this registry")
        self.check(at, self._signature(signatures))
        return at

    def _signature(self, lines: str) -> bytes:
        for line in lines.splitlines():
            parts = line.split(" ")
            if len(parts) == 3 and parts[0] == "—" and parts[1] == self.name:
                try:
                    signature = b64decode(parts[2], validate=True)
                except ValueError:
                    continue
                if signature[:4] == self._id:
                    return signature
        raise CheckpointInvalid("not signed by this key")
