"""Certificate requests (PKCS#10, RFC 2986) and proofs of possession, from people we do not know yet.

Only the public key of a request counts, and that its sender holds the private one. Names and extensions in it are not
even looked at: the subject alternative name is the registry's to choose.
"""

import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MAX_REQUEST_BYTES = 16 * 1024
"""A request with a 4096-bit RSA key has under 2 kB."""
RENEWAL_LABEL = b"hutong-renew-v1"

_CURVES = (ec.SECP256R1, ec.SECP384R1)
_RSA_BITS = range(2048, 4097)
"""Longer ones cost more to check than they protect."""
_RSA_EXPONENT = 65537

_UNREADABLE: tuple[type[Exception], ...] = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion)
"""What cryptography raises for what it cannot read."""

StrongKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


class RequestRefused(Exception):
    """The request cannot be used. The text is public and holds nothing of the request."""


_UNPROVEN: tuple[type[Exception], ...] = (*_UNREADABLE, InvalidSignature, RequestRefused)


@dataclass(frozen=True, slots=True)
class CheckedRequest:
    """A request whose proof of possession holds and whose key is strong."""

    public_key: StrongKey
    der: bytes
    key_fingerprint: str
    """SHA-256 of the public key (SubjectPublicKeyInfo), hex."""


def read_request(content: bytes) -> CheckedRequest:
    """Reads a request, PEM or DER. Raises RequestRefused."""
    if len(content) > MAX_REQUEST_BYTES:
        raise RequestRefused(f"is longer than {MAX_REQUEST_BYTES} bytes")
    pem = content.lstrip().startswith(b"-----BEGIN")
    try:
        request = x509.load_pem_x509_csr(content) if pem else x509.load_der_x509_csr(content)
        key = request.public_key()
        _check_strength(key)
        signed = request.is_signature_valid
    except _UNREADABLE:
        raise RequestRefused("is no certificate request that can be read (PKCS#10, PEM or DER)") from None
    if not signed:
        raise RequestRefused("its signature does not hold")
    if not isinstance(key, StrongKey):  # _check_strength has seen to it; for the type checker
        raise RequestRefused("its key is of another kind")
    return CheckedRequest(key, request.public_bytes(Encoding.DER), key_fingerprint(key))


def _check_strength(key: object) -> None:
    if isinstance(key, ec.EllipticCurvePublicKey):
        if not isinstance(key.curve, _CURVES):
            raise RequestRefused("its key is on another curve than P-256 or P-384")
    elif isinstance(key, rsa.RSAPublicKey):
        if key.key_size not in _RSA_BITS:
            raise RequestRefused(f"its RSA key has not between {_RSA_BITS[0]} and {_RSA_BITS[-1]} bits")
        if key.public_numbers().e != _RSA_EXPONENT:
            raise RequestRefused(f"its RSA key has another exponent than {_RSA_EXPONENT}")
    else:
        raise RequestRefused("its key is neither an elliptic-curve nor an RSA key")


def key_fingerprint(key: StrongKey) -> str:
    """SHA-256 of the SubjectPublicKeyInfo, hex."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def proven_certificate(chain: bytes, challenge: bytes, request: CheckedRequest, signature: bytes) -> str:
    """The fingerprint (SHA-256, hex) of the chain's leaf when `signature` is by its key; "" when it is not.

    The signature is over "hutong-renew-v1" || challenge || SHA-256 of the DER request: ECDSA with SHA-256, or for an
    RSA key PKCS#1 v1.5 with SHA-256. Whether the certificate is ours is the caller's question: it asks by the
    fingerprint.
    """
    message = RENEWAL_LABEL + challenge + hashlib.sha256(request.der).digest()
    try:
        leaf = x509.load_pem_x509_certificates(chain)[0]
        key = leaf.public_key()
        _check_strength(key)
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, message, ec.ECDSA(SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, padding.PKCS1v15(), SHA256())
        else:
            return ""
    except _UNPROVEN:
        return ""
    return hashlib.sha256(leaf.public_bytes(Encoding.DER)).hexdigest()
