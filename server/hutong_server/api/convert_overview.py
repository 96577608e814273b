"""What is seen of an institution at a glance, between domain and proto."""

from hutong.v1 import catalog_service_pb2, certificate_service_pb2

from hutong_server.api.convert import stamp
from hutong_server.domain.intake import HELD, LATE, REJECTED, REPORTS
from hutong_server.domain.report import Severity
from hutong_server.store.base_certificates import CertificateRow
from hutong_server.usecases.institutions import Overview
from hutong_server.usecases.intake import Intake


def overview_out(target: catalog_service_pb2.GetInstitutionResponse, seen: Overview) -> None:
    """Certificates and intake."""
    for row in seen.certificates:
        certificate_out(target.certificates.add(), row)
    _intake_out(target.intake, seen.intake)


def certificate_out(target: certificate_service_pb2.Certificate, row: CertificateRow) -> None:
    """A certificate that was issued."""
    target.serial, target.institution, target.role = row.serial, row.institution, row.role
    target.fingerprint, target.renewed_from = row.fingerprint, row.renewed_from
    target.revoked_because = row.revoked_because
    stamp(target.not_before, row.not_before)
    stamp(target.not_after, row.not_after)
    stamp(target.revoked_at, row.revoked_at)


def _intake_out(target: catalog_service_pb2.Intake, seen: Intake) -> None:
    counts = seen.counts
    target.first_day, target.last_day = seen.first_day, seen.last_day
    target.reports, target.held = counts.get(REPORTS, 0), counts.get(HELD, 0)
    target.late, target.rejected = counts.get(LATE, 0), counts.get(REJECTED, 0)
    for kind, reports in sorted(counts.items(), key=lambda each: (-each[1], each[0])):
        severity, colon, what = kind.partition(":")
        if colon:
            reason, _, field = what.partition(":")
            refused = severity == Severity.ERROR.value
            target.issues.add(reason=reason, field=field, refused=refused, reports=reports)
