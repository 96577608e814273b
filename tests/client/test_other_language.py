"""A client in another language, made from the .proto files alone: Node.js, when it and its packages can be had."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.api.documents import encoded, lab_report, person
from tests.client.conftest import ROOT, Cli, RegistryProcess

DOCUMENT = (ROOT / "docs/emr-integration.md").read_text("utf-8")
SAMPLE = Path(__file__).parent / "other_language"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample with its packages, outside the project."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if not (npm and node):
        pytest.skip("no Node.js on this machine: the sample in another language was not run")
    folder = tmp_path_factory.mktemp("node")
    for file in SAMPLE.iterdir():
        shutil.copy(file, folder)
    try:
        subprocess.run(
            [
                npm,
                "install",
                "--no-package-lock",
                "--ignore-scripts",
                "--fetch-retries=0",
                "--no-fund",
                "--no-audit",
                "--loglevel=error",
            ],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=90,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"the sample's packages could not be installed ({type(error).__name__}): it was not run")
    return folder


def test_the_documents_first_prompt(sample: Path, registry: RegistryProcess, cli: Cli, tmp_path: Path) -> None:
    patient = person(851)
    (tmp_path / "a.json").write_bytes(encoded(lab_report("node-2", patient, value="4.20")))
    cli("publish", tmp_path, institution="H1", role="feed")
    (example,) = re.findall(r"^```js\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)
    certificate, key = registry.authority.client("H2", "emr")
    for shown, real in {
        '["proto"]': json.dumps([str(ROOT / "proto")]),
        "certs/ca.pem": str(registry.authority.certificate_file),
        "certs/client.key": str(key),
        "certs/client.pem": str(certificate),
        "registry.example:7443": registry.address,
        "…": patient["identifier"][0]["value"],
        # A busy machine is slower than a doctor waits.
        "+ 2000": "+ 20000",
    }.items():
        assert example.count(shown) == 1, shown
        example = example.replace(shown, real)
    (sample / "first-prompt.mjs").write_text(example)
    ran = subprocess.run(
        ["node", "first-prompt.mjs"], cwd=sample, capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert re.fullmatch(r"钾 4.20 mmol/L \S*HR\n", ran.stdout), ran.stdout


def run(sample: Path, registry: RegistryProcess, role: str, address: str = "", deadline: str = "20") -> dict[str, Any]:
    certificate, key = registry.authority.client("H2", role)
    made = person(850)
    patient = {
        "identifiers": [{"system": each["system"], "value": each["value"]} for each in made["identifier"]],
        "demographics": {"name": made["name"][0]["text"], "birth_date": made["birthDate"], "sex": "SEX_MALE"},
    }
    ran = subprocess.run(
        ["node", "open_chart.mjs", ROOT / "proto"],
        cwd=sample,
        input=json.dumps(patient),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        env={
            "PATH": os.environ["PATH"],
            "HUTONG_REGISTRY": address or registry.address,
            "HUTONG_CA": str(registry.authority.certificate_file),
            "HUTONG_CERT": str(certificate),
            "HUTONG_KEY": str(key),
            "HUTONG_DEADLINE": deadline,
        },
    )
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout)
    assert isinstance(answer, dict)
    return answer


def test_a_chart_from_the_proto_alone(
    sample: Path, registry: RegistryProcess, cli: Cli, tmp_path: Path, black_hole: str
) -> None:
    (tmp_path / "a.json").write_bytes(encoded(lab_report("node-1", person(850), value="4.10")))
    cli("publish", tmp_path, institution="H1", role="feed")
    answer = run(sample, registry, "emr")
    assert answer["outcome"] == "OUTCOME_FOUND"
    assert answer["lines"][0]["result"]["detail"]["value"]["quantity"]["value"] == "4.10"
    assert answer["lines"][0]["result"]["mark"]
    assert run(sample, registry, "feed") == {"unavailable": "ROLE_NOT_ALLOWED"}
    assert run(sample, registry, "emr", black_hole, "0.5") == {"unavailable": "DEADLINE_EXCEEDED"}
