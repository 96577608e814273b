"""Every document of the third-party sets (HUTONG_TEST_DATA) goes through the intake; the counts are stated here.

A DiagnosticReport that fhir.resources finds valid, and whose times can be, must be accepted with all its results.
"""

import json
import os
from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hutong_server.domain.errors import HutongError
from hutong_server.domain.report import Refusal, Report, ResultFlag, Withdrawal
from hutong_server.fhir.accepted import accepted
from hutong_server.fhir.document import read
from hutong_server.fhir.intake import Reading, read_document
from hutong_server.fhir.json_text import decode
from hutong_server.fhir.shape import CHECKED_TYPES, model
from hutong_server.fhir.validation import faults, validate

from tests.unit.fhir.builders import attempt

ROOT = Path(os.environ.get("HUTONG_TEST_DATA") or Path(__file__).parents[4] / "shared" / "data")
pytestmark = pytest.mark.skipif(not ROOT.is_dir(), reason="HUTONG_TEST_DATA is not set and ../shared/data is not there")
# The day on which the sets were gathered; nothing in them is later but on purpose.
READING = Reading(zone=ZoneInfo("Asia/Shanghai"), now=1_795_000_000_000, max_bytes=16 << 20)

# accepted, refused, withdrawn, results, of these unreadable
EXPECTED = {
    "hl7-r4-examples": (33, 0, 0, 507, 10),
    "hl7-r5-examples": (30, 0, 0, 489, 7),
    "eu-lab-ig": (6, 0, 0, 34, 3),
    "ch-lab": (4, 0, 0, 63, 0),
    "ips": (1, 0, 0, 1, 1),
    "us-core": (4, 1, 0, 28, 25),
    "au-test-data": (9, 0, 0, 16, 15),
    "twcore-examples": (2, 0, 0, 2, 1),
    "tw-nhi-pas": (19, 0, 0, 19, 0),
    "synthea-iris": (45, 0, 0, 384, 0),
    "cdc-reportstream/fhir": (157, 21, 2, 246, 13),
    "fhir-test-cases": (5, 0, 0, 42, 0),
    "ms-fhir-server": (9, 24, 0, 25, 5),
}


def documents(folder):
    return sorted(p for p in (ROOT / folder).rglob("*") if p.suffix in (".json", ".fhir"))


@pytest.mark.parametrize("folder", EXPECTED)
def test_every_report_of_a_set(folder):
    counts = Counter()
    for path in documents(folder):
        document = path.read_bytes()
        outcomes = attempt(document, reading=READING)
        if isinstance(outcomes, HutongError):
            assert outcomes.issues, path
            assert all(issue.path for issue in outcomes.issues), path
            assert not holds_a_report(document), path
            continue
        for outcome in outcomes:
            assert all(i.path.startswith(("Bundle.entry[", "DiagnosticReport")) for i in outcome.issues), path
            resource = at(json.loads(document.decode("utf-8-sig")), outcome.path)
            if isinstance(outcome, Report):
                counts["accepted"] += 1
                counts["results"] += len(outcome.results)
                counts["unreadable"] += sum(r.facts.has(ResultFlag.UNREADABLE) for r in outcome.results)
                assert outcome.document
                assert len(outcome.results) >= len({r.get("reference") for r in resource.get("result", [])}), path
            elif isinstance(outcome, Withdrawal):
                counts["withdrawn"] += 1
            else:
                assert isinstance(outcome, Refusal)
                counts["refused"] += 1
                assert outcome.issues, path
                assert not valid(resource), path
    found = tuple(counts[k] for k in ("accepted", "refused", "withdrawn", "results", "unreadable"))
    print(f"{folder}: accepted, refused, withdrawn, results, unreadable = {found}")
    assert found == EXPECTED[folder]


def test_the_library_accepts_whatever_it_is_known_to_accept():
    resources = []
    for path in (path for folder in EXPECTED for path in documents(folder)):
        try:
            resources += [r.body for r in read(decode(path.read_bytes(), 16 << 20)).entries if r.type in CHECKED_TYPES]
        except HutongError:
            continue
    counts = Counter()
    for release in ("R4", "R5"):
        for resource in resources:
            faults(resource, release, 100)
        for resource in resources:
            if accepted(resource, model(resource["resourceType"], release), 100):
                validate(resource, release)
                counts["known"] += 1
            counts["all"] += 1
    print(f"known to be accepted: {counts['known']} of {counts['all']}, each release by itself")
    assert counts["known"] > counts["all"] // 3


def at(body, path):
    """The resource at a path, found anew from the parsed document."""
    for step in path.split(".")[1:]:
        name, _, index = step.partition("[")
        body = body[name][int(index[:-1])] if index else body[name]
    return body


def valid(resource):
    if not resource.get("subject"):
        return False
    for release in ("R4B", "R5"):
        try:
            validate(resource, release)
        except Exception:  # noqa: S112  whatever it raises, it does not find it valid
            continue
        return True
    return False


def holds_a_report(document):
    try:
        body = json.loads(document.decode("utf-8-sig"))
    except ValueError:
        return False
    if not isinstance(body, dict):
        return False
    entries = body.get("entry") if body.get("resourceType") == "Bundle" else [{"resource": body}]
    resources = [e.get("resource") for e in entries or [] if isinstance(e, dict)]
    return any(isinstance(r, dict) and r.get("resourceType") == "DiagnosticReport" for r in resources)


def test_json_that_must_fail_fails_and_json_that_must_pass_passes():
    counts = Counter()
    for path in sorted((ROOT / "json-test-suite/test_parsing").iterdir()):
        with pytest.raises(HutongError) as caught:
            read_document(path.read_bytes(), reading=READING)
        kind = path.name[0]
        counts[kind, str(caught.value.reason)] += 1
        assert caught.value.issues[0].path
    print(counts)
    assert counts["n", "NOT_A_REPORT"] == 0
    assert counts["y", "NOT_JSON"] == 0
    assert counts["n", "NOT_JSON"] + counts["n", "TOO_DEEP"] == 188
    assert counts["y", "NOT_A_REPORT"] == 95


def test_json_within_a_result_never_costs_the_report():
    """Each text that must pass, as the value of an unknown element, makes one result unreadable and no other."""
    template = (
        b'{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"DiagnosticReport","id":"r",'
        b'"status":"final","code":{"text":"x"},"subject":{"reference":"Patient/1"},"result":[{"reference":'
        b'"Observation/a"},{"reference":"Observation/b"}]}},{"resource":{"resourceType":"Observation","id":"a","status":'
        b'"final","code":{"text":"a"},"valueString":"1","x":@}},{"resource":{"resourceType":"Observation","id":"b",'
        b'"status":"final","code":{"text":"b"},"valueString":"1"}}]}'
    )
    passing = sorted((ROOT / "json-test-suite/test_parsing").glob("y_*"))
    assert passing
    for path in passing:
        (outcome,) = read_document(template.replace(b"@", path.read_bytes()), reading=READING)
        assert isinstance(outcome, Report), path
        assert [r.facts.has(ResultFlag.UNREADABLE) for r in outcome.results] == [True, False], path


def test_naughty_strings_everywhere():
    naughty = json.loads((ROOT / "naughty-strings/blns.json").read_text())
    assert len(naughty) > 400
    read = 0
    for text in naughty:
        body = {
            "resourceType": "DiagnosticReport",
            "status": "final",
            "identifier": [{"system": "urn:x", "value": text or "-"}],
            "code": {"text": text or "-"},
            "subject": {"reference": "#p"},
            "contained": [{"resourceType": "Patient", "id": "p", "name": [{"text": text}], "birthDate": text}],
            "conclusion": text or "-",
        }
        (outcome,) = read_document(json.dumps(body).encode(), reading=READING)
        for issue in outcome.issues:
            assert len(text) < 12 or text not in issue.path + issue.message
        if isinstance(outcome, Report):
            read += 1
            assert outcome.conclusion == (text or "-")
            assert json.loads(outcome.document) == body
        else:
            assert any(ord(c) < 32 for c in text), text
    print(f"naughty strings read: {read} of {len(naughty)}")
