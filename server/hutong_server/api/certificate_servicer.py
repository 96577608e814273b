"""Tokens, enrolments that wait, and certificates, for administrators."""

import hashlib
import re
import secrets
from typing import Any

import grpc
from hutong.v1 import certificate_service_pb2, certificate_service_pb2_grpc

from hutong_server.api import call
from hutong_server.api.convert import Faults, stamp
from hutong_server.api.convert_catalog import code_in
from hutong_server.api.convert_overview import certificate_out
from hutong_server.api.paging import Pages
from hutong_server.api.parts import Parts
from hutong_server.domain.caller import Role
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.usecases.certificates import MakeToken, decide, make_token, revoke

Context = grpc.aio.ServicerContext[Any, Any]

PAGE, LARGEST_PAGE = 100, 1000
HOURS, MOST_HOURS = 24, 168
TOKEN_MARK = "hte-"  # noqa: S105  what tokens begin with, so that one is known where it should not be
_SERIAL = re.compile(r"[0-9a-f]{1,40}")
_ENROLLMENT = re.compile(r"[0-9a-f]{32}")
_ROLES = {role.value: role for role in Role}


class CertificateServicer(certificate_service_pb2_grpc.CertificateServiceServicer):
    """hutong.v1.CertificateService."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pages = Pages(parts.ids)

    async def CreateEnrollmentToken(
        self, request: certificate_service_pb2.CreateEnrollmentTokenRequest, context: Context
    ) -> certificate_service_pb2.CreateEnrollmentTokenResponse:
        """See the contract."""
        parts, this = self._parts, call.current()
        faults = Faults()
        institution = code_in(request.institution, "institution", faults)
        if request.role not in _ROLES:
            faults.add("role", "is not a known role" if request.role else "is required")
        if request.hours > MOST_HOURS:
            faults.add("hours", f"is more than {MOST_HOURS}")
        faults.check()
        if parts.authority is None:
            raise HutongError(Reason.STATE_CONFLICT, "this registry has no authority; make one: hutong-server ca init")
        token = new_token()
        role = _ROLES[request.role]
        command = MakeToken(
            token_hash=token_hash(token),
            institution=institution,
            role=role,
            hours=request.hours or HOURS,
            needs_approval=request.needs_approval or role in parts.approved_roles,
        )
        expires_at = await parts.write(make_token(command, this.peer, parts.clock(), this.request_id))
        response = certificate_service_pb2.CreateEnrollmentTokenResponse(
            token=token, ca_fingerprint=parts.authority.anchor_fingerprint
        )
        stamp(response.expires_at, expires_at)
        return response

    async def ListPendingEnrollments(
        self, request: certificate_service_pb2.ListPendingEnrollmentsRequest, context: Context
    ) -> certificate_service_pb2.ListPendingEnrollmentsResponse:
        """See the contract."""
        now = self._parts.clock()
        found = await self._parts.read(lambda reader: reader.pending_enrollments(now))
        response = certificate_service_pb2.ListPendingEnrollmentsResponse()
        for row in found:
            one = response.pending.add(
                enrollment=row.enrollment_id.hex(),
                institution=row.institution,
                role=row.role,
                key_fingerprint=row.key_fingerprint,
                token_made_by=row.made_by,
            )
            stamp(one.requested_at, row.requested_at)
        return response

    async def DecideEnrollment(
        self, request: certificate_service_pb2.DecideEnrollmentRequest, context: Context
    ) -> certificate_service_pb2.DecideEnrollmentResponse:
        """See the contract."""
        parts, this = self._parts, call.current()
        faults = Faults()
        enrollment = request.enrollment.strip().lower()
        if not _ENROLLMENT.fullmatch(enrollment):
            faults.add("enrollment", "is required" if not enrollment else "is not an id of an enrolment")
        why = faults.text("reason", request.reason, longest=1000, required=True)
        faults.check()
        job = decide(bytes.fromhex(enrollment), request.approve, why, this.peer, parts.clock(), this.request_id)
        await parts.write(job)
        return certificate_service_pb2.DecideEnrollmentResponse()

    async def ListCertificates(
        self, request: certificate_service_pb2.ListCertificatesRequest, context: Context
    ) -> certificate_service_pb2.ListCertificatesResponse:
        """See the contract."""
        faults = Faults()
        institution = code_in(request.institution, "institution", faults) if request.institution else ""
        size = faults.page_size(request.page_size, PAGE, LARGEST_PAGE)
        faults.check()
        listed = f"certificates:{institution}:{request.include_ended}"
        caller = call.current().peer
        position = self._pages.open(listed, caller.institution, request.page_token)
        after = (int(position[0]), position[1]) if position else None
        good_at = None if request.include_ended else self._parts.clock()
        rows = await self._parts.read(lambda reader: reader.certificates(institution, good_at, after, size + 1))
        response = certificate_service_pb2.ListCertificatesResponse()
        for row in rows[:size]:
            certificate_out(response.certificates.add(), row)
        if len(rows) > size:
            last = rows[size - 1]
            response.next_page_token = self._pages.seal(listed, caller.institution, str(last.not_after), last.serial)
        return response

    async def RevokeCertificate(
        self, request: certificate_service_pb2.RevokeCertificateRequest, context: Context
    ) -> certificate_service_pb2.RevokeCertificateResponse:
        """See the contract."""
        parts, this = self._parts, call.current()
        faults = Faults()
        serial = request.serial.strip().lower().lstrip("0")
        if not _SERIAL.fullmatch(serial):
            faults.add("serial", "is required" if not request.serial else "is not a serial number in hex")
        why = faults.text("reason", request.reason, longest=1000, required=True)
        faults.check()
        row = await parts.write(revoke(serial, why, this.peer, parts.clock(), this.request_id))
        await parts.standing.refresh()
        response = certificate_service_pb2.RevokeCertificateResponse()
        certificate_out(response.certificate, row)
        return response


def new_token() -> str:
    """256 random bits, as text that begins with a letter."""
    return TOKEN_MARK + secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """What is kept of a token. It has 256 random bits, so a plain digest cannot be turned back."""
    return hashlib.sha256(token.encode()).digest()
