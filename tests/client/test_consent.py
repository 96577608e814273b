"""hutong consent, hutong admin reviews, --authorization and --break-glass, against a real registry."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.api.documents import encoded, lab_report, person
from tests.client.conftest import Cli
from tests.client.test_cli import ASK, parsed, patient_text

H2 = {"institution": "H2", "role": "emr"}
SENSITIVE = """
sensitive_categories:
  - {code: hiv, name_zh: 艾滋病, name_en: HIV, codes: [{system: "http://loinc.org", code: 56888-1}]}
"""


@pytest.fixture(scope="module")
def patient(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A patient with one result, as it is piped into a command."""
    folder = tmp_path_factory.mktemp("consent")
    (folder / "sensitive.yaml").write_text(SENSITIVE)
    cli("admin", "rules", "import", folder / "sensitive.yaml")
    write(folder / "1.json", lab_report("consent-1", person(870)))
    cli("publish", folder / "1.json", institution="H1", role="feed")
    return patient_text(870)


def write(path: Path, document: dict[str, Any]) -> None:
    path.write_bytes(encoded(document))


def outcome(cli: Cli, patient: str, *more: str) -> str:
    answer = parsed(cli("chart", *ASK, *more, "--json", stdin=patient, **H2))
    return str(answer["outcome"])


def test_a_directive_from_put_to_revoke(cli: Cli, patient: str) -> None:
    assert outcome(cli, patient) == "OUTCOME_FOUND"
    put = ("consent", "put", *ASK, "--effect", "withhold", "--scope", "institution", "--target", "H1")
    given = parsed(cli(*put, "--until", "2099-01-01", "--json", stdin=patient, **H2))["directive"]
    assert (given["target"], given["recorded_by"]) == ("H1", "H2")
    assert outcome(cli, patient) == "OUTCOME_NONE"
    listed = parsed(cli("consent", "list", *ASK, "--json", stdin=patient, **H2))["directives"]
    assert [each["directive_id"] for each in listed] == [given["directive_id"]]
    shown = cli("consent", "list", *ASK, stdin=patient, **H2).stdout
    assert "withhold  results of an institution  H1" in shown
    assert "2099-01-01" in shown
    taken_back = cli("consent", "revoke", given["directive_id"], *ASK, stdin=patient, **H2).stdout
    assert "taken back" in taken_back
    assert outcome(cli, patient) == "OUTCOME_FOUND"
    assert "870" not in shown.replace(given["directive_id"], "")


def test_a_category_is_allowed(cli: Cli, patient: str) -> None:
    put = ("consent", "put", *ASK, "--effect", "allow", "--scope", "category", "--target", "hiv")
    assert "allow  a category  hiv" in cli(*put, stdin=patient, **H2).stdout


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("--effect", "perhaps", "--scope", "everything"), 2),
        (("--effect", "withhold", "--scope", "everything", "--until", "soon"), 2),
    ],
)
def test_wrong_usage(cli: Cli, patient: str, arguments: tuple[str, ...], status: int) -> None:
    ran = cli("consent", "put", *ASK, *arguments, "--json", stdin=patient, status=status, **H2)
    assert parsed(ran)["error"]["reason"] == "USAGE"


def test_break_glass_and_its_review(cli: Cli, patient: str) -> None:
    ask = ("--practitioner", "D-glass", "--encounter", "E7")
    put = ("consent", "put", *ASK, "--effect", "withhold", "--scope", "everything")
    given = parsed(cli(*put, "--json", stdin=patient, **H2))["directive"]
    assert outcome(cli, patient) == "OUTCOME_NONE"
    answer = parsed(cli("chart", *ask, "--break-glass", "昏迷", "--json", stdin=patient, **H2))
    assert answer["outcome"] == "OUTCOME_FOUND"
    report_id = answer["lines"][0]["result"]["report_id"]
    assert parsed(cli("report", report_id, *ask, "--json", **H2))["entry"]["results"]
    waiting = parsed(cli("admin", "reviews", "list", "--json"))["reviews"]
    (mine,) = [each for each in waiting if each["practitioner"] == "D-glass"]
    assert (mine["reason"], mine["answers"], mine["encounter"]) == ("昏迷", 2, "E7")
    assert "D-glass" in cli("admin", "reviews", "list").stdout
    assert "reviewed" in cli("admin", "reviews", "close", mine["review_id"], "--finding", "in order").stdout
    assert mine["review_id"] not in json.dumps(parsed(cli("admin", "reviews", "list", "--json")))
    again = cli("admin", "reviews", "close", mine["review_id"], "--finding", "again", "--json", status=1)
    assert parsed(again)["error"]["reason"] == "STATE_CONFLICT"
    cli("consent", "revoke", given["directive_id"], *ASK, stdin=patient, **H2)


def test_how_the_patient_authorised_it(cli: Cli, patient: str) -> None:
    assert outcome(cli, patient, "--authorization", "card_read") == "OUTCOME_FOUND"
    ran = cli("chart", *ASK, "--authorization", "telepathy", "--json", stdin=patient, status=2, **H2)
    assert "guardian" in parsed(ran)["error"]["message"]
