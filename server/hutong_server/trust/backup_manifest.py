"""What a backup says of itself, under a seal that only who has the key-encryption key can make.

A file that was changed, exchanged or left out shows, and so does a manifest that was changed to match. No key stands in
a backup: those of the database are wrapped there under one that is kept elsewhere.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hutong_server.trust.keys import derive
from hutong_server.trust.wrapping import kek_id

NAME = "manifest.json"
_CHUNK = 1 << 20


class BackupInvalid(Exception):
    """Not a backup, not whole, or not as it was written. Says which."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of manifest.json."""

    registry: str
    product: str
    """Version of hutong that made it."""
    taken_at: str
    """ISO 8601, UTC."""
    database: str
    """sqlite or postgresql."""
    schema: str
    """The newest migration that was applied."""
    counts: Mapping[str, int]
    """Rows by table."""
    ledger_key: str
    """Verifier of the ledger's checkpoints."""
    ledger: tuple[str, ...]
    """The newest checkpoint of each log, signed; their sizes are the ledger's."""
    files: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 by name, hex."""
    kek: str = ""
    """Name of the key-encryption key under which the database's keys are wrapped, hex."""
    v: int = 1


def write_manifest(directory: Path, manifest: Manifest, kek: bytes) -> None:
    """Writes it beside the files that it names."""
    content = asdict(manifest)
    content["mac"] = _mac(content, kek)
    (directory / NAME).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_manifest(directory: Path, kek: bytes) -> Manifest:
    """The manifest of a backup whose files are as they were written. Raises BackupInvalid."""
    try:
        content = json.loads((directory / NAME).read_bytes())
        mac = content.pop("mac")
        if content["v"] != 1:
            raise BackupInvalid(f"{NAME}: of a version that is not known here")
        manifest = Manifest(**{**content, "ledger": tuple(content["ledger"])})
        same = manifest.kek == kek_id(kek).hex()
    except FileNotFoundError:
        raise BackupInvalid(f"{directory}: holds no {NAME}: it is no backup, or one that was not finished") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise BackupInvalid(f"{NAME}: not a manifest") from None
    if not same:
        raise BackupInvalid(
            f"its keys are wrapped under {manifest.kek}, and HUTONG_KEK is {kek_id(kek).hex()}: give the key that was "
            "backed up with it"
        )
    if not hmac.compare_digest(str(mac), _mac(content, kek)):
        raise BackupInvalid(f"{NAME}: was changed")
    for name, digest in manifest.files.items():
        try:
            found = digest_of(directory / name)
        except OSError as error:
            raise BackupInvalid(f"{name}: {error.strerror}") from None
        if found != digest:
            raise BackupInvalid(f"{name}: was changed, or is not whole")
    return manifest


def digest_of(path: Path) -> str:
    """SHA-256 of a file, hex. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _mac(content: Mapping[str, object], kek: bytes) -> str:
    text = json.dumps({name: content[name] for name in sorted(content)}, sort_keys=True)
    return hmac.new(derive(kek, "hutong backup manifest 1"), text.encode(), hashlib.sha256).hexdigest()
