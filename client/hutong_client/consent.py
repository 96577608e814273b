"""Patients' directives, and the review of emergencies."""

import uuid
from collections.abc import AsyncIterator
from datetime import datetime

import grpc
from hutong.v1 import consent_service_pb2 as consent
from hutong.v1 import reuse_service_pb2 as reuse
from hutong.v1.consent_service_pb2_grpc import ConsentServiceStub

from hutong_client.calls import unary
from hutong_client.queries import enum_name, timestamp


class ConsentClient:
    """Typed calls of ConsentService. Every call raises HutongCallError when it does not succeed."""

    def __init__(self, channel: grpc.aio.Channel, deadline: float) -> None:
        self._consent = ConsentServiceStub(channel)
        self.deadline = deadline
        """Seconds for each call."""

    async def put(
        self,
        patient: reuse.PatientQuery,
        context: reuse.CallContext,
        *,
        effect: str,
        scope: str,
        target: str = "",
        valid_from: datetime | None = None,
        valid_until: datetime | None = None,
        request_id: str = "",
    ) -> consent.Directive:
        """Records a directive; it holds for the next answer. For roles emr and portal. Idempotent by `request_id`.

        Args:
            patient: whose; see `patient_query`.
            context: who records it; see `call_context`.
            effect: "withhold" or "allow" (a category only).
            scope: "everything", "institution" or "category".
            target: code of the institution or category.
            valid_from: with zone; None: from now on.
            valid_until: with zone, exclusive; None: for good.
            request_id: unique within the institution; empty: a new one is made.

        Raises:
            ValueError: an unknown effect or scope, or a time without zone.
            HutongCallError: reason PATIENT_IN_DOUBT when it is not certain who the patient is.
        """
        directive = consent.Directive(
            effect=enum_name(consent.DirectiveEffect.keys(), "DIRECTIVE_EFFECT", effect),
            scope=enum_name(consent.DirectiveScope.keys(), "DIRECTIVE_SCOPE", scope),
            target=target,
            valid_from=timestamp(valid_from),
            valid_until=timestamp(valid_until),
        )
        request = consent.PutDirectiveRequest(
            request_id=request_id or uuid.uuid4().hex, patient=patient, context=context, directive=directive
        )
        return (await unary(self._consent.PutDirective, request, self.deadline)).directive

    async def revoke(
        self, directive_id: str, patient: reuse.PatientQuery, context: reuse.CallContext
    ) -> consent.Directive:
        """Takes a directive back. Idempotent. Raises NotFound for one that is not this patient's."""
        request = consent.RevokeDirectiveRequest(directive_id=directive_id, patient=patient, context=context)
        return (await unary(self._consent.RevokeDirective, request, self.deadline)).directive

    async def list(self, patient: reuse.PatientQuery, context: reuse.CallContext) -> list[consent.Directive]:
        """A patient's directives, newest first; those taken back or ended, too."""
        request = consent.ListDirectivesRequest(patient=patient, context=context)
        return list((await unary(self._consent.ListDirectives, request, self.deadline)).directives)

    async def reviews(self, *, include_closed: bool = False, page_size: int = 0) -> AsyncIterator[consent.Review]:
        """Emergencies that wait for a review, oldest first, page after page. For roles admin and supervisor."""
        token = ""
        while True:
            request = consent.ListReviewsRequest(include_closed=include_closed, page_size=page_size, page_token=token)
            page = await unary(self._consent.ListReviews, request, self.deadline)
            for review in page.reviews:
                yield review
            token = page.next_page_token
            if not token:
                return

    async def close_review(self, review_id: str, *, finding: str) -> consent.Review:
        """Closes a review. Not retried. `finding` without patient data."""
        request = consent.CloseReviewRequest(review_id=review_id, finding=finding)
        return (await unary(self._consent.CloseReview, request, self.deadline)).review
