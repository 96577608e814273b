"""Fixtures of the client's tests.

authority      session   a development CA in a directory, with a server certificate (deploy/dev/make_certs.py)
black_hole     function  "HOST:PORT" of a TCP server that accepts and never answers
refusing       function  "HOST:PORT" where nothing listens
raw_server     function  starts a bare gRPC server over mTLS from functions: for what a registry cannot be made to do
registry       session   a `hutong-server serve` on SQLite with the catalogue of tests/api/documents.py, as a process
start_registry session   starts further ones, on a database of their own
cli            session   runs the `hutong` command against the registry
"""

import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import grpc
import pytest
from hutong_client import HutongClient
from hutong_server.trust.keys import create_key_file

from tests.api.documents import CATALOG

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


BIN = Path(sys.executable).parent


@dataclass
class RegistryProcess:
    """A server in a process of its own, on 127.0.0.1 and SQLite."""

    authority: Any
    directory: Path
    settings: dict[str, str]
    port: int = 0
    log: list[str] = field(default_factory=list)
    _process: "subprocess.Popen[str] | None" = None

    @property
    def address(self) -> str:
        return f"localhost:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        certificates = self.authority.directory
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("HUTONG_")},
            "HUTONG_LISTEN": f"127.0.0.1:{self.port}",
            "HUTONG_METRICS_LISTEN": "",
            "HUTONG_DATABASE_URL": f"sqlite:///{self.directory / 'hutong.db'}",
            "HUTONG_TLS_CERTIFICATE": str(certificates / "server.pem"),
            "HUTONG_TLS_KEY": str(certificates / "server.key"),
            "HUTONG_TLS_CA": str(certificates / "ca.pem"),
            "HUTONG_TOKEN_KEY": str(self.directory / "token.key"),
            "HUTONG_SEAL_KEY": str(self.directory / "seal.key"),
            "HUTONG_KEK": str(self.directory / "kek.key"),
            "HUTONG_LEDGER_KEY": str(self.directory / "ledger.key"),
            **self.settings,
        }

    def start(self) -> None:
        self._process = subprocess.Popen(
            [BIN / "hutong-server", "serve"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout
        for line in self._process.stdout:
            self.log.append(line)
            listening = re.match(r"listening on port (\d+)", line)
            if listening:
                self.port = int(listening[1])
                self._draining = threading.Thread(target=self._drain, args=(self._process,), daemon=True)
                self._draining.start()
                return
        raise AssertionError("the server did not start:\n" + "".join(self.log))

    def _drain(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout
        self.log.extend(process.stdout)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(30)
            # It reads to the end, which has come; closing the file under it would be a fault in its thread.
            self._draining.join(30)
            if self._process.stdout:
                self._process.stdout.close()
            self._process = None


@pytest.fixture(scope="session")
def start_registry(authority: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    started: list[RegistryProcess] = []

    def start(**settings: str) -> RegistryProcess:
        directory = tmp_path_factory.mktemp("registry")
        for name in ("token.key", "seal.key", "kek.key", "ledger.key"):
            create_key_file(directory / name)
        process = RegistryProcess(authority, directory, settings)
        started.append(process)
        process.start()
        return process

    yield start
    for process in started:
        process.stop()


class Cli(Protocol):
    """Runs `hutong` with a certificate of this institution and role; both streams come back as text."""

    def __call__(
        self, *arguments: str | Path, institution: str = ..., role: str = ..., stdin: str = ..., status: int = ...
    ) -> "subprocess.CompletedProcess[str]": ...


def make_cli(registry: RegistryProcess) -> Cli:
    def run(
        *arguments: str | Path, institution: str = "registry", role: str = "admin", stdin: str = "", status: int = 0
    ) -> "subprocess.CompletedProcess[str]":
        certificate, key = registry.authority.client(institution, role)
        ran = subprocess.run(
            [BIN / "hutong", *arguments],
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=100,
            check=False,
            env={
                "PATH": os.environ["PATH"],
                "LANG": "C.UTF-8",
                "TZ": "Asia/Shanghai",
                "HUTONG_REGISTRY": registry.address,
                "HUTONG_CA": str(registry.authority.certificate_file),
                "HUTONG_CERT": str(certificate),
                "HUTONG_KEY": str(key),
                "HUTONG_DEADLINE": "30",
            },
        )
        assert ran.returncode == status, ran.stdout + ran.stderr
        assert "Traceback" not in ran.stderr
        return ran

    return run


@pytest.fixture(scope="session")
def registry(start_registry: Callable[..., RegistryProcess], tmp_path_factory: pytest.TempPathFactory) -> Any:
    started = start_registry()
    onboard(started, tmp_path_factory.mktemp("catalog"))
    return started


def onboard(started: RegistryProcess, directory: Path) -> None:
    """Imports the catalogue with the command line."""
    for name, text in CATALOG.items():
        (directory / name).write_text(text)
    make_cli(started)("admin", "rules", "import", directory)


@pytest.fixture(scope="session")
def cli(registry: RegistryProcess) -> Cli:
    return make_cli(registry)
