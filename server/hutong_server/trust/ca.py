"""What the registry's authorities sign: roots, issuing intermediates, client and server certificates (RFC 5280).

A root is kept offline and signs intermediates only (path length 1); an intermediate signs certificates only (path
length 0). Both are constrained to URIs of the registry's own trust domain.
"""

import datetime
import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hutong_server.trust.ca_request import StrongKey

ROOT_LIFE = datetime.timedelta(days=3652)
ISSUING_LIFE = datetime.timedelta(days=731)
_SKEW = datetime.timedelta(minutes=5)
"""How far a caller's clock may be behind ours."""

AuthorityKey = ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Signer:
    """An authority that can sign."""

    certificate: x509.Certificate
    key: AuthorityKey

    @property
    def key_id(self) -> str:
        """Its subject key identifier, hex: what the certificates that it signs name as their authority."""
        return key_id(self.certificate)


def new_key() -> AuthorityKey:
    """P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def make_root(name: str, registry_name: str, now: datetime.datetime) -> Signer:
    """A self-signed root."""
    key = new_key()
    builder = _authority(_named(name), _named(name), key, now, now + ROOT_LIFE, 1, registry_name)
    return Signer(builder.sign(key, SHA256()), key)


def make_issuing(
    name: str, registry_name: str, root: Signer, now: datetime.datetime, key: AuthorityKey | None = None
) -> Signer:
    """An issuing intermediate under `root`. With `key`, one that is there already (a cross-certificate)."""
    key = key or new_key()
    end = min(now + ISSUING_LIFE, root.certificate.not_valid_after_utc)
    builder = _authority(_named(name), root.certificate.subject, key, now, end, 0, registry_name).add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key()), critical=False
    )
    return Signer(builder.sign(root.key, SHA256()), key)


def sign_client(
    issuer: Signer, key: StrongKey, spiffe_id: str, common_name: str, now: datetime.datetime, life: datetime.timedelta
) -> x509.Certificate:
    """A client certificate with exactly one name, the SPIFFE URI. It never outlives its issuer."""
    names = [x509.UniformResourceIdentifier(spiffe_id)]
    return _leaf(issuer, key, names, common_name, ExtendedKeyUsageOID.CLIENT_AUTH, now, life)


def sign_server(
    issuer: Signer, key: StrongKey, names: Sequence[str], now: datetime.datetime, life: datetime.timedelta
) -> x509.Certificate:
    """A server certificate for host names and addresses."""
    return _leaf(issuer, key, [_host(name) for name in names], names[0], ExtendedKeyUsageOID.SERVER_AUTH, now, life)


def pem(*certificates: x509.Certificate) -> bytes:
    """Certificates one after the other."""
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


def key_pem(key: AuthorityKey) -> bytes:
    """A key in clear, for a file that only its owner may read."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the DER form, hex."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def key_id(certificate: x509.Certificate) -> str:
    """Subject key identifier, hex."""
    return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest.hex()


def serial_text(certificate: x509.Certificate) -> str:
    """The serial number as it stands in lists: hex."""
    return f"{certificate.serial_number:x}"


def _authority(
    subject: x509.Name,
    issuer: x509.Name,
    key: AuthorityKey,
    begin: datetime.datetime,
    end: datetime.datetime,
    path_length: int,
    registry_name: str,
) -> x509.CertificateBuilder:
    own_uris = x509.NameConstraints([x509.UniformResourceIdentifier(registry_name)], None)
    return (
        _builder(subject, issuer, key.public_key(), begin - _SKEW, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(own_uris, critical=True)
    )


def _leaf(
    issuer: Signer,
    key: StrongKey,
    names: Sequence[x509.GeneralName],
    common_name: str,
    usage: x509.ObjectIdentifier,
    now: datetime.datetime,
    life: datetime.timedelta,
) -> x509.Certificate:
    # Whole seconds: rounded so that the certificate is good for at least its life.
    begin = (now - min(_SKEW, life / 10)).replace(microsecond=0)
    end = min((now + life + datetime.timedelta(microseconds=999_999)).replace(microsecond=0), _end(issuer))
    return (
        _builder(_named(common_name), issuer.certificate.subject, key, begin, end)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
            ),
            critical=False,
        )
        .sign(issuer.key, SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: StrongKey, begin: datetime.datetime, end: datetime.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _end(issuer: Signer) -> datetime.datetime:
    return issuer.certificate.not_valid_after_utc


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
