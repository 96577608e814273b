"""Whatever is done to a valid report, the intake answers with an outcome or its own error, and repeats no value."""

import copy
import json
from typing import Any

from hutong_server.domain.errors import HutongError
from hutong_server.domain.report import Refusal, Report, Withdrawal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.fhir.builders import attempt, bundle, coded, observation, patient, read_all, report

CANARY = "CanaryZhangSan990400"
SPECIMEN = {
    "resourceType": "Specimen",
    "id": "s",
    "type": coded("1", "x", text="血"),
    "subject": {"reference": "Patient/p"},
    "collection": {"collectedPeriod": {"start": "2026-09-01T00:00:00Z", "end": "2026-09-02T00:00:00Z"}},
}
STUDY = {
    "resourceType": "ImagingStudy",
    "id": "i",
    "status": "available",
    "subject": {"reference": "Patient/p"},
    "series": [{"uid": "1.2", "modality": {"system": "x", "code": "CT"}, "endpoint": [{"reference": "Endpoint/e"}]}],
}
ENDPOINT = {
    "resourceType": "Endpoint",
    "id": "e",
    "status": "active",
    "address": "https://x",
    "connectionType": coded(),
}
WHOLE = bundle(
    report(
        "Observation/o",
        "#c",
        specimen=[{"reference": "Specimen/s"}],
        imagingStudy=[{"reference": "ImagingStudy/i"}],
        contained=[observation("c", subject={"reference": "Patient/p"})],
        presentedForm=[{"contentType": "text/plain", "data": "eA=="}],
        resultsInterpreter=[{"reference": "PractitionerRole/pr"}],
        encounter={"reference": "Encounter/e"},
        basedOn=[{"reference": "ServiceRequest/q"}],
        conclusion="x",
        meta={"versionId": "3", "lastUpdated": "2026-09-20T00:00:00Z", "profile": ["http://x|1"]},
    ),
    patient(managingOrganization={"reference": "Organization/h"}, meta={"versionId": "1"}),
    observation(
        hasMember=[{"reference": "Observation/m"}],
        component=[{"code": coded(), "valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 2}}}],
        interpretation=[{"text": "HH"}],
        referenceRange=[{"low": {"value": 1.5}, "text": "x"}],
        device={"reference": "Device/d"},
        bodySite={"text": "left", "extension": [{"url": "http://x/laterality", "valueCode": "l"}]},
        note=[{"text": "x"}],
    ),
    observation("m", effectiveDateTime=None, effectivePeriod={"start": "2026-09-01", "end": "2026-09-02"}),
    SPECIMEN,
    STUDY,
    ENDPOINT,
    {"resourceType": "Organization", "id": "h", "partOf": {"reference": "Organization/h"}, "name": "x"},
    {"resourceType": "PractitionerRole", "id": "pr", "organization": {"reference": "Organization/h"}},
    {"resourceType": "Encounter", "id": "e", "serviceProvider": {"reference": "Organization/h"}},
    {"resourceType": "Device", "id": "d", "deviceName": [{"name": "x", "type": "other"}]},
    {"resourceType": "ServiceRequest", "id": "q", "identifier": [{"value": "1"}]},
)

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**70), 10**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=()), max_size=8),
    st.sampled_from(
        f"{CANARY}||#|#c|Observation/o|Patient/p|urn:uuid:|2026-09|9999-12-31|0001-01-01|final|entered-in-error|cancelled|"
        "\ud800|\u0000|2026-09-20T08:00:60+14:00|Bundle|Patient?identifier=x|http://|a\u2028b|"
        "urn:uuid:5b0e3ac0-1111-4000-8000-000000000000".split("|")
    ),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def places(node: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        found.append((node, key))
        places(value, found)
    return found


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    body = copy.deepcopy(WHOLE)
    for _ in range(draw(st.integers(1, 4))):
        found = places(body, [])
        if not found:
            break
        holder, key = found[draw(st.integers(0, len(found) - 1))]
        action = draw(st.sampled_from(["replace", "delete", "copy", "plant", "wrap"]))
        if action == "replace":
            holder[key] = draw(ANYTHING)
        elif action == "delete":
            holder.pop(key)
        elif action == "copy":
            source, other = found[draw(st.integers(0, len(found) - 1))]
            holder[key] = copy.deepcopy(source[other])
        elif action == "plant" and isinstance(holder, dict):
            holder[CANARY] = holder[key]
        else:
            holder[key] = [holder[key]]
    return json.dumps(body).encode()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(mutated(), st.sampled_from(["", "", "R4", "R5"]))
def test_mutated_reports(document: bytes, release: str) -> None:
    outcomes = attempt(document, release)
    if isinstance(outcomes, HutongError):
        assert outcomes.issues
        said = [outcomes.message, *(i.path + i.message for i in outcomes.issues)]
    else:
        assert outcomes
        assert all(isinstance(o, Report | Refusal | Withdrawal) for o in outcomes)
        said = [i.path + i.message for o in outcomes for i in o.issues]
        for outcome in outcomes:
            if isinstance(outcome, Report):
                # What is kept can be encoded, sealed and shown.
                repr(outcome).encode()
                assert json.loads(outcome.document)["resourceType"] in ("Bundle", "DiagnosticReport")
                assert [r.facts.ordinal for r in outcome.results] == list(range(len(outcome.results)))
            elif isinstance(outcome, Refusal):
                assert outcome.issues
    assert not any(CANARY in text for text in said)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_cut_and_garbled_texts(data: st.DataObject) -> None:
    text = json.dumps(WHOLE)
    at = data.draw(st.integers(0, len(text)))
    garbage = data.draw(st.sampled_from(["", '"', "{", "}", "]", ",", "\\", "\\ud800", "NaN", "1e", "\x00", '"id":1,']))
    until = data.draw(st.integers(at, min(len(text), at + 5)))
    found = attempt((text[:at] + garbage + text[until:]).encode())
    if isinstance(found, HutongError):
        assert found.issues[0].path


def test_the_document_itself_is_read_whole() -> None:
    (found,) = read_all(json.dumps(WHOLE).encode())
    assert isinstance(found, Report)
    assert len(found.results) == 3
    assert not [i for i in found.issues if i.reason not in ("FIELD_RECOMMENDED", "FHIR_INVALID")]
