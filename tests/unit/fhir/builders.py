"""Small FHIR documents for the tests of the intake."""

import json
from typing import Any
from zoneinfo import ZoneInfo

from hutong_server.domain.errors import HutongError
from hutong_server.domain.report import Issue, Refusal, Report, Result, ResultFlag, Withdrawal
from hutong_server.fhir.intake import Outcome, Reading, read_document

NOW = 1_790_000_000_000
"""2026-09-21T14:13:20Z"""
READING = Reading(zone=ZoneInfo("Asia/Shanghai"), now=NOW)
LOINC = "http://loinc.org"
RESIDENT = "urn:oid:2.16.156.10011.1.3"
NUMBER = "990400198001011238"
Body = dict[str, Any]


def coded(code: str = "718-7", system: str = LOINC, **more: Any) -> Body:
    return {"coding": [{"system": system, "code": code}], **more}


def patient(ident: str = "p", number: str = NUMBER, **more: Any) -> Body:
    body = {
        "resourceType": "Patient",
        "id": ident,
        "identifier": [{"system": RESIDENT, "value": number}],
        "name": [{"family": "测", "given": ["试"]}],
        "birthDate": "1980-01-01",
        "gender": "female",
    }
    return {**body, **more}


def observation(ident: str = "o", **more: Any) -> Body:
    body = {
        "resourceType": "Observation",
        "id": ident,
        "status": "final",
        "code": coded(),
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": "2026-09-20T08:00:00+08:00",
        "valueQuantity": {"value": 135, "unit": "g/L"},
    }
    return without(body, more)


def report(*results: str, **more: Any) -> Body:
    body: Body = {
        "resourceType": "DiagnosticReport",
        "id": "r",
        "identifier": [{"system": "urn:lis", "value": "2026-1"}],
        "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "LAB"}]}],
        "code": coded("58410-2"),
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": "2026-09-20T08:00:00+08:00",
        "issued": "2026-09-20T10:00:00+08:00",
        "performer": [{"display": "县医院"}],
    }
    if results:
        body["result"] = [{"reference": r} for r in results]
    return without(body, more)


def without(body: Body, more: Body) -> Body:
    """The body with more; an element given as None is left out."""
    return {k: v for k, v in {**body, **more}.items() if v is not None}


def bundle(*resources: Body, kind: str = "collection", urls: bool = True) -> Body:
    entries = []
    for r in resources:
        entry: Body = {"resource": r}
        if urls and "id" in r:
            entry = {"fullUrl": f"http://h.example/fhir/{r['resourceType']}/{r['id']}", **entry}
        entries.append(entry)
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def encode(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def read_all(body: Any, release: str = "", reading: Reading = READING) -> tuple[Outcome, ...]:
    return read_document(body if isinstance(body, bytes) else encode(body), release=release, reading=reading)


def attempt(document: bytes, release: str = "", reading: Reading = READING) -> tuple[Outcome, ...] | HutongError:
    """The outcomes of a document, or its refusal as a whole; any other error is a bug and comes through."""
    try:
        return read_document(document, release=release, reading=reading)
    except HutongError as error:
        return error


def read_one(body: Any, release: str = "") -> Outcome:
    (outcome,) = read_all(body, release)
    return outcome


def accepted(body: Any, release: str = "") -> Report:
    outcome = read_one(body, release)
    assert isinstance(outcome, Report), outcome
    return outcome


def refused(body: Any, release: str = "") -> Refusal:
    outcome = read_one(body, release)
    assert isinstance(outcome, Refusal), outcome
    return outcome


def withdrawn(body: Any) -> Withdrawal:
    outcome = read_one(body)
    assert isinstance(outcome, Withdrawal), outcome
    return outcome


def one_result(obs: Body, *others: Body, **of_report: Any) -> Result:
    """The single result of a report with one Observation."""
    found = accepted(bundle(report("Observation/o", **of_report), patient(), obs, *others))
    (result,) = found.results
    return result


def told(issues: tuple[Issue, ...]) -> set[tuple[str, str]]:
    """(reason, path) of issues."""
    return {(str(i.reason), i.path) for i in issues}


def flags(result: Result) -> set[str]:
    return {flag.name for flag in ResultFlag if result.facts.has(flag)}
