"""Access records as FHIR R4 AuditEvents, after IHE BALP (Basic Audit Log Patterns).

No event claims one of its profiles: they ask for what a gRPC call does not have, such as the text of a search.
A patient is named by the registry's random key, a report by its random id: the export holds what the ledger holds.
"""

import datetime
from typing import Any

from hutong_server.domain.report import Instant
from hutong_server.store.base import AccessRecord

_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_RESTFUL = "http://hl7.org/fhir/restful-interaction"
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_OBJECT_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"

_QUERIES = frozenset({"OpenChart", "CheckOrders", "ListReports", "ListAccesses", "ListDirectives"})
_READS = frozenset({"GetReport"})
_CREATES = frozenset({"PublishReport"})


def audit_event(access: AccessRecord, leaf: str, registry: str) -> dict[str, Any]:
    """The AuditEvent of a leaf. `leaf`: its name, <log>/<number>; `registry`: the observer."""
    event: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": leaf.replace("/", "-"),
        "type": _type(access),
        "subtype": [_subtype(access)],
        "action": _action(access),
        "recorded": _instant(access.at),
        "outcome": "4" if access.reason else "0",
        "outcomeDesc": access.reason or access.outcome,
        "agent": _agents(access),
        "source": {"observer": {"display": registry}},
        "entity": _entities(access, leaf),
    }
    if access.purpose:
        event["purposeOfEvent"] = [{"text": access.purpose}]
    return event


def _type(access: AccessRecord) -> dict[str, str]:
    if access.method in _QUERIES | _READS | _CREATES:
        return {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"}
    return (
        {"system": _DCM, "code": "110136", "display": "Security Roles Changed"}
        if ("Institution" in access.method)
        else {"system": _DCM, "code": "110100", "display": "Application Activity"}
    )


def _subtype(access: AccessRecord) -> dict[str, str]:
    if access.method in _QUERIES:
        return {"system": _RESTFUL, "code": "search", "display": access.method}
    if access.method in _READS:
        return {"system": _RESTFUL, "code": "read", "display": access.method}
    if access.method in _CREATES:
        return {"system": _RESTFUL, "code": "create", "display": access.method}
    return {"system": _RESTFUL, "code": "operation", "display": access.method}


def _action(access: AccessRecord) -> str:
    if access.method in _CREATES:
        return "C"
    return "R" if access.method in _READS else "E"


def _instant(at: Instant) -> str:
    moment = datetime.datetime.fromtimestamp(at / 1000, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _agents(access: AccessRecord) -> list[dict[str, Any]]:
    institution: dict[str, Any] = {
        "type": {"coding": [{"system": _DCM, "code": "110153", "display": "Source Role ID"}]},
        "who": {"identifier": {"value": access.institution or "unknown"}},
        "role": [{"text": access.role}] if access.role else [],
        "requestor": not access.practitioner,
    }
    if access.certificate:
        institution["altId"] = access.certificate
    if not access.practitioner:
        return [institution]
    practitioner: dict[str, Any] = {
        "type": {"coding": [{"system": _PARTICIPATION, "code": "IRCP", "display": "information recipient"}]},
        "who": {"identifier": {"value": access.practitioner, "assigner": {"display": access.institution}}},
        "requestor": True,
    }
    if access.department:
        practitioner["location"] = {"display": access.department}
    return [practitioner, institution]


def _entities(access: AccessRecord, leaf: str) -> list[dict[str, Any]]:
    entities = [_entity({"value": key.hex()}, ("1", "Person"), ("1", "Patient")) for key in access.patient_keys]
    contents = {each.report_id: each for each in access.contents}
    for report in access.reports:
        entity = _entity({"value": report.hex()}, ("2", "System Object"), ("3", "Report"))
        known = contents.get(report)
        if known is not None:
            entity["detail"] = [
                {"type": "version", "valueString": str(known.version)},
                *({"type": "verdict", "valueString": verdict} for verdict in known.verdicts),
                *([{"type": "sha256", "valueString": known.digest.hex()}] if known.digest else []),
            ]
        entities.append(entity)
    facts = {
        "request": access.request_id,
        "leaf": leaf,
        "prompt": access.prompt_id.hex(),
        "encounter": access.encounter,
        "encounter-class": access.encounter_class,
        "consent-basis": access.consent_basis,
        "outcome": access.outcome,
        "withheld": str(len(access.withheld)) if access.withheld else "",
    }
    about = _entity({"value": access.request_id or leaf}, ("2", "System Object"), ("24", "Query"))
    about["detail"] = [{"type": name, "valueString": text} for name, text in facts.items() if text]
    about["detail"] += [{"type": "detail", "valueString": each} for each in access.detail]
    return [*entities, about]


def _entity(identifier: dict[str, str], kind: tuple[str, str], role: tuple[str, str]) -> dict[str, Any]:
    return {
        "what": {"identifier": identifier},
        "type": {"system": _ENTITY_TYPE, "code": kind[0], "display": kind[1]},
        "role": {"system": _OBJECT_ROLE, "code": role[0], "display": role[1]},
    }
