"""Keeping one version of a report: in its place among the others, under its patient, never under two."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hutong_server.domain.errors import Reason
from hutong_server.domain.notice import NoticeKind
from hutong_server.domain.person import PatientKey
from hutong_server.domain.report import Instant, Issue, Severity
from hutong_server.domain.versions import Order, compare, supersedes
from hutong_server.store.base import HeldReport, Identity, ReportVersion, StoredReport, VersionHead, Writer
from hutong_server.usecases.notify import notify, of_move, of_version
from hutong_server.usecases.patient_index import Placement, new_key, place
from hutong_server.usecases.publish_whose import Prepared, Rows


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a version was kept."""

    report_id: bytes
    patient_key: PatientKey
    version: int
    current: bool
    unchanged: bool
    held: bool
    issues: tuple[Issue, ...] = ()


def keep(new: Prepared, writer: Writer, now: Instant) -> Kept:
    """Keeps a version. The caller holds the locks of `new.locks`."""
    identity = writer.identity(new.identity_key)
    heads = _heads(writer, identity) if identity is not None else []
    if identity is None or not heads:
        kept = _first(new, writer, now, identity)
    else:
        kept = _next(new, writer, identity, heads, now)
    if new.rows is None and all(map(_withdrawn, heads)):
        return replace(kept, issues=(*kept.issues, _nothing_known(new.path)))
    return kept


def _next(new: Prepared, writer: Writer, identity: Identity, heads: Sequence[VersionHead], now: Instant) -> Kept:
    same = next((head for head in heads if head.digest == new.digest), None)
    if same is not None:
        return _answer(identity, same.version, unchanged=True)
    shown = next(head for head in heads if head.version == identity.current_version)
    version = 1 + max(head.version for head in heads)
    order = compare(new.order, shown.order)
    withdrawn = _withdrawn(shown)
    current = supersedes(order, shown_withdrawn=withdrawn, arrived_withdraws=new.rows is None)
    disputed = identity.derived and order is Order.TIED and not withdrawn and new.rows is not None
    if not current:
        return _late(new, writer, identity, version, shown.status if withdrawn else "", now)
    if new.rows is None:
        return _withdraw(new, writer, identity, version, now)
    return _show(new, new.rows, writer, identity, version, disputed, now)


def _first(new: Prepared, writer: Writer, now: Instant, hidden: Identity | None) -> Kept:
    """`hidden`: an administrator hid it, and the database was put back to before it came; see replay.py."""
    report_id = hidden.report_id if hidden else secrets.token_bytes(16)
    # A withdrawal that comes before its report stands under a key that leads nowhere, until the report names a patient.
    key = hidden.patient_key if hidden else new_key()
    identity = Identity(
        new.identity_key, report_id, key, 1, new.derived, withheld=hidden is not None and hidden.withheld
    )
    if new.rows is None:
        writer.put_identity(identity)
        _put_version(new, writer, identity.patient_key, report_id, 1, now)
        return _answer(identity, 1)
    placement = _place(new, writer, None, now)
    identity = replace(identity, patient_key=placement.key or identity.patient_key, held=placement.key is None)
    return _put(new, writer, identity, placement, now, rows=new.rows)


def _late(new: Prepared, writer: Writer, identity: Identity, version: int, withdrawn: str, now: Instant) -> Kept:
    """An older version that comes late is kept and does not win. `withdrawn`: status of the withdrawal shown, or ""."""
    if withdrawn and new.rows is not None and writer.hidden_report(identity.patient_key, identity.report_id) is None:
        # The report that a withdrawal was waiting for: now its patient is known, and the chart can say "withdrawn".
        # Where even that is in doubt there is nothing to place: the version is kept, and that is all.
        placement = _place(new, writer, None, now)
        if placement.key is not None:
            former = _former(identity, placement.key)
            moved = replace(identity, patient_key=placement.key, former_keys=former)
            return _put(new, writer, moved, placement, now, rows=new.rows, withdrawn=withdrawn, version=version)
    _put_version(new, writer, identity.patient_key, identity.report_id, version, now)
    return _answer(identity, version)


def _withdraw(new: Prepared, writer: Writer, identity: Identity, version: int, now: Instant) -> Kept:
    """The row stays, so that a chart can say that something was withdrawn; what it said of the patient goes."""
    if identity.held:
        # Nothing is left to place.
        writer.remove_held(identity.report_id)
        writer.remove_report(identity.patient_key, identity.report_id)
    notify(writer, of_version(NoticeKind.WITHDRAWN, writer, identity, version), now)
    identity = replace(identity, current_version=version, disputed=False, held=False)
    writer.put_identity(identity)
    _put_version(new, writer, identity.patient_key, identity.report_id, version, now)
    shown = writer.hidden_report(identity.patient_key, identity.report_id)
    if shown is not None:
        writer.put_report(
            replace(
                shown,
                version=version,
                status=new.status,
                withdrawn=True,
                disputed=False,
                received=now,
                details=tuple(b"" for _ in shown.details),
            ),
            held=identity.withheld,
        )
    return _answer(identity, version)


def _show(
    new: Prepared, rows: Rows, writer: Writer, identity: Identity, version: int, disputed: bool, now: Instant
) -> Kept:
    """The new version is the one shown from now on, under the patient whom it names."""
    placement = _place(new, writer, identity, now)
    key = placement.key or (identity.patient_key if identity.held else new_key())
    if key != identity.patient_key:
        # First hidden from the old patient, then shown under the new one: never both, wherever a transaction is cut.
        writer.remove_report(identity.patient_key, identity.report_id)
    if placement.key is not None and (identity.held or key != identity.patient_key):
        # Also one that was placed: its step says nothing of a report that names another patient by now.
        writer.remove_held(identity.report_id)
    if key == identity.patient_key:
        notify(writer, of_version(NoticeKind.CORRECTED, writer, identity, version), now)
    else:
        for change in of_move(writer, identity, version, key):
            notify(writer, change, now)
    moved = replace(
        identity,
        patient_key=key,
        current_version=version,
        held=placement.key is None,
        disputed=disputed,
        former_keys=_former(identity, key),
    )
    return _put(new, writer, moved, placement, now, rows=rows, version=version)


def _former(identity: Identity, key: PatientKey | None) -> tuple[PatientKey, ...]:
    if key is None or key == identity.patient_key:
        return identity.former_keys
    return (*(former for former in identity.former_keys if former != key), identity.patient_key)


def _put(
    new: Prepared,
    writer: Writer,
    identity: Identity,
    placement: Placement,
    now: Instant,
    *,
    rows: Rows,
    withdrawn: str = "",
    version: int = 1,
) -> Kept:
    """Writes the identity, the version and the row; `withdrawn` is the status of a withdrawal that came first."""
    writer.put_identity(identity)
    _put_version(new, writer, identity.patient_key, identity.report_id, version, now)
    writer.put_report(
        StoredReport(
            patient_key=identity.patient_key,
            report_id=identity.report_id,
            institution=new.institution,
            version=identity.current_version,
            status=withdrawn or new.status,
            withdrawn=bool(withdrawn),
            disputed=identity.disputed,
            effective=rows.effective,
            issued=rows.issued,
            received=now,
            specialty=rows.specialty,
            has_images=rows.has_images,
            results=rows.results,
            details=tuple(b"" for _ in rows.details) if withdrawn else rows.details,
            header=rows.header,
            categories=rows.categories,
            codes=rows.codes,
            parts=rows.parts,
        ),
        held=identity.held or identity.withheld,
    )

    if identity.held:
        writer.put_held(
            HeldReport(
                held_id=identity.report_id,
                patient_key=identity.patient_key,
                institution=new.institution,
                received=now,
                reason=placement.held_because,
                demographics=new.demographics,
                tokens=new.tokens,
            )
        )
    return _answer(identity, version)


def _place(new: Prepared, writer: Writer, identity: Identity | None, now: Instant) -> Placement:
    placement = place(writer, new.tokens, new.demographics, new.rule, now, identity.patient_key if identity else None)
    if placement.key is None and identity is not None and not identity.held:
        # An administrator has said whose it is, and this version says no more of its patient than that one did.
        held = writer.held_report(identity.report_id)
        if held is not None and held.placed and held.tokens == new.tokens and held.demographics == new.demographics:
            return Placement(identity.patient_key)
    return placement


def _heads(writer: Writer, identity: Identity) -> Sequence[VersionHead]:
    keys = (identity.patient_key, *identity.former_keys)
    return [head for key in keys for head in writer.versions(key, identity.report_id)]


def _withdrawn(head: VersionHead) -> bool:
    return head.status in ("cancelled", "entered-in-error")


def _put_version(new: Prepared, writer: Writer, key: PatientKey, report_id: bytes, version: int, now: Instant) -> None:
    images = new.rows.images if new.rows else b""
    writer.put_version(
        ReportVersion(
            key,
            report_id,
            version,
            new.digest,
            new.order,
            new.status,
            now,
            new.document,
            images,
            new.path,
            new.institution,
        )
    )


def _answer(identity: Identity, version: int, *, unchanged: bool = False) -> Kept:
    return Kept(
        report_id=identity.report_id,
        patient_key=identity.patient_key,
        version=version,
        current=version == identity.current_version,
        unchanged=unchanged,
        held=identity.held,
        issues=(_DISPUTED,) if identity.disputed else (),
    )


def _nothing_known(path: str) -> Issue:
    message = "nothing to withdraw is known under this identity; a report that comes under it later will stay withdrawn"
    return Issue(Severity.WARNING, Reason.REFERENCE_UNRESOLVED.value, f"{path}.identifier", message)


_DISPUTED = Issue(
    Severity.WARNING,
    Reason.IDENTITY_DISPUTED.value,
    "DiagnosticReport.identifier",
    "two different documents claim this derived identity and nothing orders them: neither is reusable",
)
