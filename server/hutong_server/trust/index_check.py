"""Comparing the index of reports with the ledger: what was published is there, as it came, and what is shown follows.

Which version is shown, and whether it is withdrawn, is worked out anew from the sealed heads of all versions by the
rule that publishing goes by (domain/versions.py); whether a report is held, from the leaves. So a version number, a
flag or a patient that was edited, a row that was removed, and an older row that was put back, all show.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from hutong_server.domain.report import Instant
from hutong_server.domain.versions import compare, supersedes
from hutong_server.store.base import AccessRecord, VersionHead
from hutong_server.store.index_view import IndexedReport, IndexView

_WITHDRAWN = ("cancelled", "entered-in-error")
_HELD = "held"
_UNCHANGED = "unchanged"
_WITHHELD, _LIFTED = "withheld", "lifted"


class Place(NamedTuple):
    """A leaf."""

    log_id: bytes
    number: int


class _Said(NamedTuple):
    place: Place
    digest: bytes
    held: bool


@dataclass
class Publications:
    """What the leaves say of reports."""

    versions: dict[bytes, dict[int, _Said]] = field(default_factory=dict)
    placed: set[bytes] = field(default_factory=set)
    """Reports that an administrator has placed at some time: the leaves do not say whether it stands."""
    withheld: dict[bytes, tuple[Instant, bool]] = field(default_factory=dict)
    """When an administrator hid a report or showed it again for the last time, and which."""

    def hear(self, log_id: bytes, number: int, access: AccessRecord) -> None:
        """Takes what a leaf says."""
        if access.method == "PlaceHeldReport":
            self.placed.update(access.reports)
        if access.method == "WithholdReport" and access.outcome in (_WITHHELD, _LIFTED):
            for report_id in access.reports:
                if access.at >= self.withheld.get(report_id, (access.at, False))[0]:
                    self.withheld[report_id] = access.at, access.outcome == _WITHHELD
        if access.method != "PublishReport":
            return
        for report_id, version, verdicts, digest in access.contents:
            if _UNCHANGED not in verdicts:
                said = _Said(Place(log_id, number), digest, _HELD in verdicts)
                self.versions.setdefault(report_id, {})[version] = said


def index_faults(
    view: IndexView, said: Publications, complete_since: Instant | None
) -> Iterator[tuple[Place | None, str]]:
    """What differs: (leaf that says otherwise, what). `complete_since`: from when on every publish has its leaf.

    None: nothing is known of that.
    """
    missing = dict(said.versions)
    for report in view.reports():
        leaves = missing.pop(report.report_id, {})
        last = leaves[max(leaves)].place if leaves else None
        name = f"the index was changed: report {report.report_id.hex()}"
        if report.versions is None:
            yield last, f"{name}: a version does not open at its place"
            continue
        there = {head.version: head for head in report.versions}
        for version, leaf in sorted(leaves.items()):
            if version not in there:
                yield leaf.place, f"{name}: version {version} is gone"
            elif there[version].digest != leaf.digest:
                yield leaf.place, f"{name}: version {version} is another document"
        for version, head in there.items():
            if version not in leaves and complete_since is not None and head.received >= complete_since:
                yield last, f"{name}: version {version} was never published"
        if not there or sorted(there) != list(range(1, len(there) + 1)):
            continue
        for what in _shown(report, leaves, report.report_id in said.placed):
            yield last, f"{name}: {what}"
        # Whoever has the leaf of its first version has those of all that came later.
        hidden = said.withheld.get(report.report_id, (0, False) if 1 in leaves else (0, report.withheld))[1]
        if report.withheld != hidden:
            yield last, f"{name}: whether it is withheld"
    for report_id, leaves in missing.items():
        yield leaves[max(leaves)].place, f"the index was changed: report {report_id.hex()} is gone"


def _shown(report: IndexedReport, leaves: dict[int, _Said], placed: bool) -> Iterator[str]:
    """What is wrong with what is shown of a report whose versions are all there."""
    shown = current_of(report.versions or ())
    if shown is None or shown.version != report.current:
        yield "another version is current"
        return
    withdrawn = shown.status in _WITHDRAWN
    if not report.opens:
        yield "its row does not open at its place"
        return
    if report.row is None:
        if not withdrawn:
            yield "its row is gone"
    elif report.row.version != shown.version or report.row.withdrawn != withdrawn or report.row.status != shown.status:
        yield "its row is another version's"
    elif report.row.disputed != report.disputed:
        yield "whether it is disputed"
    leaf = leaves.get(shown.version)
    if leaf is not None and not leaf.held and not withdrawn and not placed:
        if not report.known:
            yield "its patient is gone"
        elif not report.found:
            yield "no identifier leads to its patient"
    if report.withheld and report.row and not report.row.held:
        yield "it is withheld, and shown"
    held = {report.held, *([report.row.held] if report.row and not report.withheld else [])}
    if report.held:
        held.add(bool(report.waiting))
    if len(held) > 1 or (leaf is not None and not placed and held != {leaf.held}):
        yield "whether it is held"


def current_of(versions: tuple[VersionHead, ...]) -> VersionHead | None:
    """The version that is shown when these came in this order."""
    shown: VersionHead | None = None
    for head in versions:
        if shown is None or supersedes(
            compare(head.order, shown.order),
            shown_withdrawn=shown.status in _WITHDRAWN,
            arrived_withdraws=head.status in _WITHDRAWN,
        ):
            shown = head
    return shown
