"""The history of the catalogue, and what it does not cover."""

from datetime import datetime, tzinfo
from typing import Any

import grpc
from hutong.v1 import catalog_service_pb2

from hutong_server.api import call
from hutong_server.api.convert import Faults, instant
from hutong_server.api.convert_catalog import (
    MAX_CHANGES,
    changes_out,
    ended_out,
    pending_out,
    unmapped_out,
    version_out,
)
from hutong_server.api.paging import Pages
from hutong_server.api.parts import Parts
from hutong_server.api.status import refusal
from hutong_server.catalog import check_references, diff
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.report import Instant
from hutong_server.store.base_catalog import CatalogVersion, HistoryPosition
from hutong_server.usecases.institutions import OPERATOR
from hutong_server.usecases.rule_history import (
    MovePending,
    RollBack,
    diff_versions,
    list_history,
    move_pending,
    preview_roll_back,
    roll_back,
)
from hutong_server.usecases.unmapped import list_unmapped

Context = grpc.aio.ServicerContext[Any, Any]

PAGE, UNMAPPED_PAGE, LARGEST_PAGE = 50, 100, 1000
_LIST = "catalog-versions"


class RuleHistoryMethods:
    """See the contract."""

    _parts: Parts
    _pages: Pages

    async def ListCatalogVersions(
        self, request: catalog_service_pb2.ListCatalogVersionsRequest, context: Context
    ) -> catalog_service_pb2.ListCatalogVersionsResponse:
        """See the contract."""
        faults = Faults()
        size = faults.page_size(request.page_size, PAGE, LARGEST_PAGE)
        faults.check()
        caller = call.current().peer
        opened = self._pages.open(_LIST, caller.institution, request.page_token)
        before = None
        if opened is not None:
            version, ended_at, ended_id = opened
            before = HistoryPosition(int(version), (int(ended_at), bytes.fromhex(ended_id)))
        history = await self._parts.read(lambda reader: list_history(before, size, reader))
        response = catalog_service_pb2.ListCatalogVersionsResponse()
        for waiting in history.waiting:
            pending_out(response.versions.add(), waiting)
        for each in history.past:
            if isinstance(each, CatalogVersion):
                version_out(response.versions.add(), each, history.in_force)
            else:
                ended_out(response.versions.add(), each)
        if history.next is not None:
            last, (at, pending_id) = history.next
            position = (str(last), str(at), pending_id.hex())
            response.next_page_token = self._pages.seal(_LIST, caller.institution, *position)
        return response

    async def DiffCatalogVersions(
        self, request: catalog_service_pb2.DiffCatalogVersionsRequest, context: Context
    ) -> catalog_service_pb2.DiffCatalogVersionsResponse:
        """See the contract."""
        changes = await self._parts.read(lambda reader: diff_versions(request.from_version, request.to_version, reader))
        return catalog_service_pb2.DiffCatalogVersionsResponse(
            changes=changes_out(changes[:MAX_CHANGES]), change_count=len(changes)
        )

    async def ActivateCatalog(
        self, request: catalog_service_pb2.ActivateCatalogRequest, context: Context
    ) -> catalog_service_pb2.ActivateCatalogResponse:
        """See the contract."""
        parts, this = self._parts, call.current()
        faults = Faults()
        now = parts.clock()
        activate_at = moment_in(request, now, parts.rules.book.zone, faults)
        if activate_at is not None and request.cancel:
            faults.add("cancel", "either a moment or its end")
        faults.text("comment", request.comment, longest=1000)
        faults.text("pending_id", request.pending_id, required=True)
        faults.check()
        command = MovePending(
            pending_id_in(request.pending_id),
            activate_at,
            request.cancel,
            request.comment,
            this.peer,
            now,
            this.request_id,
        )
        moved = await parts.write(move_pending(command, check_references, diff))
        await parts.rules.refresh()
        response = catalog_service_pb2.ActivateCatalogResponse()
        pending_out(response.version, moved)
        return response

    async def RollBackCatalog(
        self, request: catalog_service_pb2.RollBackCatalogRequest, context: Context
    ) -> catalog_service_pb2.RollBackCatalogResponse:
        """See the contract."""
        parts, this = self._parts, call.current()
        faults = Faults()
        faults.text("comment", request.comment, longest=1000, required=not request.dry_run)
        faults.check()
        if request.dry_run:
            done = await parts.read(lambda reader: preview_roll_back(request.to_version, reader))
        else:
            command = RollBack(request.to_version, request.comment, this.peer, parts.clock(), this.request_id)
            done = await parts.write(roll_back(command))
            await parts.rules.refresh()
        return catalog_service_pb2.RollBackCatalogResponse(
            rules_version=done.version,
            changes=changes_out(done.changes[:MAX_CHANGES]),
            change_count=len(done.changes),
        )

    async def ListUnmappedCodes(
        self, request: catalog_service_pb2.ListUnmappedCodesRequest, context: Context
    ) -> catalog_service_pb2.ListUnmappedCodesResponse:
        """See the contract."""
        parts, caller = self._parts, call.current().peer
        faults = Faults()
        size = faults.page_size(request.page_size, UNMAPPED_PAGE, LARGEST_PAGE)
        institution = faults.text("institution", request.institution)
        faults.check()
        if caller.institution != OPERATOR:
            if institution not in ("", caller.institution):
                raise refusal(Reason.ROLE_NOT_ALLOWED)
            institution = caller.institution
        book, listed = parts.rules.book, f"unmapped:{institution}"
        opened = self._pages.open(listed, caller.institution, request.page_token)
        after = (-int(opened[0]), bytes.fromhex(opened[1])) if opened else (-(1 << 62), b"")
        found = await parts.run(
            lambda: parts.store.read_late(lambda reader: list_unmapped(reader, book, parts.tokens, institution))
        )
        rest = [row for row in found.codes if (-row.occurrences, row.code_key) > after]
        response = catalog_service_pb2.ListUnmappedCodesResponse(unmapped_per_mille=found.per_mille)
        for row in rest[:size]:
            unmapped_out(response.codes.add(), row, book)
        if len(rest) > size:
            last = rest[size - 1]
            position = (str(last.occurrences), last.code_key.hex())
            response.next_page_token = self._pages.seal(listed, caller.institution, *position)
        return response


def pending_id_in(text: str) -> bytes:
    """The id of an import that waits. Raises NOT_FOUND for what cannot be one."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise HutongError(Reason.NOT_FOUND, "no such import") from None


def moment_in(
    request: catalog_service_pb2.ImportCatalogRequest | catalog_service_pb2.ActivateCatalogRequest,
    now: Instant,
    zone: tzinfo,
    faults: Faults,
) -> Instant | None:
    """The moment at which an import is to be in force: one to come, within ten years; None: at once."""
    path = "activate_on" if request.activate_on else "activate_at"
    if request.activate_on:
        if request.HasField("activate_at"):
            faults.add(path, "either a day or a moment")
        try:
            day = datetime.strptime(request.activate_on, "%Y-%m-%d").replace(tzinfo=zone)
        except ValueError:
            faults.add(path, "is not a day of the form YYYY-MM-DD")
            return None
        moment = round(day.timestamp() * 1000)
    elif request.HasField("activate_at"):
        moment = instant(request.activate_at, path, faults)
    else:
        return None
    if moment <= now:
        faults.add(path, "lies in the past; leave it out to have it in force at once")
    elif moment > now + _FARTHEST:
        faults.add(path, "lies more than ten years ahead")
    return moment


_FARTHEST = 3653 * 86_400_000
