"""The server as it was at a tag or commit, from the project's own history."""

import subprocess
import sys
import tarfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import pytest

from tests.api.site import ROOT


def former_server(reference: str, directory: Path) -> str:
    """Value of PYTHONPATH for it. Skips the test where the history does not reach back so far (a shallow clone)."""
    archived = subprocess.run(
        ["git", "archive", reference, "server", "proto"], cwd=ROOT, capture_output=True, timeout=60, check=False
    )
    if archived.returncode:
        pytest.skip(f"{reference} is not in this clone's history: `git fetch --tags --unshallow` gets it")
    with tarfile.open(fileobj=BytesIO(archived.stdout)) as files:
        files.extractall(directory, filter="data")
    return f"{directory / 'server'}:{directory / 'proto'}"


def known(environment: Mapping[str, str], code: str) -> dict[str, str]:
    """The settings that a former server knows: it refuses to start with others."""
    listing = "from hutong_server.settings import Settings; print(*Settings.model_fields)"
    done = subprocess.run(
        [sys.executable, "-c", listing],
        env={"PYTHONPATH": code},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    names = {f"HUTONG_{name.upper()}" for name in done.stdout.split()}
    return {name: value for name, value in environment.items() if name in names}
