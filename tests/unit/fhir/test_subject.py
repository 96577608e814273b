"""Whose report it is, who performed it and who read it."""

import json

import pytest
from hutong_server.domain.report import Party, RawDemographics, RawIdentifier

from tests.unit.fhir.builders import (
    NUMBER,
    RESIDENT,
    accepted,
    bundle,
    flags,
    observation,
    patient,
    refused,
    report,
    told,
)

PATIENT_PATH = "Bundle.entry[1].resource"


def subject_of(person, **change):
    return accepted(bundle(report(**change), person))


def test_identifiers_with_their_assigners():
    person = patient(
        identifier=[
            {"system": RESIDENT, "value": f" {NUMBER} "},
            {"system": "urn:mrn", "value": "7", "assigner": {"display": "县医院"}},
            {"value": "8", "assigner": {"identifier": {"value": "H1"}}},
            {"system": "urn:mrn", "value": "old", "use": "old"},
            {"system": "urn:mrn"},
        ]
    )
    assert subject_of(person).identifiers == (
        RawIdentifier(RESIDENT, NUMBER, "", f"{PATIENT_PATH}.identifier[0]"),
        RawIdentifier("urn:mrn", "7", "县医院", f"{PATIENT_PATH}.identifier[1]"),
        RawIdentifier("", "8", "H1", f"{PATIENT_PATH}.identifier[2]"),
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, RawDemographics(("测 试",), "1980-01-01", "female")),
        (
            {"name": [{"text": "测试"}, {"text": "旧", "use": "old"}]},
            RawDemographics(("测试",), "1980-01-01", "female"),
        ),
        (
            {"name": [{"text": "A B", "family": "B", "given": ["A"]}]},
            RawDemographics(("A B", "B A"), "1980-01-01", "female"),
        ),
        ({"name": None, "birthDate": "1980-01", "gender": "unknown"}, RawDemographics((), "1980-01", "unknown")),
        ({"birthDate": "0001-01-01"}, RawDemographics(("测 试",), "", "female")),
        ({"birthDate": "2030-01-01"}, RawDemographics(("测 试",), "", "female")),
        ({"birthDate": "01.01.1980"}, RawDemographics(("测 试",), "", "female")),
        ({"gender": "F"}, RawDemographics(("测 试",), "1980-01-01", "")),
        ({"gender": 5, "name": "x"}, RawDemographics((), "1980-01-01", "")),
    ],
)
def test_demographics(change, expected):
    body = {k: v for k, v in {**patient(), **change}.items() if v is not None}
    assert subject_of(body).demographics == expected


def test_a_faulty_patient_costs_nothing_but_a_warning():
    found = subject_of(patient(whatever=1, telecom="x", name=[{"family": "\u0001"}, {"text": "测"}]))
    assert found.demographics.names == ("测",)
    assert found.identifiers
    assert ("FHIR_INVALID", f"{PATIENT_PATH}.name[0].family") in told(found.issues)


def test_a_contained_patient():
    found = accepted(report(subject={"reference": "#p"}, contained=[patient()]))
    assert found.identifiers[0].value == NUMBER
    assert found.identifiers[0].path == "DiagnosticReport.contained[0].identifier[0]"


@pytest.mark.parametrize(
    "subject",
    [
        {"identifier": {"system": RESIDENT, "value": NUMBER}},
        {"identifier": {"system": RESIDENT, "value": NUMBER}, "reference": "Patient/elsewhere"},
        {"reference": f"Patient?identifier={RESIDENT}|{NUMBER}"},
        {"reference": f"Patient?identifier={RESIDENT}%7C{NUMBER}"},
    ],
)
def test_a_logical_reference_is_an_identifier(subject):
    (found,) = accepted(report(subject=subject)).identifiers
    assert (found.system, found.value) == (RESIDENT, NUMBER)
    assert found.path == "DiagnosticReport.subject.identifier"


@pytest.mark.parametrize("subject", [{"reference": "Patient/1"}, {"display": "somebody"}, {"reference": "urn:uuid:1"}])
def test_a_patient_that_is_only_named_has_no_identifier(subject):
    found = accepted(report(subject=subject))
    assert found.identifiers == ()
    assert found.demographics.empty


@pytest.mark.parametrize("kind", ["Group", "Device", "Location"])
def test_a_subject_that_is_no_patient(kind):
    body = bundle(report(subject={"reference": f"{kind}/x"}), {"resourceType": kind, "id": "x"})
    found = accepted(body)
    assert found.identifiers == ()
    assert ("FIELD_RECOMMENDED", "Bundle.entry[0].resource.subject") in told(found.issues)


def test_an_identifier_of_somebody_else_beside_the_reference():
    subject = {"reference": "Patient/p", "identifier": {"system": RESIDENT, "value": "another"}}
    assert told(refused(bundle(report(subject=subject), patient())).issues) == {
        ("PATIENT_AMBIGUOUS", "Bundle.entry[0].resource.subject.identifier")
    }
    added = {"reference": "Patient/p", "identifier": {"system": "urn:mrn", "value": "7"}}
    assert len(accepted(bundle(report(subject=added), patient())).identifiers) == 2


# --- performers and readers ---

HOSPITAL = {
    "resourceType": "Organization",
    "id": "h",
    "identifier": [{"system": "urn:org", "value": "H1"}],
    "name": "县医院",
}
DEPARTMENT = {"resourceType": "Organization", "id": "d", "name": "检验科", "partOf": {"reference": "Organization/h"}}
ROLE = {
    "resourceType": "PractitionerRole",
    "id": "pr",
    "organization": {"reference": "Organization/h"},
    "practitioner": {"display": "李医生"},
}
DOCTOR = {"resourceType": "Practitioner", "id": "doc", "name": [{"text": "王医生"}]}
STAFF = (HOSPITAL, DEPARTMENT, ROLE, DOCTOR)
WHERE = "Bundle.entry[0].resource.performer[0]"


@pytest.mark.parametrize(
    ("performer", "expected"),
    [
        ({"reference": "Organization/h"}, Party((("urn:org", "H1"),), "县医院", WHERE)),
        ({"reference": "Organization/d"}, Party((("urn:org", "H1"),), "检验科", WHERE)),
        ({"reference": "PractitionerRole/pr"}, Party((("urn:org", "H1"),), "县医院", WHERE)),
        ({"display": "市检验中心"}, Party((), "市检验中心", WHERE)),
        ({"identifier": {"system": "urn:org", "value": "X"}}, Party((("urn:org", "X"),), "", WHERE)),
        ({"reference": "Organization?identifier=urn:org|X"}, Party((("urn:org", "X"),), "", WHERE)),
        ({"reference": "Practitioner/doc"}, None),
        ({"reference": "Practitioner/gone", "display": "王"}, None),
        ({"reference": "Organization/gone"}, None),
    ],
)
def test_who_performed_and_who_read(performer, expected):
    found = accepted(bundle(report("Observation/o", performer=[performer], resultsInterpreter=[performer]), patient(),
                            observation(), *STAFF))  # fmt: skip
    assert found.performers == ((expected,) if expected else ())
    assert found.results[0].performers == found.performers
    assert [p.name for p in found.readers] == ([expected.name] if expected else [])
    assert found.results[0].readers == found.readers


def test_a_results_own_performer_comes_before_the_reports():
    obs = observation(performer=[{"reference": "Organization/h"}])
    found = accepted(bundle(report("Observation/o"), patient(), obs, *STAFF))
    assert [p.name for p in found.performers] == ["县医院"]
    assert found.results[0].performers[0].path == "Bundle.entry[2].resource.performer[0]"
    assert found.results[0].detail.performer == "县医院"


def test_the_encounters_provider_stands_in_for_the_performer():
    encounter = {"resourceType": "Encounter", "id": "e", "serviceProvider": {"reference": "Organization/h"}}
    body = bundle(report(performer=None, encounter={"reference": "Encounter/e"}), patient(), encounter, *STAFF)
    assert accepted(body).performers == (
        Party((("urn:org", "H1"),), "县医院", "Bundle.entry[2].resource.serviceProvider"),
    )


def test_readers_in_words():
    readers = [{"reference": "PractitionerRole/pr"}, {"reference": "Practitioner/doc"}]
    found = accepted(bundle(report("Observation/o", resultsInterpreter=readers), patient(), observation(), *STAFF))
    assert found.results[0].detail.reader == "李医生; 王医生"


OTHER_NUMBER = "990400198001011246"
NEWBORN = {"resourceType": "Patient", "id": "n", "identifier": [{"system": RESIDENT, "value": NUMBER}]}


@pytest.mark.parametrize(
    ("subject", "somebody", "same"),
    [
        ({"reference": "Patient/n"}, NEWBORN, False),
        ({"reference": "Patient/n"}, {**NEWBORN, "gender": "female"}, False),
        ({"reference": "Patient/n"}, {**NEWBORN, "birthDate": "2026-09-19"}, False),
        ({"reference": "Patient/n"}, {**NEWBORN, "birthDate": "1980-01-01"}, True),
        ({"reference": "Patient/p", "identifier": {"system": RESIDENT, "value": OTHER_NUMBER}}, NEWBORN, False),
        ({"reference": "Patient/p", "identifier": {"system": RESIDENT, "value": NUMBER}}, NEWBORN, True),
    ],
)
def test_one_number_does_not_make_one_person(subject, somebody, same):
    found = accepted(bundle(report("Observation/o"), patient(), somebody, observation(subject=subject)))
    assert ("OTHER_SUBJECT" in flags(found.results[0])) is not same


@pytest.mark.parametrize("field", ["birthDate", "identifier", "name", "gender"])
def test_a_patient_said_twice_is_nobody(field):
    person = json.dumps(patient())
    value = json.dumps(patient()[field])
    document = json.dumps(bundle(report(), {"resourceType": "Patient", "id": "p"})).replace(
        '{"resourceType": "Patient", "id": "p"}', f'{person[:-1]}, "{field}": {value}}}'
    )
    assert told(refused(document.encode()).issues) == {("PATIENT_AMBIGUOUS", f"{PATIENT_PATH}.{field}")}


@pytest.mark.parametrize(
    ("subject", "of_report", "same"),
    [
        ("Patient/p", "Patient/p", True),
        ("http://h.example/fhir/Patient/p", "Patient/p", True),
        ("http://other.example/fhir/Patient/p", "Patient/p", False),
        ("http://other.example/fhir/Patient/p", "http://h.example/fhir/Patient/p", False),
        ("http://other.example/fhir/Patient/z", "http://h.example/fhir/Patient/z", False),
        ("http://h.example/fhir/Patient/z", "http://h.example/fhir/Patient/z", True),
        ("Patient/z", "http://h.example/fhir/Patient/z", True),
    ],
)
def test_one_id_on_two_servers_is_two_persons(subject, of_report, same):
    body = bundle(
        report("Observation/o", subject={"reference": of_report}),
        patient(),
        observation(subject={"reference": subject}),
    )
    assert ("OTHER_SUBJECT" in flags(accepted(body).results[0])) is not same


@pytest.mark.parametrize(("where", "same"), [("contained", True), ("entry", False)])
def test_the_id_of_a_contained_patient_is_known_to_its_container_only(where, same):
    result = observation()
    contained = [patient(), result] if where == "contained" else [patient()]
    target = "#o" if where == "contained" else "Observation/o"
    body = bundle(report(target, contained=contained, subject={"reference": "#p"}), *([] if same else [result]))
    assert ("OTHER_SUBJECT" in flags(accepted(body).results[0])) is not same
