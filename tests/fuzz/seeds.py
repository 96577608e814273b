"""Good requests of every method, from which the fuzzed ones are made."""

from collections.abc import Mapping, Sequence

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from hutong.v1 import (
    audit_service_pb2,
    catalog_service_pb2,
    certificate_service_pb2,
    consent_service_pb2,
    enrollment_service_pb2,
    patient_service_pb2,
    registry_service_pb2,
    report_pb2,
    reuse_service_pb2,
)

from tests.api.documents import CATALOG, chart, context, lab_report, person, publish, question
from tests.fuzz.messages import CANARY

SERVICES = tuple(
    service
    for file in (
        registry_service_pb2,
        reuse_service_pb2,
        catalog_service_pb2,
        patient_service_pb2,
        consent_service_pb2,
        audit_service_pb2,
        certificate_service_pb2,
    )
    for service in file.DESCRIPTOR.services_by_name.values()
)
ENROLLMENT = enrollment_service_pb2.DESCRIPTOR.services_by_name["EnrollmentService"]


def methods() -> Mapping[str, MethodDescriptor]:
    """By full name."""
    found = {f"/{service.full_name}/{method.name}": method for service in SERVICES for method in service.methods}
    return found | {f"/{ENROLLMENT.full_name}/{method.name}": method for method in ENROLLMENT.methods}


def seeds() -> Mapping[str, Sequence[Message]]:
    """By full name; methods whose requests are plain have none."""
    patient = person(1, name=CANARY)
    who = question(patient)
    published = publish(lab_report("fuzz", patient, conclusion=CANARY))
    files = [catalog_service_pb2.CatalogFile(name=name, content=text.encode()) for name, text in CATALOG.items()]
    added = catalog_service_pb2.Institution(code="F1", name="模糊", tier="TIER_TOWNSHIP", region="990421")
    identifier = report_pb2.PatientIdentifier(**patient["identifier"][0])
    return {
        "/hutong.v1.RegistryService/PublishReport": [published],
        "/hutong.v1.RegistryService/PublishReports": [
            registry_service_pb2.PublishReportsRequest(feed="fuzz", position="1", report=published)
        ],
        "/hutong.v1.RegistryService/GetFeedStatus": [registry_service_pb2.GetFeedStatusRequest(feed="fuzz")],
        "/hutong.v1.ReuseService/OpenChart": [chart(patient, include_not_reusable=True, explain=True)],
        "/hutong.v1.ReuseService/ExplainItem": [
            reuse_service_pb2.ExplainItemRequest(patient=who, context=context(), item="LAB-K")
        ],
        "/hutong.v1.ReuseService/ListReports": [
            reuse_service_pb2.ListReportsRequest(patient=who, context=context(), item="LAB-K", page_size=1)
        ],
        "/hutong.v1.ReuseService/GetReport": [reuse_service_pb2.GetReportRequest(report_id="x", context=context())],
        "/hutong.v1.ReuseService/CheckOrders": [
            reuse_service_pb2.CheckOrdersRequest(
                request_id="fuzz",
                patient=who,
                context=context(),
                orders=[
                    reuse_service_pb2.Order(
                        order_id="1", item="LAB-K", specimen=report_pb2.CodeableConcept(text="血清")
                    ),
                    reuse_service_pb2.Order(
                        order_id="2",
                        code=report_pb2.CodeableConcept(
                            coding=[report_pb2.Coding(system="http://loinc.org", code="2823-3")], text=CANARY
                        ),
                    ),
                ],
                explain=True,
            )
        ],
        "/hutong.v1.ReuseService/WatchNotices": [
            reuse_service_pb2.WatchNoticesRequest(context=context()),
            reuse_service_pb2.WatchNoticesRequest(context=context(), resume_token=CANARY),
        ],
        "/hutong.v1.ReuseService/ListNotices": [reuse_service_pb2.ListNoticesRequest(context=context(), page_size=1)],
        "/hutong.v1.ReuseService/AcknowledgeNotice": [
            reuse_service_pb2.AcknowledgeNoticeRequest(context=context(), notice_id=CANARY)
        ],
        "/hutong.v1.PatientService/WithholdReport": [
            patient_service_pb2.WithholdReportRequest(report_id=CANARY, reason="x")
        ],
        "/hutong.v1.CatalogService/PutInstitution": [
            catalog_service_pb2.PutInstitutionRequest(institution=added, update=True)
        ],
        "/hutong.v1.CatalogService/GetInstitution": [catalog_service_pb2.GetInstitutionRequest(code="H1")],
        "/hutong.v1.CatalogService/SuspendInstitution": [
            catalog_service_pb2.SuspendInstitutionRequest(code="T1", scope="SUSPENSION_SCOPE_ACCESS", reason="x")
        ],
        "/hutong.v1.CatalogService/ImportCatalog": [
            catalog_service_pb2.ImportCatalogRequest(files=[file], dry_run=True) for file in files
        ],
        "/hutong.v1.CatalogService/ListCatalogEntries": [
            catalog_service_pb2.ListCatalogEntriesRequest(kind="item", page_size=1)
        ],
        "/hutong.v1.PatientService/ShowPatient": [patient_service_pb2.ShowPatientRequest(identifier=identifier)],
        "/hutong.v1.ConsentService/PutDirective": [
            consent_service_pb2.PutDirectiveRequest(
                request_id="1",
                patient=who,
                context=context(),
                directive=consent_service_pb2.Directive(effect=1, scope=2, target="H1"),
            )
        ],
        "/hutong.v1.ConsentService/ListDirectives": [
            consent_service_pb2.ListDirectivesRequest(patient=who, context=context())
        ],
        "/hutong.v1.AuditService/ListAccesses": [audit_service_pb2.ListAccessesRequest(patient=who, page_size=1)],
        "/hutong.v1.CertificateService/CreateEnrollmentToken": [
            certificate_service_pb2.CreateEnrollmentTokenRequest(institution="T1", role="emr", hours=1)
        ],
        "/hutong.v1.EnrollmentService/Enroll": [
            enrollment_service_pb2.EnrollRequest(
                token=CANARY, certificate_request=b"-----BEGIN CERTIFICATE REQUEST-----"
            )
        ],
    }
