"""A real registry on 127.0.0.1 behind real mTLS, and what is needed to call it."""

import importlib.util
import sys
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from hutong.v1 import (
    catalog_service_pb2,
    catalog_service_pb2_grpc,
    patient_service_pb2_grpc,
    registry_service_pb2_grpc,
    reuse_service_pb2_grpc,
)
from hutong_server import app, settings

ROOT = Path(__file__).parents[2]


def load_make_certs() -> ModuleType:
    """deploy/dev/make_certs.py, which is a script and no package."""
    name = "hutong_make_certs"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, ROOT / "deploy" / "dev" / "make_certs.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@dataclass
class Material:
    """Certificates and key files of one test run."""

    authority: Any
    token_key: Path
    seal_key: Path

    def environment(self, database_url: str, **more: str) -> dict[str, str]:
        """HUTONG_* of a server that takes a free port."""
        directory = self.authority.directory
        return {
            "HUTONG_LISTEN": "127.0.0.1:0",
            "HUTONG_METRICS_LISTEN": "127.0.0.1:0",
            "HUTONG_DATABASE_URL": database_url,
            "HUTONG_TLS_CERTIFICATE": str(directory / "server.pem"),
            "HUTONG_TLS_KEY": str(directory / "server.key"),
            "HUTONG_TLS_CA": str(directory / "ca.pem"),
            "HUTONG_TOKEN_KEY": str(self.token_key),
            "HUTONG_SEAL_KEY": str(self.seal_key),
            "HUTONG_KEK": str(self.seal_key.with_name("kek.key")),
            "HUTONG_LEDGER_KEY": str(self.seal_key.with_name("ledger.key")),
            "HUTONG_DRAIN_SECONDS": "5",
            # Tests of other things call as often as they need to.
            "HUTONG_CALLS_PER_SECOND": "0",
            # And as many at once, on machines that are as slow as they are.
            "HUTONG_MAX_PENDING_CALLS": "1024",
            "HUTONG_ANSWER_TARGET_SECONDS": "30",
            # A reader of its own takes a second to start; test_document_reading and the end-to-end tests have one.
            "HUTONG_DOCUMENT_PROCESSES": "0",
            **more,
        }

    def credentials(self, institution: str, role: str) -> grpc.ChannelCredentials:
        """Of a client certificate of this authority."""
        return client_credentials(self.authority.certificate_file, *self.authority.client(institution, role))


def client_credentials(ca: Path, certificate: Path, key: Path) -> grpc.ChannelCredentials:
    """From files."""
    return grpc.ssl_channel_credentials(ca.read_bytes(), key.read_bytes(), certificate.read_bytes())


@dataclass
class Site:
    """Calls a registry as any institution in any role. One channel for each."""

    material: Material
    port: int
    registry: app.Registry | None = None
    """When it runs in this process."""
    _channels: dict[tuple[str, str], grpc.aio.Channel] = field(default_factory=dict)

    def channel(self, institution: str, role: str) -> grpc.aio.Channel:
        key = institution, role
        if key not in self._channels:
            self._channels[key] = self.open(self.material.credentials(institution, role))
        return self._channels[key]

    def open(self, credentials: grpc.ChannelCredentials) -> grpc.aio.Channel:
        """A channel of its own; the caller closes it."""
        options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        return grpc.aio.secure_channel(f"localhost:{self.port}", credentials, options=options)

    def publishing(self, institution: str, role: str = "feed") -> Any:
        return registry_service_pb2_grpc.RegistryServiceStub(self.channel(institution, role))

    def asking(self, institution: str, role: str = "emr") -> Any:
        return reuse_service_pb2_grpc.ReuseServiceStub(self.channel(institution, role))

    def catalog(self, institution: str = "registry", role: str = "admin") -> Any:
        return catalog_service_pb2_grpc.CatalogServiceStub(self.channel(institution, role))

    def patients(self, institution: str = "registry", role: str = "admin") -> Any:
        return patient_service_pb2_grpc.PatientServiceStub(self.channel(institution, role))

    async def load(self, files: Mapping[str, str]) -> None:
        """Imports catalogue files."""
        request = catalog_service_pb2.ImportCatalogRequest(
            files=[catalog_service_pb2.CatalogFile(name=name, content=text.encode()) for name, text in files.items()]
        )
        await self.catalog().ImportCatalog(request, timeout=20)

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close()
        self._channels.clear()
        if self.registry is not None:
            await self.registry.drain()


async def start_site(material: Material, database_url: str, **more: str) -> Site:
    """A registry in this process."""
    registry = await app.start(settings.load(material.environment(database_url, **more)))
    return Site(material, registry.port, registry)


@dataclass(frozen=True)
class Refused:
    """How a call was refused."""

    code: str
    reason: str
    paths: tuple[str, ...]
    text: str
    request_id: str
    everything: str
    """All that the caller was sent, for a search."""
    retry: bool = False


async def refused(call: Awaitable[Any]) -> Refused:
    """The refusal of a call; fails the test when the call succeeds."""
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        return refusal_of(error)
    raise AssertionError(f"the call succeeded: {type(answer).__name__}")


async def outcome(call: Awaitable[Any]) -> str:
    """ "OK", or the status of the refusal."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "OK"


def refusal_of(error: Any) -> Refused:
    """From the error that the client library raises."""
    info, paths, retry = error_details_pb2.ErrorInfo(), [], False
    status = rpc_status.from_call(error)
    for detail in status.details if status is not None else ():
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            detail.Unpack(info)
        elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            bad = error_details_pb2.BadRequest()
            detail.Unpack(bad)
            paths += [violation.field for violation in bad.field_violations]
        elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            retry = True
    return Refused(
        code=error.code().name,
        reason=info.reason,
        paths=tuple(paths),
        text=error.details() or "",
        request_id=info.metadata.get("request_id", ""),
        everything=f"{status} {error.details()} {error.trailing_metadata()} {error.debug_error_string()}",
        retry=retry,
    )


async def rest_of(stream: Any, answers: list[Any]) -> None:
    """Reads a stream to its end; raises what ends it."""
    while (answer := await stream.read()) is not grpc.aio.EOF:
        answers.append(answer)
