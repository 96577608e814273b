"""Verifying the ledger: every hash, every signature, the index against the leaves, and what was exported against both.

What can be known: a leaf that does not open, or whose hash differs, is named. Where leaf and hash were both changed,
the next signed tree tells, and the leaves since the last good one are named (one commit's). Of leaves after the last
exported checkpoint only the database and the signing key bear witness.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hutong_server.store.base import ROOT_LOG, AccessRecord
from hutong_server.store.index_view import IndexView
from hutong_server.store.leaves import PUBLISHING, access_of
from hutong_server.store.ledger_view import LedgerView, LogState, StoredLeaf
from hutong_server.trust.checkpoint import Checkpoint, CheckpointInvalid, CheckpointVerifier
from hutong_server.trust.consent_check import Decisions, consent_faults
from hutong_server.trust.index_check import Publications, index_faults
from hutong_server.trust.ledger_loss import RESTORE, Loss, losses_told
from hutong_server.trust.merkle import Frontier, leaf_hash


class Fault(NamedTuple):
    """Something that is not as it was written."""

    log_id: bytes
    leaf: int | None
    """The first leaf concerned."""
    what: str

    def __str__(self) -> str:
        name = "root log" if self.log_id == ROOT_LOG else f"log {self.log_id.hex()}"
        return f"{name}, leaf {self.leaf}: {self.what}" if self.leaf is not None else f"{name}: {self.what}"


class _Witness(NamedTuple):
    """Somebody who says what the tree was at a size."""

    source: str
    root: bytes


@dataclass
class Verified:
    """The outcome."""

    faults: list[Fault] = field(default_factory=list)
    sizes: dict[bytes, int] = field(default_factory=dict)
    """Leaves found, by log."""
    exported: dict[bytes, int] = field(default_factory=dict)
    """Up to which size an exported checkpoint vouches, by log."""
    lost: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    """Leaves that were lost before a restore, by log: (the first, up to which size a checkpoint is left)."""
    strays: list[tuple[str, int]] = field(default_factory=list)
    said: Publications = field(default_factory=Publications)
    decided: Decisions = field(default_factory=Decisions)

    def hear(self, log_id: bytes, number: int, access: AccessRecord) -> None:
        """Takes what a leaf says of reports and of consent."""
        self.said.hear(log_id, number, access)
        self.decided.hear(log_id, number, access)

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return not self.faults and not self.strays

    def unvouched(self) -> list[tuple[bytes, int, int]]:
        """(log, first leaf, number of leaves) that no exported checkpoint covers."""
        return [
            (log_id, self.exported.get(log_id, 0), size - self.exported.get(log_id, 0))
            for log_id, size in self.sizes.items()
            if size > self.exported.get(log_id, 0)
        ]


def verify(
    view: LedgerView,
    verifier: CheckpointVerifier,
    notes: Iterable[str] = (),
    index: IndexView | None = None,
    losing: Loss | None = None,
) -> Verified:
    """Verifies all logs, and the index of reports where it is given. `notes`: checkpoints that were kept elsewhere.
    `losing`: what a restore that is under way has lost; of earlier ones the root log tells.
    """
    found = Verified()
    losses = [*losses_told(view), *([losing] if losing else [])]
    said: dict[bytes, dict[int, list[_Witness]]] = defaultdict(lambda: defaultdict(list))
    for note in notes:
        try:
            at = verifier.read(note)
        except CheckpointInvalid as error:
            found.faults.append(Fault(ROOT_LOG, None, f"an exported checkpoint: {error}"))
            continue
        if any(loss.holds(at) for loss in losses):
            first = min(loss.kept(at.log_id) for loss in losses if loss.holds(at))
            found.lost[at.log_id] = first, max(at.size, found.lost.get(at.log_id, (0, 0))[1])
            continue
        said[at.log_id][at.size].append(_Witness("an exported checkpoint", at.root))
        found.exported[at.log_id] = max(at.size, found.exported.get(at.log_id, 0))
    logs = {log.log_id: log for log in view.logs()}
    started, cuts, root_size = _root(view, verifier, said, found)
    if root_size == 0 and logs:
        found.faults.append(Fault(ROOT_LOG, None, "the root log is missing"))
    for log_id in dict.fromkeys([*started, *(each for each in said if each != ROOT_LOG)]):
        if log_id not in logs:
            found.faults.append(Fault(log_id, None, "the log is missing"))
    for log in logs.values():
        if log.log_id not in started:
            found.faults.append(Fault(log.log_id, None, "the root log does not know that it began"))
        elif started[log.log_id] != log.started:
            found.faults.append(Fault(log.log_id, None, "the index was changed: when the log began"))
        if log.cut and (log.log_id, log.cut) not in cuts:
            found.faults.append(
                Fault(log.log_id, 0, f"{log.cut} leaves were cut off, and the root log does not know it")
            )
        _log(view, log, verifier, said[log.log_id], found)
    found.strays = view.strays()
    if index is not None:
        # Reports of before the ledger, and those whose leaves retention has cut off, have none.
        begun = [log.started for log in logs.values()]
        since = max(min(begun), *cuts.values()) if begun and cuts else min(begun, default=None)
        if found.faults:
            # Leaves may be missing, and what they told of seem to be unheard of.
            since = None
        for place, what in (
            *index_faults(index, found.said, since),
            *consent_faults(index, found.decided, since),
            *((None, f"the index was changed: whose record {key.hex()} is") for key in index.moved()),
        ):
            log_id, number = place or (ROOT_LOG, None)
            found.faults.append(Fault(log_id, number, what))
        found.strays += index.strays()
    return found


def _root(
    view: LedgerView,
    verifier: CheckpointVerifier,
    said: dict[bytes, dict[int, list[_Witness]]],
    found: Verified,
) -> tuple[dict[bytes, int], dict[tuple[bytes, int], int], int]:
    """Verifies the root log; the logs that it saw begin and when, the cuts that were made and when, and its size.

    Adds what it says of the others to `said`.
    """
    before = len(found.faults)
    size = _log(view, LogState(ROOT_LOG, 0, False, 0, ()), verifier, said[ROOT_LOG], found)
    # What an exported checkpoint of the root log covers vouches for what it says of the others.
    vouched = found.exported.get(ROOT_LOG, 0) if len(found.faults) == before else 0
    started: dict[bytes, int] = {}
    cuts: dict[tuple[bytes, int], int] = {}
    for stored in view.leaves(ROOT_LOG):
        try:
            entry = json.loads(stored.leaf or b"")
            log_id = bytes.fromhex(entry["log"])
            if entry["type"] == "start":
                started[log_id] = entry["at"]
                continue
            if entry["type"] == RESTORE:
                continue
            if entry["type"] == "cut":
                cuts[log_id, entry["size"]] = entry["at"]
            if stored.number < vouched:
                found.exported[log_id] = max(entry["size"], found.exported.get(log_id, 0))
            said[log_id][entry["size"]].append(_Witness("the root log", bytes.fromhex(entry["root"])))
        except (ValueError, KeyError, TypeError):
            found.faults.append(Fault(ROOT_LOG, stored.number, "was changed: it is no entry"))
    return started, cuts, size


def _log(
    view: LedgerView,
    log: LogState,
    verifier: CheckpointVerifier,
    said: dict[int, list[_Witness]],
    found: Verified,
) -> int:
    """Verifies one log; its size. Stops at the first leaf that is missing: nothing after it can be computed."""
    faults: list[Fault] = []
    witnesses: dict[int, list[_Witness]] = {size: list(each) for size, each in said.items()}
    largest_signed = 0
    for tree in view.trees(log.log_id):
        try:
            verifier.check(Checkpoint(log.log_id, tree.size, tree.root), tree.signature)
        except CheckpointInvalid as error:
            faults.append(Fault(log.log_id, tree.size - 1, f"the stored checkpoint of size {tree.size}: {error}"))
            continue
        witnesses.setdefault(tree.size, []).append(_Witness("the stored checkpoint", tree.root))
        largest_signed = max(largest_signed, tree.size)
    try:
        frontier = Frontier(log.cut, log.cut_nodes)
    except ValueError:
        found.faults.append(Fault(log.log_id, log.cut, "what retention left of the cut part was changed"))
        return 0
    good = _agree(log.log_id, frontier, log.cut, witnesses, faults)
    for stored in view.leaves(log.log_id, log.cut):
        if stored.number != frontier.size:
            faults.append(Fault(log.log_id, frontier.size, f"was removed: the next that is there is {stored.number}"))
            break
        faults += _leaf(log.log_id, stored, found)
        frontier.append(leaf_hash(stored.leaf) if stored.leaf is not None else stored.hashed)
        good = _agree(log.log_id, frontier, good, witnesses, faults)
    largest = max([largest_signed, *witnesses])
    if frontier.size < largest and not any("was removed" in fault.what for fault in faults):
        faults.append(Fault(log.log_id, frontier.size, f"the tail was cut: the log had {largest} leaves"))
    if frontier.size > largest_signed:
        faults.append(Fault(log.log_id, largest_signed, "was added: no signed checkpoint covers it"))
    # The earliest leaf first: it is the one that an investigator needs.
    found.faults += sorted(faults, key=lambda fault: (fault.leaf is not None, fault.leaf or 0))
    found.sizes[log.log_id] = frontier.size
    return frontier.size


def _agree(
    log_id: bytes, frontier: Frontier, good: int, witnesses: dict[int, list[_Witness]], faults: list[Fault]
) -> int:
    """Compares the tree with everybody who says what it was at this size. The last size at which all agreed."""
    here = witnesses.get(frontier.size)
    if not here:
        return good
    root = frontier.root()
    for witness in here:
        if witness.root != root:
            if not any(fault.leaf is not None and fault.leaf >= good for fault in faults):
                last = frontier.size - 1
                which = "this leaf" if last <= good else f"one of the leaves {good} to {last}"
                faults.append(
                    Fault(
                        log_id,
                        good,
                        f"{which} was changed, inserted or reordered: {witness.source} of size {frontier.size} differs",
                    )
                )
            return good
    return frontier.size


def _leaf(log_id: bytes, stored: StoredLeaf, found: Verified) -> Sequence[Fault]:
    if stored.leaf is None:
        return [Fault(log_id, stored.number, "was changed or moved: it does not open at its place")]
    if leaf_hash(stored.leaf) != stored.hashed:
        return [Fault(log_id, stored.number, "was changed: its hash is another")]
    if stored.row is None:
        return []
    try:
        access = access_of(stored.leaf)
    except (ValueError, KeyError, TypeError):
        return [Fault(log_id, stored.number, "was changed: it is no access record")]
    found.hear(log_id, stored.number, access)
    row = stored.row
    said = (access.at, access.method, access.institution, access.role, access.outcome, access.patient_keys)
    names = ("at", "method", "institution", "role", "outcome", "patient_keys")
    differ = [name for name, one, other in zip(names, said, row, strict=False) if one != other]
    # Publishes are in no list now; those of before are.
    unlisted = access.method == PUBLISHING and not row.listed_for
    if not unlisted and set(row.listed_for) != set(access.patient_keys):
        differ.append("the patient's list")
    return [Fault(log_id, stored.number, f"the index was changed: {', '.join(differ)}")] if differ else []
