"""FHIR documents and questions for the API tests, and the catalogue that they refer to."""

import datetime
import json
from typing import Any

from hutong.v1 import registry_service_pb2, report_pb2, reuse_service_pb2

from tests.building import RESIDENT, resident_number

POTASSIUM, SODIUM = "2823-3", "2951-2"

CATALOG = {
    "region.yaml": """
policy:
  region: "9904"
  time_zone: Asia/Shanghai
  name_rule: tokens
  critical_flags: [HH, LL, AA]
  unknown_identifier_systems: local
  regions:
    - {code: "99", name: 样例省, mark: 样HR}
    - {code: "9904", name: 样例市, mark: 样例市HR}
identifier_systems:
  - system: urn:oid:2.16.156.10011.1.3
    kind: resident
    strength: strong
    check: gb11643
    name_zh: 居民身份证号
    name_en: resident number
vocabulary:
  - dimension: specimen
    term: SERUM
    name_zh: 血清
    name_en: serum
    codes: [{system: "http://terminology.hl7.org/CodeSystem/v2-0487", code: SER}]
    texts: [血清]
items:
  - code: LAB-K
    name_zh: 钾
    name_en: potassium
    specialty: laboratory
    class: electrolytes
    loinc: [2823-3]
    specimen: [SERUM]
    window_days: 7
  - code: LAB-NA
    name_zh: 钠
    name_en: sodium
    specialty: laboratory
    class: electrolytes
    loinc: [2951-2]
    specimen: [SERUM]
    window_days: 7
rules:
  - {code: EVERYWHERE, issued_by: {}, received_by: {}}
grounds:
  - {code: "4", name_zh: 急诊, name_en: emergency}
""",
    "institutions.csv": """code,name,tier,region,alliances,identifiers,feed_interval_hours
H1,县医院,secondary,990421,,,0
H2,市医院,tertiary,9904,,,0
T1,乡镇卫生院,township,990421,,,0
""",
    "grants.csv": """institution,items,range,valid_from,valid_to,quality_body
H1,*,9904,,,样例质控中心
H2,*,9904,,,样例质控中心
""",
}


def person(serial: int, *, name: str = "张三", birth: str = "1980-05-12", sex: str = "male") -> dict[str, Any]:
    """A FHIR Patient with a made resident number."""
    return {
        "resourceType": "Patient",
        "id": "p",
        "identifier": [{"system": RESIDENT, "value": resident_number(serial, birth.replace("-", ""))}],
        "name": [{"text": name}],
        "gender": sex,
        "birthDate": birth,
    }


def lab_report(
    identifier: str,
    patient: dict[str, Any],
    *,
    value: str = "4.10",
    code: str = POTASSIUM,
    status: str = "final",
    days_ago: float = 1,
    conclusion: str = "",
    **more: Any,
) -> dict[str, Any]:
    """A stand-alone R4 laboratory report with one result."""
    taken = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days_ago)
    when = taken.isoformat(timespec="seconds")
    report = {
        "resourceType": "DiagnosticReport",
        "contained": [
            patient,
            {
                "resourceType": "Specimen",
                "id": "s",
                "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0487", "code": "SER"}]},
                "subject": {"reference": "#p"},
            },
            {
                "resourceType": "Observation",
                "id": "o",
                "status": status if status in ("final", "preliminary", "corrected", "amended") else "final",
                "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": "Potassium"}]},
                "subject": {"reference": "#p"},
                "effectiveDateTime": when,
                "specimen": {"reference": "#s"},
                "valueQuantity": {"value": f"@@{value}@@", "unit": "mmol/L", "system": "http://unitsofmeasure.org"},
                "referenceRange": [{"text": "3.5-5.3"}],
            },
        ],
        "identifier": [{"system": "urn:h1:reports", "value": identifier}],
        "status": status,
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "LAB"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "24326-1"}], "text": "电解质"},
        "subject": {"reference": "#p"},
        "effectiveDateTime": when,
        "issued": when,
        "result": [{"reference": "#o"}],
    }
    if conclusion:
        report["conclusion"] = conclusion
    return report | more


def encoded(document: dict[str, Any]) -> bytes:
    """JSON; a value written as "@@1.50@@" becomes the number 1.50 with its zeros."""
    return json.dumps(document, ensure_ascii=False).replace('"@@', "").replace('@@"', "").encode()


def publish(document: dict[str, Any] | bytes, **more: Any) -> registry_service_pb2.PublishReportRequest:
    """A request."""
    content = document if isinstance(document, bytes) else encoded(document)
    return registry_service_pb2.PublishReportRequest(document=content, **more)


def question(patient: dict[str, Any]) -> reuse_service_pb2.PatientQuery:
    """The chart of a person."""
    sex = {"male": report_pb2.SEX_MALE, "female": report_pb2.SEX_FEMALE}[patient["gender"]]
    return reuse_service_pb2.PatientQuery(
        identifiers=[report_pb2.PatientIdentifier(**each) for each in patient["identifier"]],
        demographics=report_pb2.Demographics(name=patient["name"][0]["text"], birth_date=patient["birthDate"], sex=sex),
    )


def context(**more: Any) -> reuse_service_pb2.CallContext:
    """Who asks, in a plain visit."""
    given = {"practitioner": "D1", "department": "内科", "encounter": "E1", "purpose": "PURPOSE_TREATMENT"} | more
    return reuse_service_pb2.CallContext(**given)


def chart(patient: dict[str, Any], request_id: str = "r1", **more: Any) -> reuse_service_pb2.OpenChartRequest:
    """A chart is opened."""
    return reuse_service_pb2.OpenChartRequest(
        request_id=request_id, patient=question(patient), context=context(), **more
    )
