"""What the library is known to accept is not shown to it again, and nothing else is passed over."""

import json
from collections.abc import Iterator

import pytest
from hutong_server.domain.errors import HutongError
from hutong_server.domain.report import ResultFlag
from hutong_server.fhir import accepted as known
from hutong_server.fhir.document import read
from hutong_server.fhir.json_text import decode
from hutong_server.fhir.shape import CHECKED_TYPES, model
from hutong_server.fhir.validation import faults, is_reference
from hypothesis import HealthCheck, given, settings

from tests.unit.fhir.builders import accepted, bundle, coded, observation, patient, report
from tests.unit.fhir.test_mutations import CANARY, WHOLE, mutated

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
def test_what_is_known_hides_no_other(field, content, path, release):
    assert faults(observation(**VALID), release, 100) == ()
    assert faults(observation(**VALID), release, 100) == ()
    for _ in range(2):
        found = faults(observation(**{**VALID, field: content}), release, 100)
        assert [f.path for f in found] == [path]
    assert faults(observation(**VALID), release, 100) == ()


def test_what_is_known_for_one_release_is_not_for_the_other():
    r5 = {
        "resourceType": "ImagingStudy",
        "status": "available",
        "subject": {"display": "x"},
        "modality": [coded("CT", "x")],
    }
    assert faults(r5, "R5", 100) == ()
    assert [f.path for f in faults(r5, "R4", 100)] == ["modality[0]"]


def test_a_missing_element_is_missed_though_it_was_there_before():
    assert faults(observation(**VALID), "R4", 100) == ()
    assert [f.path for f in faults(observation(**VALID, status=None), "R4", 100)] == ["status"]
    without_code = {k: v for k, v in observation(**VALID).items() if k != "code"}
    assert [f.path for f in faults(without_code, "R4", 100)] == ["code"]


def _resources(document: bytes) -> list[dict]:
    return [each.body for each in read(decode(document, 2**30)).entries if each.type in CHECKED_TYPES]


def forget() -> None:
    known._forms.cache_clear()
    known._step.cache_clear()


@pytest.fixture
def nothing_known() -> Iterator[None]:
    forget()
    yield
    forget()


def test_what_was_seen_once_is_known(nothing_known: None) -> None:
    for release in ("R4", "R5"):
        for resource in (observation(**VALID), patient()):
            of = model(resource["resourceType"], release)
            assert not known.accepted(resource, of, 100)
            assert faults(resource, release, 100) == ()
            assert known.accepted({**resource, "id": "another"}, of, 100)
            assert not known.accepted(resource, of, 1)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(mutated())
def test_whatever_is_known_the_faults_are_the_same(document: bytes) -> None:
    try:
        resources = _resources(document)
    except HutongError:
        return
    for release in ("R4", "R5"):
        for each in _resources(json.dumps(WHOLE).encode()):
            faults(each, release, 100)
        found = [faults(each, release, 100) for each in resources]
        forget()
        for each, told in zip(resources, found, strict=True):
            assert faults(each, release, 100) == told
            forget()


def test_the_memory_is_bounded_and_holds_nothing_of_a_document(
    nothing_known: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "_MOST_FORMS", 3)
    of = model("Observation", "R4")
    members = observation(CANARY, note=[{"text": CANARY}])
    for first in members:
        # Another order is another form.
        assert faults({first: members[first], **members}, "R4", 100) == ()
        assert 1 <= len(known._forms(of)) <= 3
        assert CANARY not in repr(known._forms(of))
    # The oldest went, the newest stand.
    orders = [{first: members[first], **members} for first in members]
    assert [known.accepted(each, of, 100) for each in orders] == [False] * (len(orders) - 3) + [True] * 3
    many = observation(extension=[{"url": f"http://x/{i}", "valueString": "x"} for i in range(3)])
    assert faults({**many, **{f"_{key}": {"id": "x"} for key in ("status", "effectiveDateTime")}}, "R4", 100) == ()
    assert not any("_status" in form for form in known._forms(of))


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
