"""What holds of every file under deploy/: settings that exist, no secrets, no floating versions; and the image."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hutong_server.__main__ import cli
from hutong_server.settings import unknown_variables
from typer.main import get_command

from tests.api.site import ROOT
from tests.deploy.files import DEPLOY, OF_OPERATORS, delivered, program, variables

HADOLINT = program("hadolint") or str(Path(sys.executable).with_name("hadolint"))


def test_all_that_is_named_is_there() -> None:
    found = {path.relative_to(DEPLOY).parts[0] for path in delivered()}
    assert found == OF_OPERATORS


@pytest.mark.parametrize("path", list(delivered()), ids=lambda path: str(path.relative_to(DEPLOY)))
def test_settings_are_known_nothing_is_secret_and_versions_are_named(path: Path) -> None:
    text = path.read_text("utf-8")
    assert unknown_variables(dict.fromkeys(variables(text), "")) == []
    assert ":latest" not in text
    assert "PRIVATE KEY" not in text
    # A password beside its user in a URL, or one that is written out; files and placeholders in capitals are neither.
    assert not re.search(r"://[^/\s:@]+:[^@\s]+@", text)
    assert not re.search(r"(?im)^\s*\w*(password|passphrase|token|secret)\w*\s*[:=]\s*[\"']?[a-z0-9]{6,}", text)


def test_the_document_names_files_that_are_there_and_commands_that_are_known() -> None:
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    install = text.partition("## Install\n")[2].partition("\n## Run it\n")[0]
    named = set(re.findall(r"\bdeploy/[\w./-]*\w", install))
    assert len(named) > 9
    assert [name for name in named if not (ROOT / name).exists()] == []
    told = {name.split("/")[1] for name in named}
    assert told >= OF_OPERATORS - {"Dockerfile.dockerignore", "prometheus", "grafana"}
    assert unknown_variables(dict.fromkeys(variables(install), "")) == []
    for line in re.findall(r"hutong-server ((?:[a-z-]+ ?)+(?:--[a-z-]+)?)", install):
        words = line.split()
        command: Any = get_command(cli)
        while words and (further := getattr(command, "commands", {}).get(words[0])):
            command = further
            words = words[1:]
        assert not hasattr(command, "commands"), line
        options = [option for parameter in command.params for option in parameter.opts]
        assert all(word in options for word in words if word.startswith("--")), line


def test_the_image_is_linted() -> None:
    if not Path(HADOLINT).exists():
        pytest.skip("hadolint is not installed")
    said = subprocess.run(
        [HADOLINT, "--failure-threshold", "style", DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout


def test_the_image_is_built_of_what_its_file_copies_and_runs_as_nobody_special(tmp_path: Path) -> None:
    lines = (DEPLOY / "Dockerfile").read_text("utf-8").splitlines()
    let_in = {
        line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines() if line[0] == "!"
    }
    copied = {
        part for line in lines if line.startswith("COPY ") and "--from" not in line for part in line.split()[1:-1]
    }
    assert copied == let_in
    for name in copied:
        (tmp_path / name).symlink_to(ROOT / name)
    # As `pip install .` builds it, from these files alone.
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    migrations = {path.name for path in (ROOT / "server/hutong_server/store/migrations/versions").glob("0*.py")}
    assert {f"hutong_server/store/migrations/versions/{name}" for name in migrations} <= names
    assert {"hutong/v1/report_pb2.py", "hutong_client/cli/main.py", "hutong_server/__main__.py"} <= names
    assert not any("certs" in name or name.startswith(("tests/", "deploy/", "var/")) for name in names)

    users = [line for line in lines if line.startswith("USER ")]
    assert users == ["USER 10001:10001"]
    assert lines.index(users[0]) < lines.index('ENTRYPOINT ["hutong-server"]')
    assert sum(line.startswith("FROM ") for line in lines) == 2
