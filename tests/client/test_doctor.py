"""`hutong doctor`: a connection that works, and each thing that stands in its way, on real parts."""

import datetime
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hutong_client.cli.doctor_calls import NUMBER

from tests.client.conftest import BIN, RegistryProcess, load_make_certs

EMR = ["files", "key", "certificate", "identity", "name", "port", "server", "tls", "health", "delay", "clock"]


def settings(registry: str, ca: Path, pair: tuple[Path, Path]) -> dict[str, str]:
    """An environment that says all that a command asks for, and nothing of this machine's proxies."""
    named = {"HUTONG_REGISTRY": registry, "HUTONG_CA": ca, "HUTONG_CERT": pair[0], "HUTONG_KEY": pair[1]}
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **{name: str(value) for name, value in named.items()}}


def examine(
    registry: str,
    ca: Path,
    pair: tuple[Path, Path],
    *,
    status: int = 0,
    lang: str = "en",
    deadline: float = 10,
    more: tuple[str, ...] = (),
    **environment: str,
) -> dict[str, dict[str, str]]:
    """What `hutong doctor --json` finds, by check."""
    ran = subprocess.run(
        [BIN / "hutong", "doctor", "--json", "--lang", lang, "--deadline", str(deadline), *more],
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
        env=settings(registry, ca, pair) | environment,
    )
    assert ran.returncode == status, ran.stdout + ran.stderr
    assert ran.stderr == ""
    found: dict[str, Any] = json.loads(ran.stdout)
    assert found["wrong"] == sum(each["state"] == "wrong" for each in found["checks"])
    for each in found["checks"]:
        assert bool(each["mend"]) == (each["state"] in ("wrong", "warning")), each
        assert NUMBER not in each["text"] + each["mend"]
    return {each["check"]: each for each in found["checks"]}


def states(found: dict[str, dict[str, str]]) -> dict[str, str]:
    return {name: each["state"] for name, each in found.items() if each["state"] not in ("ok", "skipped")}


@pytest.fixture(scope="module")
def ca(registry: RegistryProcess) -> Path:
    path: Path = registry.authority.certificate_file
    return path


def test_nothing_stands_in_the_way(registry: RegistryProcess, ca: Path) -> None:
    found = examine(registry.address, ca, registry.authority.client("H2", "emr"))
    assert [*found] == [*EMR, "compression", "size", "prompt"]
    assert states(found) == {}
    found = examine(registry.address, ca, registry.authority.client("H1", "feed"), lang="zh")
    assert [*found] == [*EMR, "compression", "size", "publish"]
    assert states(found) == {}
    found = examine(registry.address, ca, registry.authority.client("registry", "monitor"))
    assert found["trial"]["state"] == "skipped"
    assert found["identity"]["text"] == "institution registry, role monitor, registry hutong.local"


def test_people_read_lines(registry: RegistryProcess, ca: Path) -> None:
    ran = subprocess.run(
        [BIN / "hutong", "doctor"],
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
        env=settings(registry.address, ca, registry.authority.client("H2", "emr")),
    )
    assert ran.returncode == 0, ran.stderr
    assert "ok      health        the registry serves\n" in ran.stdout
    assert ran.stdout.endswith("14 checks: 0 wrong, 0 to be looked at.\n")


def test_an_institution_that_is_not_there_and_one_that_calls_the_wrong_thing(
    registry: RegistryProcess, ca: Path
) -> None:
    found = examine(registry.address, ca, registry.authority.client("NOBODY", "emr"), status=1)
    assert states(found) == {"prompt": "wrong"}
    assert "INSTITUTION_UNKNOWN" in found["prompt"]["text"]
    assert "institution add" in found["prompt"]["mend"]


def test_names_and_ports(ca: Path, registry: RegistryProcess, refusing: str, black_hole: str) -> None:
    pair = registry.authority.client("H2", "emr")
    found = examine("no-such-host.invalid:7443", ca, pair, status=1)
    assert states(found) == {"name": "wrong"}
    assert {found[name]["state"] for name in ("port", "tls", "health", "trial")} == {"skipped"}
    assert "refuses" in examine(refusing, ca, pair, status=1)["port"]["text"]
    found = examine(registry.address, ca, pair, status=1, more=("--enrollment", refusing))
    assert states(found) == {"enrollment": "wrong"}
    assert examine(registry.address, ca, pair, more=("--enrollment", registry.address))["enrollment"]["state"] == "ok"
    assert states(examine("registry.example", ca, pair, status=1)) == {"registry": "wrong"}
    # Something that accepts and says nothing.
    found = examine(black_hole, ca, pair, status=1, deadline=1)
    assert states(found) == {"tls": "wrong"}
    assert found["health"]["state"] == "skipped"


def test_files_that_cannot_be_used(ca: Path, registry: RegistryProcess, tmp_path: Path) -> None:
    certificate, key = registry.authority.client("H2", "emr")
    assert (
        "cannot be read"
        in examine(registry.address, tmp_path / "no.pem", (certificate, key), status=1)["files"]["text"]
    )
    other = registry.authority.client("H1", "emr")[1]
    found = examine(registry.address, ca, (certificate, other), status=1)
    assert "does not belong" in found["files"]["text"]
    # The line is looked at all the same.
    assert found["port"]["state"] == "ok"
    assert found["tls"]["state"] == "skipped"
    assert states(examine(registry.address, ca, (certificate, tmp_path), status=1)) == {"files": "wrong"}
    mine = tmp_path / "key.pem"
    shutil.copy(key, mine)
    mine.chmod(0o644)
    found = examine(registry.address, ca, (certificate, mine), status=1)
    assert found["key"]["mend"] == f"chmod 600 {mine}"
    mine.chmod(0o640)
    assert states(examine(registry.address, ca, (certificate, mine))) == {"key": "warning"}


def test_certificates_of_another_time_or_registry(ca: Path, registry: RegistryProcess, tmp_path: Path) -> None:
    authority = registry.authority
    uri = x509.UniformResourceIdentifier("spiffe://hutong.local/institution/H2/emr")
    client = ExtendedKeyUsageOID.CLIENT_AUTH
    day = datetime.timedelta(days=1)

    late = authority.issue("late.emr", (uri,), client, valid=-day)
    found = examine(registry.address, ca, late, status=1)
    assert found["certificate"]["state"] == "wrong"
    assert "ran out" in found["certificate"]["text"]
    assert found["tls"]["state"] == "wrong"
    assert "does not accept this certificate" in found["tls"]["text"]

    early = authority.issue("early.emr", (uri,), client, valid=2 * day, age=-day)
    assert "clock is slow" in examine(registry.address, ca, early, status=1)["certificate"]["mend"]

    worn = authority.issue("worn.emr", (uri,), client, valid=day, age=9 * day)
    assert states(examine(registry.address, ca, worn)) == {"certificate": "warning"}

    foreign = load_make_certs().Authority(tmp_path / "other", name="Another registry")
    found = examine(registry.address, ca, foreign.client("H2", "emr"), status=1)
    assert states(found) == {"tls": "wrong"}
    assert "does not accept this certificate" in found["tls"]["text"]
    found = examine(registry.address, foreign.certificate_file, authority.client("H2", "emr"), status=1)
    assert states(found) == {"tls": "wrong"}
    assert 'issued by "Hutong development CA"' in found["tls"]["text"]

    nameless = authority.issue("nameless", (x509.DNSName("emr.example"),), client)
    assert states(examine(registry.address, ca, nameless, status=1))["identity"] == "wrong"
    # The certificate is for localhost and 127.0.0.1.
    elsewhere = registry.address.replace("localhost", "127.0.0.2")
    with forwarding(registry.address, "127.0.0.2") as port:
        found = examine(f"127.0.0.2:{port}", ca, authority.client("H2", "emr"), status=1)
    assert "localhost, 127.0.0.1" in found["tls"]["text"], elsewhere


@contextmanager
def serving(answer: Any, host: str = "127.0.0.1") -> Iterator[int]:
    """A TCP server that gives each connection to a function, in a thread."""
    with socket.create_server((host, 0)) as listening:
        listening.settimeout(0.2)
        ended = threading.Event()

        def accept() -> None:
            while not ended.is_set():
                try:
                    taken, _ = listening.accept()
                except TimeoutError:
                    continue
                threading.Thread(target=answer, args=(taken,), daemon=True).start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield listening.getsockname()[1]
        finally:
            ended.set()
            accepting.join()


def _pump(one: socket.socket, other: socket.socket) -> None:
    try:
        while content := one.recv(65536):
            other.sendall(content)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def _between(taken: socket.socket, target: str) -> None:
    host, _, port = target.rpartition(":")
    with taken, socket.create_connection((host, int(port)), 10) as onward:
        back = threading.Thread(target=_pump, args=(onward, taken), daemon=True)
        back.start()
        _pump(taken, onward)
        back.join(10)


@contextmanager
def forwarding(target: str, host: str) -> Iterator[int]:
    with serving(lambda taken: _between(taken, target), host) as port:
        yield port


def test_through_a_proxy(ca: Path, registry: RegistryProcess) -> None:
    pair = registry.authority.client("H2", "emr")
    asked: list[str] = []
    login = "Proxy-Authorization: Basic dXNlcjpzZWNyZXQ="  # user:secret

    def proxy(taken: socket.socket) -> None:
        said = b""
        while b"\r\n\r\n" not in said:
            said += taken.recv(1024)
        if login not in said.decode():
            with taken:
                taken.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            return
        asked.append(said.split(b"\r\n")[0].decode())
        taken.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        _between(taken, registry.address)

    with serving(proxy) as port:
        found = examine(registry.address, ca, pair, https_proxy=f"http://user:secret@127.0.0.1:{port}")
        assert states(found) == {"proxy": "warning"}
        assert "secret" not in json.dumps(found)
        # Both this program's own steps and gRPC's took it.
        assert len(asked) >= 3
        assert {*asked} == {f"CONNECT {registry.address} HTTP/1.1"}
        before = len(asked)
        assert (
            states(examine(registry.address, ca, pair, https_proxy=f"http://127.0.0.1:{port}", no_proxy="localhost"))
            == {}
        )
        assert len(asked) == before

    # Ranges of addresses, as hospitals except their own network: gRPC goes straight, and so does this.
    number = registry.address.replace("localhost", "127.0.0.1")
    ranges, unused = "10.0.0.0/8,127.0.0.0/8", "http://no-such-proxy.invalid:8080"
    assert states(examine(number, ca, pair, https_proxy=unused, no_proxy=ranges)) == {}

    # What gRPC cannot use as a proxy it does not take.
    assert states(examine(registry.address, ca, pair, https_proxy="socks5://127.0.0.1:1")) == {}
    found = examine(registry.address, ca, pair, status=1, https_proxy="http://no-such-proxy.invalid:8080")
    assert states(found) == {"proxy": "warning", "name": "wrong"}
    assert "Check the proxy's settings" in found["name"]["mend"]

    def closed(taken: socket.socket) -> None:
        with taken:
            taken.recv(1024)
            taken.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")

    with serving(closed) as port:
        found = examine(registry.address, ca, pair, status=1, https_proxy=f"http://127.0.0.1:{port}")
        assert states(found) == {"proxy": "warning", "port": "wrong"}
        assert "403 Forbidden" in found["port"]["text"]


def test_what_is_no_registry(ca: Path, registry: RegistryProcess) -> None:
    """TLS by the right authority, and HTTP/1.1 behind it: a balancer that does not pass TLS through."""
    pair = registry.authority.client("H2", "emr")
    server, key = registry.authority.server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server, key)

    def web(taken: socket.socket) -> None:
        try:
            with context.wrap_socket(taken, server_side=True) as secured:
                secured.recv(1024)
                secured.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        except OSError:
            pass

    with serving(web) as port:
        found = examine(f"localhost:{port}", ca, pair, status=1)
    assert "does not speak HTTP/2" in found["tls"]["text"]

    def plain(taken: socket.socket) -> None:
        with taken:
            taken.recv(1024)
            taken.sendall(b"SSH-2.0-nothing of ours\r\n")

    # As the port for enrollment does: gRPC, and none of the calls.
    other = grpc.server(ThreadPoolExecutor(1))
    pairs = [(key.read_bytes(), server.read_bytes())]
    port = other.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials(pairs))
    other.start()
    try:
        found = examine(f"localhost:{port}", ca, pair, status=1)
    finally:
        other.stop(None).wait()
    assert states(found) == {"health": "wrong"}
    assert "not the port for calls" in found["health"]["text"]

    with serving(plain) as port:
        assert "no TLS comes about" in examine(f"localhost:{port}", ca, pair, status=1)["tls"]["text"]


CLOCK = """
import sys, time, types
from hutong_client.cli import doctor_calls
moved = lambda: time.time() + SECONDS
doctor_calls.time = types.SimpleNamespace(time=moved, perf_counter=time.perf_counter)
from hutong_client.cli.main import main
main()
"""


@pytest.mark.parametrize(("seconds", "state"), [("-400", "wrong"), ("40", "warning")])
def test_a_clock_that_is_off(ca: Path, registry: RegistryProcess, seconds: str, state: str) -> None:
    """The program's own clock is moved, the registry's is right."""
    moved = CLOCK.replace("SECONDS", seconds)
    ran = subprocess.run(
        [sys.executable, "-c", moved, "doctor", "--json", "--lang", "en"],
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
        env=settings(registry.address, ca, registry.authority.client("H2", "emr")),
    )
    found = {each["check"]: each for each in json.loads(ran.stdout)["checks"]}
    assert found["clock"]["state"] == state
    assert ("behind" if seconds.startswith("-") else "ahead of") in found["clock"]["text"]
    assert any(f"{amount} s" in found["clock"]["text"] for amount in (399, 400, 39, 40))
