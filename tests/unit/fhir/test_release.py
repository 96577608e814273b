"""The FHIR release: detected from the content, or named by the caller."""

import pytest
from hutong_server.domain.errors import HutongError
from hutong_server.domain.report import ResultFlag

from tests.unit.fhir.builders import accepted, bundle, coded, observation, patient, read_all, refused, report, told

STUDY = {"resourceType": "ImagingStudy", "id": "i", "status": "available", "subject": {"reference": "Patient/p"}}
CORE = "StructureDefinition/DiagnosticReport"


@pytest.mark.parametrize(
    ("change", "release"),
    [
        ({}, "R4"),
        ({"imagingStudy": [{"reference": "ImagingStudy/i"}]}, "R4"),
        ({"study": [{"reference": "ImagingStudy/i"}]}, "R5"),
        ({"supportingInfo": [{"type": {"text": "x"}, "reference": {"reference": "Observation/o"}}]}, "R5"),
        ({"status": "modified"}, "R5"),
        ({"meta": {"profile": [f"http://hl7.org/fhir/{CORE}|5.0.0"]}}, "R5"),
        ({"meta": {"profile": [f"http://hl7.org/fhir/4.3/{CORE}"]}}, "R4B"),
        ({"meta": {"profile": [f"http://hl7.org/fhir/{CORE}|4.0.1"]}}, "R4"),
        ({"meta": {"profile": ["http://example.org/StructureDefinition/x|5.0.0"]}}, "R4"),
        ({"meta": {"profile": [f"http://hl7.org/fhir/{CORE}"]}}, "R4"),
    ],
)
def test_detected(change, release):
    assert accepted(bundle(report("Observation/o", **change), patient(), observation(), STUDY)).release == release


def test_detected_from_a_result():
    obs = observation(triggeredBy=[{"observation": {"reference": "Observation/x"}, "type": "reflex"}])
    found = accepted(bundle(report("Observation/o"), patient(), obs))
    assert found.release == "R5"
    assert not found.results[0].facts.has(ResultFlag.UNREADABLE)


@pytest.mark.parametrize("named", ["R4", "R4B", "R5"])
def test_named(named):
    assert accepted(bundle(report("Observation/o"), patient(), observation()), named).release == named


@pytest.mark.parametrize(
    ("named", "element"), [("R4", "study"), ("R4B", "study"), ("R5", "imagingStudy"), ("R4", "supportingInfo")]
)
def test_a_release_that_cannot_be(named, element):
    content = [{"reference": "ImagingStudy/i"}]
    if element == "supportingInfo":
        content = [{"type": {"text": "x"}, "reference": {"reference": "Observation/o"}}]
    outcome = refused(bundle(report(**{element: content}), patient(), STUDY), named)
    assert told(outcome.issues) == {("RELEASE_MISMATCH", f"Bundle.entry[0].resource.{element}")}


def test_an_unknown_release():
    with pytest.raises(HutongError) as caught:
        read_all(bundle(report(), patient()), "STU3")
    assert caught.value.reason == "REQUEST_INVALID"


def test_results_of_either_release_are_read_where_nothing_proves_one():
    r4 = observation("a")
    r5 = observation("b", bodyStructure={"reference": "BodyStructure/x"})
    found = accepted(bundle(report("Observation/a", "Observation/b"), patient(), r4, r5))
    assert not any(r.facts.has(ResultFlag.UNREADABLE) for r in found.results)


def test_r5_elements_are_invalid_where_r4_is_named():
    r5 = observation(bodyStructure={"reference": "BodyStructure/x"})
    found = accepted(bundle(report("Observation/o"), patient(), r5), "R4")
    assert found.results[0].facts.has(ResultFlag.UNREADABLE)
    assert coded()
