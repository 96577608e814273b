"""`hutong city write`: the city on disk, as others use it."""

import json
import subprocess
import sys
from pathlib import Path

from hutong_client.city import REFERENCE, City

COMMAND = [sys.executable, "-m", "hutong_client.cli.main", "--lang", "en", "city", "write"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=60)


def test_what_is_written_is_the_city(tmp_path: Path) -> None:
    done = run("--out", str(tmp_path), "--seed", "6", "--patients", "12", "--days", "60", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    city = City.make(6, REFERENCE, 12, days=60)
    made = list(city.reports())
    assert answer["reports"] == sum(report.reports for report in made) == sum(answer["institutions"].values())
    for report in made:
        assert (tmp_path / "reports" / report.institution / report.file_name).read_bytes() == report.document
    assert len(list((tmp_path / "reports").rglob("*.json"))) == len(made)
    for name, content in city.catalog_files().items():
        assert (tmp_path / "catalog" / name).read_bytes() == content
    people = [json.loads(line) for line in (tmp_path / "patients.ndjson").read_text().splitlines()]
    assert [person["resident_number"] for person in people] == [p.resident_number for p in city.patients]


def test_one_institution_may_be_wanted(tmp_path: Path) -> None:
    code = "990401-H01"
    done = run("--out", str(tmp_path), "--patients", "12", "--institution", code)
    assert done.returncode == 0, done.stderr
    assert [place.name for place in (tmp_path / "reports").iterdir()] == [code]
    assert "云泽市第一医院" in done.stdout


def test_wrong_use_is_told(tmp_path: Path) -> None:
    for wrong in (["--scale", "nation"], ["--reference", "yesterday"], ["--institution", "H1"], ["--days", "0"]):
        done = run("--out", str(tmp_path), *wrong)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert wrong[0] in done.stderr
