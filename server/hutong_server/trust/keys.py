"""Key files: 32 random bytes as 64 hexadecimal digits and a line end, readable by their owner only.

The key-encryption key wraps the keys of the store, which live in its database: losing the one file loses the data, so
it is backed up, apart from the database. The first token key (who is who) and the first seal key (what is said of
them) are read from files when a database is first used; once they are exchanged, those files are of no more use.
"""

import os
import secrets
import stat
from itertools import pairwise
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hutong_server.durable import sync

KEY_SIZE = 32
TOKEN_KEY_FILE = "token.key"  # noqa: S105  a file's name
SEAL_KEY_FILE = "seal.key"
KEK_FILE = "kek.key"

_MOST_BYTES = 4096
# 32 random bytes hold fewer different ones than this less than once in 10^12 keys.
_LEAST_VARIETY = 20


class UnsafeKey(Exception):
    """A key file that must not be used. Names the file and the fault, never the key."""


def create_key_file(path: Path) -> None:
    """Makes a new key. Raises FileExistsError rather than replace one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(KEY_SIZE) + "\n")
        file.flush()
        os.fsync(file.fileno())
    # All that it seals would be lost with its name.
    sync(path.parent)


def read_key_file(path: Path) -> bytes:
    """The key. Raises UnsafeKey when the file is missing, open to others, malformed, or plainly not random."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise UnsafeKey(f"{path}: {error.strerror}") from None
    try:
        # The opened file is judged, not the name: nobody can put another there in between.
        _check(path, os.fstat(descriptor))
        text = os.read(descriptor, _MOST_BYTES)
    finally:
        os.close(descriptor)
    try:
        key = bytes.fromhex(text.decode("ascii").removesuffix("\n"))
    except ValueError:
        raise UnsafeKey(f"{path}: not {KEY_SIZE * 2} hexadecimal digits") from None
    if len(key) != KEY_SIZE:
        raise UnsafeKey(f"{path}: {len(key)} bytes, want {KEY_SIZE}")
    if _plainly_not_random(key):
        raise UnsafeKey(f"{path}: not a random key")
    return key


def _check(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeKey(f"{path}: not a file")
    if status.st_mode & 0o077:
        raise UnsafeKey(f"{path}: others may read or write it (mode {stat.S_IMODE(status.st_mode):04o}, want 0600)")
    if status.st_uid not in (os.geteuid(), 0):
        raise UnsafeKey(f"{path}: belongs to another user")


def _plainly_not_random(key: bytes) -> bool:
    steps = {(b - a) % 256 for a, b in pairwise(key)}
    return len(set(key)) < _LEAST_VARIETY or len(steps) == 1


def derive(key: bytes, label: str, size: int = KEY_SIZE) -> bytes:
    """A key of its own for each label."""
    return HKDF(algorithm=SHA256(), length=size, salt=None, info=label.encode()).derive(key)
