"""Fixtures of the fuzz tests.

fuzzed   module   a server in a process of its own, with the catalogue and one patient, and channels to it

How many examples each method gets: 12, or FUZZ_EXAMPLES (`make fuzz` takes many).
"""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.api.conftest import material, serials
from tests.api.process import ServerProcess, run
from tests.api.site import Material
from tests.conftest import MakeStoreUrl
from tests.fuzz.target import Target

__all__ = ["material", "serials"]

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "12"))
settings.register_profile(
    "fuzz",
    max_examples=EXAMPLES,
    deadline=None,  # the targets time each call themselves
    database=None,
    suppress_health_check=list(HealthCheck),
    derandomize="FUZZ_EXAMPLES" not in os.environ,  # `make test` is the same each time, `make fuzz` is not
)


@pytest.fixture(scope="module")
def fuzzed(
    material: Material, make_store_url: MakeStoreUrl, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    directory = tmp_path_factory.mktemp("fuzzed")
    enrollment = _free_port()
    environment = material.environment(
        make_store_url("sqlite"),
        HUTONG_ENROLLMENT_LISTEN=f"127.0.0.1:{enrollment}",
        HUTONG_CA_DIRECTORY=str(directory / "ca"),
        HUTONG_TLS_CERTIFICATE=str(directory / "server.pem"),
        HUTONG_TLS_KEY=str(directory / "server.key"),
    )
    _make_authority(environment, directory)
    server = ServerProcess(environment, directory)
    target: Target | None = None
    try:
        target = Target(material, server, enrollment, directory / "ca" / "roots.pem")
        target.prepare()
        yield target
    finally:
        if target is not None:
            target.close()
        ended = server.end()
    assert ended == 0


def _make_authority(environment: dict[str, str], directory: Path) -> None:
    passphrase = directory / "passphrase"
    passphrase.write_text("a passphrase of this run\n")
    passphrase.chmod(0o600)
    for command in (
        ["ca", "init", "--passphrase-file", str(passphrase), "--root-key", str(directory / "root.key")],
        ["ca", "server-certificate", "--name", "localhost"],
    ):
        made = run(command, environment, directory)
        assert made.returncode == 0, made.stderr


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
