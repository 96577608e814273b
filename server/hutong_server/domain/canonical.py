"""Canonical JSON of the catalogue's entries: equal content has equal text, whichever file it came from."""

import json
from typing import Any

from hutong_server.domain.recognition import Institution, Tier

Body = dict[str, Any]
"""Content of an entry, as JSON has it."""


def canonical(body: Body) -> str:
    """Sorted keys, no spaces, no ASCII escapes."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def institution_body(institution: Institution) -> str:
    """What a catalogue states of an institution; suspensions are no part of it."""
    return canonical(_stated(institution))


def institution_entry(institution: Institution) -> str:
    """What a version of the catalogue holds of an institution: suspensions as well."""
    body = _stated(institution)
    if institution.access_suspended:
        body["access_suspended"] = True
    if institution.quality_suspended_since is not None:
        body["quality_suspended_since"] = institution.quality_suspended_since
    return canonical(body)


def institution_of(body: Body) -> Institution:
    """The institution that a body states, not suspended."""
    return Institution(
        code=body["code"],
        name=body["name"],
        tier=Tier(body["tier"]),
        region=body["region"],
        alliances=tuple(body.get("alliances", ())),
        identifiers=tuple((each["system"], each["value"]) for each in body.get("identifiers", ())),
        feed_interval_hours=body.get("feed_interval_hours", 0),
    )


def _stated(institution: Institution) -> Body:
    body: Body = {
        "code": institution.code,
        "name": institution.name,
        "tier": institution.tier.value,
        "region": institution.region,
    }
    if institution.alliances:
        body["alliances"] = list(institution.alliances)
    if institution.identifiers:
        body["identifiers"] = [{"system": system, "value": value} for system, value in institution.identifiers]
    if institution.feed_interval_hours:
        body["feed_interval_hours"] = institution.feed_interval_hours
    return body
