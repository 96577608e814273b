"""Who calls: read from the peer's certificate, never from the request.

The certificate has exactly one subject alternative name, the URI spiffe://<registry>/institution/<code>/<role>.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from hutong_server.api.status import refusal
from hutong_server.domain.caller import Caller, Role
from hutong_server.domain.errors import Reason

_CACHE_SIZE = 4096
"""Certificates in use at a time: institutions times roles, not calls."""
_ROLES = frozenset(role.value for role in Role)
_PATH = re.compile(r"institution/([A-Za-z0-9_-]{1,64})/([a-z]+)")


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller
    not_before: float
    not_after: float
    """Seconds since 1970."""


class Identities:
    """Callers by certificate. Reading one costs 100 µs, so each is read once."""

    def __init__(self, registry_name: str) -> None:
        """`registry_name` is the SPIFFE trust domain that certificates must name."""
        self._prefix = f"spiffe://{registry_name}/"
        self._known: dict[bytes, _Known] = {}

    def caller(self, auth_context: Mapping[str, Iterable[bytes]], now: float) -> Caller:
        """The caller of a connection at `now` (seconds since 1970).

        Raises CERTIFICATE_IDENTITY_INVALID. A connection may outlive its certificate, so expiry counts on each call.
        """
        pem = next(iter(auth_context.get("x509_pem_cert", ())), b"")
        known = self._known.get(pem)
        if known is None:
            known = self._read(pem)
            if len(self._known) >= _CACHE_SIZE:
                # Whole, not one by one: certificates change rarely, and a scan of new ones must not grow memory.
                self._known.clear()
            self._known[pem] = known
        if not known.not_before <= now <= known.not_after:
            raise refusal(Reason.CERTIFICATE_IDENTITY_INVALID)
        return known.caller

    def _read(self, pem: bytes) -> _Known:
        try:
            certificate = x509.load_pem_x509_certificate(pem)
            names = list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
            raise refusal(Reason.CERTIFICATE_IDENTITY_INVALID) from None
        if len(names) != 1 or not isinstance(names[0], x509.UniformResourceIdentifier):
            raise refusal(Reason.CERTIFICATE_IDENTITY_INVALID)
        institution, role = self._parts(names[0].value)
        return _Known(
            Caller(institution, role, _fingerprint(certificate), _authority(certificate)),
            certificate.not_valid_before_utc.timestamp(),
            certificate.not_valid_after_utc.timestamp(),
        )

    def _parts(self, uri: str) -> tuple[str, Role]:
        match = _PATH.fullmatch(uri.removeprefix(self._prefix)) if uri.startswith(self._prefix) else None
        if match is None or match[2] not in _ROLES:
            raise refusal(Reason.CERTIFICATE_IDENTITY_INVALID)
        return match[1], Role(match[2])


def _authority(certificate: x509.Certificate) -> str:
    try:
        named = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return ""
    return named.hex() if named else ""


def _fingerprint(certificate: x509.Certificate) -> str:
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
