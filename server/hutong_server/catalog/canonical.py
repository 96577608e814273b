"""Canonical JSON: equal content has equal text, whichever file it came from."""

import json

from hutong_server.catalog.shapes import Body
from hutong_server.domain.recognition import Institution


def canonical(body: Body) -> str:
    """Sorted keys, no spaces, no ASCII escapes."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def institution_body(institution: Institution) -> str:
    """What a catalogue states of an institution; suspensions are no part of it."""
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
    return canonical(body)
