"""Institutions and rules, for administrators."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import grpc
from hutong.v1 import catalog_service_pb2, catalog_service_pb2_grpc

from hutong_server.api import call
from hutong_server.api.convert import Faults, instant
from hutong_server.api.convert_catalog import (
    SCOPES,
    code_in,
    faults_out,
    imported_out,
    institution_in,
    institution_out,
)
from hutong_server.api.convert_overview import overview_out
from hutong_server.api.paging import Pages
from hutong_server.api.parts import Parts
from hutong_server.api.rule_history_methods import RuleHistoryMethods, moment_in
from hutong_server.catalog import check_own, check_references, diff, read_catalog
from hutong_server.domain.errors import HutongError
from hutong_server.domain.recognition import Institution
from hutong_server.store.base import CatalogImport, CatalogRow
from hutong_server.usecases.import_catalog import ImportCatalog, Imported, import_catalog, preview
from hutong_server.usecases.institutions import (
    OPERATOR,
    InstitutionState,
    Scope,
    list_institutions,
    overview,
    put_institution,
    show_institution,
    suspend_institution,
)
from hutong_server.usecases.rule_history import schedule_import

Context = grpc.aio.ServicerContext[Any, Any]

MAX_FILES = 200
PAGE, LARGEST_PAGE = 100, 1000


class CatalogServicer(RuleHistoryMethods, catalog_service_pb2_grpc.CatalogServiceServicer):
    """hutong.v1.CatalogService."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pages = Pages(parts.ids)

    async def PutInstitution(
        self, request: catalog_service_pb2.PutInstitutionRequest, context: Context
    ) -> catalog_service_pb2.PutInstitutionResponse:
        """See the contract."""
        parts, this = self._parts, call.current()
        wanted = institution_in(request.institution)
        known = parts.rules.book.institution(wanted.code)
        job = put_institution(
            # Identifiers come by import only; a change by hand keeps them.
            wanted if known is None else replace(wanted, identifiers=known.identifiers),
            update=request.update,
            caller=this.peer,
            now=parts.clock(),
            request_id=this.request_id,
        )
        created = await parts.write(job)
        await parts.rules.refresh()
        response = catalog_service_pb2.PutInstitutionResponse(created=created)
        await self._show(wanted.code, response.institution)
        return response

    async def ListInstitutions(
        self, request: catalog_service_pb2.ListInstitutionsRequest, context: Context
    ) -> catalog_service_pb2.ListInstitutionsResponse:
        """See the contract."""
        faults = Faults()
        size = faults.page_size(request.page_size, PAGE, LARGEST_PAGE)
        faults.check()
        caller = call.current().peer
        (after,) = self._pages.open("institutions", caller.institution, request.page_token) or ("",)
        rows, more = await self._parts.read(lambda reader: list_institutions(after, size, reader))
        response = catalog_service_pb2.ListInstitutionsResponse()
        now = self._parts.clock()
        for row in rows:
            institution_out(response.institutions.add(), row, now)
        if more:
            last = rows[-1].institution.code
            response.next_page_token = self._pages.seal("institutions", caller.institution, last)
        return response

    async def GetInstitution(
        self, request: catalog_service_pb2.GetInstitutionRequest, context: Context
    ) -> catalog_service_pb2.GetInstitutionResponse:
        """See the contract."""
        faults = Faults()
        code = code_in(request.code, "code", faults)
        faults.check()
        parts, caller = self._parts, call.current().peer
        response = catalog_service_pb2.GetInstitutionResponse()
        await self._show(code, response.institution)
        now, book = parts.clock(), parts.rules.book
        seen = await parts.read(lambda reader: overview(code, reader, book, caller, now))
        if seen is not None:
            overview_out(response, seen)
        return response

    async def SuspendInstitution(
        self, request: catalog_service_pb2.SuspendInstitutionRequest, context: Context
    ) -> catalog_service_pb2.SuspendInstitutionResponse:
        """See the contract."""
        parts, this = self._parts, call.current()
        faults = Faults()
        code = code_in(request.code, "code", faults)
        if request.scope not in SCOPES:
            faults.add("scope", "is required" if request.scope == 0 else "is not a known value")
        if request.HasField("since") and request.scope == catalog_service_pb2.SUSPENSION_SCOPE_ACCESS:
            faults.add("since", "is for quality only; access is suspended from now on")
        now = parts.clock()
        since = instant(request.since, "since", faults) if request.HasField("since") else now
        faults.text("reason", request.reason, longest=1000, required=True)
        faults.check()
        job = suspend_institution(
            code,
            SCOPES.get(request.scope, Scope.ACCESS),
            since=since,
            lift=request.lift,
            reason=request.reason,
            caller=this.peer,
            now=now,
            request_id=this.request_id,
        )
        await parts.write(job)
        await parts.rules.refresh()
        response = catalog_service_pb2.SuspendInstitutionResponse()
        await self._show(code, response.institution)
        return response

    async def ImportCatalog(
        self, request: catalog_service_pb2.ImportCatalogRequest, context: Context
    ) -> catalog_service_pb2.ImportCatalogResponse:
        """See the contract."""
        parts, this = self._parts, call.current()
        faults = Faults()
        if not request.files:
            faults.add("files", "at least one file is required")
        if len(request.files) > MAX_FILES:
            faults.add("files", f"more than {MAX_FILES} files")
        for number, file in enumerate(request.files[:MAX_FILES]):
            faults.text(f"files[{number}].name", file.name, required=True)
        faults.text("comment", request.comment, longest=1000)
        now = parts.clock()
        activate_at = moment_in(request, now, parts.rules.book.zone, faults)
        if request.list_faults and not request.dry_run:
            faults.add("list_faults", "goes with dry_run")
        faults.check()
        files = [(file.name, file.content) for file in request.files]
        # Read against the catalogue in force, so that all faults are told at once; the write job checks again.
        rows, institutions = await parts.read(lambda reader: (reader.catalog_rows(), reader.institutions()))
        try:
            imported = await parts.run(lambda: _read(files, rows, institutions, this.peer.institution))
        except HutongError as error:
            if not request.list_faults:
                raise
            listed = error.issues
            return await parts.run(lambda: faults_out(listed))
        command = ImportCatalog(imported, this.peer, now, request.comment, this.request_id)
        done: Imported
        if request.dry_run:
            done = await parts.read(lambda reader: preview(command, reader, check_references, diff))
        elif activate_at is not None:
            done = await parts.write(schedule_import(command, activate_at, check_references, diff))
        else:
            done = await parts.write(import_catalog(command, check_references, diff))
            await parts.rules.refresh()
        return await parts.run(lambda: imported_out(done))

    async def ListCatalogEntries(
        self, request: catalog_service_pb2.ListCatalogEntriesRequest, context: Context
    ) -> catalog_service_pb2.ListCatalogEntriesResponse:
        """See the contract."""
        faults = Faults()
        kind = faults.text("kind", request.kind)
        size = faults.page_size(request.page_size, PAGE, LARGEST_PAGE)
        faults.check()
        caller = call.current().peer
        position = self._pages.open(f"entries:{kind}", caller.institution, request.page_token)
        after = (position[0], position[1]) if position else None
        version, rows = await self._parts.read(
            lambda reader: (reader.catalog_version(), reader.catalog_rows(kind, after, size + 1))
        )
        response = catalog_service_pb2.ListCatalogEntriesResponse(rules_version=version)
        for row in rows[:size]:
            response.entries.add(kind=row.kind, key=row.key, body=row.body)
        if len(rows) > size:
            last = rows[size - 1]
            response.next_page_token = self._pages.seal(f"entries:{kind}", caller.institution, last.kind, last.key)
        return response

    async def _show(self, code: str, target: catalog_service_pb2.Institution) -> None:
        state: InstitutionState = await self._parts.read(lambda reader: show_institution(code, reader))
        institution_out(target, state, self._parts.clock())


def _read(
    files: Sequence[tuple[str, bytes]],
    rows: Sequence[CatalogRow],
    institutions: Sequence[Institution],
    caller: str,
) -> CatalogImport:
    """Reads files for an administrator of `caller`. Raises CATALOG_INVALID, ROLE_NOT_ALLOWED."""
    imported = read_catalog(files, rows, institutions)
    if caller != OPERATOR:
        check_own(imported, caller)
    return imported
