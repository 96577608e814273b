"""The rule book, for administrators: imports, versions, and what no mapping leads anywhere."""

from collections.abc import AsyncIterator, Iterable
from datetime import date, datetime

import grpc
from hutong.v1 import catalog_service_pb2 as catalog
from hutong.v1.catalog_service_pb2_grpc import CatalogServiceStub

from hutong_client.calls import unary
from hutong_client.errors import CatalogInvalid, Violation
from hutong_client.queries import timestamp

IMPORT_DEADLINE = 120.0
"""Seconds for an import: the catalogue of a region is read, checked and compared whole."""

Files = Iterable[tuple[str, bytes]]
"""(name, content) of catalogue files."""


class RuleCalls:
    """Typed calls of CatalogService about rules. Every call raises HutongCallError when it does not succeed."""

    def __init__(self, channel: grpc.aio.Channel, deadline: float) -> None:
        self._catalog = CatalogServiceStub(channel)
        self.deadline = deadline
        """Seconds for each call but an import."""

    async def import_catalog(
        self, files: Files, *, dry_run: bool = False, comment: str = "", activate_at: datetime | date | None = None
    ) -> catalog.ImportCatalogResponse:
        """Imports catalogue files, all or nothing; with `dry_run` only tells the difference.

        Args:
            files: name and content of each.
            dry_run: keep nothing.
            comment: why, for the record.
            activate_at: keep it for that moment, or for the beginning of that day in the region; None: at once.

        Raises:
            CatalogInvalid: `violations` lists every error with file:line:column.
        """
        request = catalog.ImportCatalogRequest(files=_listed(files), dry_run=dry_run, comment=comment)
        _set_moment(request, activate_at)
        try:
            return await self._import(request)
        except CatalogInvalid as error:
            # An error's trailer holds some dozens; an answer holds all.
            found = await self._import(
                catalog.ImportCatalogRequest(files=request.files, dry_run=True, list_faults=True)
            )
            if not found.faults:
                raise
            message = f"the catalogue files hold {found.fault_count} errors; nothing was imported"
            faults = [Violation(fault.place, fault.message, error.reason) for fault in found.faults]
            raise CatalogInvalid(error.reason, error.code, message, faults, error.request_id) from None

    async def validate_catalog(self, files: Files) -> list[Violation]:
        """Every error of the files, read against the catalogue in force; keeps nothing."""
        request = catalog.ImportCatalogRequest(files=_listed(files), dry_run=True, list_faults=True)
        return [Violation(fault.place, fault.message) for fault in (await self._import(request)).faults]

    async def _import(self, request: catalog.ImportCatalogRequest) -> catalog.ImportCatalogResponse:
        return await unary(self._catalog.ImportCatalog, request, max(self.deadline, IMPORT_DEADLINE))

    async def catalog_pages(
        self, kind: str = "", *, page_size: int = 1000
    ) -> AsyncIterator[catalog.ListCatalogEntriesResponse]:
        """The catalogue in force by kind and key, page after page."""
        token = ""
        while True:
            request = catalog.ListCatalogEntriesRequest(kind=kind, page_size=page_size, page_token=token)
            page = await unary(self._catalog.ListCatalogEntries, request, self.deadline)
            yield page
            token = page.next_page_token
            if not token:
                return

    async def catalog_versions(self, *, page_size: int = 0) -> AsyncIterator[catalog.CatalogVersion]:
        """The versions, newest first; imports that wait lead. Page after page."""
        token = ""
        while True:
            request = catalog.ListCatalogVersionsRequest(page_size=page_size, page_token=token)
            page = await unary(self._catalog.ListCatalogVersions, request, self.deadline)
            for version in page.versions:
                yield version
            token = page.next_page_token
            if not token:
                return

    async def diff_catalog(self, from_version: int, to_version: int = 0) -> catalog.DiffCatalogVersionsResponse:
        """What differs between two versions; to 0: the one in force. Raises NotFound."""
        request = catalog.DiffCatalogVersionsRequest(from_version=from_version, to_version=to_version)
        return await unary(self._catalog.DiffCatalogVersions, request, max(self.deadline, IMPORT_DEADLINE))

    async def activate_catalog(
        self,
        pending_id: str,
        *,
        activate_at: datetime | date | None = None,
        cancel: bool = False,
        comment: str = "",
    ) -> catalog.CatalogVersion:
        """Gives an import that waits another moment, applies it (None: now), or cancels it. Idempotent.

        Raises NotFound, StateConflict when it is in force already, CatalogInvalid when it does not fit any more.
        """
        request = catalog.ActivateCatalogRequest(pending_id=pending_id, cancel=cancel, comment=comment)
        _set_moment(request, activate_at)
        return (await unary(self._catalog.ActivateCatalog, request, max(self.deadline, IMPORT_DEADLINE))).version

    async def roll_back_catalog(
        self, to_version: int, *, comment: str, dry_run: bool = False
    ) -> catalog.RollBackCatalogResponse:
        """Makes a new version with the content of a former one. Idempotent. Raises NotFound."""
        request = catalog.RollBackCatalogRequest(to_version=to_version, comment=comment, dry_run=dry_run)
        return await unary(self._catalog.RollBackCatalog, request, max(self.deadline, IMPORT_DEADLINE))

    async def unmapped_pages(
        self, institution: str = "", *, page_size: int = 1000
    ) -> AsyncIterator[catalog.ListUnmappedCodesResponse]:
        """Codes that lead to no item, the most frequent first, page after page."""
        token = ""
        while True:
            request = catalog.ListUnmappedCodesRequest(institution=institution, page_size=page_size, page_token=token)
            page = await unary(self._catalog.ListUnmappedCodes, request, self.deadline)
            yield page
            token = page.next_page_token
            if not token:
                return


def _listed(files: Files) -> list[catalog.CatalogFile]:
    return [catalog.CatalogFile(name=name, content=content) for name, content in files]


def _set_moment(
    request: catalog.ImportCatalogRequest | catalog.ActivateCatalogRequest, moment: datetime | date | None
) -> None:
    if isinstance(moment, datetime):
        stamp = timestamp(moment)
        if stamp is not None:
            request.activate_at.CopyFrom(stamp)
    elif moment is not None:
        request.activate_on = moment.isoformat()
