"""Makes development certificates under certs/: a CA, the server, and one client per institution and role.

    python deploy/dev/make_certs.py                                  # the demo's institutions
    python deploy/dev/make_certs.py H001:feed,emr registry:admin     # named ones beside them

Run again, it keeps what is there and good for another week, and makes what is missing. For development only: the CA's
key lies beside the certificates.
"""

import argparse
import datetime
import ipaddress
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

REGISTRY_NAME = "hutong.local"
VALID = datetime.timedelta(days=30)
RENEW_BEFORE = datetime.timedelta(days=7)
DEFAULT_CLIENTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("registry", ("admin", "monitor")),
    ("990421-H01", ("feed", "emr")),
    ("990421-C01", ("feed", "emr")),
    ("990421-V0102", ("feed", "emr")),
    ("990421-H02", ("feed", "emr")),
)
"""The operator, and the demo's county hospital, township clinic, village station and asking hospital."""
_SERVER_NAMES = (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))


class Authority:
    """A development CA in a directory."""

    def __init__(
        self, directory: Path, registry_name: str = REGISTRY_NAME, name: str = "Hutong development CA"
    ) -> None:
        """Opens the CA in `directory`, or makes one."""
        self.directory = directory
        self.registry_name = registry_name
        directory.mkdir(parents=True, exist_ok=True)
        self.certificate_file = directory / "ca.pem"
        key_file = directory / "ca.key"
        if _good(self.certificate_file, key_file):
            self.certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
            self.key = _load_key(key_file)
        else:
            self.key = ec.generate_private_key(ec.SECP256R1())
            self.certificate = self._self_signed(name)
            _write(key_file, self.certificate_file, self.key, [self.certificate])

    def server(self) -> tuple[Path, Path]:
        """(certificate, key) of a server at localhost."""
        return self.issue("server", _SERVER_NAMES, ExtendedKeyUsageOID.SERVER_AUTH)

    def client(self, institution: str, role: str) -> tuple[Path, Path]:
        """(certificate, key) of an institution in a role."""
        uri = x509.UniformResourceIdentifier(spiffe_id(self.registry_name, institution, role))
        return self.issue(f"{institution}.{role}", (uri,), ExtendedKeyUsageOID.CLIENT_AUTH)

    def issue(
        self,
        stem: str,
        names: Sequence[x509.GeneralName],
        usage: x509.ObjectIdentifier,
        *,
        valid: datetime.timedelta = VALID,
        age: datetime.timedelta = datetime.timedelta(minutes=5),
    ) -> tuple[Path, Path]:
        """Issues `stem`.pem and `stem`.key with these names, unless good ones are there.

        Valid from `age` ago until `valid` from now: a negative `valid` makes an expired certificate, for tests.
        """
        certificate_file, key_file = self.directory / f"{stem}.pem", self.directory / f"{stem}.key"
        if _good(certificate_file, key_file, self.certificate, names):
            return certificate_file, key_file
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        certificate = (
            self._builder(stem, key.public_key(), min(now - age, now + valid - age), now + valid)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        _write(key_file, certificate_file, key, [certificate])
        return certificate_file, key_file

    def _self_signed(self, name: str) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        public = self.key.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + VALID)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def _builder(
        self, stem: str, public: ec.EllipticCurvePublicKey, begin: datetime.datetime, end: datetime.datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, stem[:64])]))
            .issuer_name(self.certificate.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )


def make_certs(
    directory: Path, clients: Iterable[tuple[str, Iterable[str]]] = DEFAULT_CLIENTS, registry_name: str = REGISTRY_NAME
) -> Authority:
    """Makes CA, server and clients, where they are missing or run out within a week."""
    authority = Authority(directory, registry_name)
    authority.server()
    for institution, roles in clients:
        for role in roles:
            authority.client(institution, role)
    return authority


def spiffe_id(registry_name: str, institution: str, role: str) -> str:
    """The identity that a client certificate carries."""
    return f"spiffe://{registry_name}/institution/{institution}/{role}"


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _good(
    certificate_file: Path,
    key_file: Path,
    issuer: x509.Certificate | None = None,
    names: Sequence[x509.GeneralName] | None = None,
) -> bool:
    """Whether the pair is there, belongs together, comes from this issuer, and is good for another week."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        key = _load_key(key_file)
        if issuer is not None:
            certificate.verify_directly_issued_by(issuer)
        if names is not None:
            found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            if list(found) != list(names):
                return False
    except Exception:  # whatever is wrong with it, it is made again
        return False
    return (
        certificate.public_key() == key.public_key()
        and certificate.not_valid_after_utc > datetime.datetime.now(datetime.UTC) + RENEW_BEFORE
    )


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("not an elliptic-curve key")
    return key


def _write(
    key_file: Path, certificate_file: Path, key: ec.EllipticCurvePrivateKey, chain: Sequence[x509.Certificate]
) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    key_file.unlink(missing_ok=True)
    # Created closed: at no moment can another user read it.
    with os.fdopen(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    certificate_file.write_bytes(b"".join(each.public_bytes(serialization.Encoding.PEM) for each in chain))


def _client(text: str) -> tuple[str, tuple[str, ...]]:
    institution, colon, roles = text.partition(":")
    if not colon or not institution or not roles:
        raise argparse.ArgumentTypeError("expected CODE:ROLE[,ROLE...]")
    return institution, tuple(roles.split(","))


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module."""
    parser = argparse.ArgumentParser(description="Make development certificates.")
    parser.add_argument(
        "clients", nargs="*", type=_client, metavar="CODE:ROLE[,ROLE...]", help="clients beside the default ones"
    )
    parser.add_argument("--out", type=Path, default=Path("certs"), help="directory (default: certs)")
    parser.add_argument("--registry-name", default=REGISTRY_NAME, help="SPIFFE trust domain (default: %(default)s)")
    given = parser.parse_args(arguments)
    authority = make_certs(given.out, (*DEFAULT_CLIENTS, *given.clients), given.registry_name)
    count = len(list(authority.directory.glob("*.pem")))
    print(f"{count} certificates in {authority.directory}/, valid for {VALID.days} days")
    return 0


if __name__ == "__main__":
    sys.exit(main())
