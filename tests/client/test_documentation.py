"""What docs/emr-integration.md shows is run as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.api.documents import encoded, lab_report, person
from tests.client.conftest import BIN, ROOT, Cli, RegistryProcess

DOCUMENT = (ROOT / "docs/emr-integration.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)


def filled(text: str, registry: RegistryProcess) -> str:
    """The example with this run's registry, files and patient in the places of the made-up ones."""
    certificate, key = registry.authority.client("H2", "emr")
    for sample, real in {
        "registry.example:7443": registry.address,
        "certs/ca.pem": str(registry.authority.certificate_file),
        "certs/client.pem": str(certificate),
        "certs/client.key": str(key),
        "…": person(860)["identifier"][0]["value"],
    }.items():
        assert sample in text
        text = text.replace(sample, real)
    return text


def _within(python: str, orders: str, decide: str, why: str) -> str:
    """The first example, what is ordered then, what is decided on the chart, and why."""
    lines = [*orders.splitlines(), "prompt_id = answer.response.prompt_id", *decide.splitlines(), *why.splitlines()]
    main, run = python.split("\n\n\nasyncio.run")
    return f"{main}\n" + "".join(f"        {line}\n" for line in lines) + f"\n\nasyncio.run{run}"


def test_the_examples_run(registry: RegistryProcess, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "older.json").write_bytes(encoded(lab_report("doc-1", person(860), days_ago=2)))
    (tmp_path / "newer.json").write_bytes(encoded(lab_report("doc-2", person(860), status="preliminary")))
    cli("publish", tmp_path, institution="H1", role="feed")
    environment = {"PATH": f"{BIN}:{os.environ['PATH']}", "LANG": "C.UTF-8", "HUTONG_DEADLINE": "30"}

    python, orders, decide, *others = blocks("python")
    (notices,) = [block for block in others if "watch_notices" in block]
    (why,) = [block for block in others if block != notices]
    ran = subprocess.run(
        [sys.executable, "-c", filled(_within(python, orders, decide, why), registry)],
        capture_output=True,
        encoding="utf-8",
        env=environment,
    )
    assert ran.returncode == 0, ran.stderr
    assert "1001 钾 4.10 mmol/L\none window for all lines" in ran.stdout
    assert "1 互认外院结果：钾 4.10 mmol/L" in ran.stdout
    assert re.search(r"^钾 4.10 mmol/L \S*HR 20", ran.stdout, re.MULTILINE)
    assert "a newer result exists" in ran.stdout
    assert "+ 对照到项目 LAB-K mapping *|http://loinc.org|2823-3||LAB-K" in ran.stdout

    # What was recognised above is withdrawn; whoever listens is told. The listening itself has no end.
    withdrawn = lab_report("doc-1", person(860), status="entered-in-error", days_ago=1)
    (tmp_path / "withdrawn.json").write_bytes(encoded(withdrawn))
    cli("publish", tmp_path / "withdrawn.json", institution="H1", role="feed")
    told = f"{notices}    print('told of', notice.item.name_zh)\n    if notice.item.code:\n        break\n"
    ran = subprocess.run(
        [sys.executable, "-c", filled(_within(python, told, "", ""), registry)],
        capture_output=True,
        encoding="utf-8",
        env=environment,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert "told of 钾" in ran.stdout
    (tmp_path / "again.json").write_bytes(encoded(lab_report("doc-3", person(860), days_ago=2)))
    cli("publish", tmp_path / "again.json", institution="H1", role="feed")

    (shell,) = [block for block in blocks("sh") if "<<END" in block]
    # In the visit above it was decided already.
    shell = filled(shell, registry).replace("--encounter E1", "--encounter E2")
    ran = subprocess.run(["sh", "-c", shell], capture_output=True, encoding="utf-8", env=environment)
    assert ran.returncode == 0, ran.stderr
    assert "potassium" in ran.stdout
