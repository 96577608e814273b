"""A registry with its own authorities, its enrolment listener, and what is needed to call both."""

import asyncio
import datetime
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hutong.v1 import certificate_service_pb2, certificate_service_pb2_grpc
from hutong.v1 import enrollment_service_pb2 as enrollment
from hutong.v1.enrollment_service_pb2_grpc import EnrollmentServiceStub
from hutong_server import app, settings
from hutong_server.durable import put_file
from hutong_server.store.prompts import access_records
from hutong_server.trust import ca_directory
from hutong_server.trust.ca import fingerprint
from hutong_server.trust.ca_issuing import server_certificate

from tests.api.site import Material, Site

PASSPHRASE = b"correct horse battery"
NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)


def make_authorities(directory: Path, root_key: Path) -> ca_directory.Authorities:
    """Made a day ago, so that certificates of the past can be issued."""
    return ca_directory.initialize(directory, "hutong.local", root_key, PASSPHRASE, NOW - datetime.timedelta(days=1))


def new_server_certificate(directory: Path, certificate: Path, key: Path) -> None:
    """As `hutong-server ca server-certificate`."""
    chain, secret = server_certificate(
        directory, ["localhost", "127.0.0.1"], datetime.timedelta(days=1), datetime.datetime.now(datetime.UTC)
    )
    put_file(key, secret, 0o600)
    put_file(certificate, chain, 0o644)


@dataclass
class Place:
    """The registry."""

    site: Site
    directory: Path
    environment: Mapping[str, str]

    @property
    def ca(self) -> Path:
        return self.directory / "ca"

    @property
    def address(self) -> str:
        return f"localhost:{self.site.port}"

    @property
    def enrollment_address(self) -> str:
        assert self.site.registry is not None
        return f"localhost:{self.site.registry.enrollment_port}"

    @property
    def roots(self) -> bytes:
        return (self.ca / ca_directory.ROOTS_FILE).read_bytes()

    @property
    def fingerprint(self) -> str:
        return f"sha256:{fingerprint(ca_directory.read(self.ca).anchor)}"

    def admin(self, number: str = "admin") -> Any:
        """Certificates as one administrator or another; their certificates are the development authority's."""
        return certificate_service_pb2_grpc.CertificateServiceStub(self.site.channel("registry", number))

    async def token(self, institution: str = "H1", role: str = "emr", **more: Any) -> str:
        request = certificate_service_pb2.CreateEnrollmentTokenRequest(institution=institution, role=role, **more)
        return str((await self.admin().CreateEnrollmentToken(request, timeout=5)).token)

    def stranger(self) -> grpc.aio.Channel:
        """A connection to the enrolment listener, without a certificate."""
        return grpc.aio.secure_channel(
            self.enrollment_address,
            grpc.ssl_channel_credentials(self.roots),
            options=[("grpc.use_local_subchannel_pool", 1)],
        )

    async def enroll(self, token: str, request: bytes) -> enrollment.EnrollResponse:
        async with self.stranger() as channel:
            stub: Any = EnrollmentServiceStub(channel)
            answer: enrollment.EnrollResponse = await stub.Enroll(
                enrollment.EnrollRequest(token=token, certificate_request=request), timeout=5
            )
            return answer

    async def trust(self) -> enrollment.GetTrustResponse:
        async with self.stranger() as channel:
            stub: Any = EnrollmentServiceStub(channel)
            answer: enrollment.GetTrustResponse = await stub.GetTrust(enrollment.GetTrustRequest(), timeout=5)
            return answer

    async def renew(self, held: "Held") -> enrollment.RenewResponse:
        return await self.send_renewal(renewal(held, (await self.trust()).challenge))

    async def send_renewal(self, request: enrollment.RenewRequest) -> enrollment.RenewResponse:
        async with self.stranger() as channel:
            stub: Any = EnrollmentServiceStub(channel)
            answer: enrollment.RenewResponse = await stub.Renew(request, timeout=5)
            return answer

    async def hold(self, institution: str = "H1", role: str = "emr") -> "Held":
        """Enrols."""
        key = ec.generate_private_key(ec.SECP256R1())
        answer = await self.enroll(await self.token(institution, role), request_for(key))
        return Held(key, answer.certificate_chain)

    def channel(self, held: "Held") -> grpc.aio.Channel:
        """A connection with a certificate."""
        credentials = grpc.ssl_channel_credentials(self.roots, key_pem(held.key), held.chain)
        return self.site.open(credentials)

    def records(self, method: str) -> list[Any]:
        """Access records of a method, in order."""
        assert self.site.registry is not None
        found = self.site.registry.store.read(lambda reader: access_records(reader, limit=10_000))  # type: ignore[arg-type]
        return [record for _, record in found if record.method == method]


@dataclass
class Held:
    """A key and its certificate."""

    key: ec.EllipticCurvePrivateKey
    chain: bytes

    @property
    def leaf(self) -> x509.Certificate:
        return x509.load_pem_x509_certificates(self.chain)[0]

    @property
    def serial(self) -> str:
        return f"{self.leaf.serial_number:x}"

    @property
    def names(self) -> list[x509.GeneralName]:
        return list(self.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def request_for(key: Any, names: list[x509.GeneralName] | None = None, digest: Any = None) -> bytes:
    """A certificate request, DER."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody")])
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, digest or hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def renewal(
    held: Held,
    challenge: bytes,
    signer: ec.EllipticCurvePrivateKey | None = None,
    key: ec.EllipticCurvePrivateKey | None = None,
) -> enrollment.RenewRequest:
    """A renewal of `held` with the new key `key`; `signer` signs instead of the key held."""
    request = request_for(key or ec.generate_private_key(ec.SECP256R1()))
    message = b"hutong-renew-v1" + challenge + hashlib.sha256(request).digest()
    return enrollment.RenewRequest(
        certificate_chain=held.chain,
        certificate_request=request,
        challenge=challenge,
        signature=(signer or held.key).sign(message, ec.ECDSA(hashes.SHA256())),
    )


async def start_place(material: Material, database_url: str, directory: Path, **changed: Any) -> Place:
    """A registry in this process. `changed`: settings that are not what an operator may set, e.g. a life of seconds."""
    directory.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240  before anything runs
    make_authorities(directory / "ca", directory / "root.key")
    new_server_certificate(directory / "ca", directory / "server.pem", directory / "server.key")
    environment = material.environment(
        database_url,
        HUTONG_CA_DIRECTORY=str(directory / "ca"),
        HUTONG_ENROLLMENT_LISTEN="127.0.0.1:0",
        HUTONG_TLS_CERTIFICATE=str(directory / "server.pem"),
        HUTONG_TLS_KEY=str(directory / "server.key"),
    )
    started = await app.start(settings.load(environment).model_copy(update=changed))
    own = TrustingSite(material, started.port, started)
    own.roots = directory / "ca" / ca_directory.ROOTS_FILE
    return Place(own, directory, environment)


class TrustingSite(Site):
    """Its callers trust the registry's own root."""

    roots: Path

    def channel(self, institution: str, role: str) -> grpc.aio.Channel:
        key = institution, role
        if key not in self._channels:
            certificate, secret = self.material.authority.client(institution, role)
            credentials = grpc.ssl_channel_credentials(
                self.roots.read_bytes(), secret.read_bytes(), certificate.read_bytes()
            )
            self._channels[key] = self.open(credentials)
        return self._channels[key]


async def until(check: Any, seconds: float) -> float:
    """Seconds until `check` holds; fails the test when it takes longer."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while not await check():
        assert loop.time() - begun < seconds, "it did not come to hold"
        await asyncio.sleep(0.02)
    return loop.time() - begun


def another_token() -> str:
    return "hte-" + secrets.token_urlsafe(32)
