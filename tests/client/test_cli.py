"""The command line against a real registry: what scripts and people get from every command."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hutong_client.cli.main import app
from hutong_client.cli.session import COMMON
from rich.cells import cell_len
from typer.main import get_command

from tests.api.documents import encoded, lab_report, person
from tests.client.conftest import BIN, Cli, RegistryProcess, make_cli

ASK = ("--practitioner", "D1", "--encounter", "E1")


def patient_text(serial: int, **more: Any) -> str:
    """What is piped into a command that asks for a patient."""
    made = person(serial, **more)
    return json.dumps(
        {
            "resident_number": made["identifier"][0]["value"],
            "name": made["name"][0]["text"],
            "birth_date": made["birthDate"],
            "sex": made["gender"],
        }
    )


def write(folder: Path, name: str, document: dict[str, Any] | bytes) -> Path:
    path = folder / name
    path.write_bytes(document if isinstance(document, bytes) else encoded(document))
    return path


def parsed(ran: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    """The one JSON document on stdout."""
    document = json.loads(ran.stdout)
    assert isinstance(document, dict)
    return document


@pytest.fixture(scope="module")
def published(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two potassium results of one person: a final one, and a newer preliminary one marked critical."""
    folder = tmp_path_factory.mktemp("reports")
    older = lab_report("cli-1", person(801), value="4.10", days_ago=2, conclusion="电解质正常。")
    newer = lab_report("cli-2", person(801), value="6.90", days_ago=1, status="preliminary")
    newer["contained"][2]["interpretation"] = [
        {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "code": "HH"}]}
    ]
    write(folder, "1.json", older)
    write(folder, "2.json", newer)
    return parsed(cli("publish", folder, "--json", institution="H1", role="feed"))


def test_publish_json_accounts_for_every_report(published: dict[str, Any]) -> None:
    assert published["summary"]["files"] == published["summary"]["documents"] == published["summary"]["reports"] == 2
    assert published["summary"]["rejected"] == published["summary"]["held"] == 0
    assert [Path(each["file"]).name for each in published["documents"]] == ["1.json", "2.json"]
    for each in published["documents"]:
        assert each["results"][0]["report_id"]
        assert each["results"][0]["results"] == 1


def test_publish_with_refusals(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, "a.json", lab_report("refusal-1", person(802)))
    write(tmp_path, "b.json", lab_report("refusal-2", person(802)) | {"status": "done"})
    write(tmp_path, "c.json", b"{")
    lines = [encoded(lab_report(f"refusal-l{n}", person(802))) for n in range(2)]
    write(tmp_path, "d.ndjson", b"\n".join([lines[0], b"", b"nothing", lines[1]]))
    answer = parsed(cli("publish", tmp_path, "--json", institution="H1", role="feed", status=1))
    assert answer["summary"]["documents"] == 6
    assert answer["summary"]["accepted"] + answer["summary"]["accepted_with_warnings"] == 3
    assert answer["summary"]["rejected"] + answer["summary"]["documents_refused"] == 3
    assert [each["line"] for each in answer["documents"]] == [0, 0, 0, 1, 3, 4]
    people = cli("publish", tmp_path, "--lang", "zh", institution="H1", role="feed", status=1)
    assert "b.json\n" in people.stdout
    assert "DiagnosticReport.status" in people.stdout
    assert "d.ndjson:3\n" in people.stdout
    assert "不是有效的 JSON" in people.stdout
    assert "已拒收" in people.stdout or "整份文档被拒收" in people.stdout
    assert people.stderr == ""


def test_publish_resumes_where_it_stopped(cli: Cli, tmp_path: Path) -> None:
    def run(*more: str) -> Any:
        return parsed(cli("publish", tmp_path, "--feed", "again", "--json", *more, institution="H1", role="feed"))

    for number in range(3):
        write(tmp_path, f"{number}.json", lab_report(f"again-{number}", person(803)))
    assert run("--resume")["summary"]["documents"] == 3
    assert run("--resume")["summary"] | {"files_skipped": 3, "documents": 0} == run("--resume")["summary"]
    write(tmp_path, "9.json", lab_report("again-9", person(803)))
    answer = run("--resume")
    assert (answer["summary"]["files_skipped"], answer["summary"]["documents"]) == (3, 1)
    assert answer["summary"]["unchanged"] == 0
    write(tmp_path, "00.json", lab_report("again-00", person(803)))
    answer = run("--resume")
    assert (answer["summary"]["files_skipped"], answer["summary"]["documents"]) == (0, 5)
    assert answer["summary"]["unchanged"] == 4


def test_validate_only_keeps_nothing(cli: Cli, tmp_path: Path) -> None:
    file = write(tmp_path, "a.json", lab_report("checked-1", person(804)))
    run = ("publish", file, "--json")
    answer = parsed(cli(*run, "--validate-only", "--feed", "checked", institution="H1", role="feed"))
    assert answer["documents"][0]["results"][0]["outcome"].startswith("PUBLISH_OUTCOME_ACCEPTED")
    assert (
        parsed(cli(*run, "--resume", "--feed", "checked", institution="H1", role="feed"))["summary"]["unchanged"] == 0
    )


def test_chart_as_json(cli: Cli, published: dict[str, Any]) -> None:
    answer = parsed(cli("chart", *ASK, "--all", "--json", institution="H2", role="emr", stdin=patient_text(801)))
    assert answer["outcome"] == "OUTCOME_FOUND"
    line = answer["lines"][0]
    assert line["result"]["detail"]["value"]["quantity"]["value"] == "4.10"
    assert line["result"]["mark"]
    assert line["newer"][0]["critical"] is True
    assert "NOT_REUSABLE_REASON_NOT_FINAL" in line["newer"][0]["reasons"]
    assert answer["not_reusable_count"] == len(answer["not_reusable"]) == 1


def test_chart_as_people_read_it(cli: Cli, published: dict[str, Any]) -> None:
    chart = cli("--lang", "zh", "chart", *ASK, "--all", institution="H2", role="emr", stdin=patient_text(801)).stdout
    taken = (datetime.now(UTC) - timedelta(days=2) + timedelta(hours=8)).strftime("%Y-%m-%d")
    for word in (
        "可互认的结果 1 项",
        "钾",
        "4.10 mmol/L",
        "3.5-5.3",
        "县医院",
        taken,
        "有更新的结果",
        "危急值",
        "不是最终报告",
    ):
        assert word in chart
    assert "\x1b" not in chart
    assert all(cell_len(line) <= 80 for line in chart.splitlines() if not line.startswith(("[", "提示号")))
    english = cli("--lang", "en", "chart", *ASK, institution="H2", role="emr", stdin=patient_text(801)).stdout
    for word in ("1 results can be reused", "potassium", "newer result", "CRITICAL", "not a final result", "--all"):
        assert word in english


def test_an_unknown_patient_and_one_in_doubt(cli: Cli, published: dict[str, Any]) -> None:
    run = ("chart", *ASK, "--json")
    unknown = parsed(cli(*run, institution="H2", role="emr", stdin=patient_text(999)))
    assert (unknown["outcome"], unknown["lines"]) == ("OUTCOME_NONE", [])
    number = json.loads(patient_text(801))["resident_number"]
    doubt = json.dumps({"resident_number": number, "name": "李四", "birth_date": "1999-01-01", "sex": "female"})
    assert parsed(cli(*run, institution="H2", role="emr", stdin=doubt))["outcome"] == "OUTCOME_IN_DOUBT"
    assert "患者身份存疑" in cli("--lang", "zh", "chart", *ASK, institution="H2", role="emr", stdin=doubt).stdout


def test_the_patient_from_a_file(cli: Cli, published: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "patient.json"
    file.write_text(patient_text(801))
    answer = parsed(cli("chart", *ASK, "--json", "--patient-file", file, institution="H2", role="emr"))
    assert answer["outcome"] == "OUTCOME_FOUND"
    same = parsed(
        cli("chart", *ASK, "--json", "--patient-file", "-", institution="H2", role="emr", stdin=file.read_text())
    )
    assert same["outcome"] == "OUTCOME_FOUND"


def test_reports_and_report(cli: Cli, published: dict[str, Any], tmp_path: Path) -> None:
    run = ("reports", *ASK)
    answer = parsed(cli(*run, "--json", institution="H2", role="emr", stdin=patient_text(801)))
    assert [each["status"] for each in answer["reports"]] == ["preliminary", "final"]
    since = (datetime.now(UTC) - timedelta(hours=36)).isoformat(timespec="seconds")
    late = parsed(cli(*run, "--json", "--from", since, institution="H2", role="emr", stdin=patient_text(801)))
    assert [each["status"] for each in late["reports"]] == ["preliminary"]
    one = parsed(cli(*run, "--json", "--limit", "1", institution="H2", role="emr", stdin=patient_text(801)))
    assert len(one["reports"]) == 1
    assert one["next_page_token"]
    people = cli(*run, "--lang", "zh", institution="H2", role="emr", stdin=patient_text(801)).stdout
    assert "报告 2 份" in people
    assert "电解质" in people

    report_id = answer["reports"][1]["report_id"]
    document = tmp_path / "document.json"
    whole = parsed(cli("report", report_id, *ASK, "--json", "--document", document, institution="H2", role="emr"))
    assert json.loads(document.read_bytes())["identifier"][0]["value"] == "cli-1"
    assert whole["entry"]["conclusion"] == "电解质正常。"
    people = cli("report", report_id, *ASK, "--lang", "zh", institution="H2", role="emr").stdout
    for word in ("电解质", "县医院 (二级医院)", "最终报告", "4.10 mmol/L", "3.5-5.3", "结论", "电解质正常。"):
        assert word in people
    cli("report", report_id, *ASK, institution="T1", role="emr", status=5)


def test_a_report_says_once_what_all_its_results_share(cli: Cli, tmp_path: Path) -> None:
    document = lab_report("cli-about", person(809))
    first = document["contained"][2]
    document["contained"].append(first | {"id": "o2", "method": {"text": "离子选择电极法"}})
    document["result"].append({"reference": "#o2"})
    publish = ("publish", write(tmp_path, "1.json", document), "--json")
    published = parsed(cli(*publish, institution="H1", role="feed"))
    assert published["documents"][0]["results"][0]["results"] == 2
    asked = cli("reports", *ASK, "--json", institution="H2", role="emr", stdin=patient_text(809))
    report_id = json.loads(asked.stdout)["reports"][0]["report_id"]
    lines = cli("report", report_id, *ASK, "--lang", "zh", institution="H2", role="emr").stdout.splitlines()
    assert [line.split() for line in lines if "SER" in line] == [["标本", "SER"]]
    assert ["方法:", "离子选择电极法"] in [line.split() for line in lines]


def test_institutions(cli: Cli) -> None:
    add = ("admin", "institution", "add", "N9", "--tier", "village", "--region", "990421")
    assert parsed(cli(*add, "--name", "新村卫生室", "--json"))["created"] is True
    assert parsed(cli(*add, "--name", "新村卫生室", "--json"))["created"] is False
    refused = cli(*add, "--name", "另名", status=1)
    assert "ALREADY_EXISTS" in refused.stderr
    assert "--update" in refused.stderr
    assert parsed(cli(*add, "--name", "另名", "--update", "--json"))["institution"]["name"] == "另名"
    assert "N9" in [each["code"] for each in parsed(cli("admin", "institution", "list", "--json"))["institutions"]]
    listed = cli("admin", "institution", "list", "--lang", "zh").stdout
    assert "村卫生室" in listed
    rows = [line for line in listed.splitlines() if line.startswith(("H1", "H2", "N9", "T1"))]
    assert len({cell_len(row[: row.index("99042" if "99042" in row else "9904")]) for row in rows}) == 1
    assert "另名" in cli("admin", "institution", "show", "N9").stdout
    cli("admin", "institution", "show", "NONE", status=5)


def test_suspending(cli: Cli) -> None:
    cli("admin", "institution", "add", "S9", "--name", "停", "--tier", "village", "--region", "990421")
    suspend = ("admin", "institution", "suspend", "S9", "--reason", "test", "--json", "--scope")
    state = parsed(cli(*suspend, "access"))["institution"]["state"]
    assert state == "INSTITUTION_STATE_ACCESS_SUSPENDED"
    denied = cli("chart", *ASK, institution="S9", role="emr", stdin=patient_text(801), status=4)
    assert "INSTITUTION_SUSPENDED" in denied.stderr
    since = parsed(cli(*suspend, "quality", "--since", "2026-01-02"))["institution"]["quality_suspended_since"]
    assert since == "2026-01-01T16:00:00Z"  # midnight in Shanghai
    resume = ("admin", "institution", "resume", "S9", "--reason", "test", "--json", "--scope")
    assert parsed(cli(*resume, "access"))["institution"]["state"] == "INSTITUTION_STATE_ACTIVE"
    assert "quality_suspended_since" not in parsed(cli(*resume, "quality"))["institution"]
    cli(*suspend, "everything", status=2)
    cli(*suspend, "access", "--since", "2026-01-02", status=2)


def test_rules(cli: Cli, tmp_path: Path) -> None:
    grants = tmp_path / "grants-t1.csv"
    header = "institution,items,range,valid_from,valid_to,quality_body\n"
    grants.write_text(header + "T1,LAB-K,9904,,,质控\n")
    before = parsed(cli("admin", "rules", "show", "grant", "--json"))
    diff = parsed(cli("admin", "rules", "diff", grants, "--json"))
    assert [(each["change"], each["kind"]) for each in diff["changes"]] == [("CHANGE_KIND_ADDED", "grant")]
    assert "新增" in cli("admin", "rules", "import", grants, "--dry-run", "--lang", "zh").stdout
    assert parsed(cli("admin", "rules", "show", "grant", "--json"))["entries"] == before["entries"]
    imported = parsed(cli("admin", "rules", "import", grants, "--json"))
    assert int(imported["rules_version"]) > int(before["rules_version"])
    assert len(parsed(cli("admin", "rules", "show", "grant", "--json"))["entries"]) == len(before["entries"]) + 1
    grants.write_text(header + "T1,LAB-K,9904,,,质控\nT1,LAB-K,9904,yesterday,,质控\n")
    wrong = cli("admin", "rules", "import", grants, status=1)
    assert f"{grants}:3:" in wrong.stderr
    assert wrong.stdout == ""
    assert parsed(cli("admin", "rules", "import", grants, "--json", status=1))["error"]["reason"] == "CATALOG_INVALID"
    people = tmp_path / "institutions-new.csv"
    people.write_text("code,name,tier,region,alliances,identifiers,feed_interval_hours\nI9,新院,private,990421,,,0\n")
    cli("admin", "institution", "import", people)
    assert "新院" in cli("admin", "institution", "show", "I9").stdout


def test_the_patient_index(cli: Cli, tmp_path: Path) -> None:
    nobody = person(805)
    for field in ("name", "gender", "birthDate"):
        del nobody[field]
    write(tmp_path, "a.json", lab_report("index-1", person(805)))
    write(tmp_path, "b.json", lab_report("index-2", nobody))
    summary = parsed(cli("publish", tmp_path, "--json", institution="H1", role="feed"))["summary"]
    assert summary["held"] == 1
    held = parsed(cli("admin", "patients", "held", "--json"))["held"][0]
    assert held["held"] in cli("admin", "patients", "held", "--lang", "zh").stdout
    shown = parsed(cli("admin", "patients", "show", "--json", stdin=patient_text(805)))
    record = shown["persons"][0]["records"][0]["record"]
    place = ("admin", "patients", "place", held["held"], "--record", record, "--reason", "asked", "--json")
    step = parsed(cli(*place))["step"]
    assert step["action"] == "placed"
    cli(*place, status=1)
    people = cli("admin", "patients", "show", "--lang", "zh", stdin=patient_text(805)).stdout
    assert "张三" in people
    assert "已归档" in people
    undone = parsed(cli("admin", "patients", "undo", step["step"], "--reason", "wrong", "--json"))["step"]
    assert undone["undone_at"]
    cli("admin", "patients", "undo", step["step"], "--reason", "wrong", status=1)
    assert held["held"] in [each["held"] for each in parsed(cli("admin", "patients", "held", "--json"))["held"]]


def test_linking_and_unlinking(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, "a.json", lab_report("link-1", person(806)))
    write(tmp_path, "b.json", lab_report("link-2", person(807)))
    cli("publish", tmp_path, institution="H1", role="feed")
    one, other = (
        parsed(cli("admin", "patients", "show", "--json", stdin=patient_text(serial)))["persons"][0]["records"][0][
            "record"
        ]
        for serial in (806, 807)
    )
    step = parsed(cli("admin", "patients", "link", one, other, "--reason", "same person", "--json"))["step"]
    assert step["action"] == "linked"
    shown = parsed(cli("admin", "patients", "show", "--json", stdin=patient_text(806)))
    assert len(shown["persons"][0]["records"]) == 2
    assert (
        parsed(cli("admin", "patients", "unlink", other, "--reason", "not", "--json"))["step"]["action"] == "unlinked"
    )
    cli("admin", "patients", "unlink", other, "--reason", "not", status=1)


def test_errors_say_what_to_do(cli: Cli, registry: RegistryProcess, refusing: str) -> None:
    wrong_role = cli("chart", *ASK, institution="H2", role="feed", stdin=patient_text(801), status=4)
    assert "[ROLE_NOT_ALLOWED]" in wrong_role.stderr
    assert "emr for chart" in wrong_role.stderr
    assert wrong_role.stdout == ""
    as_json = cli("chart", *ASK, "--json", institution="H2", role="feed", stdin=patient_text(801), status=4)
    assert parsed(as_json)["error"]["reason"] == "ROLE_NOT_ALLOWED"
    assert parsed(as_json)["error"]["request_id"]
    down = cli("chart", *ASK, "--registry", refusing, institution="H2", role="emr", stdin=patient_text(801), status=3)
    assert "[UNAVAILABLE]" in down.stderr
    assert len(down.stderr.splitlines()) == 2
    other, _ = registry.authority.client("H2", "emr")
    here = ("--registry", f"127.0.0.1:{registry.port}", "--ca", other)
    foreign = cli("chart", *ASK, *here, institution="H2", role="emr", stdin=patient_text(801), status=3)
    assert "CERTIFICATE_VERIFY_FAILED" in foreign.stderr
    assert len(foreign.stderr.splitlines()) == 2  # what happened, and what to do: no log lines of the transport
    bad = json.dumps({"resident_number": "990421198005120000", "birth_date": "1980-05-12", "sex": "male"})
    faulty = cli("chart", *ASK, "--json", institution="H2", role="emr", stdin=bad, status=1)
    assert parsed(faulty)["error"]["reason"] == "PATIENT_IDENTIFIER_INVALID"
    assert parsed(faulty)["error"]["violations"][0]["path"]
    assert "990421198005120000" not in faulty.stdout + faulty.stderr
    publish = cli("publish", "/nowhere", institution="H1", role="feed", status=2)
    assert "/nowhere" in publish.stderr


def test_what_is_left_out_is_named(cli: Cli) -> None:
    empty = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    program = str(BIN / "hutong")

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [program, *arguments], input=patient_text(801), capture_output=True, text=True, env=empty, check=False
        )

    nothing = run("chart", *ASK)
    assert nothing.returncode == 2
    assert "--registry" in nothing.stderr
    files = run("chart", *ASK, "--registry", "localhost:1")
    assert files.returncode == 2
    assert "HUTONG_CERT" in files.stderr
    absent = run("chart", *ASK, "--registry", "localhost:1", "--ca", "/a", "--cert", "/b", "--key", "/c")
    assert absent.returncode == 2
    assert "/a" in absent.stderr
    assert run("chart").returncode == 2
    assert run("--version").stdout.startswith("hutong ")


def test_options_may_stand_before_or_after_the_command(cli: Cli) -> None:
    assert (
        cli("--json", "admin", "institution", "show", "H1").stdout
        == cli("admin", "institution", "show", "H1", "--json").stdout
    )


def test_no_option_takes_a_patient(registry: RegistryProcess) -> None:
    """Identifier and demographics come from stdin, a file or a prompt: others can read a command line."""
    allowed = {
        "chart": {"practitioner", "encounter", "patient_file", "department", "encounter_class", "purpose", "show_all",
                  "request_id", "authorization", "break_glass", "show_why"},
        "reports": {"practitioner", "encounter", "patient_file", "department", "encounter_class", "purpose", "item",
                    "category", "institution", "taken_from", "before", "limit", "authorization", "break_glass"},
        "report": {"report_id", "practitioner", "encounter", "department", "encounter_class", "purpose", "document",
                   "prompt_id", "authorization", "break_glass"},
    }  # fmt: skip
    root: Any = get_command(app)
    for name, own in allowed.items():
        assert {each.name for each in root.commands[name].params} == own | set(COMMON)
    index = root.commands["admin"].commands["patients"].commands
    assert {each.name for each in index["show"].params} == {"patient_file"} | set(COMMON)
    asking = {"practitioner", "encounter", "patient_file", "department", "encounter_class"} | set(COMMON)
    directives = root.commands["consent"].commands
    assert {each.name for each in directives["list"].params} == asking
    assert {each.name for each in directives["revoke"].params} == asking | {"directive"}
    assert {each.name for each in directives["put"].params} - asking == {
        "effect", "scope", "target", "valid_from", "until", "request_id"
    }  # fmt: skip
    run = make_cli(registry)
    number = json.loads(patient_text(801))["resident_number"]
    run("chart", number, *ASK, institution="H2", role="emr", status=2)


def test_every_leaf_has_json_and_a_help_text() -> None:
    def walk(command: Any, path: str) -> None:
        for name, each in getattr(command, "commands", {}).items():
            if hasattr(each, "commands"):
                walk(each, f"{path} {name}")
            else:
                assert each.help, f"{path} {name}"
                assert any("--json" in parameter.opts for parameter in each.params), f"{path} {name}"

    walk(get_command(app), "hutong")
