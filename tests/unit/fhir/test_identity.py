"""Who a report is, which version, and how it is taken back."""

import pytest
from hutong_server.domain.report import Status, VersionKey

from tests.unit.fhir.builders import (
    accepted,
    bundle,
    encode,
    observation,
    patient,
    read_all,
    refused,
    report,
    told,
    withdrawn,
)


def _typed(code, value):
    system = "http://terminology.hl7.org/CodeSystem/v2-0203"
    return {"type": {"coding": [{"system": system, "code": code}]}, "value": value}


@pytest.mark.parametrize(
    ("identifiers", "expected"),
    [
        ([{"system": "urn:lis", "value": "1"}, {"system": "urn:his", "value": "2"}], ("urn:lis", "1")),
        ([{"value": "0"}, {"system": "urn:his", "value": "2"}], ("urn:his", "2")),
        ([{"value": "0"}], ("", "0")),
        ([{"system": "urn:lis"}, {"system": "urn:his", "value": " 2 "}], ("urn:his", "2")),
        # An order's number is on all its reports, and names none of them.
        ([_typed("PLAC", "1"), _typed("FILL", "2")], ("", "2")),
        # What a withdrawal names alone is what names the report, wherever it stands beside what others share.
        ([_typed("ACSN", "1"), _typed("FILL", "2")], ("", "2")),
        ([{"system": "urn:acc", **_typed("ACSN", "1")}, {"value": "2"}], ("", "2")),
        ([{"system": "urn:lis", "value": "1"}, _typed("FILL", "2")], ("", "2")),
        ([{"system": "urn:acc", **_typed("ACSN", "1")}], ("urn:acc", "1")),
        ([_typed("PLAC", "1"), _typed("PGN", "2"), _typed("FGN", "3")], ("", "")),
        (None, ("", "")),
    ],
)
def test_the_business_identifier(identifiers, expected):
    found = accepted(bundle(report(identifier=identifiers), patient()))
    assert (found.identity_system, found.identity_value) == expected


def one(kind="collection", url=None, method=None, **change):
    entry = {"resource": report(identifier=None, **change)}
    if url:
        entry["fullUrl"] = url
    if method:
        entry["request"] = {"method": method, "url": "DiagnosticReport"}
    return {"resourceType": "Bundle", "type": kind, "entry": [entry, {"resource": patient()}]}


AT = "2026-09-20T08:00:00+08:00"
URN = "urn:uuid:5b0e3ac0-1111-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (one(url=URN), ("id", "r")),
        (one(url=URN, id=None), ("fullUrl", URN)),
        (one(url="http://h/DiagnosticReport/7/_history/2", id=None), ("fullUrl", "http://h/DiagnosticReport/7")),
        (one("transaction", URN, "POST", id=None), ("facts", "http://loinc.org|58410-2", AT, "", "")),
        (one("message", URN, "POST", id=None, code={"text": "血常规"}), ("facts", "血常规", AT, "", "")),
        (
            one(
                id=None,
                specimen=[{"identifier": {"system": "urn:s", "value": "B1"}}, {"reference": "Specimen/a"}],
                basedOn=[{"reference": "ServiceRequest/9"}],
            ),
            (
                "facts",
                "http://loinc.org|58410-2",
                "2026-09-20T08:00:00+08:00",
                "Specimen/a urn:s|B1",
                "ServiceRequest/9",
            ),
        ),
        (
            one(id=None, contained=[{"resourceType": "Specimen", "id": "s", "accessionIdentifier": {"value": "A7"}}],
                specimen=[{"reference": "#s"}]),
            ("facts", "http://loinc.org|58410-2", AT, "|A7", ""),
        ),
    ],
)  # fmt: skip
def test_what_an_identity_is_derived_from(body, expected):
    assert accepted(body).derived_identity == expected


def test_content_is_no_part_of_a_derived_identity():
    a = accepted(one(id=None, conclusion="before"))
    b = accepted(one(id=None, conclusion="after", status="corrected"))
    assert a.derived_identity == b.derived_identity
    assert a.digest != b.digest


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, VersionKey(None, 1789869600000, None, 5)),
        ({"meta": {"versionId": "12"}}, VersionKey(12, 1789869600000, None, 5)),
        ({"meta": {"versionId": "v12"}, "issued": None}, VersionKey(None, None, None, 5)),
        ({"meta": {"versionId": "9" * 19}, "issued": None}, VersionKey(None, None, None, 5)),
        (
            {"meta": {"lastUpdated": "2026-09-20T00:00:00Z"}, "issued": None, "status": "preliminary"},
            VersionKey(None, None, 1789862400000, 3),
        ),
    ],
)
def test_what_orders_versions(change, expected):
    assert accepted(bundle(report(**change), patient())).version == expected


def test_a_version_id_that_is_no_id_refuses():
    assert told(refused(report(meta={"versionId": "W/12"})).issues) == {
        ("FHIR_INVALID", "DiagnosticReport.meta.versionId")
    }


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled"])
def test_a_withdrawal_needs_identity_and_status_only(status):
    bare = {"resourceType": "DiagnosticReport", "status": status, "identifier": [{"system": "urn:lis", "value": "1"}]}
    found = withdrawn(bare)
    assert (found.status, found.identity_system, found.identity_value) == (Status(status), "urn:lis", "1")
    assert found.document == encode(bare)
    assert found.version.rank == 7
    assert withdrawn({"resourceType": "DiagnosticReport", "id": "r", "status": status}).derived_identity == ("id", "r")


@pytest.mark.parametrize(
    "change",
    [
        {"code": 5},
        {"result": "nonsense"},
        {"issued": "2099-01-01T00:00:00Z"},
        {"issued": "never"},
        {"whatever": None},
        {"subject": {"reference": "garbage here"}},
        {"conclusion": "\ud800"},
        {"conclusion": "\u0000"},
        {"extension": [{"url": "x", "valueCode": ""}]},
    ],
)
def test_a_withdrawal_may_be_faulty_elsewhere(change):
    import json

    body = json.dumps(report(**{**change, "status": "entered-in-error"})).encode()
    found = withdrawn(body)
    assert found.identity_value == "2026-1"
    if "2099" in str(change):
        assert found.version.issued is None
        assert ("TIME_IN_FUTURE", "DiagnosticReport.issued") in told(found.issues)


def test_a_withdrawal_of_nothing_in_particular_is_refused():
    assert told(refused({"resourceType": "DiagnosticReport", "status": "cancelled"}).issues) == {
        ("FIELD_MISSING", "DiagnosticReport.identifier")
    }


def test_a_withdrawal_whose_identity_is_not_certain_is_refused():
    text = b'{"resourceType":"DiagnosticReport","status":"final","status":"cancelled","id":"r"}'
    assert told(refused(text).issues) == {("NOT_JSON", "DiagnosticReport.status")}


def test_a_withdrawal_names_its_patient_when_it_can():
    found = withdrawn(bundle(report(status="cancelled"), patient()))
    assert [i.value for i in found.identifiers] == ["990400198001011238"]


def test_reports_come_in_document_order():
    reports = [report(id=f"r{i}", identifier=[{"value": str(i)}], status=s)
               for i, s in enumerate(("final", "cancelled", "nonsense", "amended"))]  # fmt: skip
    kinds = [type(o).__name__ for o in read_all(bundle(*reports[:2], patient(), observation(), *reports[2:]))]
    assert kinds == ["Report", "Withdrawal", "Refusal", "Report"]
