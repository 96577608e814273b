"""Patients' directives, and the review of emergencies. No answer leaves before its access record is durable."""

from concurrent.futures import Future
from typing import Any

import grpc
from hutong.v1 import consent_service_pb2, consent_service_pb2_grpc, reuse_service_pb2

from hutong_server.api import call
from hutong_server.api.convert import Faults
from hutong_server.api.convert_consent import DIRECTIVE, REVIEW, directive_in, directive_out, id_in, review_out
from hutong_server.api.convert_reuse import context_in, patient_in
from hutong_server.api.paging import Pages
from hutong_server.api.parts import Parts
from hutong_server.api.refusals import keeping_refusals
from hutong_server.domain.consent import Directive
from hutong_server.usecases.consent import Told, list_directives, put_directive, revoke_directive
from hutong_server.usecases.reviews import close_review, list_reviews

Context = grpc.aio.ServicerContext[Any, Any]

MAX_REQUEST_ID = 128
MAX_FINDING = 1000
PAGE, LARGEST_PAGE = 20, 100


class ConsentServicer(consent_service_pb2_grpc.ConsentServiceServicer):
    """hutong.v1.ConsentService."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pages = Pages(parts.ids)

    async def PutDirective(
        self, request: consent_service_pb2.PutDirectiveRequest, context: Context
    ) -> consent_service_pb2.PutDirectiveResponse:
        """See the contract."""
        faults = Faults()
        request_id = faults.text("request_id", request.request_id, longest=MAX_REQUEST_ID, required=True)
        wanted = directive_in(request_id, request.directive, faults)
        told = self._told(request.patient, request.context, faults)
        faults.check()
        parts = self._parts
        job = put_directive(wanted, told, parts.rules.book, parts.tokens)
        response = consent_service_pb2.PutDirectiveResponse()
        self._out(response.directive, await parts.run(keeping_refusals(parts.store, parts.store.submit(job).result)))
        return response

    async def RevokeDirective(
        self, request: consent_service_pb2.RevokeDirectiveRequest, context: Context
    ) -> consent_service_pb2.RevokeDirectiveResponse:
        """See the contract."""
        faults, parts = Faults(), self._parts
        _, directive_id = id_in(
            DIRECTIVE, request.directive_id, "directive_id", parts.ids, call.current().peer.institution, faults
        )
        told = self._told(request.patient, request.context, faults)
        faults.check()
        job = revoke_directive(directive_id, told, parts.rules.book, parts.tokens)
        response = consent_service_pb2.RevokeDirectiveResponse()
        self._out(response.directive, await parts.run(keeping_refusals(parts.store, parts.store.submit(job).result)))
        return response

    async def ListDirectives(
        self, request: consent_service_pb2.ListDirectivesRequest, context: Context
    ) -> consent_service_pb2.ListDirectivesResponse:
        """See the contract."""
        faults, parts, this = Faults(), self._parts, call.current()
        told = self._told(request.patient, request.context, faults)
        faults.check()
        institution, book = this.peer.institution, parts.rules.book

        def answer() -> tuple[consent_service_pb2.ListDirectivesResponse, Future[None]]:
            found = parts.store.read(lambda reader: list_directives(told, reader, book, parts.tokens))
            kept = parts.store.submit(found.keep)
            this.outcome = found.record.outcome
            response = consent_service_pb2.ListDirectivesResponse()
            for directive in found.directives:
                directive_out(response.directives.add(), directive, parts.ids, institution)
            return response, kept

        return await parts.run_kept(keeping_refusals(parts.store, answer))

    async def ListReviews(
        self, request: consent_service_pb2.ListReviewsRequest, context: Context
    ) -> consent_service_pb2.ListReviewsResponse:
        """See the contract."""
        faults, parts, this = Faults(), self._parts, call.current()
        size = faults.page_size(request.page_size, PAGE, LARGEST_PAGE)
        faults.check()
        institution = this.peer.institution
        listed = f"reviews:{int(request.include_closed)}"
        position = self._pages.open(listed, institution, request.page_token)
        after = (int(position[0]), bytes.fromhex(position[1])) if position else None

        def answer() -> tuple[consent_service_pb2.ListReviewsResponse, Future[None]]:
            page = parts.store.read(
                lambda reader: list_reviews(
                    after,
                    size,
                    reader,
                    closed=request.include_closed,
                    caller=this.peer,
                    now=parts.clock(),
                    request_id=this.request_id,
                )
            )
            kept = parts.store.submit(page.keep)
            response = consent_service_pb2.ListReviewsResponse()
            for opening in page.openings:
                review_out(response.reviews.add(), opening, parts.ids, institution)
            if page.more:
                last = page.openings[-1]
                response.next_page_token = self._pages.seal(
                    listed, institution, str(last.opened_at), last.opening_id.hex()
                )
            return response, kept

        return await parts.run_kept(answer)

    async def CloseReview(
        self, request: consent_service_pb2.CloseReviewRequest, context: Context
    ) -> consent_service_pb2.CloseReviewResponse:
        """See the contract."""
        faults, parts, this = Faults(), self._parts, call.current()
        institution = this.peer.institution
        key, opening_id = id_in(REVIEW, request.review_id, "review_id", parts.ids, institution, faults)
        finding = faults.text("finding", request.finding, longest=MAX_FINDING, required=True)
        faults.check()
        job = close_review(key, opening_id, finding, caller=this.peer, now=parts.clock(), request_id=this.request_id)
        response = consent_service_pb2.CloseReviewResponse()
        review_out(response.review, await parts.write(job), parts.ids, institution)
        return response

    def _told(
        self, patient: reuse_service_pb2.PatientQuery, given: reuse_service_pb2.CallContext, faults: Faults
    ) -> Told:
        this = call.current()
        return Told(
            patient_in(patient, faults),
            context_in(given, faults),
            this.peer,
            self._parts.clock(),
            this.request_id,
        )

    def _out(self, target: consent_service_pb2.Directive, known: Directive) -> None:
        directive_out(target, known, self._parts.ids, call.current().peer.institution)
