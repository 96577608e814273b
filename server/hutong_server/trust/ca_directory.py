"""The authorities of a registry as files: made by `hutong-server ca`, read by a running server whenever they change.

    authorities.json   which intermediates there are, under which root, and what each is for
    root-N.pem         a root; its key is encrypted and belongs on a medium that is not in this machine
    issuing-N.pem/.key an issuing intermediate; owner only
    issuing-N.cross.pem  the same key certified by the former root, while both roots are trusted
    roots.pem          what clients trust; clients.pem: whose client certificates the registry accepts

An intermediate is prepared (trusted), active (issues), former (trusted, issues no more), then retired.
"""

import datetime
import json
import stat
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from hutong_server.durable import put_file
from hutong_server.trust.ca import AuthorityKey, Signer, key_id, key_pem, make_issuing, make_root, pem

STATE_FILE = "authorities.json"
ROOTS_FILE = "roots.pem"
CLIENTS_FILE = "clients.pem"


class AuthorityFault(Exception):
    """The directory cannot be used, or a step does not fit its state. The text names the file or the step."""


class State(StrEnum):
    """What an issuing intermediate is for."""

    PREPARED = "prepared"
    ACTIVE = "active"
    FORMER = "former"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Entry:
    """An issuing intermediate in the list."""

    name: str
    root: str
    state: State
    cross_root: str = ""
    """The former root that certified the same key, too."""


@dataclass(frozen=True, slots=True)
class Authorities:
    """The directory as read at one moment."""

    entries: tuple[Entry, ...]
    issuer: Signer
    """The active one."""
    presented: x509.Certificate
    """The active one's certificate as servers show it: by the oldest root that is trusted, which every client has."""
    anchor: x509.Certificate
    """The root of `presented`: what a new institution checks the registry by."""
    roots: tuple[x509.Certificate, ...]
    accepted: tuple[x509.Certificate, ...]
    """Issuing intermediates whose certificates are accepted."""
    retired: frozenset[str]
    """Key ids of those that are not any more."""
    certificates: tuple[x509.Certificate, ...]
    """Of all entries, in their order."""

    def listed(self) -> list[tuple[Entry, x509.Certificate]]:
        """Every intermediate with its certificate."""
        return list(zip(self.entries, self.certificates, strict=True))


def initialize(
    directory: Path, registry_name: str, root_key: Path, passphrase: bytes, now: datetime.datetime
) -> Authorities:
    """Makes a root and a first intermediate. Raises AuthorityFault when there are authorities already."""
    if (directory / STATE_FILE).exists():
        raise AuthorityFault(f"{directory} holds authorities already")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    root = make_root(f"{registry_name} root 1", registry_name, now)
    _save_root_key(root_key, root.key, passphrase)
    issuing = make_issuing(f"{registry_name} issuing 1", registry_name, root, now)
    put_file(directory / "root-1.pem", pem(root.certificate), 0o644)
    _put_signer(directory, "issuing-1", issuing)
    _save(directory, (Entry("issuing-1", "root-1", State.ACTIVE),))
    return read(directory)


def prepare(
    directory: Path,
    registry_name: str,
    root_key: Path,
    passphrase: bytes,
    now: datetime.datetime,
    new_root_key: Path | None = None,
) -> Authorities:
    """Makes the next intermediate: trusted from now on, issuing nothing yet. With `new_root_key`, under a new root.

    Needs the key of the root in use; a new root's intermediate is certified by it, too, so that a client which knows
    the old root only still reaches the registry while both are trusted.
    """
    entries = _entries(directory)
    if any(entry.state is State.PREPARED for entry in entries):
        raise AuthorityFault("one is prepared already; activate it first")
    if any(entry.cross_root and entry.state is not State.RETIRED for entry in entries) and new_root_key:
        raise AuthorityFault("two roots are in use; retire the former first")
    active = _active(entries)
    root = Signer(_certificate(directory / f"{active.root}.pem"), _load_root_key(root_key, passphrase))
    if root.certificate.public_key() != root.key.public_key():
        raise AuthorityFault(f"{root_key}: not the key of {active.root}.pem")
    name = f"issuing-{len(entries) + 1}"
    title = f"{registry_name} {name.replace('-', ' ')}"
    entry = Entry(name, active.root, State.PREPARED)
    if new_root_key is None:
        issuing = make_issuing(title, registry_name, root, now)
    else:
        number = len({each.root for each in entries}) + 1
        entry = Entry(name, f"root-{number}", State.PREPARED, cross_root=active.root)
        new_root = make_root(f"{registry_name} root {number}", registry_name, now)
        _save_root_key(new_root_key, new_root.key, passphrase)
        put_file(directory / f"{entry.root}.pem", pem(new_root.certificate), 0o644)
        issuing = make_issuing(title, registry_name, new_root, now)
        cross = make_issuing(title, registry_name, root, now, issuing.key)
        put_file(directory / f"{name}.cross.pem", pem(cross.certificate), 0o644)
    _put_signer(directory, name, issuing)
    _save(directory, (*entries, entry))
    return read(directory)


def activate(directory: Path) -> Authorities:
    """Lets the prepared one issue; the one before it stays trusted. Raises AuthorityFault when none is prepared."""
    entries = _entries(directory)
    if not any(entry.state is State.PREPARED for entry in entries):
        raise AuthorityFault("none is prepared")
    steps = {State.PREPARED: State.ACTIVE, State.ACTIVE: State.FORMER}
    _save(directory, tuple(replace(entry, state=steps.get(entry.state, entry.state)) for entry in entries))
    return read(directory)


def retire(directory: Path) -> Authorities:
    """Trusts the former ones no more, nor a root that has no other. Raises AuthorityFault when there is none."""
    entries = _entries(directory)
    if not any(entry.state is State.FORMER for entry in entries):
        raise AuthorityFault("none is to be retired: activate another first")
    steps = {State.FORMER: State.RETIRED}
    kept = tuple(replace(entry, state=steps.get(entry.state, entry.state)) for entry in entries)
    _save(directory, kept)
    for entry in kept:
        if entry.state is State.RETIRED:
            (directory / f"{entry.name}.key").unlink(missing_ok=True)
    return read(directory)


def read(directory: Path) -> Authorities:
    """The authorities as they are. Raises AuthorityFault for what is missing, open to others, or does not fit."""
    entries = _entries(directory)
    active = _active(entries)
    issuer = Signer(_certificate(directory / f"{active.name}.pem"), _load_key(directory / f"{active.name}.key"))
    if issuer.certificate.public_key() != issuer.key.public_key():
        raise AuthorityFault(f"{active.name}.key: not the key of {active.name}.pem")
    trusted = [entry for entry in entries if entry.state is not State.RETIRED]
    names = dict.fromkeys(entry.root for entry in trusted)
    crossed = active.cross_root in names
    presented = _certificate(directory / f"{active.name}.cross.pem") if crossed else issuer.certificate
    anchor = _certificate(directory / f"{active.cross_root if crossed else active.root}.pem")
    return Authorities(
        entries,
        issuer,
        presented,
        anchor,
        tuple(_certificate(directory / f"{name}.pem") for name in names),
        tuple(_certificate(directory / f"{entry.name}.pem") for entry in trusted),
        frozenset(
            key_id(_certificate(directory / f"{entry.name}.pem")) for entry in entries if entry.state is State.RETIRED
        ),
        tuple(_certificate(directory / f"{entry.name}.pem") for entry in entries),
    )


def exists(directory: Path) -> bool:
    """Whether there are authorities at all."""
    return (directory / STATE_FILE).exists()


def stamp(directory: Path) -> tuple[int, int]:
    """Changes whenever the authorities do. Raises OSError."""
    status = (directory / STATE_FILE).stat()
    return status.st_mtime_ns, status.st_ino


def _entries(directory: Path) -> tuple[Entry, ...]:
    try:
        content = json.loads((directory / STATE_FILE).read_bytes())
        return tuple(
            Entry(each["name"], each["root"], State(each["state"]), each["cross_root"])
            for each in content["authorities"]
        )
    except FileNotFoundError:
        raise AuthorityFault(f"{directory} holds no authorities; make them with `hutong-server ca init`") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise AuthorityFault(f"{directory / STATE_FILE} cannot be read") from None


def _active(entries: Iterable[Entry]) -> Entry:
    found = [entry for entry in entries if entry.state is State.ACTIVE]
    if len(found) != 1:
        raise AuthorityFault("exactly one authority must be active")
    return found[0]


def _save(directory: Path, entries: tuple[Entry, ...]) -> None:
    """Writes the lists of what is trusted, then the state: a reader that sees the new state finds all of its files."""
    trusted = [entry for entry in entries if entry.state is not State.RETIRED]
    roots = [_certificate(directory / f"{name}.pem") for name in dict.fromkeys(entry.root for entry in trusted)]
    put_file(directory / ROOTS_FILE, pem(*roots), 0o644)
    put_file(
        directory / CLIENTS_FILE, pem(*(_certificate(directory / f"{entry.name}.pem") for entry in trusted)), 0o644
    )
    rows = [
        {"name": entry.name, "root": entry.root, "state": entry.state.value, "cross_root": entry.cross_root}
        for entry in entries
    ]
    put_file(directory / STATE_FILE, json.dumps({"authorities": rows}, indent=2).encode() + b"\n", 0o644)


def _put_signer(directory: Path, name: str, signer: Signer) -> None:
    put_file(directory / f"{name}.key", key_pem(signer.key), 0o600)
    put_file(directory / f"{name}.pem", pem(signer.certificate), 0o644)


def _save_root_key(path: Path, key: AuthorityKey, passphrase: bytes) -> None:
    if path.exists():
        raise AuthorityFault(f"{path} is there already")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    put_file(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase)), 0o600)


def _load_root_key(path: Path, passphrase: bytes) -> AuthorityKey:
    return _as_ec(path, passphrase)


def _load_key(path: Path) -> AuthorityKey:
    try:
        mode = path.stat().st_mode
    except OSError:
        raise AuthorityFault(f"{path} is missing or cannot be read") from None
    if mode & 0o077:
        raise AuthorityFault(f"{path} is open to others than its owner (mode {stat.S_IMODE(mode):04o}); chmod 600 it")
    return _as_ec(path, None)


def _as_ec(path: Path, passphrase: bytes | None) -> AuthorityKey:
    try:
        key = load_pem_private_key(path.read_bytes(), passphrase)
    except OSError:
        raise AuthorityFault(f"{path} is missing or cannot be read") from None
    except (ValueError, TypeError):
        raise AuthorityFault(f"{path} cannot be opened: no key in PEM, or another passphrase") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise AuthorityFault(f"{path} holds a key of another kind")
    return key


def _certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError:
        raise AuthorityFault(f"{path} is missing or cannot be read") from None
    except ValueError:
        raise AuthorityFault(f"{path} holds no certificate in PEM") from None
