"""Who may call what: one table, method → roles. A method that is absent is denied; a test proves the table total."""

from typing import Final

from hutong_server.api.status import refusal
from hutong_server.domain.caller import Caller, Role
from hutong_server.domain.errors import Reason
from hutong_server.domain.rulebook import RuleBook
from hutong_server.usecases.certificates import OPERATOR_ROLES
from hutong_server.usecases.institutions import OPERATOR

EVERY_ROLE: Final = frozenset(Role)
_FEED: Final = frozenset({Role.FEED})
_EMR: Final = frozenset({Role.EMR})
_ADMIN: Final = frozenset({Role.ADMIN})
_OF_PATIENTS: Final = frozenset({Role.EMR, Role.PORTAL})
_REVIEWERS: Final = frozenset({Role.ADMIN, Role.SUPERVISOR})
_COUNTED: Final = frozenset({Role.EMR, Role.ADMIN, Role.SUPERVISOR})
_AUDITORS: Final = frozenset({Role.ADMIN, Role.SUPERVISOR, Role.PORTAL})

ROLES: Final[dict[str, frozenset[Role]]] = {
    "/hutong.v1.RegistryService/PublishReport": _FEED,
    "/hutong.v1.RegistryService/PublishReports": _FEED,
    "/hutong.v1.RegistryService/GetFeedStatus": _FEED,
    "/hutong.v1.ReuseService/OpenChart": _EMR,
    "/hutong.v1.ReuseService/ListReports": _EMR,
    "/hutong.v1.ReuseService/GetReport": _EMR,
    "/hutong.v1.ReuseService/CheckOrders": _EMR,
    "/hutong.v1.ReuseService/RecordDecisions": _EMR,
    "/hutong.v1.ReuseService/ReportPromptEvents": _EMR,
    "/hutong.v1.ReuseService/WatchNotices": _EMR,
    "/hutong.v1.ReuseService/ListNotices": _EMR,
    "/hutong.v1.ReuseService/AcknowledgeNotice": _EMR,
    "/hutong.v1.ReuseService/GetTrend": _EMR,
    "/hutong.v1.ReuseService/ExplainItem": _EMR,
    "/hutong.v1.CatalogService/PutInstitution": _ADMIN,
    "/hutong.v1.CatalogService/ListInstitutions": _ADMIN,
    "/hutong.v1.CatalogService/GetInstitution": _ADMIN,
    "/hutong.v1.CatalogService/SuspendInstitution": _ADMIN,
    "/hutong.v1.CatalogService/ImportCatalog": _ADMIN,
    "/hutong.v1.CatalogService/ListCatalogEntries": _ADMIN,
    "/hutong.v1.CatalogService/ListCatalogVersions": _ADMIN,
    "/hutong.v1.CatalogService/DiffCatalogVersions": _ADMIN,
    "/hutong.v1.CatalogService/ActivateCatalog": _ADMIN,
    "/hutong.v1.CatalogService/RollBackCatalog": _ADMIN,
    "/hutong.v1.CatalogService/ListUnmappedCodes": _ADMIN,
    "/hutong.v1.PatientService/ListHeldReports": _ADMIN,
    "/hutong.v1.PatientService/ShowPatient": _ADMIN,
    "/hutong.v1.PatientService/PlaceHeldReport": _ADMIN,
    "/hutong.v1.PatientService/LinkPatients": _ADMIN,
    "/hutong.v1.PatientService/UnlinkPatient": _ADMIN,
    "/hutong.v1.PatientService/UndoPatientStep": _ADMIN,
    "/hutong.v1.PatientService/WithholdReport": _ADMIN,
    "/hutong.v1.ConsentService/PutDirective": _OF_PATIENTS,
    "/hutong.v1.ConsentService/RevokeDirective": _OF_PATIENTS,
    "/hutong.v1.ConsentService/ListDirectives": _OF_PATIENTS,
    "/hutong.v1.ConsentService/ListReviews": _REVIEWERS,
    "/hutong.v1.ConsentService/CloseReview": _REVIEWERS,
    "/hutong.v1.AuditService/ListAccesses": _AUDITORS,
    "/hutong.v1.AuditService/ProveAccess": _AUDITORS,
    "/hutong.v1.AuditService/ListCheckpoints": _AUDITORS,
    "/hutong.v1.CertificateService/CreateEnrollmentToken": _ADMIN,
    "/hutong.v1.CertificateService/ListPendingEnrollments": _ADMIN,
    "/hutong.v1.CertificateService/DecideEnrollment": _ADMIN,
    "/hutong.v1.CertificateService/ListCertificates": _ADMIN,
    "/hutong.v1.CertificateService/RevokeCertificate": _ADMIN,
    "/hutong.v1.StatisticsService/GetStatistics": _COUNTED,
    "/hutong.v1.StatisticsService/ListStatisticsRows": _COUNTED,
    "/hutong.v1.StatisticsService/ListFeedFreshness": _COUNTED,
    "/grpc.health.v1.Health/Check": EVERY_ROLE,
    "/grpc.health.v1.Health/List": EVERY_ROLE,
    "/grpc.health.v1.Health/Watch": EVERY_ROLE,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": EVERY_ROLE,
}

OF_THE_OPERATOR: Final = frozenset(
    {
        "/hutong.v1.CatalogService/PutInstitution",
        "/hutong.v1.CatalogService/SuspendInstitution",
        "/hutong.v1.CatalogService/RollBackCatalog",
        "/hutong.v1.PatientService/ListHeldReports",
        "/hutong.v1.PatientService/ShowPatient",
        "/hutong.v1.PatientService/PlaceHeldReport",
        "/hutong.v1.PatientService/LinkPatients",
        "/hutong.v1.PatientService/UnlinkPatient",
        "/hutong.v1.PatientService/UndoPatientStep",
        "/hutong.v1.PatientService/WithholdReport",
        "/hutong.v1.ConsentService/ListReviews",
        "/hutong.v1.ConsentService/CloseReview",
        "/hutong.v1.AuditService/ListAccesses",
        "/hutong.v1.AuditService/ProveAccess",
        "/hutong.v1.CertificateService/CreateEnrollmentToken",
        "/hutong.v1.CertificateService/ListPendingEnrollments",
        "/hutong.v1.CertificateService/DecideEnrollment",
        "/hutong.v1.CertificateService/ListCertificates",
        "/hutong.v1.CertificateService/RevokeCertificate",
    }
)
"""What the administrators of the registry itself do: for an institution's own administrator, another role's methods."""

OPEN_TO_UNREGISTERED: Final = frozenset(
    {
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/List",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    }
)
"""Say nothing about anybody: a valid certificate is enough, so that a new site can be tried before it is added."""


def check(method: str, caller: Caller, book: RuleBook) -> None:
    """Raises HutongError unless the caller may call the method now."""
    roles = ROLES.get(method)
    if roles is None:
        raise refusal(Reason.METHOD_UNKNOWN)
    if caller.role not in roles:
        raise refusal(Reason.ROLE_NOT_ALLOWED)
    if caller.role is Role.ADMIN and caller.institution != OPERATOR and method in OF_THE_OPERATOR:
        raise refusal(Reason.ROLE_NOT_ALLOWED)
    if method in OPEN_TO_UNREGISTERED or (caller.institution == OPERATOR and caller.role in OPERATOR_ROLES):
        return
    institution = book.institution(caller.institution)
    if institution is None:
        raise refusal(Reason.INSTITUTION_UNKNOWN)
    if institution.access_suspended:
        raise refusal(Reason.INSTITUTION_SUSPENDED)
