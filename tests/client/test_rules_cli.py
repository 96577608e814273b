"""hutong admin rules: what an administrator types."""

import csv
import io
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.api.documents import lab_report, person
from tests.client.conftest import Cli, RegistryProcess, make_cli, onboard


@pytest.fixture(scope="module")
def cli(start_registry: Callable[..., RegistryProcess], tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """Of a registry of its own: its versions are counted."""
    started = start_registry()
    onboard(started, tmp_path_factory.mktemp("catalog"))
    return make_cli(started)


def parsed(ran: Any) -> Any:
    return json.loads(ran.stdout)


@pytest.fixture
def overrides(tmp_path: Path) -> Callable[[object], Path]:
    def write(days: object, scope: str = "institution:T1") -> Path:
        path = tmp_path / "overrides.csv"
        path.write_text(f"scope,item,window_days\n{scope},LAB-K,{days}\n")
        return path

    return write


def versions(cli: Cli) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = parsed(cli("admin", "rules", "history", "--json"))["versions"]
    return found


def test_versions_are_listed_compared_and_gone_back_to(cli: Cli, overrides: Callable[..., Path]) -> None:
    six = int(parsed(cli("admin", "rules", "import", overrides(6), "--comment", "六天", "--json"))["rules_version"])
    two = int(parsed(cli("admin", "rules", "import", overrides(2), "--json"))["rules_version"])
    assert two == six + 1
    listed = cli("admin", "rules", "history", "--lang", "zh", "--limit", "2").stdout
    assert ("六天" in listed, "生效中" in listed, "已被替换" in listed) == (True, True, True)
    shown = cli("admin", "rules", "diff", str(six), str(two)).stdout
    assert "window_days: 6 → 2" in shown
    assert parsed(cli("admin", "rules", "diff", str(two), "--json"))["changes"] == []
    assert "window_days: 2 → 3" in cli("admin", "rules", "diff", overrides(3)).stdout
    # An entry without a name is told by what it states.
    added = cli("admin", "rules", "diff", overrides(1, "institution:H2")).stdout
    assert re.search(r"added +override +institution:H2\|LAB-K +window_days: 1\n", added), added
    cli("admin", "rules", "diff", "1", "2", "3", status=2)
    cli("admin", "rules", "diff", "99999", status=5)
    cli("admin", "rules", "rollback", str(six), status=2)
    assert "window_days: 2 → 6" in cli("admin", "rules", "rollback", str(six), "--dry-run").stdout
    back = cli("admin", "rules", "rollback", str(six), "--comment", "误")
    assert ("window_days: 2 → 6" in back.stdout, "stay" in back.stdout) == (True, True)
    newest = versions(cli)[0]
    assert (int(newest["version"]), newest["comment"]) == (two + 1, f"as version {six}: 误")


def test_an_import_waits_for_a_day_of_the_region(cli: Cli, overrides: Callable[..., Path]) -> None:
    path = overrides(3)
    made = parsed(cli("admin", "rules", "import", path, "--activate-at", "2030-01-01", "--json"))
    waiting = versions(cli)[0]
    assert (waiting["pending_id"], waiting["state"]) == (made["pending_id"], "CATALOG_VERSION_STATE_PENDING")
    assert waiting["active_from"] == "2029-12-31T16:00:00Z"
    told = cli("admin", "rules", "import", path, "--activate-at", "2030-01-01").stdout
    assert made["pending_id"] in told
    moved = parsed(cli("admin", "rules", "activate", made["pending_id"], "--activate-at", "2030-02-01T08:00", "--json"))
    assert moved["active_from"] == "2030-02-01T00:00:00Z"
    assert "取消" in cli("admin", "rules", "activate", made["pending_id"], "--cancel", "--lang", "zh").stdout
    assert parsed(cli("admin", "rules", "activate", made["pending_id"], "--json"))["state"].endswith("IN_FORCE")
    cli("admin", "rules", "activate", made["pending_id"], "--cancel", status=1)
    cli("admin", "rules", "activate", made["pending_id"], "--cancel", "--activate-at", "2030-01-01", status=2)
    cli("admin", "rules", "activate", "0" * 16, status=5)
    cli("admin", "rules", "import", path, "--activate-at", "tomorrow", status=2)
    cli("admin", "rules", "import", path, "--activate-at", "2020-01-01", status=1)


def test_every_error_of_files_is_told(cli: Cli, tmp_path: Path) -> None:
    mappings = tmp_path / "mappings.csv"
    rows = [f"H1,urn:x,{n},NO-{n}" for n in range(500)]
    mappings.write_text("\n".join(["institution,system,code,item", *rows]))
    other = tmp_path / "rules.yaml"
    other.write_text("rules:\n  - {code: R, issued_by: {tiers: [huge]}, received_by: {}}\n")
    for arguments in (("validate",), ("import",), ("import", "--activate-at", "2030-01-01")):
        ran = cli("admin", "rules", arguments[0], mappings, other, *arguments[1:], status=1)
        told = ran.stdout if arguments[0] == "validate" else ran.stderr
        for n in range(500):
            assert f'{mappings}:{n + 2}:{len(f"H1,urn:x,{n},") + 1}: unknown item "NO-{n}"' in told
        assert f'{other}:2:35: unknown tier "huge"' in told
    faults = parsed(cli("admin", "rules", "validate", mappings, other, "--json", status=1))["faults"]
    assert len(faults) == 501
    assert "errors: 501" in cli("admin", "rules", "validate", mappings, other, status=1).stdout
    mappings.write_text("institution,system,code,item\nH1,urn:x,1,LAB-K\n")
    assert "errors: 0" in cli("admin", "rules", "validate", mappings).stdout
    assert not parsed(cli("admin", "rules", "show", "mapping", "--json"))["entries"]


def test_unmapped_codes_become_a_file_to_fill_in(cli: Cli, tmp_path: Path) -> None:
    mappings = tmp_path / "mappings.csv"
    mappings.write_text("institution,system,code,specimen,item,note\nH1,urn:l,K1,SERUM,LAB-K,血钾\n")
    cli("admin", "rules", "import", mappings, institution="H1")
    for number in range(3):
        document = lab_report(f"unmapped-{number}", person(700 + number), code="9999-9")
        (tmp_path / f"{number}.json").write_text(
            json.dumps(document, ensure_ascii=False).replace('"@@', "").replace('@@"', "")
        )
    cli("publish", *(tmp_path / f"{number}.json" for number in range(3)), institution="H1", role="feed")
    for _ in range(30):
        found = parsed(cli("admin", "rules", "unmapped", "--json"))
        if found["codes"]:
            break
        time.sleep(0.1)
    assert [(each["code"], each["occurrences"]) for each in found["codes"]] == [("9999-9", "3")]
    assert found["unmapped_per_mille"] == {"H1": 1000}
    shown = cli("admin", "rules", "unmapped", "--lang", "zh").stdout
    assert ("Potassium" in shown, "H1 100 %" in shown) == (True, True)
    assert parsed(cli("admin", "rules", "unmapped", "--institution", "H2", "--json"))["codes"] == []
    assert parsed(cli("admin", "rules", "unmapped", "--least", "4", "--json"))["codes"] == []
    cli("admin", "rules", "unmapped", "--csv", "--json", status=2)
    text = cli("admin", "rules", "unmapped", "--csv", institution="H1").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["code"], row["specimen"], row["item"]) for row in rows] == [
        ("K1", "SERUM", "LAB-K"),
        ("9999-9", "", ""),
    ]
    assert rows[1]["note"] == "Potassium (3 times)"
    # As it stands it lacks the items; filled in, it is a mapping file that keeps what was mapped.
    filled = tmp_path / "mappings-h1.csv"
    filled.write_text(text)
    assert f"{filled}:3:" in cli("admin", "rules", "import", filled, status=1).stderr
    filled.write_text(text.replace("9999-9,,,,,,,,", "9999-9,,,,,,,LAB-NA,"))
    cli("admin", "rules", "import", filled, institution="H1")
    kept = parsed(cli("admin", "rules", "show", "mapping", "--json"))["entries"]
    assert [each["key"] for each in kept] == ["H1|http://loinc.org|9999-9||LAB-NA", "H1|urn:l|K1|specimen=SERUM|LAB-K"]
    assert parsed(cli("admin", "rules", "unmapped", "--json"))["codes"] == []
