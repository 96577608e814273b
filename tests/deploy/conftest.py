"""Fixtures of the deployment tests.

secrets   session   what deploy/prepare.sh makes, by the installed program: a directory with registry/, database/, …
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.deploy.files import DEPLOY


def prepare(out: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    """Runs deploy/prepare.sh into a directory, as the user of the tests."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment: Mapping[str, str] = {"PATH": programs, "OUT": str(out), "OWNER": str(os.geteuid()), **more}
    return subprocess.run(
        ["sh", DEPLOY / "prepare.sh"], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("prepared")
    made = prepare(out, SERVER_NAMES="registry.example 192.0.2.1")
    assert made.returncode == 0, made.stderr
    return out
