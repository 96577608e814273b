"""How an institution gets its certificate: the key is made here and stays here; the registry is checked before the
one-time token leaves.

The registry is told by the SHA-256 fingerprint of its root. The first connection trusts nothing and says nothing: it
fetches the registry's roots. The one with the fingerprint then checks the connection over which the token goes.
"""

import asyncio
import hashlib
import re
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hutong.v1 import enrollment_service_pb2 as enrollment
from hutong.v1.enrollment_service_pb2_grpc import EnrollmentServiceStub

from hutong_client.calls import unary
from hutong_client.errors import Unavailable
from hutong_client.files import CertificateFiles, put_private

if TYPE_CHECKING:
    from hutong.v1.enrollment_service_pb2_grpc import EnrollmentServiceAsyncStub

DEADLINE = 10.0
"""Seconds for each call."""
RENEWAL_LABEL = b"hutong-renew-v1"
_FINGERPRINT = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


class RegistryNotTrusted(Exception):
    """The registry that answered is not the one with the fingerprint, or its certificate does not check."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What an enrolment came to."""

    files: CertificateFiles
    institution: str
    role: str
    pending: bool
    """True: a second administrator has not decided. Enrol again with the same token and directory."""


async def enroll(
    registry: str,
    token: str,
    ca_fingerprint: str,
    directory: Path,
    *,
    server_name: str = "",
    deadline: float = DEADLINE,
) -> Enrolled:
    """Exchanges a one-time token for a certificate; writes key, certificate and the registry's roots to `directory`.

    Args:
        registry: "HOST:PORT" of the registry's enrolment listener.
        token: the one-time token, as the administrator gave it.
        ca_fingerprint: "sha256:" and hex, of the registry's root, as the administrator gave it.
        directory: made if it is not there; see CertificateFiles.within for the names in it.
        server_name: the name in the registry's certificate, when it is reached under another one.
        deadline: seconds for each call.

    Raises:
        RegistryNotTrusted: another registry answered; the token was not sent.
        PermissionDenied: the token is used, expired, or none; the registry does not say which.
        Overloaded: too many refused tries from here; see `retry_after`.
        OSError: the files cannot be written.
    """
    files = CertificateFiles.within(directory)
    await asyncio.to_thread(directory.mkdir, mode=0o700, parents=True, exist_ok=True)
    root = await fetch_root(registry, ca_fingerprint, server_name=server_name, deadline=deadline)
    # While an enrolment waits for approval, the token is bound to the first key: it has to be the same next time.
    key = files.waiting_key() or new_key()
    put_private(files.new_key, key_pem(key))
    async with _stub(registry, root, server_name) as stub:
        request = enrollment.EnrollRequest(token=token, certificate_request=make_request(key))
        answer = await unary(stub.Enroll, request, deadline)
    if not answer.pending:
        files.put(key_pem(key), answer.certificate_chain, answer.trust_bundle)
    return Enrolled(files, answer.institution, answer.role, answer.pending)


async def renew(registry: str, files: CertificateFiles, *, server_name: str = "", deadline: float = DEADLINE) -> None:
    """Renews the certificate in `files` with a new key, by proof of the old one; replaces the files.

    Also for a certificate that has run out, within the registry's grace. `registry` is the enrolment listener.

    Raises:
        PermissionDenied: revoked, unknown, or expired for too long: a new token is needed.
        HutongCallError: otherwise; try again later.
        OSError: the files cannot be read or written, or another program renews them now.
    """
    with files.held():
        files.recover()
        old = files.load_key()
        key = new_key()
        request = make_request(key)
        der = x509.load_pem_x509_csr(request).public_bytes(serialization.Encoding.DER)
        async with _stub(registry, files.ca.read_bytes(), server_name) as stub:
            trust = await unary(stub.GetTrust, enrollment.GetTrustRequest(), deadline)
            message = RENEWAL_LABEL + trust.challenge + hashlib.sha256(der).digest()
            answer = await unary(
                stub.Renew,
                enrollment.RenewRequest(
                    certificate_chain=files.certificate.read_bytes(),
                    certificate_request=request,
                    challenge=trust.challenge,
                    signature=old.sign(message, ec.ECDSA(hashes.SHA256())),
                ),
                deadline,
            )
        files.put(key_pem(key), answer.certificate_chain, answer.trust_bundle)


async def fetch_root(registry: str, ca_fingerprint: str, *, server_name: str = "", deadline: float = DEADLINE) -> bytes:
    """The registry's root with this fingerprint, PEM. Nothing secret is sent.

    Raises:
        RegistryNotTrusted: the registry has no such root.
        ValueError: the fingerprint is none.
        Unavailable: nobody listens there.
    """
    match = _FINGERPRINT.fullmatch(ca_fingerprint.strip().lower().replace("sha-256", "sha256"))
    if match is None:
        raise ValueError("a fingerprint is sha256: and 64 hexadecimal digits")
    shown = await asyncio.to_thread(_shown_certificate, registry, deadline)
    name = server_name or _any_name(shown)
    async with _stub(registry, shown, name) as stub:
        answer = await unary(stub.GetTrust, enrollment.GetTrustRequest(), deadline)
    for root in _certificates(answer.trust_bundle):
        if root.fingerprint(hashes.SHA256()).hex() == match[1]:
            return root.public_bytes(serialization.Encoding.PEM)
    raise RegistryNotTrusted("the registry that answered has no root with this fingerprint; the token was not sent")


def new_key() -> ec.EllipticCurvePrivateKey:
    """P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The key in clear: for a file that only its owner can read."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def make_request(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A certificate request (PKCS#10, PEM). It names nobody: the registry knows the name by the token."""
    nobody = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hutong")])
    request = x509.CertificateSigningRequestBuilder().subject_name(nobody).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


def _shown_certificate(registry: str, seconds: float) -> bytes:
    """The certificate that the registry shows, unchecked, PEM."""
    host, _, port = registry.rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    # Nothing is trusted by it: what it gives is checked by the fingerprint before anything is sent.
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    try:
        with (
            socket.create_connection((host.strip("[]"), int(port)), seconds) as connection,
            context.wrap_socket(connection, server_hostname=host.strip("[]")) as secured,
        ):
            shown = secured.getpeercert(binary_form=True)
    except (OSError, ValueError) as error:
        text = "no registry answered at this address"
        raise Unavailable("UNAVAILABLE", grpc.StatusCode.UNAVAILABLE, text) from error
    if shown is None:
        raise RegistryNotTrusted("the registry showed no certificate")
    return ssl.DER_cert_to_PEM_cert(shown).encode()


def _any_name(certificate: bytes) -> str:
    """A name of the certificate, so that the first, untrusting connection does not fail on it."""
    found = x509.load_pem_x509_certificate(certificate)
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ""
    hosts: Sequence[str] = names.get_values_for_type(x509.DNSName)
    return next((host for host in hosts if "*" not in host), "")


def _certificates(pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise RegistryNotTrusted("the registry gave no certificates") from None


@asynccontextmanager
async def _stub(registry: str, roots: bytes, server_name: str) -> "AsyncIterator[EnrollmentServiceAsyncStub]":
    # Each channel makes its own connection: one made with other roots must not be taken.
    options: list[tuple[str, str | int]] = [("grpc.use_local_subchannel_pool", 1)]
    if server_name:
        options.append(("grpc.ssl_target_name_override", server_name))
    channel = grpc.aio.secure_channel(registry, grpc.ssl_channel_credentials(roots), options=options)
    try:
        yield EnrollmentServiceStub(channel)
    finally:
        await channel.close()
