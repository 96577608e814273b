"""Where the benchmark runs: a server process, an echo process, a database, certificates."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hutong_client.clients import HutongClient
from hutong_server.store.migrations import migrate
from hutong_server.trust.keys import create_key_file

from tests.api.site import ROOT, Material, load_make_certs
from tests.bench.calls import Identity
from tests.e2e.running import RunningServer
from tests.postgresql import PostgresqlServer

SAMPLE = ROOT / "deploy" / "catalog" / "sample"


def make_material(directory: Path) -> Material:
    """Certificates and keys of one run."""
    authority = load_make_certs().make_certs(directory / "certs", [("registry", ("admin", "monitor"))])
    for name in ("token.key", "seal.key", "kek.key", "ledger.key"):
        create_key_file(directory / name)
    return Material(authority, directory / "token.key", directory / "seal.key")


def identity(material: Material, institution: str, role: str) -> Identity:
    """Files of a caller."""
    return Identity(material.authority.certificate_file, *material.authority.client(institution, role))


@contextmanager
def database(backend: str, directory: Path) -> Iterator[str]:
    """URL of a new database with its schema: "sqlite" or "postgresql", both with durable commits."""
    if backend == "sqlite":
        url = f"sqlite:///{directory / 'hutong.db'}"
        migrate(url)
        yield url
        return
    server = PostgresqlServer({"shared_buffers": "128MB"})
    try:
        url = server.url(server.create())
        migrate(url)
        yield url
    finally:
        server.stop()


@contextmanager
def registry(
    material: Material,
    url: str,
    log: Path,
    program: tuple[str, ...] = (),
    *,
    default_rate: bool = False,
    settings: Mapping[str, str] | None = None,
) -> Iterator[RunningServer]:
    """One server process. Without `default_rate` each institution may call as often as it likes.

    `settings`: further HUTONG_* variables.
    """
    # As installed: documents are read in a process of their own.
    environment = material.environment(url, HUTONG_LOG_LEVEL="warning", HUTONG_DOCUMENT_PROCESSES="1")
    environment |= settings or {}
    if default_rate:
        del environment["HUTONG_CALLS_PER_SECOND"]
        # Soon used up: what comes after the burst is measured.
        environment["HUTONG_CALLS_BURST"] = "100"
    server = RunningServer(environment, log, program)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def echo(material: Material, reply: int) -> Iterator[int]:
    """One echo process that answers with so many bytes; its port."""
    files = (material.authority.certificate_file, *material.authority.server())
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.echo", *map(str, files), str(reply)], stdout=subprocess.PIPE, cwd=ROOT
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


async def import_catalog(material: Material, port: int, more: Mapping[str, bytes]) -> None:
    """The sample catalogue and what is given beside it."""
    files = [(path.name, path.read_bytes()) for path in sorted(SAMPLE.glob("*.yaml"))]
    who = identity(material, "registry", "admin")
    client = HutongClient.connect(f"localhost:{port}", ca=who.ca, certificate=who.certificate, key=who.key, deadline=30)
    async with client:
        await client.admin.import_catalog([*files, *more.items()])
