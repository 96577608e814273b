"""Specimen, collection, body site, laterality, method, images, and the report as a result."""

import pytest
from hutong_server.domain.report import Image, ResultFlag, TimeSource

from tests.unit.fhir.builders import accepted, bundle, coded, flags, observation, one_result, patient, report, told

SCT = "http://snomed.info/sct"


def serum(ident="s", **more):
    return {"resourceType": "Specimen", "id": ident, "type": coded("119364003", SCT, text="血清"), **more}


def of_specimen(*specimens, **obs):
    refs = [{"reference": f"Specimen/{s['id']}"} for s in specimens]
    return one_result(observation(**obs), *specimens, specimen=refs).facts


def test_the_specimen_of_the_report_when_the_result_names_none():
    assert of_specimen(serum()).specimen == ((SCT, "119364003"), ("", "血清"))


def test_several_specimens_of_a_kind_are_one_and_of_different_kinds_are_none():
    assert of_specimen(serum("a"), serum("b")).specimen == ((SCT, "119364003"), ("", "血清"))
    urine = {"resourceType": "Specimen", "id": "u", "type": {"text": "尿"}}
    assert of_specimen(serum(), urine).specimen == ()
    assert of_specimen(serum(), urine, specimen={"reference": "Specimen/u"}).specimen == (("", "尿"),)


def test_a_specimen_that_cannot_be_found_is_not_replaced_by_the_reports():
    assert of_specimen(serum(), specimen={"reference": "Specimen/gone"}).specimen == ()
    assert of_specimen(serum(), specimen={"display": "脑脊液"}).specimen == (("", "脑脊液"),)


@pytest.mark.parametrize("change", [{"status": "nonsense"}, {"status": "entered-in-error"}, {"type": "blood"}])
def test_a_faulty_specimen_is_absent_with_a_warning(change):
    found = accepted(
        bundle(
            report("Observation/o", specimen=[{"reference": "Specimen/s"}]), patient(), observation(), serum(**change)
        )
    )
    assert found.results[0].facts.specimen == ()
    assert found.results[0].detail.value is not None
    assert any(i.path.startswith("Bundle.entry[3].resource.") for i in found.issues)


@pytest.mark.parametrize(
    ("collection", "expected"),
    [
        ({"fastingStatusCodeableConcept": {"text": "空腹"}}, (("", "空腹"),)),
        ({"fastingStatusCodeableConcept": coded("F", "v2-0916")}, (("v2-0916", "F"),)),
        (
            {"fastingStatusDuration": {"value": 12, "code": "h", "system": "http://unitsofmeasure.org"}},
            (("http://unitsofmeasure.org", "12 h"), ("", "12 h")),
        ),
        ({"duration": {"value": 24, "unit": "h"}}, (("http://unitsofmeasure.org", "24 h"), ("", "24 h"))),
        (
            {"collectedPeriod": {"start": "2026-09-01T08:00:00Z", "end": "2026-09-02T08:00:00Z"}},
            (("http://unitsofmeasure.org", "24 h"), ("", "24 h")),
        ),
        ({"collectedPeriod": {"start": "2026-09-01", "end": "2026-09-02"}}, ()),
        ({"method": {"text": "静脉"}, "bodySite": coded("1", SCT)}, (("", "静脉"), (SCT, "1"))),
    ],
)
def test_collection_conditions(collection, expected):
    assert of_specimen(serum(collection=collection)).collection == expected


LATERALITY = {"url": "http://x.example/StructureDefinition/laterality-qualifier"}


@pytest.mark.parametrize(
    ("body_site", "sites", "sides"),
    [
        ({"text": "左膝"}, (("", "左膝"),), (("", "left"),)),
        ({"text": "Right lung"}, (("", "Right lung"),), (("", "right"),)),
        ({"text": "双侧乳腺"}, (("", "双侧乳腺"),), (("", "bilateral"),)),
        ({"text": "left and right knee"}, (("", "left and right knee"),), (("", "bilateral"),)),
        ({"text": "brightness"}, (("", "brightness"),), ()),
        ({"coding": [{"system": SCT, "code": "1", "display": "Left lung"}]}, ((SCT, "1"),), (("", "left"),)),
        (
            {**coded("72696002", SCT), "extension": [{**LATERALITY, "valueCodeableConcept": coded("7771000", SCT)}]},
            ((SCT, "72696002"),),
            ((SCT, "7771000"),),
        ),
        (
            {"coding": [{"system": SCT, "code": "1", "extension": [{**LATERALITY, "valueCode": "left"}]}]},
            ((SCT, "1"),),
            (("", "left"),),
        ),
    ],
)
def test_body_site_and_side(body_site, sites, sides):
    facts = one_result(observation(bodySite=body_site)).facts
    assert (facts.body_site, facts.laterality) == (sites, sides)


@pytest.mark.parametrize(
    "structure",
    [
        {"location": {"text": "knee"}, "locationQualifier": [{"text": "left"}]},
        {"includedStructure": [{"structure": {"text": "knee"}, "laterality": {"text": "left"}}]},
    ],
)
def test_body_structures(structure):
    body = {"resourceType": "BodyStructure", "id": "b", "patient": {"reference": "Patient/p"}, **structure}
    facts = one_result(observation(bodyStructure={"reference": "BodyStructure/b"}), body).facts
    assert (facts.body_site, facts.laterality) == ((("", "knee"),), (("", "left"),))


DCM = "http://dicom.nema.org/resources/ontology/DCM"


def study(release="R4", **more):
    series = {
        "uid": "1.2.3.1",
        "instance": [{"uid": "1.2.3.1.1", "sopClass": {"system": "urn:ietf:rfc:3986", "code": "urn:oid:1.2"}}],
    }
    if release == "R4":
        series |= {
            "modality": {"system": DCM, "code": "CT"},
            "bodySite": {"system": SCT, "code": "51185008", "display": "Left chest"},
        }
        series |= {"laterality": {"system": SCT, "code": "7771000"}}
    else:
        series |= {
            "modality": coded("CT", DCM),
            "bodySite": {"concept": {**coded("51185008", SCT), "text": "Left chest"}},
        }
        series |= {"laterality": coded("7771000", SCT)}
    body = {
        "resourceType": "ImagingStudy",
        "id": "i",
        "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}],
        "status": "available",
        "subject": {"reference": "Patient/p"},
        "series": [series],
        "endpoint": [{"reference": "Endpoint/e"}],
    }
    return {k: v for k, v in {**body, **more}.items() if v is not None}


ENDPOINT = {
    "resourceType": "Endpoint",
    "id": "e",
    "status": "active",
    "connectionType": {"system": "x", "code": "dicom-wado-rs"},
    "address": "https://pacs.example/wado",
}
FIVE = {**ENDPOINT, "connectionType": [coded("dicom-wado-rs", "x")]}
OPEN = Image("1.2.3", ("CT",), 1, 1, "https://pacs.example/wado", "dicom-wado-rs")


def imaging(*others, release="R4", **more):
    field = "imagingStudy" if release == "R4" else "study"
    change = {field: [{"reference": "ImagingStudy/i"}], "category": None, "conclusion": "未见异常", **more}
    return accepted(bundle(report(**change), patient(), *others))


@pytest.mark.parametrize(("release", "endpoint"), [("R4", ENDPOINT), ("R5", FIVE)])
def test_an_imaging_report_is_one_result(release, endpoint):
    found = imaging(study(release), endpoint, release=release)
    assert (found.release, found.specialty) == (release, "examination")
    (result,) = found.results
    assert result.facts.codes == (("http://loinc.org", "58410-2"),)
    assert result.detail.value.text == "未见异常"
    assert flags(result) == {"HAS_VALUE", "IMAGES_PRESENT"}
    assert found.images == (OPEN,)
    assert result.facts.method == ((DCM, "CT"),)
    assert (SCT, "51185008") in result.facts.body_site
    assert result.facts.laterality == ((SCT, "7771000"), ("", "left"))
    assert result.facts.time_source == TimeSource.REPORT


@pytest.mark.parametrize(
    "others",
    [
        (study(),),
        (study(), {**ENDPOINT, "status": "off"}),
        (study(), {**ENDPOINT, "address": " "}),
        (study(series=None), ENDPOINT),
        (study(endpoint=None), ENDPOINT),
        (study(status="cancelled"), ENDPOINT),
        (study(status="nonsense"), ENDPOINT),
        (study(subject={"reference": "Patient/other"}), ENDPOINT),
        (ENDPOINT,),
    ],
)
def test_images_that_cannot_be_opened_are_not_present(others):
    found = imaging(*others)
    assert "IMAGES_PRESENT" not in flags(found.results[-1])
    assert not any(image.address and image.series for image in found.images)


def test_a_viewer_address_and_an_endpoint_of_a_series_count():
    viewer = {"url": "http://x.example/StructureDefinition/image-viewer", "valueUrl": "https://v.example/1"}
    assert imaging(study(endpoint=None, extension=[viewer])).images[0].address == "https://v.example/1"
    series = [{**study()["series"][0], "endpoint": [{"reference": "Endpoint/e"}]}]
    assert imaging(study(endpoint=None, series=series), ENDPOINT).images == (OPEN,)
    # A form is the report, not its images.
    form = [{"contentType": "text/html", "url": "https://v.example/1"}]
    assert not imaging(study(endpoint=None), presentedForm=form).results[0].facts.has(ResultFlag.IMAGES_PRESENT)


def test_findings_come_before_the_examination_that_they_belong_to():
    found = imaging(study(), ENDPOINT, observation(valueQuantity=None, valueString="结节"),
                    result=[{"reference": "Observation/o"}], conclusion=None)  # fmt: skip
    assert [r.path for r in found.results] == ["Bundle.entry[4].resource", "Bundle.entry[0].resource"]
    assert [r.facts.ordinal for r in found.results] == [0, 1]
    assert all({"HAS_VALUE", "IMAGES_PRESENT"} <= flags(r) for r in found.results)
    assert found.results[0].facts.method == ((DCM, "CT"),)


def test_a_laboratory_report_with_results_is_no_result_itself():
    assert len(accepted(bundle(report("Observation/o", conclusion="x"), patient(), observation())).results) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"conclusion": "阴性"}, "阴性"),
        ({"conclusionCode": [coded("1", SCT, text="正常")]}, "正常"),
        ({"presentedForm": [{"contentType": "application/pdf", "data": "JVBERg=="}]}, "application/pdf"),
        ({"presentedForm": [{"url": "Binary/1", "title": "报告单"}]}, "报告单"),
    ],
)
def test_a_report_without_results_is_a_result(change, words):
    (result,) = accepted(bundle(report(**change), patient())).results
    assert (result.detail.value.text, result.path) == (words, "Bundle.entry[0].resource")
    assert result.facts.has(ResultFlag.HAS_VALUE)


def test_a_report_that_says_nothing_has_no_result():
    found = accepted(bundle(report(status="registered"), patient()))
    assert found.results == ()
    assert ("FIELD_RECOMMENDED", "Bundle.entry[0].resource.result") in told(found.issues)


@pytest.mark.parametrize(
    ("category", "expected"),
    [
        ([coded("LAB", "http://terminology.hl7.org/CodeSystem/v2-0074")], "laboratory"),
        ([coded("RAD", "http://terminology.hl7.org/CodeSystem/v2-0074")], "examination"),
        ([coded("US", "http://hl7.org/fhir/v2/0074")], "examination"),
        ([coded("LP29684-5")], "examination"),
        ([coded("laboratory", "http://terminology.hl7.org/CodeSystem/observation-category")], "laboratory"),
        ([{"text": "检查"}], "examination"),
        ([{"text": "检验"}], "laboratory"),
        ([coded("CT", "urn:local")], ""),
        ([coded("LAB", ""), coded("RAD", "")], ""),
        ([{"text": "其他"}], ""),
    ],
)
def test_specialty(category, expected):
    cleaned = [
        {**c, "coding": [{k: v for k, v in x.items() if v} for x in c["coding"]]} if "coding" in c else c
        for c in category
    ]
    assert accepted(bundle(report(category=cleaned), patient())).specialty == expected
