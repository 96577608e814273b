"""Bad input from a feed's directory: `hutong publish --json` tells each refusal by reason and path, keeps the good
ones, and shows nothing of a patient. And input that only looks bad is taken in and comes back as it was.
"""

import json
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hutong.v1 import registry_service_pb2
from hutong_client.clients import HutongClient
from hutong_client.publishing import Document

from tests.api.documents import CATALOG, context, encoded, lab_report, person, question
from tests.api.site import Material
from tests.e2e.running import RunningServer
from tests.e2e.third_party import data_directory

CANARY = "CANARY-4711-密"
MAX_BYTES = 8 * 2**20
HUTONG = Path(sys.executable).parent / "hutong"


class Place:
    """A registry, and the means to call it."""

    def __init__(self, material: Material, port: int) -> None:
        self.material = material
        self.port = port

    def client(self, institution: str, role: str) -> HutongClient:
        certificate, key = self.material.authority.client(institution, role)
        ca = self.material.authority.certificate_file
        return HutongClient.connect(f"localhost:{self.port}", ca=ca, certificate=certificate, key=key, deadline=20)

    def publish(self, folder: Path) -> "subprocess.CompletedProcess[str]":
        """`hutong publish FOLDER --json` as a feed would run it."""
        certificate, key = self.material.authority.client("H1", "feed")
        return subprocess.run(
            [HUTONG, "publish", folder, "--json"],
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
            env={
                "LANG": "C.UTF-8",
                "HUTONG_REGISTRY": f"localhost:{self.port}",
                "HUTONG_CA": str(self.material.authority.certificate_file),
                "HUTONG_CERT": str(certificate),
                "HUTONG_KEY": str(key),
            },
        )


@pytest.fixture(scope="module")
def place(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("bad-input")
    server = RunningServer(
        material.environment(f"sqlite:///{directory / 'hutong.db'}", HUTONG_LOG_LEVEL="warning"), directory / "log"
    )
    try:
        certificate, key = material.authority.client("registry", "admin")
        for name, text in CATALOG.items():
            (directory / name).write_text(text, encoding="utf-8")
        subprocess.run(
            [HUTONG, "admin", "rules", "import", *(directory / name for name in CATALOG)],
            check=True,
            capture_output=True,
            timeout=60,
            env={
                "LANG": "C.UTF-8",
                "HUTONG_REGISTRY": f"localhost:{server.port}",
                "HUTONG_CA": str(material.authority.certificate_file),
                "HUTONG_CERT": str(certificate),
                "HUTONG_KEY": str(key),
            },
        )
        yield Place(material, server.port)
    finally:
        assert server.stop() == 0
        log = (directory / "log").read_text()
        assert "unexpected" not in log, log[-2000:]
        assert CANARY not in log


def _report(name: str, **changes: Any) -> dict[str, Any]:
    return lab_report(name, person(901, name=CANARY), conclusion=CANARY) | changes


def _text(name: str, old: str, new: str) -> bytes:
    text = encoded(_report(name)).decode()
    assert old in text
    return text.replace(old, new, 1).encode("utf-8", "surrogatepass")


def _subjects() -> dict[str, Any]:
    """A report whose subject leads to two people."""
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "collection"}
    report = _report("two-patients", subject={"reference": "Patient/x"})
    patients = [person(serial, name=CANARY) | {"id": "x"} for serial in (902, 903)]
    url = "http://h1.example/Patient/x"
    return bundle | {
        "entry": [
            {"fullUrl": "http://h1.example/DiagnosticReport/r", "resource": report},
            *({"fullUrl": url, "resource": patient} for patient in patients),
        ]
    }


def _bad() -> dict[str, tuple[bytes, set[str]]]:
    """(document, reasons that fit) by name."""
    wrong_sum = person(904, name=CANARY)
    number = wrong_sum["identifier"][0]["value"]
    wrong_sum["identifier"][0]["value"] = number[:-1] + ("1" if number[-1] == "0" else "0")
    return {
        "not-json": (f"MSH|^~\\&|{CANARY}".encode(), {"NOT_JSON"}),
        "truncated": (encoded(_report("truncated"))[:-200], {"NOT_JSON"}),
        "nan": (_text("nan", "4.10", "NaN"), {"NOT_JSON"}),
        "infinity": (_text("infinity", "4.10", "-Infinity"), {"NOT_JSON"}),
        "empty": (b"", {"NOT_JSON", "REQUEST_INVALID"}),
        "not-fhir": (json.dumps({"patient": CANARY}).encode(), {"NOT_A_REPORT"}),
        "no-report": (encoded({"resourceType": "Bundle", "type": "collection", "entry": []}), {"NOT_A_REPORT"}),
        "duplicate-status": (
            _text("dup", '"status": "final", "category"', '"status": "final", "status": "final", "category"'),
            {"NOT_JSON"},
        ),
        "surrogate-status": (_text("surrogate", '"issued": "', '"issued": "\\ud800'), {"NOT_JSON", "TIME_INVALID"}),
        "deep": (b'{"resourceType":"DiagnosticReport","x":' + b"[" * 10_000 + b"]" * 10_000 + b"}", {"TOO_DEEP"}),
        "deep-extension": (
            b'{"resourceType":"DiagnosticReport","extension":['
            + b'{"url":"u","extension":[' * 3000
            + b"]}" * 3000
            + b"]}",
            {"TOO_DEEP", "FIELD_MISSING"},
        ),
        "unknown-status": (encoded(_report("status", status=CANARY)), {"FHIR_INVALID"}),
        "no-code": (encoded(_report("code", code={})), {"FIELD_MISSING"}),
        "year-1": (encoded(_report("year-1", effectiveDateTime="0001-01-01")), {"TIME_INVALID"}),
        "future": (encoded(_report("future", effectiveDateTime="2999-01-01")), {"TIME_IN_FUTURE"}),
        "unknown-element": (encoded(_report("element", outcome=CANARY)), {"FHIR_INVALID"}),
        "two-patients": (encoded(_subjects()), {"PATIENT_AMBIGUOUS"}),
        "wrong-sum": (encoded(lab_report("sum", wrong_sum, conclusion=CANARY)), {"PATIENT_IDENTIFIER_INVALID"}),
        "above-the-limit": (encoded(_report("large", conclusion=CANARY + "x" * MAX_BYTES)), {"TOO_LARGE"}),
        "a-hundred-megabytes": (b'{"resourceType":"' + CANARY.encode() + b" " * 100_000_000, {"TOO_LARGE"}),
    }


@pytest.mark.timeout(240)
def test_each_bad_file_is_told_by_reason_and_path_and_costs_no_good_one(place: Place, tmp_path: Path) -> None:
    bad = _bad()
    for name, (document, _) in bad.items():
        (tmp_path / f"{name}.json").write_bytes(document)
    for name in ("a-good-one", "z-good-one"):
        (tmp_path / f"{name}.json").write_bytes(encoded(_report(name)))
    ran = place.publish(tmp_path)
    assert ran.returncode == 1, ran.stderr
    answer = json.loads(ran.stdout)
    found = {Path(document["file"]).stem: _refusals(document) for document in answer["documents"]}
    assert found.keys() == bad.keys() | {"a-good-one", "z-good-one"}
    for name, (_, reasons) in bad.items():
        assert found[name], f"{name} was not refused"
        assert {reason for reason, _ in found[name]} <= reasons, (name, found[name])
        assert all(path for _, path in found[name]), (name, found[name])
    assert answer["summary"]["accepted"] + answer["summary"]["accepted_with_warnings"] == 2
    numbers = [person(serial)["identifier"][0]["value"] for serial in range(901, 905)]
    for secret in (CANARY, json.dumps(CANARY).strip('"'), "4711", *(number[:17] for number in numbers)):
        assert secret not in ran.stdout + ran.stderr


def test_what_only_looks_bad_is_kept_with_a_word_about_it(place: Place, tmp_path: Path) -> None:
    patient = person(910)
    dangling = lab_report("dangling", patient)
    dangling["result"].append({"reference": "Observation/nowhere"})
    no_system = lab_report("no-system", patient)
    no_system["contained"][2]["code"] = {"coding": [{"code": "K"}]}
    unknown = lab_report("unknown-resource", patient)
    unknown["contained"].append({"resourceType": "Frobnicator", "id": "f"})
    bad_result = lab_report("bad-result", patient)
    bad_result["contained"].append(
        {"resourceType": "Observation", "id": "o2", "status": "final", "subject": {"reference": "#p"}}
    )
    bad_result["result"].append({"reference": "#o2"})
    nobody = lab_report("nobody", {key: value for key, value in patient.items() if key != "identifier"})
    for name, document in {
        "dangling": dangling,
        "no-system": no_system,
        "unknown-resource": unknown,
        "bad-result": bad_result,
        "nobody": nobody,
    }.items():
        (tmp_path / f"{name}.json").write_bytes(encoded(document))
    ran = place.publish(tmp_path)
    assert ran.returncode == 0, ran.stdout
    results = {Path(each["file"]).stem: each["results"][0] for each in json.loads(ran.stdout)["documents"]}
    assert results.pop("nobody")["outcome"].endswith("HELD")
    for name, result in results.items():
        assert result["outcome"].endswith(("ACCEPTED", "ACCEPTED_WITH_WARNINGS")), name
    warned = {
        name: {issue["reason"].removeprefix("ERROR_REASON_") for issue in each["issues"]}
        for name, each in results.items()
    }
    assert "REFERENCE_UNRESOLVED" in warned["dangling"]
    assert "RESULT_UNREADABLE" in warned["bad-result"]
    # The faulty result is kept beside the good one.
    assert (results["bad-result"]["results"], results["bad-result"]["unreadable"]) == (2, 1)


async def test_a_release_that_is_not_the_content_s_is_refused(place: Place) -> None:
    document = encoded(lab_report("release", person(911), study=[{"reference": "ImagingStudy/1"}]))
    given = [Document(document, "1", registry_service_pb2.FHIR_RELEASE_R4)]
    async with place.client("H1", "feed") as feed:
        (answer,) = [each.response async for each in feed.publish_stream(given, attempts=1)]
    (issue,) = [each for result in answer.results for each in result.issues if each.severity == 1]
    assert (issue.reason, issue.path) == (9, "DiagnosticReport.study")


@pytest.mark.timeout(240)
def test_no_text_of_the_json_test_suite_is_a_report(place: Place, tmp_path: Path) -> None:
    texts = sorted((data_directory() / "json-test-suite" / "test_parsing").glob("*.json"))
    if not texts:
        pytest.skip("third-party data is not there (set HUTONG_TEST_DATA)")
    for text in texts:
        (tmp_path / text.name).write_bytes(text.read_bytes())
    ran = place.publish(tmp_path)
    assert ran.returncode == 1, ran.stderr
    documents = json.loads(ran.stdout)["documents"]
    assert len(documents) == len(texts) > 300
    for document in documents:
        name = Path(document["file"]).name
        reasons = {reason for reason, _ in _refusals(document)}
        assert all(path for _, path in _refusals(document)), name
        if name.startswith("n_"):
            # A text of nothing at all has no document; one that is nested 100,000 deep is not looked into.
            assert reasons <= {"NOT_JSON", "TOO_DEEP", "REQUEST_INVALID"}, (name, reasons)
        assert reasons, name
        if name.startswith("y_"):
            assert reasons <= {"NOT_A_REPORT", "NOT_JSON"}, (name, reasons)


@pytest.mark.timeout(240)
async def test_strings_from_hell_come_back_as_they_were(place: Place) -> None:
    file = data_directory() / "naughty-strings" / "blns.json"
    if not file.exists():
        pytest.skip("third-party data is not there (set HUTONG_TEST_DATA)")
    strings = [text for text in json.loads(file.read_bytes()) if text.strip()]
    documents, asked = {}, []
    for number, text in enumerate(strings):
        patient = person(1 + number % 900, birth=f"{1950 + number // 900}-03-04")
        patient["name"] = [{"text": text}]
        odd = any(map(_control, text))
        report = lab_report(
            str(number) if odd else f"{number}:{text}", patient, conclusion=text, days_ago=1 + number / 1000
        )
        report["contained"][2]["note"] = [{"text": text}]
        documents[str(number)] = Document(encoded(report), str(number))
        # A chart's name is one line without controls, not longer than 256 characters.
        plain_name = len(text) <= 256 and not any(
            unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text
        )
        asked.append(question(patient if plain_name else patient | {"name": [{"text": ""}]}))
    plain = 0
    async with place.client("H1", "feed") as feed, place.client("H1", "emr") as doctor:
        async for published in feed.publish_stream(documents.values(), attempts=1):
            number = int(published.document.position)
            assert not published.response.issues, (number, published.response.issues)
            (result,) = published.response.results
            if any(map(_control, strings[number])):
                # FHIR has no control characters.
                assert result.outcome == registry_service_pb2.PUBLISH_OUTCOME_REJECTED
                assert all(issue.path for issue in result.issues)
                continue
            page = await doctor.list_reports_page(asked[number], context())
            (entry,) = page.reports
            whole = await doctor.get_report(entry.report_id, context())
            assert whole.document == documents[str(number)].content
            assert whole.entry.conclusion == strings[number]
            assert list(whole.entry.results[0].detail.note) == [strings[number]]
            plain += 1
    assert plain > 480


async def test_the_registry_still_answers(place: Place) -> None:
    async with place.client("H2", "emr") as doctor:
        answer = await doctor.open_chart(question(person(901, name=CANARY)), context())
    assert len(answer.lines) == 1


def _control(character: str) -> bool:
    return ord(character) < 32 and character not in "\t\n\r"


def _refusals(document: dict[str, Any]) -> set[tuple[str, str]]:
    issues = [
        *document.get("issues", []),
        *(i for result in document.get("results", []) for i in result.get("issues", [])),
    ]
    return {
        (issue["reason"].removeprefix("ERROR_REASON_"), issue.get("path", ""))
        for issue in issues
        if issue["severity"] == "ISSUE_SEVERITY_ERROR"
    }
