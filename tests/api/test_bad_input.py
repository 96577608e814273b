"""Bad input gets a status, a reason and a path, and nothing of it comes back."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hutong.v1 import registry_service_pb2, report_pb2, reuse_service_pb2
from prometheus_client import generate_latest

from tests.api.documents import chart, context, encoded, lab_report, person, publish, question
from tests.api.site import Site, refused

CANARY = "CANARY-4711-密"
Document = Callable[[dict[str, Any]], bytes]


def changed(**fields: Any) -> Document:
    """A good report with fields of the DiagnosticReport replaced; None removes one."""

    def make(patient: dict[str, Any]) -> bytes:
        report = lab_report("bad", patient, conclusion=CANARY)
        for name, value in fields.items():
            if value is None:
                report.pop(name)
            else:
                report[name] = value
        return encoded(report)

    return make


def text(make: Callable[[str], str]) -> Document:
    """A good report whose JSON is spoilt."""
    return lambda patient: make(encoded(lab_report("bad", patient, conclusion=CANARY)).decode()).encode(
        "utf-8", "surrogatepass"
    )


BAD: list[tuple[str, Document, str, str, str]] = [
    ("empty", lambda _: b"", "INVALID_ARGUMENT", "REQUEST_INVALID", "document"),
    ("not JSON", lambda _: f"{CANARY} is no JSON".encode(), "INVALID_ARGUMENT", "NOT_JSON", ""),
    ("truncated", text(lambda t: t[: len(t) // 2]), "INVALID_ARGUMENT", "NOT_JSON", ""),
    ("binary", lambda _: b"\xff\xfe\x00" + CANARY.encode(), "INVALID_ARGUMENT", "NOT_JSON", ""),
    ("NaN", text(lambda t: t.replace("4.10", "NaN")), "INVALID_ARGUMENT", "NOT_JSON", ""),
    (
        "not a report",
        lambda patient: encoded(patient | {"name": [{"text": CANARY}]}),
        "INVALID_ARGUMENT",
        "NOT_A_REPORT",
        "",
    ),
    ("not FHIR", lambda _: json.dumps({"note": CANARY}).encode(), "INVALID_ARGUMENT", "NOT_A_REPORT", ""),
    ("unknown status", changed(status=CANARY), "INVALID_ARGUMENT", "FHIR_INVALID", "DiagnosticReport.status"),
    ("no status", changed(status=None), "INVALID_ARGUMENT", "FIELD_MISSING", "DiagnosticReport.status"),
    ("no code", changed(code=None), "INVALID_ARGUMENT", "FIELD_MISSING", "DiagnosticReport.code"),
    ("no subject", changed(subject=None), "INVALID_ARGUMENT", "FIELD_MISSING", "DiagnosticReport.subject"),
    (
        "year 0001",
        changed(effectiveDateTime="0001-01-01"),
        "INVALID_ARGUMENT",
        "TIME_INVALID",
        "DiagnosticReport.effectiveDateTime",
    ),
    (
        "the future",
        changed(effectiveDateTime="2999-01-01"),
        "INVALID_ARGUMENT",
        "TIME_IN_FUTURE",
        "DiagnosticReport.effectiveDateTime",
    ),
    (
        "too deep",
        lambda _: b'{"resourceType":"DiagnosticReport","x":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        "INVALID_ARGUMENT",
        "TOO_DEEP",
        "",
    ),
    (
        "another institution's",
        lambda patient: encoded(
            lab_report("bad", patient, conclusion=CANARY, performer=[{"identifier": {"value": "H2"}, "display": "H2"}])
            | {"performer": [{"reference": "#h2"}]}
            | {
                "contained": [
                    *lab_report("bad", patient)["contained"],
                    {"resourceType": "Organization", "id": "h2", "identifier": [{"value": "H2"}], "name": "市医院"},
                ]
            }
        ),
        "PERMISSION_DENIED",
        "NOT_THE_ISSUER",
        "",
    ),
]


@pytest.mark.parametrize(("make", "code", "reason", "path"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
async def test_a_bad_document_is_refused_by_reason_and_path(
    site: Site,
    serials: Iterator[int],
    caplog: pytest.LogCaptureFixture,
    make: Document,
    code: str,
    reason: str,
    path: str,
) -> None:
    patient = person(next(serials), name=CANARY)
    number = patient["identifier"][0]["value"]
    with caplog.at_level(logging.DEBUG):
        found = await refused(site.publishing("H1").PublishReport(publish(make(patient)), timeout=20))
    assert (found.code, found.reason) == (code, reason), found.everything
    assert found.paths, "every fault of a document has a path"
    if path:
        assert path in found.paths
    assert found.request_id
    assert_unseen(found.everything, number)
    assert_unseen(repr([record.__dict__ for record in caplog.records]), number)
    assert site.registry is not None
    assert_unseen(generate_latest(site.registry.metrics.registry).decode(), number)


def assert_unseen(where: str, number: str) -> None:
    for secret in (CANARY, json.dumps(CANARY).strip('"'), "CANARY", number):
        assert secret not in where


async def test_a_document_above_the_limit_is_refused_with_its_reason(site: Site, serials: Iterator[int]) -> None:
    report = lab_report("big", person(next(serials)), conclusion="x" * (8 * 2**20))
    found = await refused(site.publishing("H1").PublishReport(publish(report), timeout=20))
    assert (found.code, found.reason) == ("INVALID_ARGUMENT", "TOO_LARGE")
    assert found.paths


async def test_a_hundred_megabytes_are_refused_by_the_transport(site: Site) -> None:
    found = await refused(site.publishing("H1").PublishReport(publish(b" " * (100 * 2**20)), timeout=60))
    assert found.code == "RESOURCE_EXHAUSTED"


async def test_a_checksum_that_is_wrong_is_named_and_the_number_is_not(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    number = patient["identifier"][0]["value"]
    wrong = number[:-1] + ("1" if number[-1] != "1" else "2")
    patient["identifier"][0]["value"] = wrong
    found = await refused(site.publishing("H1").PublishReport(publish(lab_report("sum", patient)), timeout=10))
    assert (found.code, found.reason) == ("INVALID_ARGUMENT", "PATIENT_IDENTIFIER_INVALID")
    assert any("identifier" in path for path in found.paths)
    assert wrong not in found.everything
    found = await refused(site.asking("H2").OpenChart(chart(patient), timeout=10))
    assert (found.code, found.reason) == ("INVALID_ARGUMENT", "PATIENT_IDENTIFIER_INVALID")
    assert found.paths == ("patient.identifiers[0].value",)
    assert wrong not in found.everything


async def test_one_bad_report_does_not_cost_the_others(site: Site, serials: Iterator[int]) -> None:
    good, bad = lab_report("pair-a", person(next(serials))), lab_report("pair-b", person(next(serials)))
    bad["status"] = CANARY
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"fullUrl": f"urn:uuid:0000000{n}-0000-4000-8000-000000000000", "resource": each}
            for n, each in enumerate((bad, good), 1)
        ],
    }
    published = await site.publishing("H1").PublishReport(publish(bundle), timeout=10)
    rejected, kept = published.results
    assert rejected.outcome == registry_service_pb2.PUBLISH_OUTCOME_REJECTED
    assert rejected.issues[0].path == "Bundle.entry[0].resource.status"
    assert kept.report_id
    assert kept.path == "Bundle.entry[1].resource"


QUESTIONS = [
    ("request_id", {"request_id": ""}),
    ("request_id", {"request_id": "x" * 129}),
    ("request_id", {"request_id": "a\x00b"}),
    ("context.practitioner", {"context": context(practitioner="")}),
    ("context.practitioner", {"context": context(practitioner="D\n1")}),
    ("context.encounter", {"context": context(encounter=" ")}),
    ("context.purpose", {"context": context(purpose="PURPOSE_UNSPECIFIED")}),
    ("context.purpose", {"context": context(purpose=77)}),
    ("context.encounter_class", {"context": context(encounter_class=77)}),
    ("patient.identifiers", {"identifiers": []}),
    ("patient.identifiers", {"identifiers": [report_pb2.PatientIdentifier(system="s", value="v")] * 21}),
    ("patient.identifiers[0].system", {"identifiers": [report_pb2.PatientIdentifier(value=CANARY)]}),
    ("patient.identifiers[0].value", {"identifiers": [report_pb2.PatientIdentifier(system=CANARY)]}),
    ("patient.demographics.birth_date", {"demographics": report_pb2.Demographics(name=CANARY)}),
    ("patient.demographics.birth_date", {"demographics": report_pb2.Demographics(name="x", birth_date="1980-02-30")}),
    ("patient.demographics.birth_date", {"demographics": report_pb2.Demographics(name="x", birth_date="19800230")}),
    ("patient.demographics", {"demographics": report_pb2.Demographics(birth_date="1980-01-01")}),
    ("patient.demographics", {"demographics": report_pb2.Demographics(birth_date="1980-01-01", sex="SEX_UNKNOWN")}),
    ("patient.demographics.sex", {"demographics": report_pb2.Demographics(name="x", birth_date="1980-01-01", sex=9)}),
]


@pytest.mark.parametrize(("path", "fields"), QUESTIONS)
async def test_a_question_without_what_it_needs_is_refused_by_path(
    site: Site, serials: Iterator[int], path: str, fields: dict[str, Any]
) -> None:
    patient = question(person(next(serials)))
    if "identifiers" in fields:
        del patient.identifiers[:]
        patient.identifiers.extend(fields["identifiers"])
    if "demographics" in fields:
        patient.demographics.CopyFrom(fields["demographics"])
    ask = reuse_service_pb2.OpenChartRequest(
        request_id=fields.get("request_id", "q"), patient=patient, context=fields.get("context", context())
    )
    found = await refused(site.asking("H2").OpenChart(ask, timeout=5))
    assert found.code == "INVALID_ARGUMENT"
    assert found.reason == ("PATIENT_IDENTIFIER_MISSING" if not patient.identifiers else "REQUEST_INVALID")
    assert found.paths == (path,)
    assert CANARY not in found.everything


async def test_all_faults_of_a_question_are_told_at_once(site: Site) -> None:
    found = await refused(site.asking("H2").OpenChart(reuse_service_pb2.OpenChartRequest(), timeout=5))
    assert set(found.paths) == {
        "request_id",
        "patient.identifiers",
        "patient.demographics.birth_date",
        "patient.demographics",
        "context.purpose",
        "context.practitioner",
        "context.encounter",
    }


@pytest.mark.parametrize("token", ["nonsense", "AAAA", "密", "A" * 5000])
async def test_ids_and_tokens_that_were_never_given_out_open_nothing(
    site: Site, serials: Iterator[int], token: str
) -> None:
    asking = site.asking("H2")
    found = await refused(
        asking.GetReport(reuse_service_pb2.GetReportRequest(report_id=token, context=context()), timeout=5)
    )
    assert (found.code, found.reason) == ("NOT_FOUND", "REPORT_NOT_FOUND")
    listing = reuse_service_pb2.ListReportsRequest(
        patient=question(person(next(serials))), context=context(), page_token=token
    )
    found = await refused(asking.ListReports(listing, timeout=5))
    assert (found.code, found.reason) == ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID")


async def test_a_message_that_is_no_message_is_refused(site: Site) -> None:
    call = site.channel("H2", "emr").unary_unary("/hutong.v1.ReuseService/OpenChart")
    found = await refused(call(b"\xff\xff" + CANARY.encode(), timeout=5))
    assert (found.code, found.reason) == ("INVALID_ARGUMENT", "REQUEST_INVALID")
    assert CANARY not in found.everything
    stream = site.channel("H1", "feed").stream_stream("/hutong.v1.RegistryService/PublishReports")(timeout=5)
    await stream.write(b"\xff\xff" + CANARY.encode())
    found = await refused(stream.read())
    assert (found.code, found.reason) == ("INVALID_ARGUMENT", "REQUEST_INVALID")
