"""Bad input gets a clear error, with a reason and a path, and costs nothing that is not at fault."""

import json

import pytest
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.fhir.intake import Reading

from tests.unit.fhir.builders import (
    NOW,
    READING,
    accepted,
    bundle,
    encode,
    observation,
    patient,
    read_all,
    refused,
    report,
    told,
)

GOOD = encode(bundle(report("Observation/o"), patient(), observation()))


@pytest.mark.parametrize(
    ("document", "reason", "path"),
    [
        (b"", Reason.NOT_JSON, "document"),
        (b"hello", Reason.NOT_JSON, "document"),
        (b"<Bundle xmlns='http://hl7.org/fhir'/>", Reason.NOT_JSON, "document"),
        (GOOD[:-40], Reason.NOT_JSON, "Bundle.entry[2].resource.effectiveDateTime"),
        (GOOD + b"x", Reason.NOT_JSON, "Bundle"),
        (GOOD + GOOD, Reason.NOT_JSON, "Bundle"),
        (GOOD.replace(b"135", b"NaN"), Reason.NOT_JSON, "Bundle.entry[2].resource.valueQuantity.value"),
        (GOOD.replace(b"135", b"-Infinity"), Reason.NOT_JSON, "Bundle.entry[2].resource.valueQuantity.value"),
        (GOOD.replace(b"135", b"01"), Reason.NOT_JSON, "Bundle.entry[2].resource.valueQuantity.value"),
        (GOOD.replace(b'"g/L"', b'"g\x01L"'), Reason.NOT_JSON, "Bundle.entry[2].resource.valueQuantity.unit"),
        (
            GOOD.replace(b'"type": "collection",', b'"type": "collection", "type": "batch",'),
            Reason.NOT_JSON,
            "Bundle.type",
        ),
        (
            GOOD.replace(b'{"fullUrl"', b'{"resource": {}, "fullUrl"', 1),
            Reason.NOT_JSON,
            "Bundle.entry[0].resource",
        ),
        (GOOD.decode().encode("utf-16"), Reason.NOT_JSON, "document"),
        (GOOD.replace("测".encode(), b"\xff"), Reason.NOT_JSON, "document"),
        (b"[1]", Reason.NOT_A_REPORT, "document"),
        (b'"DiagnosticReport"', Reason.NOT_A_REPORT, "document"),
        (b"null", Reason.NOT_A_REPORT, "document"),
        (b"{}", Reason.NOT_A_REPORT, "document"),
        (encode(patient()), Reason.NOT_A_REPORT, "document"),
        (encode({"resourceType": "Nonsense"}), Reason.NOT_A_REPORT, "document"),
        (encode({"resourceType": ["DiagnosticReport"]}), Reason.NOT_A_REPORT, "document"),
        (encode(bundle(patient())), Reason.NOT_A_REPORT, "Bundle.entry"),
        (encode({"resourceType": "Bundle"}), Reason.NOT_A_REPORT, "Bundle.entry"),
        (encode({"resourceType": "Bundle", "entry": {"resource": report()}}), Reason.NOT_A_REPORT, "Bundle.entry"),
        (b"[" * 10_000 + b"]" * 10_000, Reason.TOO_DEEP, "document"),
        (b'{"a":' * 100_000, Reason.TOO_DEEP, "document"),
        (GOOD.replace(b"135", b"[" * 10_000 + b"]" * 10_000), Reason.TOO_DEEP, "document"),
    ],
)
def test_documents_that_cannot_be_used(document, reason, path):
    with pytest.raises(HutongError) as caught:
        read_all(document)
    assert (caught.value.reason, caught.value.issues[0].path) == (reason, path)


def test_a_document_too_large_is_not_even_parsed():
    small = Reading(zone=READING.zone, now=NOW, max_bytes=len(GOOD) - 1)
    with pytest.raises(HutongError) as caught:
        read_all(GOOD, reading=small)
    assert caught.value.reason is Reason.TOO_LARGE


def test_a_byte_order_mark_is_ignored_and_kept():
    alone = b"\xef\xbb\xbf" + encode(report(result=None))
    assert accepted(alone).document == alone


@pytest.mark.parametrize(
    ("change", "reason", "path"),
    [
        ({"status": None}, "FIELD_MISSING", "status"),
        ({"code": None}, "FIELD_MISSING", "code"),
        ({"code": {}}, "FIELD_MISSING", "code"),
        ({"subject": None}, "FIELD_MISSING", "subject"),
        ({"subject": {}}, "FIELD_MISSING", "subject"),
        ({"subject": {"type": "Patient"}}, "FIELD_MISSING", "subject"),
        ({"status": "done"}, "FHIR_INVALID", "status"),
        ({"status": 1}, "FHIR_INVALID", "status"),
        ({"status": ["final"]}, "FHIR_INVALID", "status"),
        ({"code": "718-7"}, "FHIR_INVALID", "code"),
        ({"code": '{"text":"x"}'}, "FHIR_INVALID", "code"),
        ({"id": "r" * 65}, "FHIR_INVALID", "id"),
        ({"id": "a b"}, "FHIR_INVALID", "id"),
        ({"conclusion": ""}, "FHIR_INVALID", "conclusion"),
        ({"conclusion": "a\u0000b"}, "FHIR_INVALID", "conclusion"),
        ({"conclusion": 5}, "FHIR_INVALID", "conclusion"),
        ({"identifier": [{"value": ""}]}, "FHIR_INVALID", "identifier[0].value"),
        ({"identifier": {"value": "1"}}, "FHIR_INVALID", "identifier"),
        ({"category": [None]}, "FHIR_INVALID", "category[0]"),
        ({"presentedForm": [{"data": "not base64!"}]}, "FHIR_INVALID", "presentedForm[0].data"),
        ({"presentedForm": [{"data": "abc"}]}, "FHIR_INVALID", "presentedForm[0].data"),
        ({"imagingStudy": [], "presentedForm": [{"size": "12"}]}, "FHIR_INVALID", "presentedForm[0].size"),
        ({"contained": True}, "FHIR_INVALID", "contained"),
        ({"contained": [5]}, "FHIR_INVALID", "contained"),
        ({"text": {"status": "generated"}}, "FHIR_INVALID", "text.div"),
        ({"results": []}, "FHIR_INVALID", ""),
        ({"subject": {"reference": "not a reference"}}, "FHIR_INVALID", "subject.reference"),
        ({"subject": {"reference": "Observation/o"}}, "FHIR_INVALID", "subject.reference"),
        ({"subject": {"reference": "Observation/unknown"}}, "FHIR_INVALID", "subject.reference"),
        ({"effectiveDateTime": "2026-13-45"}, "TIME_INVALID", "effectiveDateTime"),
        ({"effectiveDateTime": "yesterday"}, "TIME_INVALID", "effectiveDateTime"),
        ({"effectiveDateTime": "0001-01-01"}, "TIME_INVALID", "effectiveDateTime"),
        ({"effectiveDateTime": "2027-01-01"}, "TIME_IN_FUTURE", "effectiveDateTime"),
        ({"issued": "2026-09-21T15:00:00Z"}, "TIME_IN_FUTURE", "issued"),
        ({"issued": "0001-01-01T00:00:00Z"}, "TIME_INVALID", "issued"),
        ({"issued": "2026-09"}, "FHIR_INVALID", "issued"),
        (
            {"effectiveDateTime": None, "effectivePeriod": {"start": "2026-09-01", "end": "2099-01-01"}},
            "TIME_IN_FUTURE",
            "effectivePeriod.end",
        ),
        ({"issued": None, "meta": {"lastUpdated": "2099-01-01T00:00:00Z"}}, "TIME_IN_FUTURE", "meta.lastUpdated"),
    ],
)
def test_a_faulty_report_is_refused_with_its_path_and_costs_no_other(change, reason, path):
    other = report("Observation/o", id="other", identifier=[{"system": "urn:lis", "value": "2"}])
    body = bundle(report("Observation/o", **change), patient(), observation(), other)
    first, second = read_all(body)
    where = f"Bundle.entry[0].resource{'.' if path else ''}{path}"
    assert (reason, where) in told(first.issues)
    assert all(i.severity == "error" for i in first.issues)
    assert len(second.results) == 1


def test_duplicate_keys_and_lone_surrogates_in_the_report_refuse_it():
    text = GOOD.decode()
    twice = text.replace('"status": "final", "category"', '"status": "final", "status": "amended", "category"')
    assert told(refused(twice.encode()).issues) == {("NOT_JSON", "Bundle.entry[0].resource.status")}
    half = text.replace('"县医院"', '"\\udc00"')
    assert told(refused(half.encode()).issues) == {("NOT_JSON", "Bundle.entry[0].resource.performer[0].display")}
    alone = json.dumps(report()).replace('"id": "r"', '"id": "r", "id": "r"')
    assert told(refused(alone.encode()).issues) == {("NOT_JSON", "DiagnosticReport.id")}


@pytest.mark.parametrize(
    "unrelated",
    [
        '{"resourceType": "Provenance", "id": "x", "id": "y"}',
        '{"resourceType": "Medication", "status": "\\ud800"}',
        '{"resourceType": "Nonsense", "a": [], "b": null, "c": ""}',
        '{"resourceType": "Observation", "id": "unused", "status": "done", "status": 5}',
        '{"resourceType": "Basic", "n": ' + "9" * 5000 + "}",
        '{"resourceType": "Basic", "n": 1e99999999999999999999}',
        '{"resourceType": "Basic", "n": ' + "[" * 300 + "]" * 300 + "}",
        '{"no": "type"}',
        "[]",
        "null",
    ],
)
def test_a_fault_in_an_unrelated_resource_costs_nothing(unrelated):
    text = GOOD.decode().replace('"entry": [', '"entry": [{"resource": ' + unrelated + "}, null, 5, {}, ")
    found = accepted(text.encode())
    assert len(found.results) == 1
    assert not [i for i in found.issues if i.reason != "FIELD_RECOMMENDED"]
    assert found.document == accepted(GOOD).document


def test_empty_elements_are_passed_over_with_a_warning():
    found = accepted(bundle(report("Observation/o", specimen=[], media=[], text={}), patient(), observation(note=[])))
    assert len(found.results) == 1
    assert {p for r, p in told(found.issues) if r == "FHIR_INVALID"} == {
        "Bundle.entry[0].resource.specimen",
        "Bundle.entry[0].resource.media",
        "Bundle.entry[0].resource.text",
        "Bundle.entry[2].resource.note",
    }


def test_a_null_is_passed_over_and_required_ones_are_missed():
    text = GOOD.decode().replace('"issued": "2026-09-20T10:00:00+08:00"', '"issued": null')
    assert ("FHIR_INVALID", "Bundle.entry[0].resource.issued") in told(accepted(text.encode()).issues)
    missing = GOOD.decode().replace('"status": "final", "category"', '"status": null, "category"')
    assert ("FIELD_MISSING", "Bundle.entry[0].resource.status") in told(refused(missing.encode()).issues)


def test_deep_nesting_in_a_report_is_told_and_in_a_result_costs_the_result():
    deep = {"url": "http://x"}
    for _ in range(200):
        deep = {"url": "http://x", "extension": [deep]}
    assert told(refused(bundle(report(extension=[deep]), patient())).issues) >= {
        ("TOO_DEEP", "Bundle.entry[0].resource" + ".extension[0]" * 100)
    }
    found = accepted(bundle(report("Observation/o"), patient(), observation(extension=[deep])))
    assert found.results[0].detail.value is None


def test_an_extension_at_fault_costs_nothing():
    extension = [{"url": "http://x", "valueOid": "1.2.3"}]
    found = accepted(bundle(report("Observation/o", extension=extension), patient(), observation(extension=extension)))
    assert ("FHIR_INVALID", "Bundle.entry[0].resource.extension[0].valueOid") in told(found.issues)
    assert found.results[0].detail.value is not None


@pytest.mark.parametrize("key", ["_valueDateTime", "_valueInstant", "_valueString"])
def test_extensions_of_a_value_in_an_extension_are_valid(key):
    extension = [{"url": "http://x", key: {"extension": [{"url": "http://y", "valueCode": "unknown"}]}}]
    found = accepted(bundle(report("Observation/o", extension=extension), patient(), observation(extension=extension)))
    assert not [i for i in found.issues if i.reason != "FIELD_RECOMMENDED"]
    assert found.results[0].detail.value is not None


def test_unknown_contained_resources_cost_nothing():
    odd = {"resourceType": "Nonsense", "id": "n", "x": {"resourceType": "Other"}}
    found = accepted(bundle(report("Observation/o", contained=[odd]), patient(), observation(contained=[odd])))
    assert not [i for i in found.issues if i.reason != "FIELD_RECOMMENDED"]


def test_no_path_repeats_a_key_that_fhir_does_not_have():
    text = GOOD.decode().replace('"id": "r"', '"id": "r", "张三": {"id": 1, "id": 2}, "张三": 1')
    issues = refused(text.encode()).issues
    assert issues
    assert not any("张三" in i.path + i.message for i in issues)
    unknown = refused(bundle(report(ZhangSan=1), patient())).issues
    assert told(unknown) == {("FHIR_INVALID", "Bundle.entry[0].resource")}


def test_recommended_fields():
    bare = {"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "血常规"}}
    found = accepted({**bare, "subject": {"reference": "Patient/1"}})
    assert {p for r, p in told(found.issues) if r == "FIELD_RECOMMENDED"} == {
        f"DiagnosticReport.{f}"
        for f in ("identifier", "category", "code.coding", "performer", "issued", "effective[x]", "result")
    }
    assert ("REFERENCE_UNRESOLVED", "DiagnosticReport.subject.reference") in told(found.issues)


def test_a_code_without_a_system_is_told():
    found = accepted(report(code={"coding": [{"code": "WBC"}]}, conclusion="x"))
    assert ("FIELD_RECOMMENDED", "DiagnosticReport.code.coding[0].system") in told(found.issues)
    assert found.results[0].facts.codes == (("", "WBC"),)


def test_more_results_than_a_report_can_have():
    many = report(*(f"Observation/{i}" for i in range(5_002)))
    assert told(refused(bundle(many, patient())).issues) == {("TOO_LARGE", "Bundle.entry[0].resource.result")}
    assert len(accepted(bundle(report(*(f"Observation/{i}" for i in range(5_000))), patient())).results) == 5_000


def test_garbage_by_the_megabyte_is_answered_at_once():
    twice = b'{"resourceType":"DiagnosticReport",' + b'"id":"x",' * 400_000 + b'"status":"final"}'
    issues = refused(twice).issues
    assert told(issues) == {("NOT_JSON", "DiagnosticReport.id"), ("NOT_JSON", "DiagnosticReport")}
    assert len(issues) <= 21
    with pytest.raises(HutongError) as caught:
        read_all(b'{"resourceType":"Bundle","x":[' + b"1," * 2_000_000)
    assert (caught.value.reason, caught.value.issues[0].path) == (Reason.NOT_JSON, "Bundle")


def test_a_crowd_of_contained_faults_hides_no_fault_of_the_report():
    text = json.dumps(report(contained=[{"resourceType": "Basic", "id": "x"}]))
    twice = text.replace('"id": "x"', ", ".join(['"id": "x"'] * 100))
    twice = twice.replace('"contained":', '"conclusion": "a", "contained":')[:-1] + ', "conclusion": "b"}'
    assert ("NOT_JSON", "DiagnosticReport") in told(refused(twice.encode()).issues)
    crowd = [{"resourceType": "Basic", "id": "x", "code": {"text": "\x01"}}] * 100
    assert ("FHIR_INVALID", "DiagnosticReport.conclusion") in told(refused(report(conclusion="\x01")).issues)
    assert refused(report(conclusion="\x01", contained=crowd)).issues
