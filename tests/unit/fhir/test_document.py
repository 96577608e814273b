"""The document that is kept, and when two documents are the same."""

import gc
import json

import pytest

from tests.unit.fhir.builders import (
    NUMBER,
    accepted,
    attempt,
    bundle,
    coded,
    encode,
    observation,
    patient,
    report,
)

ORDER = {
    "resourceType": "ServiceRequest",
    "id": "order",
    "reasonReference": [{"reference": "Condition/hiv"}],
    "supportingInfo": [{"reference": "DiagnosticReport/other"}],
    "requester": {"reference": "Practitioner/d"},
}
OTHERS = (
    {"resourceType": "Condition", "id": "hiv", "code": {"text": "a problem"}},
    {"resourceType": "Practitioner", "id": "d"},
    {"resourceType": "Composition", "id": "c", "section": [{"entry": [{"reference": "Condition/hiv"}]}]},
    {"resourceType": "Observation", "id": "unrelated", "status": "final", "code": coded("1")},
)


def kept(document: bytes) -> list[str]:
    body = json.loads(document)
    return [f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in body["entry"]]


def whole():
    other = report("Observation/unrelated", id="other", identifier=[{"value": "2"}])
    panel = observation("o", hasMember=[{"reference": "Observation/m"}], derivedFrom=[{"reference": "Observation/d"}])
    member = observation("m", specimen={"reference": "Specimen/s"}, device={"reference": "Device/x"})
    specimen = {"resourceType": "Specimen", "id": "s", "subject": {"reference": "Patient/p"}}
    person = patient(
        managingOrganization={"reference": "Organization/h"},
        generalPractitioner=[{"reference": "Practitioner/gp"}],
        link=[{"other": {"reference": "Patient/sister"}, "type": "seealso"}],
    )
    return bundle(
        {"resourceType": "Composition", "id": "first", "title": "all"},
        other,
        report("Observation/o", basedOn=[{"reference": "ServiceRequest/order"}], encounter={"reference": "Encounter/e"},
               resultsInterpreter=[{"reference": "PractitionerRole/pr"}]),
        person, patient("sister"), panel, member, observation("d"), specimen, ORDER, *OTHERS,
        {"resourceType": "Device", "id": "x"},
        {"resourceType": "Organization", "id": "h", "name": "h"},
        {"resourceType": "Practitioner", "id": "gp"},
        {"resourceType": "PractitionerRole", "id": "pr", "organization": {"reference": "Organization/h"}},
        {"resourceType": "Encounter", "id": "e", "diagnosis": [{"condition": {"reference": "Condition/hiv"}}]},
    )  # fmt: skip


def test_a_report_alone_comes_back_as_published():
    document = json.dumps(report(), indent=3).encode() + b"\n\n"
    assert accepted(document).document == document


def test_what_the_report_refers_to_and_nothing_else():
    from tests.unit.fhir.builders import read_all

    _, found = read_all(whole())
    assert kept(found.document) == [
        "DiagnosticReport/r", "Patient/p", "Observation/o", "Observation/m", "Observation/d", "Specimen/s",
        "ServiceRequest/order", "Practitioner/d", "Device/x", "Organization/h", "PractitionerRole/pr", "Encounter/e",
    ]  # fmt: skip


def test_each_resource_is_cut_out_byte_for_byte():
    text = (
        '{"resourceType":"Bundle", "type":"batch", "timestamp":"2026-01-01T00:00:00Z", "entry":[ {"resource":\n'
        + (one := json.dumps(report("Observation/o"), indent=1, ensure_ascii=False).replace("final", "fin\\u0061l"))
        + '\t,"fullUrl":"http://h/DiagnosticReport/r"},\r\n{ "resource" : '
        + (two := json.dumps(observation(), indent=5).replace("135", "1.350E2"))
        + "}]}"
    )
    document = accepted(text.encode()).document
    assert one.encode() in document
    assert two.encode() in document
    assert [e.get("fullUrl") for e in json.loads(document)["entry"]] == ["http://h/DiagnosticReport/r", None]


def test_attachments_in_the_bundle_are_kept():
    form = {"resourceType": "Binary", "id": "pdf", "contentType": "application/pdf"}
    found = accepted(bundle(report(presentedForm=[{"url": "Binary/pdf"}]), patient(), form))
    assert "Binary/pdf" in kept(found.document)


def digest(body) -> bytes:
    return accepted(body).digest


def base(**change):
    return bundle(report("Observation/o", "Observation/n", **change), patient(), observation(), observation("n"))


def test_what_does_not_make_another_document():
    mine = digest(base())
    turned = {**base(), "entry": base()["entry"][::-1]}
    assert digest(turned) == mine
    assert digest({**base(), "id": "other", "timestamp": "2026-09-21T00:00:00Z", "meta": {"versionId": "9"}}) == mine
    assert digest({**base(), "type": "batch"}) == mine
    assert digest(json.dumps(base(), indent=2, sort_keys=True).encode()) == mine
    with_other = base()
    with_other["entry"].append({"resource": {"resourceType": "MessageHeader", "id": "new"}})
    assert digest(with_other) == mine
    exported = base()
    exported["entry"][2]["resource"]["meta"] = {"lastUpdated": "2026-09-21T00:00:00Z", "versionId": "5"}
    assert digest(exported) == mine
    assert digest(base(meta={"lastUpdated": "2026-09-21T00:00:00Z"})) == mine


def test_what_makes_another_document():
    mine = digest(base())
    assert digest(base(conclusion="x")) != mine
    assert digest(base(meta={"versionId": "2"})) != mine  # else a re-opened report would be taken for the old one
    undated = digest(base(issued=None))
    assert digest(base(issued=None, meta={"lastUpdated": "2026-09-20T00:00:00Z"})) != undated
    for change in (b"135.0", b"1.35E2", b"136"):
        assert digest(encode(base()).replace(b"135", change, 1)) != mine
    assert digest(encode(base()).replace(NUMBER.encode(), b"990400198001011000")) != mine


def test_placeholders_made_up_for_each_export_do_not_count():
    def export(a, b, value=135):
        entries = [
            (a, observation("", id=None, subject=None, valueQuantity={"value": value})),
            (b, observation("", id=None, subject=None, code=coded("2"))),
        ]
        body = bundle(report(f"urn:uuid:{a}", f"urn:uuid:{b}"), patient())
        body["entry"] += [{"fullUrl": f"urn:uuid:{u}", "resource": r} for u, r in entries]
        return body

    ids = [f"5b0e3ac0-{i}111-4000-8000-000000000000" for i in range(4)]
    assert digest(export(ids[0], ids[1])) == digest(export(ids[2], ids[3]))
    assert digest(export(ids[0], ids[1])) != digest(export(ids[0], ids[1], 136))
    assert digest(export(ids[0], ids[1])) != digest(export(ids[0], ids[0]))


def test_a_reference_whose_key_is_written_with_escapes_is_followed():
    document = encode(bundle(report("Observation/o"), patient(), observation()))
    written = document.replace(b'"result": [{"reference"', b'"result": [{"refer\\u0065nce"')
    assert written != document
    found = accepted(written)
    assert len(found.results) == 1
    assert "Observation/o" in kept(found.document)


IN_BUNDLES = bundle(bundle(bundle(report("Observation/o"), patient(), observation())), kind="batch-response")
CONTAINED = report("#o", contained=[observation(subject={"reference": "#p"}), patient()], subject={"reference": "#p"})


@pytest.mark.parametrize(
    "document",
    [
        encode(whole()),
        encode(IN_BUNDLES),
        encode(CONTAINED),
        encode(bundle(report("Observation/o", status="wrong"), patient(), observation())),
        encode(bundle(patient())),
        encode(whole())[:-2],
    ],
    ids=["bundle", "bundles in bundles", "contained", "refused", "no report", "cut off"],
)
def test_a_document_that_was_read_is_let_go_of_at_once(document: bytes) -> None:
    """What refers to itself waits for a collection: all that was parsed, until some later document."""
    attempt(document)
    gc.collect()
    gc.disable()
    try:
        attempt(document)
        assert gc.collect() == 0
    finally:
        gc.enable()
