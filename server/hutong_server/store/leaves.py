"""Leaves of the ledger: an access record as canonical JSON and back.

The content follows IHE BALP: who, whom, what, when, why, outcome. Keys are sorted, nothing stands between the tokens,
everything is ASCII, empty fields are absent: one record has one form. Keys of patients and reports are random ones.
"""

import json
from typing import Any

from hutong_server.store.base import AccessRecord, RecordedReport

_VERSION = 1
_dumps = json.JSONEncoder(separators=(",", ":"), sort_keys=True, check_circular=False).encode

_TEXTS = (
    ("who", "institution"),
    ("who", "role"),
    ("who", "certificate"),
    ("who", "practitioner"),
    ("who", "department"),
    ("why", "purpose"),
    ("why", "encounter"),
    ("why", "encounter_class"),
    ("why", "consent_basis"),
)


def canonical(leaf: dict[str, Any]) -> bytes:
    """Canonical JSON."""
    return _dumps(leaf).encode("ascii")


def leaf_of(access: AccessRecord) -> bytes:
    """The leaf."""
    leaf: dict[str, Any] = {
        "v": _VERSION,
        "at": access.at,
        "method": access.method,
        "outcome": access.outcome,
        "request": access.request_id,
    }
    for group, name in _TEXTS:
        if text := getattr(access, name):
            leaf.setdefault(group, {})[name] = text
    if access.patient_keys:
        leaf["whom"] = [key.hex() for key in access.patient_keys]
    if access.prompt_id:
        leaf["prompt"] = access.prompt_id.hex()
    if access.reports:
        leaf["reports"] = [each.hex() for each in access.reports]
    if access.contents:
        leaf["what"] = [
            [each.report_id.hex(), each.version, list(each.verdicts), each.digest.hex()] for each in access.contents
        ]
    if access.withheld:
        leaf["withheld"] = [[report.hex(), ordinal, reason] for report, ordinal, reason in access.withheld]
    if access.reason:
        leaf["reason"] = access.reason
    if access.detail:
        leaf["detail"] = list(access.detail)
    return canonical(leaf)


def access_of(leaf: bytes) -> AccessRecord:
    """The record of a leaf. Raises ValueError, KeyError or TypeError for anything else."""
    read = json.loads(leaf)
    if read["v"] != _VERSION:
        raise ValueError("a leaf of a version that is not known here")
    return AccessRecord(
        at=read["at"],
        method=read["method"],
        outcome=read["outcome"],
        request_id=read["request"],
        **{name: read.get(group, {}).get(name, "") for group, name in _TEXTS},
        patient_keys=tuple(bytes.fromhex(key) for key in read.get("whom", ())),
        prompt_id=bytes.fromhex(read.get("prompt", "")),
        reports=tuple(bytes.fromhex(each) for each in read.get("reports", ())),
        contents=tuple(
            RecordedReport(bytes.fromhex(report), version, tuple(verdicts), bytes.fromhex(digest))
            for report, version, verdicts, digest in read.get("what", ())
        ),
        withheld=tuple((bytes.fromhex(report), n, reason) for report, n, reason in read.get("withheld", ())),
        reason=read.get("reason", ""),
        detail=tuple(read.get("detail", ())),
    )
