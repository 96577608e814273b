"""Comparing what was decided with the ledger: each directive of a patient is there, taken back or not as the leaves
say; every answer that was given in an emergency has its emergency, reviewed or not as the leaves say; and what was
revoked is revoked.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from hutong_server.domain.consent import Directive, Opening
from hutong_server.domain.report import Instant
from hutong_server.store.base import AccessRecord
from hutong_server.store.index_view import IndexView
from hutong_server.trust.index_check import Place

_BREAK_GLASS = "break_glass"
_PUT, _REVOKE, _CLOSE = "PutDirective", "RevokeDirective", "CloseReview"
_CHANGED = "what patients decided was changed"


@dataclass
class Decisions:
    """What the leaves say of directives and emergencies."""

    recorded: dict[str, Place] = field(default_factory=dict)
    """Directives, by id in hex."""
    taken_back: dict[str, Place] = field(default_factory=dict)
    reviewed: dict[str, Place] = field(default_factory=dict)
    """Emergencies, by id in hex."""
    unnamed: set[tuple[str, Instant]] = field(default_factory=set)
    """Method and time of leaves of before ids stood in them."""
    revoked: dict[str, Place] = field(default_factory=dict)
    """Certificates, by serial number."""
    in_emergencies: list[tuple[Place, AccessRecord]] = field(default_factory=list)

    def hear(self, log_id: bytes, number: int, access: AccessRecord) -> None:
        """Takes what a leaf says."""
        place = Place(log_id, number)
        if access.consent_basis == _BREAK_GLASS:
            self.in_emergencies.append((place, access))
        if access.method == "RevokeCertificate" and access.detail and not access.reason:
            self.revoked.setdefault(access.detail[0], place)
        named = {_PUT: self.recorded, _REVOKE: self.taken_back, _CLOSE: self.reviewed}.get(access.method)
        if named is None or access.reason:
            return
        if access.detail:
            named.setdefault(access.detail[0], place)
        else:
            self.unnamed.add((access.method, access.at))

    def of(self, method: str, named: dict[str, Place], entry_id: str, at: Instant, since: Instant | None) -> bool:
        """Whether there is such a leaf, or may have been one before `since`."""
        return entry_id in named or (method, at) in self.unnamed or since is None or at < since


def consent_faults(
    view: IndexView, said: Decisions, complete_since: Instant | None
) -> Iterator[tuple[Place | None, str]]:
    """What differs: (leaf that says otherwise, what). `complete_since`: see index_faults."""
    directives: dict[str, Directive] = {}
    openings: dict[str, Opening] = {}
    of_patient: dict[bytes, list[Opening]] = defaultdict(list)
    for raw_id, entry in view.consent():
        entry_id = raw_id.hex()
        if entry is None:
            place = said.recorded.get(entry_id) or said.reviewed.get(entry_id)
            yield place, f"{_CHANGED}: entry {entry_id} does not open as what it is said to be"
        elif isinstance(entry, Directive):
            directives[entry_id] = entry
        else:
            openings[entry_id] = entry
            of_patient[entry.patient_key].append(entry)
    stand = said.revoked.keys() - view.revoked()
    for serial in sorted(stand):
        yield said.revoked[serial], f"the index was changed: certificate {serial} was revoked"
    yield from _directives(directives, said, complete_since)
    for place, access in said.in_emergencies:
        if not any(_covers(each, access) for key in access.patient_keys for each in of_patient[key]):
            yield place, f"{_CHANGED}: the emergency of this answer is gone"
    for entry_id, place in said.reviewed.items():
        if entry_id in openings and openings[entry_id].closed_at is None:
            yield place, f"{_CHANGED}: emergency {entry_id} was reviewed"
    for entry_id, opening in openings.items():
        closed = opening.closed_at
        if closed is not None and not said.of(_CLOSE, said.reviewed, entry_id, closed, complete_since):
            yield None, f"{_CHANGED}: emergency {entry_id} was not reviewed"


def _directives(
    there: dict[str, Directive], said: Decisions, complete_since: Instant | None
) -> Iterator[tuple[Place | None, str]]:
    for entry_id, place in said.recorded.items():
        if entry_id not in there:
            yield place, f"{_CHANGED}: directive {entry_id} is gone"
    for entry_id, place in said.taken_back.items():
        if entry_id in there and there[entry_id].revoked_at is None:
            yield place, f"{_CHANGED}: directive {entry_id} was taken back"
    for entry_id, directive in there.items():
        if not said.of(_PUT, said.recorded, entry_id, directive.recorded_at, complete_since):
            yield None, f"{_CHANGED}: directive {entry_id} was never recorded"
        ended = directive.revoked_at
        if ended is not None and not said.of(_REVOKE, said.taken_back, entry_id, ended, complete_since):
            yield said.recorded.get(entry_id), f"{_CHANGED}: directive {entry_id} was not taken back"


def _covers(opening: Opening, access: AccessRecord) -> bool:
    return opening.serves(access.institution, access.practitioner, access.at)
