"""Telling who relied on a report that it changed: in the transaction of the change, or not at all."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from hutong_server.domain.notice import Notice, NoticeKind, Reliance, strongest
from hutong_server.domain.person import PatientKey
from hutong_server.domain.report import Instant
from hutong_server.store.base import Identity, Writer


@dataclass(frozen=True, slots=True)
class Change:
    """What became of reports that may have been relied on."""

    kind: NoticeKind
    mark: bytes
    """Tells this change from others of its kind."""
    keys: tuple[PatientKey, ...]
    """Under which the reports stood."""
    report_id: bytes = b""
    """The report; empty: every report under these keys."""
    opens: PatientKey = b""
    """Under which the report can be opened from now on; empty: as before, if at all."""


def notify(writer: Writer, change: Change, now: Instant) -> int:
    """Writes one notice for each report and institution that relied on it; returns how many institutions are told.

    Costs one indexed look-up for each key when nobody relied on anything.
    """
    relied: dict[tuple[str, bytes], list[Reliance]] = {}
    for each in writer.reliances(change.keys, change.report_id):
        relied.setdefault((each.institution, each.report_id), []).append(each)
    notices = [notice_of(strongest(group), change.kind, change.mark, now) for group in relied.values()]
    if change.opens:
        notices = [replace(each, patient_key=change.opens) for each in notices]
    put_notices(writer, notices)
    return len({institution for institution, _ in relied})


def put_notices(writer: Writer, notices: Sequence[Notice]) -> None:
    """Writes notices; one that is there already is left as it is.

    Each institution's are numbered under a lock that is held until the commit, so that no smaller number can appear
    after a larger one was read.
    """
    if notices:
        writer.lock(sorted({lock_of(each.institution) for each in notices}))
        for each in notices:
            writer.put_notice(each)


def lock_of(institution: str) -> bytes:
    """What serialises the numbers of an institution's notices."""
    return b"notices of " + institution.encode()


def notice_of(relied: Reliance, kind: NoticeKind, mark: bytes, now: Instant, reasons: Iterable[str] = ()) -> Notice:
    """The notice to who relied so. The same change makes the same id."""
    named = (relied.institution.encode(), relied.report_id, kind.value.encode(), mark)
    parts = b"".join(len(part).to_bytes(4, "big") + part for part in named)
    return Notice(
        institution=relied.institution,
        notice_id=hashlib.sha256(parts).digest()[:16],
        kind=kind,
        patient_key=relied.patient_key,
        report_id=relied.report_id,
        issuer=relied.issuer,
        how=relied.how,
        encounter=relied.encounter,
        practitioner=relied.practitioner,
        relied_at=relied.at,
        created_at=now,
        item=relied.item,
        ordinal=relied.ordinal,
        reasons=tuple(reasons),
    )


def of_version(kind: NoticeKind, writer: Writer, identity: Identity, version: int) -> Change:
    """A version was published that changes what is shown of a report. `identity` is as it was before."""
    return Change(kind, _mark(version), stood_under(writer, identity), identity.report_id, identity.patient_key)


def of_move(writer: Writer, identity: Identity, version: int, key: PatientKey) -> tuple[Change, ...]:
    """A version was published under `key`, which is not the key before: `identity` is as it was before.

    Another record of the same person is the same patient. Who relied on it for another patient is told that, and is
    given no way to the one whose it is now; who relied on it when it was this patient's before, that it is back.
    """
    before = stood_under(writer, identity)
    person = writer.person_of(identity.patient_key)
    if person is not None and key in person.keys:
        return (Change(NoticeKind.CORRECTED, _mark(version), before, identity.report_id, key),)
    moved = Change(NoticeKind.PATIENT_CHANGED, _mark(version), before, identity.report_id)
    person = writer.person_of(key)
    back = tuple(each for each in identity.former_keys if person is not None and each in person.keys)
    if not back:
        return (moved,)
    return moved, Change(NoticeKind.CORRECTED, _mark(version), back, identity.report_id, key)


def stood_under(writer: Writer, identity: Identity) -> tuple[PatientKey, ...]:
    """The keys of the patient whose the report is, under which it stands or stood."""
    if not identity.former_keys:
        return (identity.patient_key,)
    person = writer.person_of(identity.patient_key)
    same = person.keys if person is not None else ()
    return (identity.patient_key, *(each for each in identity.former_keys if each in same))


def _mark(version: int) -> bytes:
    return version.to_bytes(8, "big")


def of_persons(keys: Iterable[PatientKey], mark: bytes) -> Change:
    """The records of these keys were joined or parted: what was shown of one patient may be another's."""
    return Change(NoticeKind.PATIENT_CHANGED, mark, tuple(dict.fromkeys(keys)))
