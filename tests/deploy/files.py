"""The files under deploy/, read as the programs that use them read them."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.api.site import ROOT

DEPLOY = ROOT / "deploy"
SYSTEM = ROOT / "build" / "system"
"""What `make packages` gets."""


def program(name: str) -> str:
    """Path of a system program, or ""."""
    places = [os.environ["PATH"], "/usr/sbin", *(str(SYSTEM / "usr" / each) for each in ("bin", "sbin"))]
    return shutil.which(name, path=os.pathsep.join(places)) or ""


def documents(path: Path) -> list[Any]:
    """Of a YAML file."""
    return [each for each in yaml.safe_load_all(path.read_text("utf-8")) if each is not None]


def delivered() -> Iterator[Path]:
    """Every file that an operator takes, but the catalogue's."""
    for path in sorted(DEPLOY.rglob("*")):
        if path.is_file() and path.relative_to(DEPLOY).parts[0] in OF_OPERATORS:
            yield path


OF_OPERATORS = {
    *("Dockerfile", "Dockerfile.dockerignore", "compose.yaml", "prepare.sh", "haproxy.cfg", "nginx-stream.conf"),
    *("compose", "kubernetes", "systemd", "prometheus", "grafana"),
}


def variables(text: str) -> set[str]:
    """Names of HUTONG_* variables in a text."""
    return set(re.findall(r"\bHUTONG_[A-Z0-9_]+\b", text))
