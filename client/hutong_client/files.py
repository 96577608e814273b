"""The files of an institution's certificate: replaced so that a crash at any moment leaves a pair that fits."""

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hutong_client.channel import TlsFiles, TlsFilesInvalid

if sys.platform == "win32":
    fcntl = None
else:
    import fcntl


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """A certificate (with its chain), its key (readable by its owner only) and the registry's roots, PEM."""

    ca: Path
    certificate: Path
    key: Path

    @classmethod
    def within(cls, directory: Path) -> "CertificateFiles":
        """client.key, client.pem and ca.pem of a directory: the names that `hutong enroll` gives."""
        return cls(directory / "ca.pem", directory / "client.pem", directory / "client.key")

    @property
    def new_key(self) -> Path:
        """The next key, while its certificate is not there yet."""
        return self.key.with_name(f"{self.key.name}.new")

    @property
    def _new_certificate(self) -> Path:
        return self.certificate.with_name(f"{self.certificate.name}.new")

    def tls(self) -> TlsFiles:
        """For open_channel."""
        return TlsFiles(self.ca, self.certificate, self.key)

    def put(self, key: bytes, certificate: bytes, ca: bytes) -> None:
        """Replaces all three."""
        put_file(self.ca, ca)
        put_private(self.new_key, key)
        put_file(self._new_certificate, certificate)
        # A crash between the two leaves the certificate of the new key beside it; see recover.
        self.new_key.replace(self.key)
        self._new_certificate.replace(self.certificate)
        _sync(self.key.parent)

    def recover(self) -> None:
        """Ends what a crash within put left half done. Raises OSError."""
        if self._new_certificate.exists():
            if self.key.exists() and _fits(self._new_certificate, self.key):
                self._new_certificate.replace(self.certificate)
            elif self.new_key.exists() and _fits(self._new_certificate, self.new_key):
                self.new_key.replace(self.key)
                self._new_certificate.replace(self.certificate)

    def waiting_key(self) -> ec.EllipticCurvePrivateKey | None:
        """The key of an enrolment that is not ended yet."""
        try:
            return _load(self.new_key)
        except (OSError, TlsFilesInvalid):
            return None

    def load_key(self) -> ec.EllipticCurvePrivateKey:
        """The private key. Raises TlsFilesInvalid, OSError."""
        return _load(self.key)

    def period(self) -> tuple[datetime, datetime]:
        """First and last moment of the certificate, aware. Raises TlsFilesInvalid, OSError."""
        try:
            found = x509.load_pem_x509_certificates(self.certificate.read_bytes())[0]
        except ValueError as error:
            raise TlsFilesInvalid(f"{self.certificate}: holds no certificate in PEM form") from error
        return found.not_valid_before_utc, found.not_valid_after_utc

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps other processes from renewing at the same time, where the system has such locks.

        Raises BlockingIOError while another does.
        """
        if fcntl is None:
            yield
            return
        with self.key.with_name(f".{self.key.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield


def put_private(path: Path, content: bytes) -> None:
    """Replaces a file that only its owner may read; at no moment can another."""
    _put(path, content, 0o600)


def put_file(path: Path, content: bytes) -> None:
    """Replaces a file at once."""
    _put(path, content, 0o644)


def _put(path: Path, content: bytes, mode: int) -> None:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _sync(directory: Path) -> None:
    # Not every system can sync a directory; the files themselves are on the disk.
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _load(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise TlsFilesInvalid(f"{path}: not an unencrypted private key in PEM form") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TlsFilesInvalid(f"{path}: not an elliptic-curve key")
    return key


def _fits(certificate: Path, key: Path) -> bool:
    try:
        found = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
        return found.public_key() == _load(key).public_key()
    except (ValueError, OSError, TlsFilesInvalid):
        return False
