"""Institutions and the catalogue between proto and domain."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from hutong.v1 import catalog_service_pb2

from hutong_server.api.convert import TIERS, Faults, institution_ref, stamp
from hutong_server.domain import feed
from hutong_server.domain.recognition import Institution, Tier
from hutong_server.domain.report import Instant, Issue
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import CatalogDiff
from hutong_server.store.base_catalog import CANCELLED, DONE, FAILED, PENDING, CatalogVersion, PendingImport
from hutong_server.store.base_unmapped import UnmappedRow
from hutong_server.usecases.import_catalog import Imported
from hutong_server.usecases.institutions import InstitutionState, Scope

CHANGES: Final = {
    "added": catalog_service_pb2.CHANGE_KIND_ADDED,
    "removed": catalog_service_pb2.CHANGE_KIND_REMOVED,
    "changed": catalog_service_pb2.CHANGE_KIND_CHANGED,
}
SCOPES: Final = {
    catalog_service_pb2.SUSPENSION_SCOPE_ACCESS: Scope.ACCESS,
    catalog_service_pb2.SUSPENSION_SCOPE_QUALITY: Scope.QUALITY,
}
PENDING_STATES: Final = {
    PENDING: catalog_service_pb2.CATALOG_VERSION_STATE_PENDING,
    CANCELLED: catalog_service_pb2.CATALOG_VERSION_STATE_CANCELLED,
    FAILED: catalog_service_pb2.CATALOG_VERSION_STATE_FAILED,
    DONE: catalog_service_pb2.CATALOG_VERSION_STATE_IN_FORCE,
}
MAX_CHANGES: Final = 10_000
MAX_ALLIANCES: Final = 100
MAX_INTERVAL_HOURS: Final = 24 * 366
_TIERS_IN: Final = {number: tier for tier, number in TIERS.items()}
_CODE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_REGION: Final = re.compile(r"[0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{9}|[0-9]{12}")


def code_in(code: str, path: str, faults: Faults) -> str:
    """The code of an institution."""
    if not _CODE.fullmatch(code):
        faults.add(path, 'is not a code: letters, digits, "-" and "_", up to 64' if code else "is required")
    return code


def institution_in(given: catalog_service_pb2.Institution) -> Institution:
    """An institution to add or change. Raises HutongError. What is output only is not looked at."""
    faults = Faults()
    if given.tier not in _TIERS_IN:
        faults.add("institution.tier", "is required" if given.tier == 0 else "is not a known value")
    if not _REGION.fullmatch(given.region):
        faults.add("institution.region", "is not an administrative division code: 2, 4, 6, 9 or 12 digits")
    if len(given.alliances) > MAX_ALLIANCES:
        faults.add("institution.alliances", f"more than {MAX_ALLIANCES} alliances")
    if given.feed_interval_hours > MAX_INTERVAL_HOURS:
        faults.add("institution.feed_interval_hours", f"is more than {MAX_INTERVAL_HOURS}")
    made = Institution(
        code=code_in(given.code, "institution.code", faults),
        name=faults.text("institution.name", given.name, required=True),
        tier=_TIERS_IN.get(given.tier, Tier.PRIVATE),
        region=given.region,
        alliances=tuple(
            faults.text(f"institution.alliances[{n}]", name, required=True)
            for n, name in enumerate(given.alliances[:MAX_ALLIANCES])
        ),
        feed_interval_hours=given.feed_interval_hours,
    )
    faults.check()
    return made


def institution_out(target: catalog_service_pb2.Institution, state: InstitutionState, now: Instant) -> None:
    """An institution as it stands."""
    known = state.institution
    target.code, target.name, target.tier = known.code, known.name, TIERS[known.tier]
    target.region = known.region
    target.alliances.extend(known.alliances)
    target.feed_interval_hours = known.feed_interval_hours
    target.state = (
        catalog_service_pb2.INSTITUTION_STATE_ACCESS_SUSPENDED
        if known.access_suspended
        else catalog_service_pb2.INSTITUTION_STATE_ACTIVE
    )
    stamp(target.quality_suspended_since, known.quality_suspended_since)
    last = state.feed.last_received if state.feed else None
    stamp(target.last_received_at, last)
    target.feed_behind = feed.behind(last, state.feed.longest_gap if state.feed else 0, known.feed_interval_hours, now)
    target.feed_not_resumed = state.not_resumed
    target.reports, target.held = state.reports, state.held


def imported_out(imported: Imported) -> catalog_service_pb2.ImportCatalogResponse:
    """What an import changed, or would change."""
    return catalog_service_pb2.ImportCatalogResponse(
        rules_version=imported.version,
        changes=changes_out(imported.changes[:MAX_CHANGES]),
        change_count=len(imported.changes),
        entries=imported.entries,
        pending_id=imported.pending_id.hex(),
        stated=imported.stated,
    )


def faults_out(issues: Sequence[Issue]) -> catalog_service_pb2.ImportCatalogResponse:
    """The errors of files."""
    return catalog_service_pb2.ImportCatalogResponse(
        faults=(
            catalog_service_pb2.CatalogFault(place=issue.path, message=issue.message) for issue in issues[:MAX_CHANGES]
        ),
        fault_count=len(issues),
    )


def version_out(target: catalog_service_pb2.CatalogVersion, known: CatalogVersion, in_force: int) -> None:
    """A version."""
    target.version, target.made_by, target.comment = known.version, known.by, known.comment
    target.change_count = known.change_count
    target.state = (
        catalog_service_pb2.CATALOG_VERSION_STATE_IN_FORCE
        if known.version == in_force
        else catalog_service_pb2.CATALOG_VERSION_STATE_FORMER
    )
    stamp(target.active_from, known.at)
    stamp(target.made_at, known.at)


def pending_out(target: catalog_service_pb2.CatalogVersion, known: PendingImport) -> None:
    """An import that waits, or what became of it."""
    target.version, target.made_by, target.comment = known.version, known.by, known.comment
    target.change_count, target.pending_id = known.change_count, known.pending_id.hex()
    target.state = PENDING_STATES[known.state]
    stamp(target.active_from, known.changed_at if known.state == DONE else known.activate_at)
    stamp(target.made_at, known.made_at)


def ended_out(target: catalog_service_pb2.CatalogVersion, known: PendingImport) -> None:
    """An import that was cancelled or failed, and why."""
    pending_out(target, known)
    target.comment = f"{known.comment} ({known.note})" if known.comment and known.note else known.comment or known.note


def changes_out(changes: Iterable[CatalogDiff]) -> Iterable[catalog_service_pb2.CatalogChange]:
    for each in changes:
        yield catalog_service_pb2.CatalogChange(
            change=CHANGES[each.change], kind=each.kind, key=each.key, before=each.before, after=each.after
        )


def unmapped_out(target: catalog_service_pb2.UnmappedCode, row: UnmappedRow, book: RuleBook) -> None:
    """A code that leads nowhere."""
    institution_ref(target.institution, row.institution, book)
    target.system, target.code, target.display = row.system, row.code, row.display
    target.occurrences = row.occurrences
    stamp(target.first_seen_at, row.first_seen)
    stamp(target.last_seen_at, row.last_seen)
