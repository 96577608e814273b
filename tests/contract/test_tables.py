"""Tables that must be total: methods and roles, reasons and statuses, domain and contract."""

import re
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from hutong.v1 import (
    audit_service_pb2,
    catalog_service_pb2,
    certificate_service_pb2,
    consent_service_pb2,
    error_reason_pb2,
    patient_service_pb2,
    registry_service_pb2,
    report_pb2,
    reuse_service_pb2,
    statistics_service_pb2,
)
from hutong_server.api import convert, convert_publish, convert_reuse
from hutong_server.api.policy import OF_THE_OPERATOR, OPEN_TO_UNREGISTERED, ROLES
from hutong_server.api.server import SERVICES
from hutong_server.api.status import ERRORS
from hutong_server.domain.caller import Role
from hutong_server.domain.errors import Reason
from hutong_server.domain.reuse import NotReusable

CONTRACT = (
    registry_service_pb2,
    reuse_service_pb2,
    catalog_service_pb2,
    patient_service_pb2,
    certificate_service_pb2,
    consent_service_pb2,
    audit_service_pb2,
    statistics_service_pb2,
)
"""What is served over mutual TLS; enrolment has a listener of its own."""
PROTOS = Path(__file__).parents[2] / "proto" / "hutong" / "v1"


def methods(*files: object) -> set[str]:
    return {
        f"/{service.full_name}/{method.name}"
        for file in files
        for service in file.DESCRIPTOR.services_by_name.values()  # type: ignore[attr-defined]
        for method in service.methods
    }


def test_access_table_names_every_method_and_no_other() -> None:
    assert set(ROLES) == methods(*CONTRACT, health_pb2, reflection_pb2)


def test_what_an_institutions_own_administrator_may_call_is_listed() -> None:
    """A new method for administrators is the operator's alone, or is named here."""
    services = {"CatalogService": {"ListInstitutions", "GetInstitution", "ImportCatalog", "ListCatalogEntries"}}
    services["CatalogService"] |= {"ListCatalogVersions", "DiffCatalogVersions", "ActivateCatalog", "ListUnmappedCodes"}
    services["AuditService"] = {"ListCheckpoints"}
    own = {f"/hutong.v1.{service}/{method}" for service, names in services.items() for method in names}
    statistics = methods(statistics_service_pb2)
    of_administrators = {method for method, roles in ROLES.items() if Role.ADMIN in roles and "/hutong." in method}
    assert of_administrators - OF_THE_OPERATOR - statistics == own
    assert of_administrators >= OF_THE_OPERATOR


def test_no_method_is_open_to_no_role() -> None:
    assert all(roles <= set(Role) and roles for roles in ROLES.values())


def test_only_health_and_reflection_are_open_to_unregistered_institutions() -> None:
    assert methods(health_pb2, reflection_pb2) == OPEN_TO_UNREGISTERED


def test_every_service_of_the_contract_is_served() -> None:
    files = {path.stem for path in PROTOS.glob("*_service.proto")} - {"enrollment_service"}
    assert len(SERVICES) == len(files)
    assert set(SERVICES) == {f"hutong.v1.{name.title().replace('_', '')}" for name in files}


@pytest.mark.parametrize("method", sorted(methods(*CONTRACT)))
def test_roles_are_those_that_the_contract_states(method: str) -> None:
    service, name = method.rpartition(".")[2].split("/")
    file = re.sub(r"(?<!^)(?=[A-Z])", "_", service).lower()
    text = (PROTOS / f"{file}.proto").read_text()
    comment = text[: text.index(f"rpc {name}(")].rpartition("rpc ")[2]
    stated = re.findall(r"Roles?: ([^.]+)\.", comment)
    assert stated, f"the comment of {method} states no role"
    words = re.findall(r"\w+", re.sub(r"\([^)]*\)", "", stated[-1]))
    assert {role.value for role in ROLES[method]} == set(words) & {role.value for role in Role}


def test_error_table_is_total() -> None:
    assert set(ERRORS) == set(Reason)
    assert all(entry.text and entry.code is not grpc.StatusCode.OK for entry in ERRORS.values())


def test_reasons_mirror_the_contract() -> None:
    contract = {name.removeprefix("ERROR_REASON_") for name, _ in error_reason_pb2.ErrorReason.items()}
    assert {reason.value for reason in Reason} == contract - {"UNSPECIFIED"}
    assert all(reason.name == reason.value for reason in Reason)


@pytest.mark.parametrize("reason", list(Reason))
def test_status_is_one_that_the_contract_states(reason: Reason) -> None:
    text = (PROTOS / "error_reason.proto").read_text()
    comment = text[: text.index(f"  ERROR_REASON_{reason.value} =")].rpartition("\n  ERROR_REASON_")[2]
    stated = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)*\b", comment.split("Example:")[0])) & {
        code.name for code in grpc.StatusCode
    }
    # Warnings and holds state none: they stand in answers.
    assert not stated or ERRORS[reason].code.name in stated


def test_verdicts_mirror_the_contract() -> None:
    contract = {name.removeprefix("NOT_REUSABLE_REASON_") for name, _ in report_pb2.NotReusableReason.items()}
    assert {reason.value for reason in NotReusable} == contract - {"UNSPECIFIED"}


@pytest.mark.parametrize(
    ("table", "enum", "prefix"),
    [
        (convert.TIERS, report_pb2.Tier, "TIER"),
        (convert.SPECIALTIES, report_pb2.Specialty, "SPECIALTY"),
        (convert.REASONS, report_pb2.NotReusableReason, "NOT_REUSABLE_REASON"),
        (convert_publish.OUTCOMES, registry_service_pb2.PublishOutcome, "PUBLISH_OUTCOME"),
        (convert_publish.SEVERITIES, registry_service_pb2.IssueSeverity, "ISSUE_SEVERITY"),
        (convert_publish.REASONS, error_reason_pb2.ErrorReason, "ERROR_REASON"),
        (convert_reuse.OUTCOMES, reuse_service_pb2.Outcome, "OUTCOME"),
    ],
)
def test_enums_are_converted_whole(table: dict[object, int], enum: object, prefix: str) -> None:
    assert set(table.values()) == set(enum.values()) - {enum.Value(f"{prefix}_UNSPECIFIED")}  # type: ignore[attr-defined]
    assert len(set(table.values())) == len(table)


@pytest.mark.parametrize(
    ("table", "enum"),
    [
        (convert_publish.RELEASES, registry_service_pb2.FhirRelease),
        (convert_reuse.ENCOUNTER_CLASSES, reuse_service_pb2.EncounterClass),
    ],
)
def test_enums_of_requests_are_read_whole(table: dict[int, str], enum: object) -> None:
    assert set(table) == set(enum.values())  # type: ignore[attr-defined]
