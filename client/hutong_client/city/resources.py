"""The FHIR resources of the made city. Where R4 and R5 differ, the difference stands here."""

import base64
from datetime import datetime
from random import Random

from hutong_client.city.analytes import ANALYTES
from hutong_client.city.body import flag, written
from hutong_client.city.examinations import BODY_PARTS, LATERALITY, Examination
from hutong_client.city.fhir_text import Json, concept, decimal
from hutong_client.city.identity import RESIDENT_NUMBER, full_width, mistyped, short_form
from hutong_client.city.model import Institution, Patient
from hutong_client.city.panels import GRADES, Panel
from hutong_client.city.source import DICOM, HL7, INSTITUTION_CODES, SNOMED, Source

HEALTH_CARD = "urn:oid:2.16.156.10011.1.19"
"""System of the electronic health card."""

_FLAGS = {
    code: [concept("", (f"{HL7}/v3-ObservationInterpretation", code, display))]
    for code, display in (
        ("N", "Normal"),
        ("L", "Low"),
        ("H", "High"),
        ("LL", "Critical low"),
        ("HH", "Critical high"),
        ("A", "Abnormal"),
    )
}
LABORATORY = [concept("", (f"{HL7}/observation-category", "laboratory", ""))]
_FASTING = concept("空腹", (f"{HL7}/v2-0916", "F", ""))
_GRADE_CODES = {"阴性": "260385009", "1+": "260347006", "2+": "260348001", "3+": "260349009"}


def patient(person: Patient, at: Institution, noise: str, sibling: Patient | None, rng: Random) -> Json:
    """Patient, as this institution has the person on file."""
    number = (sibling or person).resident_number
    if noise in ("mistyped", "only-mistyped"):
        number = mistyped(number, rng)
    elif noise == "short-number" and person.birth_date.year < 2000:
        number = short_form(number)
    elif noise == "full-width":
        number = full_width(number)
    identifiers: list[Json] = [{"use": "official", "system": RESIDENT_NUMBER, "value": number}]
    if noise != "only-mistyped":
        if at.tier in ("tertiary", "secondary") and person.mother is None:
            identifiers.append({"system": HEALTH_CARD, "value": person.health_card})
        record = person.record_number(at.code)
        identifiers.append({"system": at.record_numbers, "value": record, "assigner": {"display": at.name}})
    made: Json = {"resourceType": "Patient", "identifier": identifiers}
    if noise == "no-demographics":
        return made
    made["name"] = [{"text": person.name}]
    if at.code_style in (0, 3):
        made["name"] = [{"use": "official", "text": person.name, "family": person.name[0], "given": [person.name[1:]]}]
    made["gender"] = person.sex
    # Some village systems never ask for the birth date.
    if not (at.tier == "village" and at.code_style == 2 and person.index % 3 == 0):
        made["birthDate"] = person.birth_date.isoformat()
    return made


def organization(institution: Institution) -> Json:
    """Organization."""
    return {
        "resourceType": "Organization",
        "identifier": [{"system": INSTITUTION_CODES, "value": institution.code}],
        "name": institution.name,
    }


def organization_by_number(institution: Institution) -> Json:
    """A reference that names an institution without a resource."""
    return {
        "type": "Organization",
        "identifier": {"system": INSTITUTION_CODES, "value": institution.code},
        "display": institution.name,
    }


def specimen(source: Source, panel: Panel, subject: Json, taken: datetime | None, barcode: str) -> Json:
    """Specimen with its type and the condition under which it was taken."""
    collection: Json = {}
    if taken:
        collection["collectedDateTime"] = taken.isoformat()
    if panel.fasting:
        collection["fastingStatusCodeableConcept"] = _FASTING
    made: Json = {
        "resourceType": "Specimen",
        "identifier": [{"system": f"{source.institution.base}/barcode", "value": barcode}],
        "type": source.specimen_type(panel.specimen),
        "subject": subject,
    }
    if collection:
        made["collection"] = collection
    return made


def measured(source: Source, key: str, value: float, sex: str, without_unit: bool = False) -> Json:
    """The part of an Observation that a number makes."""
    analyte = ANALYTES[key]
    text = written(value, analyte)
    quantity = {"value": decimal(text)} if without_unit else source.quantity(text, analyte)
    return {
        "code": source.result_code(key),
        "valueQuantity": quantity,
        # Judged as printed, so that 6.10 is not high above 6.1.
        "interpretation": _FLAGS[flag(float(text), analyte, sex)],
        "referenceRange": source.reference_range(analyte, sex),
    }


def graded(source: Source, key: str, grade: str) -> Json:
    """The part of an Observation that a urine strip makes."""
    made: Json = {"code": source.result_code(key), "referenceRange": [{"text": GRADES[0]}]}
    if source.institution.code_style == 0 and grade in _GRADE_CODES:
        made["valueCodeableConcept"] = concept(grade, (SNOMED, _GRADE_CODES[grade], ""))
    else:
        made["valueString"] = grade
    made["interpretation"] = _FLAGS["N" if grade == GRADES[0] else "A"]
    return made


def imaging_study(
    source: Source, exam: Examination, subject: Json, started: datetime, endpoint: Json | None, rng: Random
) -> Json:
    """ImagingStudy with its series; with an endpoint when the images can be reached."""
    newer = source.institution.release == "R5"
    modality: Json = {"system": DICOM, "code": exam.modality}
    snomed, name = BODY_PARTS[exam.body_part]
    site: Json = {"system": SNOMED, "code": snomed, "display": name}
    root = f"2.25.{rng.getrandbits(100)}"
    series = []
    for number in range(1, exam.series + 1):
        one: Json = {
            "uid": f"{root}.{number}",
            "number": number,
            "modality": {"coding": [modality]} if newer else modality,
            "numberOfInstances": rng.randrange(20, 320) if exam.modality in ("CT", "MR") else rng.randrange(1, 12),
            "bodySite": {"concept": {"coding": [site], "text": name}} if newer else site,
        }
        if exam.laterality:
            code, side_name = LATERALITY[exam.laterality]
            side: Json = {"system": SNOMED, "code": code, "display": side_name}
            one["laterality"] = {"coding": [side]} if newer else side
        series.append(one)
    made: Json = {
        "resourceType": "ImagingStudy",
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{root}"}],
        "status": "available",
        "modality": [{"coding": [modality]} if newer else modality],
        "subject": subject,
        "started": started.isoformat(),
        "numberOfSeries": len(series),
        "numberOfInstances": sum(one["numberOfInstances"] for one in series),
        "description": exam.name,
        "series": series,
    }
    words = concept(exam.method)
    if newer:
        made["procedure"] = [{"concept": words}]
    else:
        made["procedureCode"] = [words]
    if endpoint:
        made["endpoint"] = [endpoint]
    return made


def endpoint(institution: Institution) -> Json:
    """The address of an image archive."""
    kind: Json = {"system": f"{HL7}/endpoint-connection-type", "code": "dicom-wado-rs"}
    made: Json = {"resourceType": "Endpoint", "status": "active", "name": f"{institution.name}影像库"}
    if institution.release == "R5":
        made["connectionType"] = [{"coding": [kind]}]
    else:
        made["connectionType"] = kind
        made["payloadType"] = [concept("DICOM")]
    made["address"] = f"https://{institution.code.lower()}.example/dicomweb"
    return made


def findings_form(words: str) -> Json:
    """What was seen, as an attached form."""
    return {
        "contentType": "text/plain; charset=utf-8",
        "language": "zh-CN",
        "data": base64.b64encode(words.encode()).decode(),
        "title": "检查所见",
    }
