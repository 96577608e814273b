"""deploy/prepare.sh: what it makes starts a registry, is kept by the next run, and is what the deployments name."""

import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from cryptography import x509
from hutong_server.settings import load

from tests.api.process import ServerProcess, run
from tests.deploy.conftest import prepare
from tests.deploy.files import DEPLOY

ENVIRONMENT = dict(
    line.split("=", 1) for line in (DEPLOY / "systemd" / "hutong.env").read_text().splitlines() if line[:1] == "H"
)


def here(secrets: Path, state: Path) -> dict[str, str]:
    """deploy/systemd/hutong.env with its directories in these places, on free ports."""
    moved = {
        name: value.replace("/var/lib/hutong/registry", str(secrets / "registry")).replace(
            "/var/lib/hutong", str(state)
        )
        for name, value in ENVIRONMENT.items()
    }
    return moved | {
        "HUTONG_LISTEN": "127.0.0.1:0",
        "HUTONG_ENROLLMENT_LISTEN": "127.0.0.1:0",
        "HUTONG_METRICS_LISTEN": "127.0.0.1:0",
    }


def test_a_registry_starts_on_it_is_well_and_answers_the_probe(secrets: Path, tmp_path: Path) -> None:
    environment = here(secrets, tmp_path / "state")
    load(environment)
    server = ServerProcess(environment, tmp_path)
    try:
        target = f"localhost:{server.port}"
        said = run(["health", "--target", target], environment, tmp_path)
        assert (said.returncode, said.stdout) == (0, "SERVING\n"), said.stderr
        said = run(["doctor", "--least-free", "0"], environment, tmp_path)
        assert (said.returncode, said.stderr) == (0, ""), said.stdout
        assert "the health probe's certificate has 89 days left" in said.stdout
    finally:
        assert server.end() == 0
    # Nobody is there any more: that is no answer.
    assert run(["health", "--alive", "--target", target], environment, tmp_path).returncode == 1


def test_what_is_there_is_kept_and_certificates_are_new(secrets: Path, tmp_path: Path) -> None:
    out = tmp_path / "again"
    shutil.copytree(secrets, out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    made = prepare(out, SERVER_NAMES="registry.example 192.0.2.1")
    assert made.returncode == 0, made.stderr
    after = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert after.keys() == before.keys()
    changed = {str(path.relative_to(out)) for path in after if after[path] != before[path]}
    assert changed == {f"registry/{name}" for name in NEW_EACH_TIME}
    leaf = x509.load_pem_x509_certificate((out / "registry/tls/server.pem").read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "registry.example"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.1"]


NEW_EACH_TIME = ("tls/server.pem", "tls/server.key", "monitor/client.pem", "monitor/client.key")


def test_secrets_are_their_owners_alone_and_passwords_are_long(secrets: Path) -> None:
    public = {"grafana/password"}
    for path in secrets.rglob("*"):
        name = str(path.relative_to(secrets))
        if path.is_file() and name not in public and path.suffix != ".pem" and path.suffix != ".json":
            assert path.stat().st_mode & 0o077 == 0, name
    password = (secrets / "database" / "password").read_text()
    assert re.fullmatch(r"[0-9a-f]{48}", password)
    assert (secrets / "registry" / "pgpass").read_text() == f"postgresql:5432:hutong:hutong:{password}\n"
    assert (secrets / "grafana" / "password").read_text() != password
    assert "ENCRYPTED" in (secrets / "offline" / "root.key").read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to the registry's user")
def test_root_gives_the_registry_what_is_the_registrys_and_keeps_the_rest() -> None:
    # Not below the tests' own directory, through which nobody else gets.
    with tempfile.TemporaryDirectory(prefix="hutong-prepare-") as name:
        Path(name).chmod(0o755)
        out = Path(name) / "out"
        nobody = pwd.getpwnam("nobody").pw_uid
        if not all(parent.stat().st_mode & 0o001 for parent in Path(sys.executable).absolute().parents):
            pytest.skip("the project stands in a directory that is closed to the registry's user")
        made = prepare(out, OWNER=str(nobody))
        assert made.returncode == 0, made.stderr
        owners = {str(path.relative_to(out)): path.stat().st_uid for path in out.rglob("*")}
    assert {name for name, uid in owners.items() if uid == nobody} == {
        name for name in owners if name.partition("/")[0] in ("registry", "offline")
    }
    assert owners["registry/keys/kek.key"] == nobody


def test_the_script_is_posix() -> None:
    checked = subprocess.run(["sh", "-n", DEPLOY / "prepare.sh"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
