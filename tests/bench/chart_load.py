"""The charts of the benchmark: patients with 15 reports of 10 items each, from 5 institutions.

One FHIR document for each panel is read by the real intake; patient, identity and times vary from there. Rows, keys,
tokens and seals are the real ones: the write jobs are those of publishing, run on the database under the server.
"""

import datetime
import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from hutong.v1 import report_pb2, reuse_service_pb2
from hutong_server.api.wire_form import ProtoWire
from hutong_server.domain.report import RawDemographics, RawIdentifier, Report, Result, VersionKey
from hutong_server.domain.rulebook import RuleBook
from hutong_server.fhir.intake import Reading, read_document
from hutong_server.store.base import Store, Tokens
from hutong_server.usecases.publish import PublishDocument, Publisher, publish

from tests.building import DAY, LOINC, RESIDENT, caller, resident_number

ISSUERS = ("B1", "B2", "B3", "B4", "B5")
ASKER = "B0"
REPORTS = 15
_STEP = 2.4
"""Days between two reports of a patient, so that a third of the items' older results are out of their windows."""
# 30 items of the sample catalogue, each with a window of 15 to 30 days: 30 lines are answered.
_PANELS = (
    ("2885-2", "1751-7", "14631-6", "14629-0", "1742-6", "1920-8", "2324-2", "6768-6", "2098-2", "14338-8"),
    ("22664-7", "14682-9", "14933-6", "33863-2", "14749-6", "14647-2", "14927-8", "14646-4", "22748-8", "1869-7"),
    ("2532-0", "2157-6", "13969-1", "1798-8", "3040-3", "2639-3", "33762-6", "1986-9", "1884-6", "10834-0"),
)
CODES = sum(_PANELS, ())
"""LOINC codes of all items."""

CATALOG = {
    "institutions.csv": "code,name,tier,region,alliances,identifiers,feed_interval_hours\n"
    + "".join(f"{code},第{code}医院,tertiary,9904,,,0\n" for code in (ASKER, *ISSUERS)),
    "grants.csv": "institution,items,range,valid_from,valid_to,quality_body\n"
    + "".join(f"{code},*,9904,,,样例质控中心\n" for code in ISSUERS),
}
"""Beside the sample catalogue."""


def birth(patient: int) -> datetime.date:
    """Of a made person."""
    return datetime.date(1940, 1, 1) + datetime.timedelta(days=patient // 900)


def number(patient: int) -> str:
    """Resident number of a made person: 900 for each birth date."""
    return resident_number(patient % 900 + 1, birth(patient).strftime("%Y%m%d"))


def chart_request(patient: int, request_id: str) -> bytes:
    """A chart is opened, on the wire."""
    return reuse_service_pb2.OpenChartRequest(
        request_id=request_id,
        patient=reuse_service_pb2.PatientQuery(
            identifiers=[report_pb2.PatientIdentifier(system=RESIDENT, value=number(patient))],
            demographics=report_pb2.Demographics(
                name=f"测试{patient}", birth_date=birth(patient).isoformat(), sex=report_pb2.SEX_FEMALE
            ),
        ),
        context=reuse_service_pb2.CallContext(
            practitioner="D1",
            department="内科",
            encounter=f"E{patient}",
            purpose=reuse_service_pb2.PURPOSE_TREATMENT,
        ),
    ).SerializeToString()


def _observation(index: int, code: str, when: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"o{index}",
        "status": "final",
        "code": {
            "coding": [{"system": LOINC, "code": code, "display": f"检验项目{code}"}],
            "text": f"检验项目{code}",
        },
        "subject": {"reference": "#p"},
        "effectiveDateTime": when,
        "specimen": {"reference": "#s"},
        "valueQuantity": {"value": 41.5, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
        "interpretation": [{"coding": [{"code": "H"}]}],
        "referenceRange": [{"low": {"value": 3.5, "unit": "mmol/L"}, "high": {"value": 5.3, "unit": "mmol/L"}}],
    }


def document(panel: int, patient: int, identity: str, taken: int) -> bytes:
    """FHIR JSON of a report: ten results of one of three panels, taken at that time (ms)."""
    codes = _PANELS[panel % len(_PANELS)]
    when = datetime.datetime.fromtimestamp(taken / 1000, datetime.UTC).isoformat(timespec="seconds")
    found = {
        "resourceType": "DiagnosticReport",
        "contained": [
            {
                "resourceType": "Patient",
                "id": "p",
                "identifier": [{"system": RESIDENT, "value": number(patient)}],
                "name": [{"text": f"测试{patient}"}],
                "gender": "female",
                "birthDate": birth(patient).isoformat(),
            },
            {
                "resourceType": "Specimen",
                "id": "s",
                "type": {"coding": [{"system": "http://snomed.info/sct", "code": "119364003"}], "text": "血清"},
                "subject": {"reference": "#p"},
            },
            *(_observation(index, code, when) for index, code in enumerate(codes)),
        ],
        "identifier": [{"system": "urn:bench:reports", "value": identity}],
        "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "LAB"}]}],
        "code": {"text": "生化"},
        "subject": {"reference": "#p"},
        "effectiveDateTime": when,
        "issued": when,
        "result": [{"reference": f"#o{index}"} for index in range(len(codes))],
    }
    return json.dumps(found, ensure_ascii=False).encode()


def _template(panel: int, now: int) -> Report:
    reading = Reading(zone=datetime.timezone(datetime.timedelta(hours=8)), now=now)
    (report,) = read_document(document(panel, 0, "0", now - DAY), reading=reading)
    if not isinstance(report, Report) or len(report.results) != len(_PANELS[panel]):
        raise RuntimeError("the template of the benchmark was not read whole")
    return report


def _taken(result: Result, taken: int) -> Result:
    return replace(result, facts=result.facts._replace(time=taken, issued=taken))


def _reports(templates: Sequence[Report], patient: int, now: int) -> Iterator[tuple[str, Report]]:
    """(issuer, report) of a patient."""
    for index in range(REPORTS):
        template = templates[index % len(templates)]
        taken = now - int((0.5 + index * _STEP) * DAY) - patient % 1000 * 1000
        identity = f"{patient}-{index}"
        yield (
            ISSUERS[index % len(ISSUERS)],
            replace(
                template,
                identity_value=identity,
                version=VersionKey(issued=taken, rank=template.status.rank),
                identifiers=(RawIdentifier(RESIDENT, number(patient), path="p"),),
                demographics=RawDemographics((f"测试{patient}",), birth(patient).isoformat(), "female"),
                effective=taken,
                issued=taken,
                results=tuple(_taken(result, taken) for result in template.results),
                digest=hashlib.sha256(identity.encode()).digest(),
            ),
        )


def readings(patient: int, now: int) -> list[tuple[str, Report]]:
    """(issuer, report) of a patient."""
    return list(_reports([_template(panel, now) for panel in range(len(_PANELS))], patient, now))


def load(store: Store, book: RuleBook, tokens: Tokens, patients: int, now: int) -> int:
    """Publishes the reports of so many patients; how many there are."""
    templates = [_template(panel, now) for panel in range(len(_PANELS))]
    publisher = Publisher(book, tokens, ProtoWire())
    waiting: list[Future[Any]] = []
    for patient in range(patients):
        by_issuer: dict[str, list[Report]] = {}
        for issuer, report in _reports(templates, patient, now):
            by_issuer.setdefault(issuer, []).append(report)
        for issuer, reports in by_issuer.items():
            command = PublishDocument(tuple(reports), caller(issuer), now, feed="bench")
            waiting.append(store.submit(publish(command, publisher)))
        # Not more than the lanes like to have queued.
        while len(waiting) > 500:
            waiting.pop(0).result(60)
    for each in waiting:
        each.result(60)
    return patients * REPORTS
