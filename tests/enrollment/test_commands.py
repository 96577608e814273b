"""The commands as an operator and an institution type them: hutong-server ca, hutong enroll, renew, admin."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.api.process import ServerProcess, run
from tests.api.site import load_make_certs

HUTONG = Path(sys.executable).with_name("hutong")


@dataclass
class Desk:
    """A registry as its operator sets it up, with nothing but commands."""

    directory: Path
    environment: dict[str, str]
    server: ServerProcess | None = None

    def operator(self, *arguments: str, status: int = 0) -> "subprocess.CompletedProcess[str]":
        ran = run(arguments, self.environment, self.directory)
        assert ran.returncode == status, ran.stdout + ran.stderr
        return ran

    def hutong(
        self, *arguments: str, held: Path | None = None, stdin: str = "", status: int = 0
    ) -> "subprocess.CompletedProcess[str]":
        """`hutong`, with the certificate in `held`."""
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HUTONG_DEADLINE": "20"}
        if held is not None:
            assert self.server is not None
            environment |= {
                "HUTONG_REGISTRY": f"localhost:{self.server.port}",
                "HUTONG_CA": str(held / "ca.pem"),
                "HUTONG_CERT": str(held / "client.pem"),
                "HUTONG_KEY": str(held / "client.key"),
            }
        ran = subprocess.run(
            [HUTONG, *arguments], input=stdin, capture_output=True, encoding="utf-8", timeout=60, env=environment
        )
        assert ran.returncode == status, ran.stdout + ran.stderr
        assert "Traceback" not in ran.stderr
        return ran

    def enroll(self, token: str, out: Path, status: int = 0) -> "subprocess.CompletedProcess[str]":
        """As an institution does it: the token comes on stdin."""
        shown = self.operator("ca", "show").stdout.split()
        return self.hutong(
            *("enroll", "--registry", self.enrollment, "--ca-fingerprint", shown[-1], "--out", str(out), "--json"),
            stdin=token,
            status=status,
        )

    @property
    def enrollment(self) -> str:
        return self.environment["HUTONG_ENROLLMENT_LISTEN"].replace("127.0.0.1", "localhost")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    directory = tmp_path_factory.mktemp("desk")
    made = Desk(
        directory,
        {
            "HUTONG_LISTEN": "127.0.0.1:0",
            "HUTONG_METRICS_LISTEN": "127.0.0.1:0",
            "HUTONG_ENROLLMENT_LISTEN": f"127.0.0.1:{free_port()}",
            "HUTONG_DATABASE_URL": f"sqlite:///{directory}/hutong.db",
            "HUTONG_TLS_CA": str(directory / "var/ca/clients.pem"),
            "HUTONG_TLS_CERTIFICATE": str(directory / "server.pem"),
            "HUTONG_TLS_KEY": str(directory / "server.key"),
        },
    )
    (directory / "passphrase").write_text("correct horse battery\n")
    (directory / "passphrase").chmod(0o600)
    made.operator("keys", "init")
    made.operator("ca", "init", "--passphrase-file", "passphrase", "--root-key", "offline/root.key")
    made.operator("ca", "server-certificate", "--name", "localhost", "--name", "127.0.0.1")
    first = made.operator("ca", "enroll-token", "registry", "--role", "admin").stdout
    made.server = ServerProcess(made.environment, directory)
    made.enroll(first, directory / "admin")
    yield made
    made.server.end()


def admin(desk: Desk) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    def ran(*arguments: str, status: int = 0, held: str = "admin") -> "subprocess.CompletedProcess[str]":
        return desk.hutong("admin", *arguments, held=desk.directory / held, status=status)

    return ran


def test_from_nothing_to_an_institution_that_calls(desk: Desk) -> None:
    ran = admin(desk)
    ran("institution", "add", "H1", "--name", "测试医院", "--tier", "secondary", "--region", "990400")
    token = json.loads(ran("enroll-token", "H1", "--role", "feed", "--json").stdout)["token"]
    out = desk.directory / "h1"
    done = json.loads(desk.enroll(token + "\n", out).stdout)
    assert (done["institution"], done["role"], done["pending"]) == ("H1", "feed", False)
    assert (out / "client.key").stat().st_mode & 0o777 == 0o600
    (desk.directory / "no-report.json").write_text("{}")
    tried = ("publish", "--validate-only", "--json", str(desk.directory / "no-report.json"))
    assert "NOT_A_REPORT" in desk.hutong(*tried, held=out, status=1).stdout
    again = json.loads(desk.enroll(token, desk.directory / "h2", status=4).stdout)
    assert again["error"]["reason"] == "ENROLLMENT_REFUSED"

    rows = json.loads(ran("certificate", "list", "--institution", "H1", "--json").stdout)["certificates"]
    assert [(row["institution"], row["role"]) for row in rows] == [("H1", "feed")]
    assert "days left" in ran("certificate", "list", "--lang", "en").stdout
    renewed = ("renew", "--registry", desk.enrollment, "--out", str(out), "--json")
    assert json.loads(desk.hutong(*renewed, "--if-due").stdout)["renewed"] is False
    before = (out / "client.pem").read_bytes()
    assert json.loads(desk.hutong(*renewed).stdout)["renewed"] is True
    assert (out / "client.pem").read_bytes() != before

    rows = json.loads(ran("certificate", "list", "--institution", "H1", "--json").stdout)["certificates"]
    for row in rows:
        ran("certificate", "revoke", row["serial"], "--reason", "test")
    found = desk.hutong(*tried, held=out, status=4)
    assert "CERTIFICATE_REVOKED" in found.stdout
    assert json.loads(desk.hutong(*renewed, status=4).stdout)["error"]["reason"] == "ENROLLMENT_REFUSED"


def test_a_second_administrator_approves(desk: Desk) -> None:
    ran, out = admin(desk), desk.directory / "h3"
    ran("institution", "add", "H3", "--name", "测试医院", "--tier", "secondary", "--region", "990400")
    token = json.loads(ran("enroll-token", "H3", "--role", "emr", "--approval", "--json").stdout)["token"]
    assert json.loads(desk.enroll(token, out, status=1).stdout)["pending"] is True
    (waiting,) = json.loads(ran("enrollment", "list", "--json").stdout)["pending"]
    ran("enrollment", "approve", waiting["enrollment"], "--reason", "known", status=1)
    desk.enroll(desk.operator("ca", "enroll-token", "registry", "--role", "admin").stdout, desk.directory / "admin2")
    ran("enrollment", "approve", waiting["enrollment"], "--reason", "known", held="admin2")
    assert json.loads(desk.enroll(token, out).stdout)["pending"] is False
    assert (out / "client.pem").exists()


def test_a_rotation_by_commands(desk: Desk) -> None:
    steps = (
        ("prepare", "--passphrase-file", "passphrase", "--root-key", "offline/root.key"),
        ("activate",),
        ("retire",),
    )
    for step in steps:
        desk.operator("ca", "rotate", *step)
        assert admin(desk)("institution", "list", "--json", status=0 if step[0] != "retire" else 3)
    # The administrator's certificate is of the retired one: it renews.
    desk.hutong("renew", "--registry", desk.enrollment, "--out", str(desk.directory / "admin"))
    admin(desk)("institution", "list", "--json")
    assert not (desk.directory / "var/ca/issuing-1.key").exists()


def test_what_does_not_fit_is_refused(desk: Desk) -> None:
    assert "holds authorities already" in (
        desk.operator(
            *("ca", "init", "--passphrase-file", "passphrase", "--root-key", "offline/another.key"), status=1
        ).stderr
    )
    assert "none is prepared" in desk.operator("ca", "rotate", "activate", status=1).stderr
    (desk.directory / "open").write_text("correct horse battery")
    (desk.directory / "open").chmod(0o644)
    arguments = ("--root-key", "offline/root.key")
    assert "chmod 600" in (
        desk.operator("ca", "rotate", "prepare", "--passphrase-file", "open", *arguments, status=1).stderr
    )
    (desk.directory / "wrong").write_text("another passphrase")
    (desk.directory / "wrong").chmod(0o600)
    assert "another passphrase" in (
        desk.operator("ca", "rotate", "prepare", "--passphrase-file", "wrong", *arguments, status=1).stderr
    )
    assert b"ENCRYPTED PRIVATE KEY" in (desk.directory / "offline/root.key").read_bytes()


def test_a_server_that_enrolling_institutions_cannot_check_does_not_start(desk: Desk, tmp_path: Path) -> None:
    certificate, key = load_make_certs().Authority(tmp_path / "certs").server()
    environment = desk.environment | {"HUTONG_TLS_CERTIFICATE": str(certificate), "HUTONG_TLS_KEY": str(key)}
    ran = run(["check-config"], environment, desk.directory)
    assert ran.returncode == 1
    assert "ca server-certificate" in ran.stderr
