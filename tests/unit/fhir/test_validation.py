"""What was validated before is not validated again, and nothing else is passed over."""

import pytest
from hutong_server.domain.report import ResultFlag
from hutong_server.fhir.known import Known
from hutong_server.fhir.validation import faults, is_reference

from tests.unit.fhir.builders import accepted, bundle, coded, observation, patient, report

VALID = {
    "category": [coded("laboratory", "x")],
    "code": coded(),
    "interpretation": [coded("H", "x")],
    "referenceRange": [{"low": {"value": 1}, "text": "x"}],
    "method": {"text": "x"},
    "subject": {"reference": "Patient/p"},
    "specimen": {"reference": "Specimen/s"},
    "performer": [{"reference": "Organization/h"}],
}


@pytest.mark.parametrize(
    ("field", "content", "path"),
    [
        ("category", coded("laboratory", "x"), "category"),
        ("category", [coded("laboratory", "x", unknown=1)], "category[0]"),
        ("code", {"coding": {"system": "http://loinc.org", "code": "718-7"}}, "code.coding"),
        ("code", coded("718-7 "), "code.coding[0].code"),
        ("interpretation", [coded("H", 5)], "interpretation[0].coding[0].system"),
        ("referenceRange", [{"low": {"value": "1"}, "text": "x"}], "referenceRange[0].low.value"),
        ("referenceRange", [{"low": {"value": True}, "text": "x"}], "referenceRange[0].low.value"),
        ("method", {"text": ["x"]}, "method.text"),
        ("subject", {"reference": 5}, "subject.reference"),
        ("specimen", [{"reference": "Specimen/s"}], "specimen"),
        ("performer", {"reference": "Organization/h"}, "performer"),
    ],
)
@pytest.mark.parametrize("release", ["R4", "R5"])
def test_a_known_element_hides_no_other(field, content, path, release):
    known = Known(100)
    assert faults(observation(**VALID), release, 100, known=known) == ()
    assert faults(observation(**VALID), release, 100, known=known) == ()
    for _ in range(2):
        found = faults(observation(**{**VALID, field: content}), release, 100, known=known)
        assert [f.path for f in found] == [path]
    assert faults(observation(**VALID), release, 100, known=known) == ()


def test_what_is_known_for_one_release_is_not_for_the_other():
    known = Known(100)
    r5 = {
        "resourceType": "ImagingStudy",
        "status": "available",
        "subject": {"display": "x"},
        "modality": [coded("CT", "x")],
    }
    assert faults(r5, "R5", 100, known=known) == ()
    assert [f.path for f in faults(r5, "R4", 100, known=known)] == ["modality[0]"]


def test_a_missing_element_is_missed_though_it_was_there_before():
    known = Known(100)
    assert faults(observation(**VALID), "R4", 100, known=known) == ()
    assert [f.path for f in faults(observation(**VALID, status=None), "R4", 100, known=known)] == ["status"]
    without_code = {k: v for k, v in observation(**VALID).items() if k != "code"}
    assert [f.path for f in faults(without_code, "R4", 100, known=known)] == ["code"]


def test_the_memory_is_bounded():
    known = Known(3)
    for i in range(10):
        known.put(("x", "y", str(i)), i)
    assert known.get(("x", "y", "9")) == 9
    assert sum(known.get(("x", "y", str(i))) is not None for i in range(10)) <= 3


def test_r5_writes_large_integers_as_strings():
    found = accepted(bundle(report(study=[], presentedForm=[{"url": "Binary/1", "size": "123456789012"}]), patient()))
    assert found.attachments == 1
    assert found.release == "R5"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Patient/1", True), ("Patient/1/_history/2", True), ("http://h/fhir/Patient/1", True), ("urn:uuid:x", True),
        ("urn:oid:1.2", True), ("#p", True), ("#", True), ("Patient?identifier=a|b", True),
        ("patient/1", False), ("1", False), ("Patient", False), ("Patient/", False), ("Patient/a b", False),
        ("", False), ("Patient/" + "1" * 65, False),
    ],
)  # fmt: skip
def test_forms_of_references(text, expected):
    assert is_reference(text) is expected


def test_many_results_share_what_is_known():
    obs = [observation(f"o{i}", **{k: v for k, v in VALID.items() if k != "specimen"}) for i in range(50)]
    found = accepted(bundle(report(*(f"Observation/o{i}" for i in range(50))), patient(), *obs))
    assert len(found.results) == 50
    assert not any(r.facts.has(ResultFlag.UNREADABLE) for r in found.results)


def test_an_element_of_the_other_release_is_named_and_another_key_is_not():
    study = [{"reference": "ImagingStudy/i"}]
    mixed = {**report(), "study": study, "imagingStudy": study}
    assert [fault.path for fault in faults(mixed, "R4", 100)] == ["study"]
    assert [fault.path for fault in faults(mixed, "R5", 100)] == ["imagingStudy"]
    assert [fault.path for fault in faults({**report(), "张三": 1}, "R5", 100)] == [""]
