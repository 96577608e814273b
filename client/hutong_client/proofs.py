"""Verifies proofs of a registry's access ledger with nothing but its public key. Stands alone: give this file and a
Python with the cryptography package to whoever trusts nobody.

Two kinds of proof, as JSON. Inclusion, from `hutong-server audit prove` or AuditService.ProveAccess:
{"leaf": base64, "leaf_index": number, "path": [base64, …], "checkpoint": signed note}; consistency, from
`hutong-server audit consistency`: {"old_checkpoint": …, "new_checkpoint": …, "path": [base64, …]}.
Hashing is RFC 9162's (SHA-256), checkpoints are C2SP tlog-checkpoints signed with Ed25519.
"""

import hashlib
import json
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_ED25519 = b"\x01"


class ProofInvalid(Exception):
    """A proof that does not hold. The text says where it fails, and nothing of what was to be proved."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says."""

    origin: str
    """<registry>/<log>."""
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Inclusion:
    """What an inclusion proof has proved."""

    checkpoint: Checkpoint
    leaf_index: int
    leaf: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Consistency:
    """What a consistency proof has proved."""

    old: Checkpoint
    new: Checkpoint


def verify_proof(proof: Mapping[str, Any], verifier_key: str) -> Inclusion | Consistency:
    """Verifies a proof of either kind. Raises ProofInvalid."""
    try:
        path = [_bytes(node) for node in proof["path"]]
        if "leaf" in proof:
            return verify_inclusion(
                _bytes(proof["leaf"]), int(proof["leaf_index"]), path, str(proof["checkpoint"]), verifier_key
            )
        old, new = str(proof["old_checkpoint"]), str(proof["new_checkpoint"])
    except (KeyError, TypeError, ValueError):
        raise ProofInvalid("not a proof of a ledger") from None
    return verify_consistency(old, new, path, verifier_key)


def verify_inclusion(leaf: bytes, index: int, path: Sequence[bytes], checkpoint: str, verifier_key: str) -> Inclusion:
    """Verifies that a leaf stands in the log of a signed checkpoint (RFC 9162, 2.1.3.2). Raises ProofInvalid."""
    at = read_checkpoint(checkpoint, verifier_key)
    if not 0 <= index < at.size:
        raise ProofInvalid("the leaf is not within the checkpoint")
    hashed = hashlib.sha256(b"\x00" + leaf).digest()
    node, last = index, at.size - 1
    for sibling in path:
        if last == 0:
            raise ProofInvalid("the path is too long")
        if node & 1 or node == last:
            hashed = _node(sibling, hashed)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            hashed = _node(hashed, sibling)
        node, last = node >> 1, last >> 1
    if last or hashed != at.root:
        raise ProofInvalid("the path does not lead to the checkpoint's root")
    try:
        content = json.loads(leaf)
    except ValueError:
        raise ProofInvalid("the leaf is no access record") from None
    if not isinstance(content, dict):
        raise ProofInvalid("the leaf is no access record")
    return Inclusion(at, index, content)


def verify_consistency(old: str, new: str, path: Sequence[bytes], verifier_key: str) -> Consistency:
    """Verifies that nothing before the old checkpoint was changed (RFC 9162, 2.1.4.2). Raises ProofInvalid."""
    first, second = read_checkpoint(old, verifier_key), read_checkpoint(new, verifier_key)
    if first.origin != second.origin:
        raise ProofInvalid("the checkpoints are of different logs")
    if first.size > second.size:
        raise ProofInvalid("the old checkpoint is larger than the new one")
    if first.size in (0, second.size):
        if path or (first.size and first.root != second.root):
            raise ProofInvalid("two checkpoints of one size differ")
        return Consistency(first, second)
    nodes = list(path) if first.size & (first.size - 1) else [first.root, *path]
    if not nodes:
        raise ProofInvalid("the path is too short")
    node, last = first.size - 1, second.size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    one = other = nodes[0]
    for sibling in nodes[1:]:
        if last == 0:
            raise ProofInvalid("the path is too long")
        if node & 1 or node == last:
            one, other = _node(sibling, one), _node(sibling, other)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            other = _node(other, sibling)
        node, last = node >> 1, last >> 1
    if last or one != first.root or other != second.root:
        raise ProofInvalid("the path does not lead to both roots")
    return Consistency(first, second)


def read_checkpoint(note: str, verifier_key: str) -> Checkpoint:
    """Reads a checkpoint and verifies its signature. Raises ProofInvalid."""
    name, key_id, public = _key(verifier_key)
    text, found, signatures = note.partition("\n\n")
    lines = text.split("\n")
    if not found or len(lines) != 3 or not lines[0].startswith(f"{name}/") or not lines[1].isascii():
        raise ProofInvalid("not a checkpoint of this registry")
    for line in signatures.splitlines():
        dash, _, rest = line.partition(" ")
        signer, _, encoded = rest.partition(" ")
        if dash == "\N{EM DASH}" and signer == name:
            signature = _bytes(encoded)
            if signature[:4] == key_id:
                break
    else:
        raise ProofInvalid("the checkpoint is not signed by this key")
    try:
        public.verify(signature[4:], (text + "\n").encode())
        return Checkpoint(lines[0], int(lines[1]), _bytes(lines[2]))
    except InvalidSignature:
        raise ProofInvalid("the checkpoint's signature does not hold") from None
    except ValueError:
        raise ProofInvalid("not a checkpoint") from None


def _key(text: str) -> tuple[str, bytes, Ed25519PublicKey]:
    try:
        name, key_id, encoded = text.strip().split("+", 2)
        content = b64decode(encoded, validate=True)
        key = Ed25519PublicKey.from_public_bytes(content[1:])
    except ValueError:
        raise ProofInvalid("the key is no verifier key (<name>+<id>+<key>)") from None
    expected = hashlib.sha256(name.encode() + b"\n" + content).digest()[:4]
    if content[:1] != _ED25519 or key_id != expected.hex():
        raise ProofInvalid("the key is no Ed25519 verifier key, or was mistyped")
    return name, expected, key


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _bytes(text: object) -> bytes:
    try:
        return b64decode(str(text), validate=True)
    except ValueError:
        raise ProofInvalid("not base64") from None
