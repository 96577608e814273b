"""The commands of docs/operations.md for Kubernetes, as far as they go without a cluster: kubectl makes each Secret
from what prepare.sh made, and it has what the Deployment asks of it. What needs a cluster is `kubectl apply`.
"""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.api.site import ROOT
from tests.deploy.files import DEPLOY, program

KUBECTL = program("kubectl")
COMMANDS = re.findall(
    r"^kubectl (-n hutong create secret generic (\S+) --from-file=secrets/(\S+))$",
    (ROOT / "docs" / "operations.md").read_text("utf-8"),
    re.MULTILINE,
)


def asked() -> set[str]:
    """Names of the Secrets that the manifests name."""
    text = "".join(path.read_text("utf-8") for path in (DEPLOY / "kubernetes").glob("*.yaml"))
    return set(re.findall(r"\b(hutong-(?:keys|tls|authorities|monitor|database))\b", text))


def test_every_secret_that_is_asked_for_is_made() -> None:
    assert {name for _, name, _ in COMMANDS} == asked()


@pytest.mark.skipif(not KUBECTL, reason="kubectl is not installed")
@pytest.mark.parametrize(("command", "name", "source"), COMMANDS, ids=[name for _, name, _ in COMMANDS])
def test_the_command_makes_it(command: str, name: str, source: str, secrets: Path) -> None:
    words = command.replace("secrets/registry", str(secrets / "registry")).split()
    ran = subprocess.run(
        [KUBECTL, *words, "--dry-run=client", "-o", "yaml"], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    made = yaml.safe_load(ran.stdout)
    path = secrets / source
    files = {path.name} if path.is_file() else {each.name for each in path.iterdir() if each.is_file()}
    assert (made["metadata"]["name"], set(made["data"])) == (name, files)
    assert files
