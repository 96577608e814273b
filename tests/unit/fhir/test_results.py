"""Results: values, panels, what is judged of each result, and what it falls back to."""

from datetime import datetime

import pytest
from hutong_server.domain.report import ResultFlag, TimeSource

from tests.unit.fhir.builders import accepted, bundle, coded, flags, observation, one_result, patient, report, told

MINUTE = 60_000


def number(written: str) -> bytes:
    """A document whose only value is a number, written so."""
    import json

    body = bundle(report("Observation/o"), patient(), observation(valueQuantity={"value": "@", "unit": "g/L"}))
    return json.dumps(body).replace('"@"', written).encode()


@pytest.mark.parametrize(
    "written", ["1.50", "1E3", "1e-7", "-0", "0.0", "-0.00", "12345678901234567.1234", "7", "1.5E+3"]
)
def test_a_number_stays_as_written(written):
    (result,) = accepted(number(written)).results
    assert result.detail.value.quantity.value == written
    assert flags(result) == {"HAS_VALUE"}


@pytest.mark.parametrize("written", ["1e999999999999999999999", "1" * 65, "1" * 5000, "1e401", '"5.4"', "true", "null"])
def test_what_is_no_number_is_no_value(written):
    report_ = accepted(number(written))
    (result,) = report_.results
    assert result.detail.value is None
    assert not result.facts.has(ResultFlag.HAS_VALUE)
    assert any(i.path.startswith("Bundle.entry[2].resource.valueQuantity") for i in report_.issues)


@pytest.mark.parametrize(
    ("element", "content", "words"),
    [
        ("valueQuantity", {"value": 5, "comparator": "<", "unit": "mg/L"}, "<5 mg/L"),
        ("valueQuantity", {"value": 5, "code": "mg/L"}, "5 mg/L"),
        ("valueCodeableConcept", {"coding": [{"code": "POS", "display": "阳性"}]}, "阳性"),
        ("valueCodeableConcept", {"text": "弱阳性"}, "弱阳性"),
        ("valueString", "未见异常", "未见异常"),
        ("valueBoolean", False, "false"),
        ("valueInteger", 3, "3"),
        ("valueRange", {"low": {"value": 1, "unit": "g"}, "high": {"value": 2, "unit": "g"}}, "1 – 2 g"),
        ("valueRange", {"low": {"value": 1, "unit": "g"}}, "≥ 1 g"),
        ("valueRatio", {"numerator": {"value": 1}, "denominator": {"value": 128}}, "1:128"),
        (
            "valueRatio",
            {"numerator": {"value": 1, "unit": "mg"}, "denominator": {"value": 2, "unit": "d"}},
            "1 mg / 2 d",
        ),
        ("valueSampledData", {"origin": {"value": 0}, "period": 10, "dimensions": 1, "data": "1 2 3"}, "1 2 3"),
        ("valueTime", "08:30:00", "08:30:00"),
        ("valueDateTime", "2026-09-01", "2026-09-01"),
        ("valuePeriod", {"start": "2026-09-01", "end": "2026-09-02"}, "2026-09-01 – 2026-09-02"),
        ("valueAttachment", {"contentType": "image/png", "title": "曲线"}, "曲线"),
        ("valueReference", {"reference": "MolecularSequence/1", "display": "序列"}, "序列"),
    ],
)
def test_every_value_type_is_read_into_words(element, content, words):
    obs = observation(**{"valueQuantity": None, element: content})
    result = one_result(obs)
    assert result.detail.value.text == words
    assert flags(result) == {"HAS_VALUE"}


@pytest.mark.parametrize(
    "content",
    [
        {"dataAbsentReason": {"text": "unknown"}},
        {"valueQuantity": {"unit": "g/L"}},
        {"_valueString": {"extension": [{"url": "http://x", "valueCode": "unknown"}]}},
        {"component": [{"code": coded(), "dataAbsentReason": {"text": "unknown"}}]},
    ],
)
def test_a_reason_for_absence_is_no_value(content):
    result = one_result(observation(**{"valueQuantity": None, **content}))
    assert not result.facts.has(ResultFlag.HAS_VALUE)
    assert not result.facts.has(ResultFlag.UNREADABLE)


def test_components_are_kept_and_count_as_value():
    parts = [{"code": coded("8480-6"), "valueQuantity": {"value": 120}}, {"code": coded("8462-4")}]
    result = one_result(observation(valueQuantity=None, component=parts))
    assert [c.value and c.value.text for c in result.detail.components] == ["120", None]
    assert result.facts.has(ResultFlag.HAS_VALUE)


def test_what_a_reader_sees_is_kept_as_sent():
    result = one_result(
        observation(
            interpretation=[coded("H", "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation")],
            referenceRange=[
                {"low": {"value": 115, "unit": "g/L"}, "high": {"value": 150, "unit": "g/L"}, "text": "女"}
            ],
            method={"text": "SLS"},
            device={"display": "XN-1000"},
            note=[{"text": "溶血"}],
        )
    )
    detail = result.detail
    assert detail.interpretation == ("H",)
    assert (detail.ranges[0].low.value, detail.ranges[0].high.value, detail.ranges[0].text) == ("115", "150", "女")
    assert (detail.method, detail.device, detail.notes) == ("SLS", "XN-1000", ("溶血",))
    assert result.facts.method == (("", "SLS"),)


@pytest.mark.parametrize("flag", ["HH", "LL", "AA"])
def test_critical_flags(flag):
    assert one_result(observation(interpretation=[coded(flag, "x")])).facts.has(ResultFlag.CRITICAL)
    in_part = [{"code": coded(), "valueString": "x", "interpretation": [{"text": flag}]}]
    assert one_result(observation(component=in_part)).facts.has(ResultFlag.CRITICAL)


def test_other_flags_are_not_critical():
    assert not one_result(observation(interpretation=[coded("H", "x")])).facts.has(ResultFlag.CRITICAL)


def test_a_panel_stands_before_its_members_and_has_a_value_when_they_have():
    panel = observation("panel", valueQuantity=None, hasMember=[{"reference": f"Observation/{m}"} for m in "ab"])
    found = accepted(bundle(report("Observation/panel"), patient(), observation("b"), observation("a"), panel))
    assert [r.path[:15] for r in found.results] == ["Bundle.entry[4]", "Bundle.entry[3]", "Bundle.entry[2]"]
    assert [r.facts.ordinal for r in found.results] == [0, 1, 2]
    assert all(r.facts.has(ResultFlag.HAS_VALUE) for r in found.results)


def test_a_panel_whose_members_have_no_value_has_none():
    panel = observation("panel", valueQuantity=None, hasMember=[{"reference": "Observation/a"}])
    found = accepted(bundle(report("Observation/panel"), patient(), panel, observation("a", valueQuantity=None)))
    assert not any(r.facts.has(ResultFlag.HAS_VALUE) for r in found.results)


def test_circles_of_members_end_and_each_stands_once():
    a = observation("a", hasMember=[{"reference": "Observation/b"}])
    b = observation("b", hasMember=[{"reference": "Observation/a"}, {"reference": "Observation/b"}])
    found = accepted(bundle(report("Observation/a", "Observation/b", "Observation/a"), patient(), a, b))
    assert len(found.results) == 2


@pytest.mark.parametrize(
    ("of_panel", "of_member", "status"),
    [
        ("final", "final", "final"),
        ("preliminary", "final", "final"),
        ("final", "preliminary", "preliminary"),
        ("entered-in-error", "final", "entered-in-error"),
        ("cancelled", "preliminary", "cancelled"),
        ("cancelled", "entered-in-error", "entered-in-error"),
    ],
)
def test_a_panel_taken_back_takes_its_members_back_and_says_no_more_of_their_status(of_panel, of_member, status):
    inner = observation("a", valueQuantity=None, hasMember=[{"reference": "Observation/b"}])
    outer = observation("o", valueQuantity=None, hasMember=[{"reference": "Observation/a"}], status=of_panel)
    made = accepted(bundle(report("Observation/o"), patient(), outer, inner, observation("b", status=of_member)))
    assert made.results[2].facts.status == status


def test_a_member_of_a_panel_about_another_is_about_another():
    panel = observation(
        "panel", valueQuantity=None, focus=[{"reference": "Patient/child"}], hasMember=[{"reference": "Observation/a"}]
    )
    found = accepted(bundle(report("Observation/panel"), patient(), panel, observation("a", subject=None)))
    assert all({"OTHER_SUBJECT", "FOREIGN_FOCUS"} <= flags(r) for r in found.results)


@pytest.mark.parametrize(
    ("fault", "path"),
    [
        ({"status": None}, "status"),
        ({"status": "done"}, "status"),
        ({"code": None}, "code"),
        ({"valueQuantity": {"value": "5.4"}}, "valueQuantity.value"),
        ({"valueString": "two values"}, ""),
        ({"effectiveDateTime": "2026-13-45"}, "effectiveDateTime"),
        ({"effectiveDateTime": "0001-01-01"}, "effectiveDateTime"),
        ({"effectiveDateTime": "2026-12-31"}, "effectiveDateTime"),
        ({"effectiveDateTime": None, "effectivePeriod": {"start": "2027-01-01"}}, "effectivePeriod.start"),
        ({"issued": "1850-01-01T00:00:00Z"}, "issued"),
        ({"id": "o" * 65}, None),
        ({"note": [{"text": ""}]}, "note[0].text"),
        ({"code": {"text": "a\u0001b"}}, "code.text"),
        ({"subject": '{"reference":"Patient/p"}'}, "subject"),
        ({"whoever": "x"}, ""),
    ],
)
def test_a_faulty_result_is_kept_unreadable_and_costs_no_other(fault, path):
    bad = observation(fault.get("id", "bad"), **{k: v for k, v in fault.items() if k != "id"})
    found = accepted(bundle(report(f"Observation/{bad['id']}", "Observation/o"), patient(), bad, observation()))
    assert len(found.results) == 2
    if path is None:  # too long to be referred to: nothing leads there
        assert found.results[0].facts.has(ResultFlag.UNREADABLE)
        return
    assert "UNREADABLE" in flags(found.results[0])
    assert found.results[0].detail.value is None
    assert "UNREADABLE" not in flags(found.results[1])
    where = f"Bundle.entry[2].resource{'.' if path else ''}{path}"
    assert ("RESULT_UNREADABLE", where) in told(found.issues)


def test_an_unreadable_result_keeps_its_codes_and_its_alarm():
    result = one_result(observation(status="done", interpretation=[coded("LL", "x")]))
    assert result.facts.codes == (("http://loinc.org", "718-7"),)
    assert flags(result) == {"UNREADABLE", "CRITICAL"}


def test_a_duplicate_key_or_lone_surrogate_costs_only_its_result():
    import json

    text = json.dumps(bundle(report("Observation/bad", "Observation/o"), patient(), observation("bad"), observation()))
    twice = text.replace('"id": "bad", "status"', '"id": "bad", "status": "final", "status"')
    half = text.replace('"id": "bad", "status"', '"id": "bad", "language": "\\ud800", "status"')
    for broken in (twice, half):
        assert broken != text
        found = accepted(broken.encode())
        assert ["UNREADABLE" in flags(r) for r in found.results] == [True, False]
        assert any(i.reason == "RESULT_UNREADABLE" for i in found.issues)


def test_results_that_cannot_be_found_are_kept():
    found = accepted(bundle(report("Observation/gone", "Patient/p", "Observation/o"), patient(), observation()))
    assert [flags(r) for r in found.results] == [{"UNREADABLE"}, {"UNREADABLE"}, {"HAS_VALUE"}]
    assert ("REFERENCE_UNRESOLVED", "Bundle.entry[0].resource.result[0]") in told(found.issues)
    assert ("RESULT_UNREADABLE", "Bundle.entry[0].resource.result[1]") in told(found.issues)


def test_a_result_named_in_words_only_is_kept_as_words():
    found = accepted(bundle({**report(), "result": [{"display": "血红蛋白"}]}, patient()))
    assert found.results[0].detail.code.text == "血红蛋白"
    assert found.results[0].facts.codes == ()


# --- subject ---


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ({"subject": {"reference": "Patient/p"}}, set()),
        ({"subject": {"reference": "http://h.example/fhir/Patient/p"}}, set()),
        ({"subject": {"reference": "Patient/p/_history/1"}}, set()),
        ({"subject": None}, set()),
        ({"subject": {"identifier": {"system": "urn:oid:2.16.156.10011.1.3", "value": "990400198001011238"}}}, set()),
        ({"subject": {"reference": "Patient/child"}}, {"OTHER_SUBJECT"}),
        ({"subject": {"reference": "Patient/elsewhere"}}, {"OTHER_SUBJECT"}),
        ({"subject": {"reference": "urn:uuid:5b0e3ac0-0000-4000-8000-000000000000"}}, {"OTHER_SUBJECT"}),
        ({"subject": {"identifier": {"system": "urn:oid:2.16.156.10011.1.3", "value": "x"}}}, {"OTHER_SUBJECT"}),
        ({"subject": {"display": "somebody"}}, {"OTHER_SUBJECT"}),
        ({"focus": [{"reference": "Patient/p"}]}, set()),
        ({"focus": [{"reference": "Patient/child"}]}, {"OTHER_SUBJECT", "FOREIGN_FOCUS"}),
        ({"focus": [{"reference": "Patient/p"}, {"reference": "Specimen/x"}]}, {"OTHER_SUBJECT", "FOREIGN_FOCUS"}),
    ],
)
def test_whom_a_result_is_about(element, expected):
    child = patient("child", birthDate="2026-09-01")  # under the mother's number
    assert flags(one_result(observation(**element), child)) - {"HAS_VALUE"} == expected


def test_a_specimen_of_another_makes_the_result_anothers():
    specimen = {"resourceType": "Specimen", "id": "s", "subject": {"reference": "Patient/donor"}}
    assert "OTHER_SUBJECT" in flags(one_result(observation(specimen={"reference": "Specimen/s"}), specimen))


@pytest.mark.parametrize(
    ("of_result", "of_report"),
    [
        ({"modifierExtension": [{"url": "http://x/not", "valueBoolean": True}]}, {}),
        ({"component": [{"code": coded(), "modifierExtension": [{"url": "http://x", "valueBoolean": True}]}]}, {}),
        ({"implicitRules": "http://x/rules"}, {}),
        ({}, {"modifierExtension": [{"url": "http://x/not", "valueBoolean": True}]}),
    ],
)
def test_a_modifier_that_is_not_known(of_result, of_report):
    result = one_result(observation(**of_result), **of_report)
    assert "UNKNOWN_MODIFIER" in flags(result)
    assert "UNREADABLE" not in flags(result)


MODIFIER = [{"url": "http://x/control", "valueBoolean": True}]


@pytest.mark.parametrize("kind", ["Specimen", "Patient"])
def test_a_modifier_of_the_specimen_or_the_patient_modifies_the_result(kind):
    specimen = {"resourceType": "Specimen", "id": "s", "type": {"text": "血清"}}
    somebody = patient()
    {"Specimen": specimen, "Patient": somebody}[kind]["modifierExtension"] = MODIFIER
    body = bundle(report("Observation/o"), somebody, observation(specimen={"reference": "Specimen/s"}), specimen)
    assert "UNKNOWN_MODIFIER" in flags(accepted(body).results[0])


def test_a_value_beside_the_reason_why_there_is_none_is_shown_and_not_relied_on():
    result = one_result(observation(dataAbsentReason={"text": "error"}))
    assert result.detail.value is not None
    assert "HAS_VALUE" not in flags(result)


# --- time ---

SPECIMEN = {
    "resourceType": "Specimen",
    "id": "s",
    "type": {"text": "血清"},
    "collection": {"collectedDateTime": "2026-09-20T06:00:00+08:00"},
}


@pytest.mark.parametrize(
    ("of_result", "of_report", "source", "expected"),
    [
        ({}, {}, TimeSource.RESULT, 1789862400000),
        ({"effectiveDateTime": "2026-09"}, {}, TimeSource.RESULT, 1788192000000),
        ({"effectiveDateTime": "2026"}, {}, TimeSource.RESULT, 1767196800000),
        ({"effectiveDateTime": "2026-09-20T08:00:00.123456Z"}, {}, TimeSource.RESULT, 1789891200123),
        ({"effectiveDateTime": None, "effectiveInstant": "2026-09-20T00:00:00Z"}, {}, TimeSource.RESULT, 1789862400000),
        (
            {"effectiveDateTime": None, "effectivePeriod": {"start": "2026-09-01", "end": "2026-09-20"}},
            {},
            TimeSource.RESULT,
            1788192000000,
        ),
        (
            {"effectiveDateTime": None, "effectiveTiming": {"event": ["2026-09-20T09:00:00+08:00", "2026-09-20"]}},
            {},
            TimeSource.RESULT,
            1789833600000,
        ),
        ({"effectiveDateTime": None, "specimen": {"reference": "Specimen/s"}}, {}, TimeSource.SPECIMEN, 1789855200000),
        ({"effectiveDateTime": None}, {"specimen": [{"reference": "Specimen/s"}]}, TimeSource.SPECIMEN, 1789855200000),
        ({"effectiveDateTime": None}, {}, TimeSource.REPORT, 1789862400000),
        ({"effectiveDateTime": None}, {"effectiveDateTime": None}, TimeSource.ISSUED, 1789869600000),
        ({"effectiveDateTime": None}, {"effectiveDateTime": None, "issued": None}, TimeSource.NONE, None),
        # An end is not a start, and nothing else is put in its place.
        ({"effectiveDateTime": None, "effectivePeriod": {"end": "2026-09-20"}}, {}, TimeSource.ISSUED, 1789869600000),
    ],
)
def test_when_a_result_was_taken(of_result, of_report, source, expected):
    facts = one_result(observation(**of_result), SPECIMEN, **of_report).facts
    assert (TimeSource(facts.time_source), facts.time) == (source, expected)


@pytest.mark.parametrize(
    ("of_result", "of_report", "latest"),
    [
        ({}, {}, None),
        ({"effectiveDateTime": "2026-09-20"}, {"issued": None}, "2026-09-20T23:59:59.999+08:00"),
        ({"effectiveDateTime": "2026-09-20"}, {}, "2026-09-20T10:00:00+08:00"),
        ({"effectiveDateTime": "2026-08"}, {}, "2026-08-31T23:59:59.999+08:00"),
        ({"effectiveDateTime": "2025-12"}, {}, "2025-12-31T23:59:59.999+08:00"),
        ({"effectiveDateTime": "2025"}, {}, "2025-12-31T23:59:59.999+08:00"),
        (
            {"effectiveDateTime": None, "effectivePeriod": {"start": "2026-09-18", "end": "2026-09-19"}},
            {},
            "2026-09-19T23:59:59.999+08:00",
        ),
        (
            {"effectiveDateTime": None, "effectivePeriod": {"start": "2026-09-18", "end": "2026-09-18T07:00:00+08:00"}},
            {},
            "2026-09-18T07:00:00+08:00",
        ),
        (
            {"effectiveDateTime": None, "effectivePeriod": {"start": "2026-09-18T07:00:00Z"}},
            {},
            None,
        ),
        (
            {"effectiveDateTime": None, "effectiveTiming": {"event": ["2026-09-19", "2026-09-18"]}},
            {},
            "2026-09-19T23:59:59.999+08:00",
        ),
        ({"effectiveDateTime": None}, {"effectiveDateTime": "2026-09-19"}, "2026-09-19T23:59:59.999+08:00"),
        ({"effectiveDateTime": None}, {"effectiveDateTime": None}, None),
    ],
)
def test_how_late_an_imprecise_time_may_be(of_result, of_report, latest):
    result = one_result(observation(**of_result), **of_report)
    expected = latest and round(datetime.fromisoformat(latest).timestamp() * 1000)
    assert result.facts.latest == expected


def test_how_late_a_specimen_may_have_been_taken():
    specimen = {"resourceType": "Specimen", "id": "s", "collection": {"collectedDateTime": "2026-09-19"}}
    body = observation(effectiveDateTime=None, specimen={"reference": "Specimen/s"})
    made = report("Observation/o", effectiveDateTime=None)
    (result,) = accepted(bundle(made, patient(), body, specimen)).results
    assert result.facts.time_source == TimeSource.SPECIMEN
    assert result.facts.latest == round(datetime.fromisoformat("2026-09-19T23:59:59.999+08:00").timestamp() * 1000)


def test_a_results_own_issue_time_counts_for_it():
    result = one_result(observation(issued="2026-09-20T11:00:00+08:00"))
    assert result.facts.issued == 1789873200000


def test_five_minutes_ahead_is_tolerated_and_six_are_not():
    import datetime

    from tests.unit.fhir.builders import NOW

    def at(minutes):
        return datetime.datetime.fromtimestamp((NOW + minutes * MINUTE) / 1000, datetime.UTC).isoformat()

    assert "UNREADABLE" not in flags(one_result(observation(effectiveDateTime=at(5))))
    assert "UNREADABLE" in flags(one_result(observation(effectiveDateTime=at(6))))


def test_a_specimens_bad_time_leaves_the_time_unknown_and_is_told():
    specimen = {**SPECIMEN, "collection": {"collectedDateTime": "2027-01-01"}}
    found = accepted(
        bundle(
            report("Observation/o", effectiveDateTime=None, issued=None),
            patient(),
            observation(effectiveDateTime=None, specimen={"reference": "Specimen/s"}),
            specimen,
        )
    )
    assert found.results[0].facts.time is None
    assert ("TIME_IN_FUTURE", "Bundle.entry[3].resource.collection.collectedDateTime") in told(found.issues)
