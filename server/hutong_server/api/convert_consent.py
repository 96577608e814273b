"""Directives and reviews between proto and domain. Ids leave sealed, for one institution."""

from typing import Final

from hutong.v1 import consent_service_pb2

from hutong_server.api.convert import Faults, instant, numbers, stamp
from hutong_server.domain.consent import Directive, Effect, Opening, Scope
from hutong_server.domain.errors import Reason
from hutong_server.store.base import Ids
from hutong_server.usecases.consent import Wanted

DIRECTIVE: Final = "directive"
REVIEW: Final = "review"
"""Kinds of sealed ids; the parts of both are (patient key, id)."""
EFFECTS: Final = numbers(Effect, consent_service_pb2.DirectiveEffect, "DIRECTIVE_EFFECT")
SCOPES: Final = numbers(Scope, consent_service_pb2.DirectiveScope, "DIRECTIVE_SCOPE")
_EFFECTS_IN: Final = {number: effect for effect, number in EFFECTS.items()}
_SCOPES_IN: Final = {number: scope for scope, number in SCOPES.items()}
MAX_CODE: Final = 64


def directive_in(request_id: str, given: consent_service_pb2.Directive, faults: Faults) -> Wanted:
    """What a patient decided. Required: effect, scope, and the scope's target."""
    if given.effect not in _EFFECTS_IN:
        faults.add("directive.effect", "is required" if given.effect == 0 else "is not a known value")
    if given.scope not in _SCOPES_IN:
        faults.add("directive.scope", "is required" if given.scope == 0 else "is not a known value")
    scope = _SCOPES_IN.get(given.scope, Scope.EVERYTHING)
    path = "directive.target"
    begins = instant(given.valid_from, "directive.valid_from", faults) if given.HasField("valid_from") else None
    ends = instant(given.valid_until, "directive.valid_until", faults) if given.HasField("valid_until") else None
    return Wanted(
        request_id=request_id,
        effect=_EFFECTS_IN.get(given.effect, Effect.WITHHOLD),
        scope=scope,
        target=faults.text(path, given.target, longest=MAX_CODE, required=scope is not Scope.EVERYTHING),
        valid_from=begins,
        valid_until=ends,
    )


def directive_out(target: consent_service_pb2.Directive, known: Directive, ids: Ids, institution: str) -> None:
    """A directive as it stands."""
    target.directive_id = ids.seal(DIRECTIVE, institution, (known.patient_key, known.directive_id))
    target.effect, target.scope, target.target = EFFECTS[known.effect], SCOPES[known.scope], known.target
    stamp(target.valid_from, known.valid_from)
    stamp(target.valid_until, known.valid_until)
    target.recorded_by = known.recorded_by
    stamp(target.recorded_at, known.recorded_at)
    stamp(target.revoked_at, known.revoked_at)


def review_out(target: consent_service_pb2.Review, known: Opening, ids: Ids, institution: str) -> None:
    """An emergency as its reviewers see it: who and why, not whom."""
    target.review_id = ids.seal(REVIEW, institution, (known.patient_key, known.opening_id))
    target.institution, target.practitioner, target.encounter = known.institution, known.practitioner, known.encounter
    target.reason, target.answers = known.reason, known.answers
    stamp(target.opened_at, known.opened_at)
    stamp(target.open_until, known.open_until)
    stamp(target.closed_at, known.closed_at)
    target.closed_by, target.finding = known.closed_by, known.finding


def id_in(kind: str, text: str, path: str, ids: Ids, institution: str, faults: Faults) -> tuple[bytes, bytes]:
    """(patient key, id) of an id that this institution was given; a fault for anything else."""
    if not text:
        faults.add(path, "is required")
        return b"", b""
    parts = ids.open(kind, institution, text)
    if parts is None or len(parts) != 2:
        faults.add(path, "names nothing in the registry", Reason.NOT_FOUND)
        return b"", b""
    return parts[0], parts[1]
