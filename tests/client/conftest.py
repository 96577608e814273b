"""Fixtures of the client's tests.

authority      session   a development CA in a directory, with a server certificate (deploy/dev/make_certs.py)
black_hole     function  "HOST:PORT" of a TCP server that accepts and never answers
refusing       function  "HOST:PORT" where nothing listens
raw_server     function  starts a bare gRPC server over mTLS from functions: for what a registry cannot be made to do
"""

import importlib.util
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import pytest
from hutong_client import HutongClient

ROOT = Path(__file__).parents[2]


def load_make_certs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_certs", ROOT / "deploy/dev/make_certs.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = load_make_certs().Authority(tmp_path_factory.mktemp("certs"))
    made.server()
    return made


def connect(authority: Any, registry: str, institution: str = "H1", role: str = "emr", **more: Any) -> HutongClient:
    """A client with a certificate of this institution and role."""
    certificate, key = authority.client(institution, role)
    return HutongClient.connect(registry, ca=authority.certificate_file, certificate=certificate, key=key, **more)


@pytest.fixture
def black_hole() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def refusing() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"127.0.0.1:{listening.getsockname()[1]}"


Answer = Callable[[bytes, Any], Awaitable[bytes]]
RawServer = Callable[[dict[str, Any]], Awaitable[str]]


@pytest.fixture
async def raw_server(authority: Any) -> AsyncIterator[RawServer]:
    servers: list[grpc.aio.Server] = []

    async def start(handlers: dict[str, Any]) -> str:
        server = grpc.aio.server()
        by_service: dict[str, dict[str, Any]] = {}
        for path, handler in handlers.items():
            service, method = path.split("/")
            by_service.setdefault(service, {})[method] = handler
        for service, methods in by_service.items():
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, methods),))
        certificate, key = authority.server()
        credentials = grpc.ssl_server_credentials(
            [(key.read_bytes(), certificate.read_bytes())],
            authority.certificate_file.read_bytes(),
            require_client_auth=True,
        )
        port = server.add_secure_port("127.0.0.1:0", credentials)
        await server.start()
        servers.append(server)
        return f"127.0.0.1:{port}"

    yield start
    for server in servers:
        await server.stop(0)
