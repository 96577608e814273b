"""The access ledger for patients' portals, administrators and supervisors. Every look into it is on record itself."""

import hashlib
from concurrent.futures import Future
from typing import Any

import grpc
from hutong.v1 import audit_service_pb2, audit_service_pb2_grpc

from hutong_server.api import call
from hutong_server.api.convert import Faults, instant, stamp
from hutong_server.api.convert_reuse import patient_in
from hutong_server.api.paging import Pages
from hutong_server.api.parts import Parts
from hutong_server.api.status import refusal
from hutong_server.domain.caller import Role
from hutong_server.domain.errors import Reason
from hutong_server.store.base import ROOT_LOG, Leaf, LeafPlace, Reader
from hutong_server.store.leaves import access_of
from hutong_server.store.ledger_view import SqlLedgerView
from hutong_server.trust.ledger_proof import NoProof, note, prove
from hutong_server.usecases.asking import PatientQuery
from hutong_server.usecases.audit import ListAccesses, list_accesses
from hutong_server.usecases.institutions import admin_access

Context = grpc.aio.ServicerContext[Any, Any]

LEAF = "ledger-leaf"
"""Kind of the sealed ids of leaves; their parts are (log, number)."""
PAGE, LARGEST_PAGE = 50, 500
_LATEST = 1 << 62


class AuditServicer(audit_service_pb2_grpc.AuditServiceServicer):
    """hutong.v1.AuditService."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pages = Pages(parts.ids)

    async def ListAccesses(
        self, request: audit_service_pb2.ListAccessesRequest, context: Context
    ) -> audit_service_pb2.ListAccessesResponse:
        """See the contract."""
        parts, this, faults = self._parts, call.current(), Faults()
        asks_for_another = this.peer.role is not Role.PORTAL
        patient = patient_in(request.patient, faults)
        purpose = faults.text("purpose", request.purpose, required=asks_for_another)
        since = instant(getattr(request, "from"), "from", faults) if request.HasField("from") else -_LATEST
        until = instant(request.before, "before", faults) if request.HasField("before") else _LATEST
        size = faults.page_size(request.page_size, PAGE, LARGEST_PAGE)
        faults.check()
        listed = f"accesses:{_digest(patient, since, until)}"
        position = self._pages.open(listed, this.peer.institution, request.page_token)
        before = LeafPlace(until, b"", 0)
        if position is not None:
            before = LeafPlace(int(position[0]), bytes.fromhex(position[1]), int(position[2]))
        ask = ListAccesses(patient, this.peer, since, before, size, purpose, this.request_id)

        def answer() -> tuple[audit_service_pb2.ListAccessesResponse, Future[None]]:
            found = parts.store.read(
                lambda reader: list_accesses(ask, reader, parts.rules.book, parts.tokens, parts.clock())
            )
            kept = parts.store.submit(found.keep)
            this.outcome = found.record.outcome
            response = audit_service_pb2.ListAccessesResponse()
            for leaf in found.leaves:
                self._out(response.accesses.add(), leaf, ask.caller.institution)
            if found.more:
                last = found.leaves[-1].place
                response.next_page_token = self._pages.seal(
                    listed, ask.caller.institution, str(last.at), last.log_id.hex(), str(last.number)
                )
            return response, kept

        return await parts.run_kept(answer)

    async def ProveAccess(
        self, request: audit_service_pb2.ProveAccessRequest, context: Context
    ) -> audit_service_pb2.ProveAccessResponse:
        """See the contract."""
        parts, this, faults = self._parts, call.current(), Faults()
        if not request.leaf_id:
            faults.add("leaf_id", "is required")
        faults.check()
        opened = parts.ids.open(LEAF, this.peer.institution, request.leaf_id)
        if opened is None or len(opened) != 2:
            raise refusal(Reason.NOT_FOUND)
        log_id, number = opened[0], int.from_bytes(opened[1], "big")

        def answer() -> tuple[audit_service_pb2.ProveAccessResponse, Future[None]]:
            try:
                proof = parts.store.read(lambda reader: prove(_view(reader), parts.source, log_id, number))
            except NoProof:
                # Cut off by retention since its id was handed out.
                raise refusal(Reason.NOT_FOUND) from None
            concerned = access_of(proof.leaf)
            record = admin_access(
                "ProveAccess", this.peer, "found", parts.clock(), this.request_id, patient_keys=concerned.patient_keys
            )
            kept = parts.store.submit(lambda writer: writer.record(record))
            response = audit_service_pb2.ProveAccessResponse(
                leaf=proof.leaf, leaf_index=proof.number, path=proof.path, checkpoint=proof.checkpoint
            )
            return response, kept

        return await parts.run_kept(answer)

    async def ListCheckpoints(
        self, request: audit_service_pb2.ListCheckpointsRequest, context: Context
    ) -> audit_service_pb2.ListCheckpointsResponse:
        """See the contract."""
        parts = self._parts

        def notes(reader: Reader) -> list[str]:
            view = _view(reader)
            logs = (ROOT_LOG, *(log.log_id for log in view.logs()))
            return [note(parts.source, log_id, tree) for log_id in logs if (tree := view.newest(log_id)) is not None]

        return audit_service_pb2.ListCheckpointsResponse(
            checkpoints=await parts.read(notes), public_key=parts.checkpoint_key
        )

    def _out(self, target: audit_service_pb2.Access, leaf: Leaf, institution: str) -> None:
        access, place = leaf.access, leaf.place
        target.leaf_id = self._parts.ids.seal(LEAF, institution, (place.log_id, place.number.to_bytes(8, "big")))
        stamp(target.at, access.at)
        target.method, target.institution, target.role = access.method, access.institution, access.role
        target.practitioner, target.department = access.practitioner, access.department
        target.purpose, target.consent_basis = access.purpose, access.consent_basis
        target.outcome, target.reports = access.outcome, len(access.reports)


def _view(reader: Reader) -> SqlLedgerView:
    return SqlLedgerView(reader)  # type: ignore[arg-type]  # the store's readers are transactions


def _digest(patient: PatientQuery, since: int, until: int) -> str:
    """Binds a page token to its question."""
    return hashlib.sha256(repr((patient, since, until)).encode()).hexdigest()[:32]
