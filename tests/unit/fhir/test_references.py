"""References in all their forms."""

import pytest
from hutong_server.domain.report import ResultFlag
from hutong_server.fhir.document import Resource

from tests.unit.fhir.builders import (
    accepted,
    bundle,
    coded,
    flags,
    observation,
    patient,
    refused,
    report,
    told,
)

URN = "urn:uuid:5b0e3ac0-1111-4000-8000-000000000000"


def in_entries(reference, *entries):
    body = bundle(report(reference), patient())
    body["entry"] += [{"resource": r, **({"fullUrl": u} if u else {})} for u, r in entries]
    return accepted(body)


@pytest.mark.parametrize(
    ("reference", "url", "ident"),
    [
        ("Observation/o", "http://h.example/fhir/Observation/o", "o"),
        ("Observation/o", None, "o"),
        ("Observation/o", URN, "o"),
        ("Observation/o/_history/3", "http://h.example/fhir/Observation/o", "o"),
        ("http://h.example/fhir/Observation/o", "http://h.example/fhir/Observation/o", "o"),
        ("http://h.example/fhir/Observation/o/_history/1", "http://h.example/fhir/Observation/o", "o"),
        ("http://h.example/fhir/Observation/o", None, "o"),
        (URN, URN, None),
        (URN, URN, "o"),
        (URN, None, URN.removeprefix("urn:uuid:")),
    ],
)
def test_forms_that_lead_to_an_entry(reference, url, ident):
    found = in_entries(reference, (url, observation(id=ident)))
    assert flags(found.results[0]) == {"HAS_VALUE"}


@pytest.mark.parametrize(
    "reference",
    ["Observation/x", "http://elsewhere.example/Observation/o", "#o", "urn:uuid:1", "garbage", "o", "Patient/o"],
)
def test_forms_that_lead_nowhere(reference):
    found = in_entries(reference, ("http://h.example/fhir/Observation/o", observation()))
    assert flags(found.results[0]) == {"UNREADABLE"}
    assert ("REFERENCE_UNRESOLVED", "Bundle.entry[0].resource.result[0]") in told(found.issues)


def test_relative_references_stay_on_their_server():
    found = in_entries(
        "Observation/o",
        ("http://other.example/fhir/Observation/o", observation(code=coded("other"))),
        ("http://h.example/fhir/Observation/o", observation(code=coded("mine"))),
    )
    assert found.results[0].facts.codes == (("http://loinc.org", "mine"),)


def test_contained_results_and_specimens():
    specimen = {"resourceType": "Specimen", "id": "s", "type": {"text": "全血"}}
    body = report("#o", contained=[observation(specimen={"reference": "#s"}, subject=None), specimen])
    (result,) = accepted(body).results
    assert result.path == "DiagnosticReport.contained[0]"
    assert flags(result) == {"HAS_VALUE"}
    assert result.facts.specimen == (("", "全血"),)


def test_a_faulty_contained_result_costs_no_other():
    body = report("#a", "#b", contained=[observation("a", status="done"), observation("b", subject=None)])
    found = accepted(body)
    assert [r.facts.has(ResultFlag.UNREADABLE) for r in found.results] == [True, False]
    assert ("RESULT_UNREADABLE", "DiagnosticReport.contained[0].status") in told(found.issues)


def test_a_contained_duplicate_key_costs_no_other():
    import json

    text = json.dumps(report("#a", "#b", contained=[observation("a"), observation("b", subject=None)]))
    text = text.replace('"id": "a"', '"id": "a", "code": {"text": "x"}')
    found = accepted(text.encode())
    assert [r.facts.has(ResultFlag.UNREADABLE) for r in found.results] == [True, False]
    assert ("RESULT_UNREADABLE", "DiagnosticReport.contained[0].code") in told(found.issues)


def test_two_that_differ_are_neither_and_two_that_do_not_are_one():
    same = in_entries("Observation/o", (None, observation()), (None, observation()))
    assert flags(same.results[0]) == {"HAS_VALUE"}
    differ = in_entries("Observation/o", (None, observation()), (None, observation(status="amended")))
    assert flags(differ.results[0]) == {"UNREADABLE"}


def test_the_newest_of_several_versions():
    old = observation(meta={"versionId": "9"}, status="preliminary")
    new = observation(meta={"versionId": "10"}, status="final")
    url = "http://h.example/fhir/Observation/o"
    assert in_entries("Observation/o", (url, old), (url, new)).results[0].facts.status == "final"
    assert in_entries("Observation/o/_history/9", (url, old), (url, new)).results[0].facts.status == "preliminary"


def test_bundles_within_bundles():
    inner = bundle(report("Observation/o"), patient(), observation())
    outer = {
        "resourceType": "Bundle",
        "type": "batch-response",
        "entry": [{"resource": patient("x")}, {"resource": inner}],
    }
    found = accepted(outer)
    assert found.path == "Bundle.entry[1].resource.entry[0].resource"
    assert flags(found.results[0]) == {"HAS_VALUE"}


@pytest.mark.parametrize("kind", ["document", "message", "transaction", "searchset", "history", "collection", "odd"])
def test_a_bundle_of_any_type(kind):
    assert len(accepted(bundle(report("Observation/o"), patient(), observation(), kind=kind)).results) == 1


def test_two_patients_under_one_reference():
    body = bundle(report("Observation/o"), patient(), patient(birthDate="1999-09-09"), observation(), urls=False)
    assert told(refused(body).issues) == {("PATIENT_AMBIGUOUS", "Bundle.entry[0].resource.subject")}


def of_servers(*patients, urls):
    body = bundle(report("Observation/o"), *patients, observation())
    for entry, url in zip(body["entry"][1:], urls, strict=False):
        entry["fullUrl"] = url
    return body


def test_a_relative_reference_never_leads_to_another_server():
    body = of_servers(patient(number="990400198001011246"), urls=["http://other.example/fhir/Patient/p"])
    found = accepted(body)
    assert not found.identifiers
    assert ("REFERENCE_UNRESOLVED", "Bundle.entry[0].resource.subject.reference") in told(found.issues)


def test_one_id_on_two_servers_is_not_two_versions_of_one_patient():
    mine, other = patient(meta={"versionId": "1"}), patient(number="990400198001011246", meta={"versionId": "7"})
    body = of_servers(mine, other, urls=["http://a.example/Patient/p", "http://b.example/Patient/p"])
    del body["entry"][0]["fullUrl"]
    assert ("PATIENT_AMBIGUOUS", "Bundle.entry[0].resource.subject") in told(refused(body).issues)


def test_many_contained_resources_are_not_each_looked_for_among_all(monkeypatch):
    asked = []

    def ident(resource):
        asked.append(resource)
        return resource.body.get("id", "")

    monkeypatch.setattr(Resource, "id", property(ident))
    names = [f"o{n}" for n in range(200)]
    contained = [observation(name, subject={"reference": "#p"}) for name in names]
    body = report(*(f"#{n}" for n in names), contained=[patient(), *contained], subject={"reference": "#p"})
    assert len(accepted(body).results) == len(names)
    assert len(asked) < 10 * len(names)
