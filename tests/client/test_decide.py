"""hutong decide and the client's calls, against a real registry."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hutong_client import call_context, decision, prompt_event
from hutong_client.errors import InvalidRequest
from hutong_client.queries import patient_query

from tests.api.documents import SODIUM, encoded, lab_report, person
from tests.client.conftest import Cli, connect
from tests.client.test_cli import ASK, parsed, patient_text

H2 = {"institution": "H2", "role": "emr"}


@pytest.fixture(scope="module")
def published(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Patients 880 to 884 with a potassium and a sodium of H1."""
    folder = tmp_path_factory.mktemp("decide")
    for serial in range(880, 885):
        (folder / f"{serial}k.json").write_bytes(encoded(lab_report(f"decide-{serial}-k", person(serial))))
        sodium = lab_report(f"decide-{serial}-na", person(serial), code=SODIUM, value="140")
        (folder / f"{serial}na.json").write_bytes(encoded(sodium))
    cli("publish", folder, institution="H1", role="feed")


def chart(cli: Cli, serial: int) -> str:
    return cli("chart", *ASK, "--json", stdin=patient_text(serial), **H2).stdout


@pytest.mark.usefixtures("published")
def test_every_line_of_a_chart_is_recognised_at_once(cli: Cli) -> None:
    opened = chart(cli, 880)
    decide = ("decide", *ASK, "--chart", "-", "--recognize")
    results = parsed(cli(*decide, "--json", stdin=opened, **H2))["results"]
    assert [each["outcome"] for each in results] == ["DECISION_OUTCOME_RECORDED"] * 2
    assert ["钾 4.10 mmol/L" in each["citation"]["text_zh"] for each in results] == [True, False]
    assert results[0]["citation"]["report_id"] == json.loads(opened)["lines"][0]["result"]["report_id"]
    assert json.loads(chart(cli, 880))["lines"] == []


@pytest.mark.usefixtures("published")
def test_people_are_shown_the_citation_in_their_language_and_what_went_wrong(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "chart.json").write_text(chart(cli, 881))
    decide = ("decide", *ASK, "--chart", tmp_path / "chart.json", "--item", "LAB-K", "--decided-at")
    now = datetime.now(UTC).isoformat()
    english = cli("--lang", "en", *decide, now, "--recognize", **H2).stdout
    assert "LAB-K  recognized  recorded" in english
    assert "Outside result recognized: potassium 4.10 mmol/L (reference range 3.5-5.3)" in english
    chinese = cli("--lang", "zh", *decide, now, "--recognize", **H2).stdout
    assert "LAB-K  互认  此前已记录" in chinese
    assert "互认外院结果：钾 4.10 mmol/L（参考范围 3.5-5.3）" in chinese
    conflict = cli("--lang", "en", *decide, now, "--repeat", "4", status=1, **H2).stdout
    assert "repeated  another decision stands" in conflict
    assert "on record: " in conflict
    refused = cli("--lang", "en", *decide, now, "--repeat", "77", "--item", "LAB-NA", status=1, **H2).stdout
    assert "refused" in refused
    assert "decisions[1].ground is not a ground of the region" in refused
    revoked = cli("--lang", "en", *decide, now, "--revoke", **H2).stdout
    assert "LAB-K  revoked  recorded" in revoked
    # What was taken back is on record and does not stand.
    again = cli("--lang", "en", *decide, now, "--recognize", **H2).stdout
    assert "LAB-K  recognized  was recorded before" in again
    assert "taken back: nothing stands" in again
    assert "taken back" not in revoked


@pytest.mark.usefixtures("published")
def test_a_prompt_can_be_named(cli: Cli) -> None:
    prompt = json.loads(chart(cli, 882))["prompt_id"]
    decide = ("decide", *ASK, "--prompt", prompt, "--item", "LAB-K", "--repeat", "4", "--text", "复查", "--json")
    assert parsed(cli(*decide, **H2))["results"][0]["outcome"] == "DECISION_OUTCOME_RECORDED"
    foreign = parsed(cli(*decide, institution="H1", role="emr", status=1))["results"][0]
    assert (foreign["outcome"], foreign["reason"]) == ("DECISION_OUTCOME_REFUSED", "ERROR_REASON_NOT_FOUND")


@pytest.mark.usefixtures("published")
def test_what_orders_were_told_is_decided_as_a_chart_is(cli: Cli) -> None:
    ordered = ("order", *ASK, "--item", "LAB-K", "--item", "LAB-NA", "--json")
    answer = cli(*ordered, stdin=patient_text(884), **H2).stdout
    decide = ("decide", *ASK, "--chart", "-", "--json")
    first = parsed(cli(*decide, "--item", "LAB-NA", "--repeat", "4", stdin=answer, **H2))["results"]
    assert [each["outcome"] for each in first] == ["DECISION_OUTCOME_RECORDED"]
    # What was decided already is left out.
    rest = cli(*ordered, "--request-id", "again", stdin=patient_text(884), **H2).stdout
    (recognized,) = parsed(cli(*decide, "--recognize", stdin=rest, **H2))["results"]
    assert "钾 4.10 mmol/L" in recognized["citation"]["text_zh"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--prompt", "h1", "--item", "LAB-K"),
        ("--prompt", "h1", "--item", "LAB-K", "--recognize", "--revoke"),
        ("--prompt", "h1", "--item", "LAB-K", "--recognize", "--decided-at", "soon"),
        ("--item", "LAB-K", "--recognize"),
        ("--prompt", "h1", "--recognize"),
        ("--chart", "-", "--recognize"),
    ],
)
def test_wrong_usage(cli: Cli, arguments: tuple[str, ...]) -> None:
    ran = cli("decide", *ASK, *arguments, "--json", status=2, **H2)
    assert parsed(ran)["error"]["reason"] == "USAGE"


@pytest.mark.parametrize("content", ["[]", "no JSON", '{"prompt_id": "h1", "lines": [{}]}', '{"answers": [1]}'])
def test_what_no_chart_printed_is_wrong_usage(cli: Cli, content: str) -> None:
    ran = cli("decide", *ASK, "--chart", "-", "--recognize", "--json", stdin=content, status=2, **H2)
    assert parsed(ran)["error"]["reason"] == "USAGE"


@pytest.mark.usefixtures("published")
async def test_the_clients_calls(authority: Any, registry: Any) -> None:
    client = connect(authority, registry.address, "H2", deadline=20)
    who = call_context(practitioner="D1", encounter="E1")
    made = json.loads(patient_text(883))
    patient = patient_query(
        [("urn:oid:2.16.156.10011.1.3", made["resident_number"])], birth_date=made["birth_date"], name=made["name"]
    )
    prompt = (await client.open_chart(patient, who)).prompt_id
    now = datetime.now(UTC)
    shown = [prompt_event(prompt, "shown", at=now), prompt_event(prompt, "opened", item="LAB-K", at=now)]
    assert (await client.report_prompt_events(shown)).recorded == 2
    assert (await client.report_prompt_events(shown)).already_recorded == 2
    given = [
        decision(prompt, "LAB-K", "recognized", decided_at=now),
        decision(prompt, "LAB-NA", "revoked", decided_at=now),
    ]
    first = await client.record_decisions(who, given)
    assert [each.outcome for each in first.results] == [1, 1]
    assert first.results[0].citation.text_en
    with pytest.raises(InvalidRequest):
        await client.record_decisions(who, [])
    with pytest.raises(ValueError, match="zone"):
        decision(prompt, "LAB-K", "recognized", decided_at=datetime(2026, 1, 1))  # noqa: DTZ001  without zone
    with pytest.raises(ValueError, match="recognized"):
        decision(prompt, "LAB-K", "perhaps", decided_at=now)
    await client.close()
