"""What an administrator's certificate may call: institutions, catalogue, patient index."""

from collections.abc import AsyncIterator
from datetime import datetime

import grpc
from hutong.v1 import catalog_service_pb2 as catalog
from hutong.v1 import certificate_service_pb2 as certs
from hutong.v1 import patient_service_pb2 as patients
from hutong.v1 import report_pb2 as v1
from hutong.v1.certificate_service_pb2_grpc import CertificateServiceStub
from hutong.v1.patient_service_pb2_grpc import PatientServiceStub

from hutong_client.calls import unary
from hutong_client.queries import timestamp
from hutong_client.rule_calls import RuleCalls


class AdminClient(RuleCalls):
    """Typed calls of CatalogService and PatientService. Every call raises HutongCallError when it does not succeed."""

    def __init__(self, channel: grpc.aio.Channel, deadline: float) -> None:
        super().__init__(channel, deadline)
        self._patients = PatientServiceStub(channel)
        self._certs = CertificateServiceStub(channel)

    async def put_institution(
        self, institution: catalog.Institution, *, update: bool = False
    ) -> catalog.PutInstitutionResponse:
        """Adds an institution; with `update` also changes one. Idempotent."""
        request = catalog.PutInstitutionRequest(institution=institution, update=update)
        return await unary(self._catalog.PutInstitution, request, self.deadline)

    async def institutions(self, *, page_size: int = 0) -> AsyncIterator[catalog.Institution]:
        """All institutions by code, page after page."""
        token = ""
        while True:
            request = catalog.ListInstitutionsRequest(page_size=page_size, page_token=token)
            page = await unary(self._catalog.ListInstitutions, request, self.deadline)
            for institution in page.institutions:
                yield institution
            token = page.next_page_token
            if not token:
                return

    async def get_institution(self, code: str) -> catalog.Institution:
        """One institution with its counts. Raises NotFound."""
        request = catalog.GetInstitutionRequest(code=code)
        return (await unary(self._catalog.GetInstitution, request, self.deadline)).institution

    async def institution_overview(self, code: str) -> catalog.GetInstitutionResponse:
        """One institution with its certificates and what is amiss in what it publishes. Raises NotFound.

        For administrators of the operator and its own; others are told the institution alone.
        """
        return await unary(self._catalog.GetInstitution, catalog.GetInstitutionRequest(code=code), self.deadline)

    async def suspend_institution(
        self, code: str, *, scope: str, reason: str, since: datetime | None = None, lift: bool = False
    ) -> catalog.Institution:
        """Suspends `scope` ("access" or "quality") of an institution, or lifts it. Idempotent.

        Args:
            code: the institution.
            scope: "access": its calls fail, its results stay. "quality": results taken from `since` on are never
                reusable, its calls go on.
            reason: why, for the record. No patient data.
            since: for quality; None: from now on.
            lift: end the suspension instead.
        """
        request = catalog.SuspendInstitutionRequest(
            code=code, scope=f"SUSPENSION_SCOPE_{scope.upper()}", since=timestamp(since), lift=lift, reason=reason
        )
        return (await unary(self._catalog.SuspendInstitution, request, self.deadline)).institution

    async def create_enrollment_token(
        self, institution: str, role: str, *, hours: int = 0, needs_approval: bool = False
    ) -> certs.CreateEnrollmentTokenResponse:
        """A one-time token for a certificate. Not retried: each call makes another."""
        request = certs.CreateEnrollmentTokenRequest(
            institution=institution, role=role, hours=hours, needs_approval=needs_approval
        )
        return await unary(self._certs.CreateEnrollmentToken, request, self.deadline)

    async def pending_enrollments(self) -> list[certs.PendingEnrollment]:
        """Enrolments that wait for a second administrator, oldest first."""
        request = certs.ListPendingEnrollmentsRequest()
        return list((await unary(self._certs.ListPendingEnrollments, request, self.deadline)).pending)

    async def decide_enrollment(self, enrollment: str, *, approve: bool, reason: str) -> None:
        """Approves or refuses one. Raises StateConflict when it was decided, or the caller made the token."""
        request = certs.DecideEnrollmentRequest(enrollment=enrollment, approve=approve, reason=reason)
        await unary(self._certs.DecideEnrollment, request, self.deadline)

    async def certificates(
        self, institution: str = "", *, include_ended: bool = False, page_size: int = 0
    ) -> AsyncIterator[certs.Certificate]:
        """Certificates that the registry issued, soonest to expire first, page after page."""
        token = ""
        while True:
            request = certs.ListCertificatesRequest(
                institution=institution, include_ended=include_ended, page_size=page_size, page_token=token
            )
            page = await unary(self._certs.ListCertificates, request, self.deadline)
            for certificate in page.certificates:
                yield certificate
            token = page.next_page_token
            if not token:
                return

    async def revoke_certificate(self, serial: str, *, reason: str) -> certs.Certificate:
        """Revokes one: its next call fails, its streams end. Idempotent. Raises NotFound."""
        request = certs.RevokeCertificateRequest(serial=serial, reason=reason)
        return (await unary(self._certs.RevokeCertificate, request, self.deadline)).certificate

    async def held_reports(self, *, page_size: int = 0) -> AsyncIterator[patients.HeldReport]:
        """Reports that wait for an administrator, oldest first, page after page."""
        token = ""
        while True:
            request = patients.ListHeldReportsRequest(page_size=page_size, page_token=token)
            page = await unary(self._patients.ListHeldReports, request, self.deadline)
            for held in page.held:
                yield held
            token = page.next_page_token
            if not token:
                return

    async def withhold_report(
        self, report_id: str, *, reason: str, lift: bool = False
    ) -> patients.WithholdReportResponse:
        """Hides one report at once from every answer; with `lift` shows it again. Idempotent. Raises NotFound.

        `report_id`: as `show_patient` gives it, or as its publisher was given it.
        """
        request = patients.WithholdReportRequest(report_id=report_id, lift=lift, reason=reason)
        return await unary(self._patients.WithholdReport, request, self.deadline)

    async def show_patient(self, identifier: v1.PatientIdentifier) -> patients.ShowPatientResponse:
        """The persons under an identifier and the steps taken; empty for an unknown one."""
        request = patients.ShowPatientRequest(identifier=identifier)
        return await unary(self._patients.ShowPatient, request, self.deadline)

    async def place_held_report(self, held: str, *, record: str = "", reason: str) -> patients.PatientStep:
        """Places a held report with the person of `record`, or makes it a person of its own. Not retried."""
        request = patients.PlaceHeldReportRequest(held=held, record=record, reason=reason)
        return (await unary(self._patients.PlaceHeldReport, request, self.deadline)).step

    async def link_patients(self, record: str, other_record: str, *, reason: str) -> patients.PatientStep:
        """Links the persons of two records. Idempotent."""
        request = patients.LinkPatientsRequest(record=record, other_record=other_record, reason=reason)
        return (await unary(self._patients.LinkPatients, request, self.deadline)).step

    async def unlink_patient(self, record: str, *, reason: str) -> patients.PatientStep:
        """Takes one record out of its person. Not retried."""
        request = patients.UnlinkPatientRequest(record=record, reason=reason)
        return (await unary(self._patients.UnlinkPatient, request, self.deadline)).step

    async def undo_patient_step(self, step: str, *, reason: str) -> patients.PatientStep:
        """Undoes one step. Not retried."""
        request = patients.UndoPatientStepRequest(step=step, reason=reason)
        return (await unary(self._patients.UndoPatientStep, request, self.deadline)).step
