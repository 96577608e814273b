"""Who has seen a patient's results, with proofs: for portals, administrators and supervisors."""

from collections.abc import AsyncIterator
from datetime import datetime

import grpc
from hutong.v1 import audit_service_pb2 as audit
from hutong.v1 import reuse_service_pb2 as reuse
from hutong.v1.audit_service_pb2_grpc import AuditServiceStub

from hutong_client.calls import unary
from hutong_client.proofs import Inclusion, verify_inclusion
from hutong_client.queries import timestamp


class AuditClient:
    """Typed calls of AuditService. Every call raises HutongCallError when it does not succeed."""

    def __init__(self, channel: grpc.aio.Channel, deadline: float) -> None:
        self._audit = AuditServiceStub(channel)
        self.deadline = deadline
        """Seconds for each call."""

    async def accesses(
        self,
        patient: reuse.PatientQuery,
        *,
        purpose: str = "",
        since: datetime | None = None,
        before: datetime | None = None,
        page_size: int = 0,
    ) -> AsyncIterator[audit.Access]:
        """Everybody who looked, newest first, page after page. Each page is itself an access on record.

        Args:
            patient: whose results; see `patient_query`. Birth date and name or sex must agree, as in a chart.
            purpose: why it is asked; required of administrators and supervisors.
            since: only from then on; with zone.
            before: only before then; with zone.
            page_size: accesses in one answer; 0: as many as the registry thinks fit.
        """
        token = ""
        while True:
            request = audit.ListAccessesRequest(
                patient=patient,
                before=timestamp(before),
                page_size=page_size,
                page_token=token,
                purpose=purpose,
                # A word of Python's, so it cannot be a keyword.
                **{"from": timestamp(since)},
            )
            page = await unary(self._audit.ListAccesses, request, self.deadline)
            for access in page.accesses:
                yield access
            token = page.next_page_token
            if not token:
                return

    async def prove(self, leaf_id: str) -> audit.ProveAccessResponse:
        """The proof that an access is in the ledger. Raises NotFound."""
        return await unary(self._audit.ProveAccess, audit.ProveAccessRequest(leaf_id=leaf_id), self.deadline)

    async def verify(self, leaf_id: str, verifier_key: str) -> Inclusion:
        """Fetches a proof and verifies it. Raises ProofInvalid, NotFound."""
        proof = await self.prove(leaf_id)
        return verify_inclusion(proof.leaf, proof.leaf_index, proof.path, proof.checkpoint, verifier_key)

    async def checkpoints(self) -> audit.ListCheckpointsResponse:
        """The newest signed checkpoint of each log, and the key with which they verify."""
        return await unary(self._audit.ListCheckpoints, audit.ListCheckpointsRequest(), self.deadline)
