"""Admits certificate requests. Whatever is wrong with a token or a proof gets one answer, after the same work."""

from dataclasses import dataclass
from typing import Any

import grpc
from hutong.v1 import enrollment_service_pb2, enrollment_service_pb2_grpc

from hutong_server.api import call
from hutong_server.api.certificate_servicer import token_hash
from hutong_server.api.challenges import Challenges
from hutong_server.api.convert import Faults
from hutong_server.api.guess_limits import GuessLimits, address_of
from hutong_server.api.parts import Parts
from hutong_server.api.status import ERRORS
from hutong_server.domain.caller import Caller, Role
from hutong_server.domain.errors import Reason
from hutong_server.trust.ca_issuing import CertificateAuthority
from hutong_server.trust.ca_request import CheckedRequest, RequestRefused, proven_certificate, read_request
from hutong_server.usecases.enroll import Admitted, Renewal, enroll, renew, weigh_renewal, weigh_token
from hutong_server.usecases.gate import RefusedOnRecord

Context = grpc.aio.ServicerContext[Any, Any]

MAX_CHAIN_BYTES = 32 * 1024
MAX_SIGNATURE_BYTES = 1024
_NOBODY = ("refused", "emr")
"""Name of the certificate that is signed, and thrown away, for what is refused: the work tells nothing."""


@dataclass(frozen=True, slots=True)
class Enrolling:
    """What this service needs beside the parts."""

    authority: CertificateAuthority
    grace: int
    """Milliseconds after its end for which a certificate may be renewed."""
    limits: GuessLimits
    trust_limits: GuessLimits
    """Of GetTrust."""


class EnrollmentServicer(enrollment_service_pb2_grpc.EnrollmentServiceServicer):
    """hutong.v1.EnrollmentService."""

    def __init__(self, parts: Parts, enrolling: Enrolling) -> None:
        self._parts = parts
        self._enrolling = enrolling
        self.challenges = Challenges(parts.tokens)

    async def Enroll(
        self, request: enrollment_service_pb2.EnrollRequest, context: Context
    ) -> enrollment_service_pb2.EnrollResponse:
        """See the contract."""
        parts, this, now = self._parts, call.current(), self._parts.clock()
        address = self._enter(context)
        wanted = await self._request(request.certificate_request)
        spent = token_hash(request.token)
        weighed = await parts.read(lambda reader: weigh_token(reader, spent, wanted.key_fingerprint, now))
        name = _NOBODY if weighed.refused else (weighed.institution, weighed.role)
        issued = await parts.run(lambda: self._enrolling.authority.issue(wanted, *name, now))
        done = await parts.write(
            enroll(spent, wanted.key_fingerprint, issued, name, self._enrolling.grace, now, this.request_id)
        )
        self._end(done, address, this)
        response = enrollment_service_pb2.EnrollResponse(institution=done.institution, role=done.role)
        if done.pending:
            response.pending = True
            return response
        response.certificate_chain = issued.chain
        response.trust_bundle = self._enrolling.authority.trust_bundle
        return response

    async def Renew(
        self, request: enrollment_service_pb2.RenewRequest, context: Context
    ) -> enrollment_service_pb2.RenewResponse:
        """See the contract."""
        parts, this, now = self._parts, call.current(), self._parts.clock()
        address = self._enter(context)
        faults = Faults()
        if len(request.certificate_chain) > MAX_CHAIN_BYTES:
            faults.add("certificate_chain", f"is longer than {MAX_CHAIN_BYTES} bytes")
        if len(request.signature) > MAX_SIGNATURE_BYTES:
            faults.add("signature", f"is longer than {MAX_SIGNATURE_BYTES} bytes")
        faults.check()
        wanted = await self._request(request.certificate_request)
        fingerprint = await parts.run(
            lambda: proven_certificate(request.certificate_chain, request.challenge, wanted, request.signature)
        )
        command = Renewal(fingerprint, self.challenges.nonce(request.challenge, now), self._enrolling.grace)
        weighed = await parts.read(lambda reader: weigh_renewal(reader, fingerprint, command.grace, now))
        name = _NOBODY if weighed.refused else (weighed.institution, weighed.role)
        issued = await parts.run(lambda: self._enrolling.authority.issue(wanted, *name, now))
        done = await parts.write(renew(command, issued, name, now, this.request_id))
        self._end(done, address, this)
        return enrollment_service_pb2.RenewResponse(
            certificate_chain=issued.chain, trust_bundle=self._enrolling.authority.trust_bundle
        )

    async def GetTrust(
        self, request: enrollment_service_pb2.GetTrustRequest, context: Context
    ) -> enrollment_service_pb2.GetTrustResponse:
        """See the contract."""
        self._enrolling.trust_limits.enter(address_of(context.peer()))
        return enrollment_service_pb2.GetTrustResponse(
            trust_bundle=self._enrolling.authority.trust_bundle,
            challenge=self.challenges.make(self._parts.clock()),
        )

    def _enter(self, context: Context) -> str:
        address = address_of(context.peer())
        self._enrolling.limits.enter(address)
        return address

    async def _request(self, content: bytes) -> CheckedRequest:
        faults = Faults()
        try:
            return await self._parts.run(lambda: read_request(content))
        except RequestRefused as error:
            faults.add("certificate_request", str(error))
        faults.check()
        raise AssertionError("unreachable")

    def _end(self, done: Admitted, address: str, this: call.Call) -> None:
        """Raises ENROLLMENT_REFUSED for what is refused; else it was no guess. The log holds why, not the answer."""
        if done.institution:
            fingerprint = done.renewed.fingerprint if done.renewed else ""
            this.caller = Caller(institution=done.institution, role=Role(done.role), certificate=fingerprint)
        if done.record is not None:
            this.outcome = done.refused
            reason = Reason.ENROLLMENT_REFUSED
            raise RefusedOnRecord(reason, ERRORS[reason].text, done.record)
        this.outcome = "pending" if done.pending else "issued"
        self._enrolling.limits.give_back(address)
