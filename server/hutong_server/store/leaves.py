"""Leaves of the ledger: an access record as canonical JSON and back.

The content follows IHE BALP: who, whom, what, when, why, outcome. Keys are sorted, nothing stands between the tokens,
everything is ASCII, empty fields are absent: one record has one form. Keys of patients and reports are random ones.
"""

import json
from typing import Any

from hutong_server.store import compact
from hutong_server.store.base import AccessRecord, RecordedReport

PUBLISHING = "PublishReport"
"""Method of the leaves that are most of a registry's: packed at rest, and in no patient's list of who looked."""
_VERSION = 1
_dumps = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_sorted = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode

# In the order of the letters, as everything that follows: to sort would cost as much as to write.
_WHO = ("certificate", "department", "institution", "practitioner", "role")
_WHY = ("consent_basis", "encounter", "encounter_class", "purpose")


def canonical(leaf: dict[str, Any]) -> bytes:
    """Canonical JSON."""
    return _sorted(leaf).encode("ascii")


def leaf_of(access: AccessRecord) -> bytes:
    """The leaf."""
    leaf: dict[str, Any] = {"at": access.at}
    if access.detail:
        leaf["detail"] = access.detail
    leaf["method"], leaf["outcome"] = access.method, access.outcome
    if access.prompt_id:
        leaf["prompt"] = access.prompt_id.hex()
    if access.reason:
        leaf["reason"] = access.reason
    if access.reports:
        leaf["reports"] = [each.hex() for each in access.reports]
    leaf["request"], leaf["v"] = access.request_id, _VERSION
    if access.contents:
        leaf["what"] = [(report.hex(), n, verdicts, digest.hex()) for report, n, verdicts, digest in access.contents]
    if who := {name: text for name in _WHO if (text := getattr(access, name))}:
        leaf["who"] = who
    if access.patient_keys:
        leaf["whom"] = [key.hex() for key in access.patient_keys]
    if why := {name: text for name in _WHY if (text := getattr(access, name))}:
        leaf["why"] = why
    if access.withheld:
        leaf["withheld"] = [(report.hex(), ordinal, reason) for report, ordinal, reason in access.withheld]
    return _dumps(leaf).encode("ascii")


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
        **{name: read.get("who", {}).get(name, "") for name in _WHO},
        **{name: read.get("why", {}).get(name, "") for name in _WHY},
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


def leaf_at_rest(method: str, leaf: bytes) -> bytes:
    """A leaf as it is sealed. Its hash is over the leaf itself."""
    return compact.packed_folded(compact.LEAF, leaf) if method == PUBLISHING else leaf


def leaf_from_rest(kept: bytes) -> bytes:
    """The leaf, byte for byte. Raises as compact.opened_folded."""
    return compact.opened_folded(compact.LEAF, kept) if kept[0] <= compact.LAST else kept
