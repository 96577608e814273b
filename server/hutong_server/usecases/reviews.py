"""The review of emergencies in which withheld results were opened."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from hutong_server.domain.caller import Caller
from hutong_server.domain.consent import Opening
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.person import PatientKey
from hutong_server.domain.report import Instant
from hutong_server.store.base import AccessRecord, Reader, Writer
from hutong_server.usecases.institutions import admin_access


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """A page of emergencies, oldest first."""

    openings: tuple[Opening, ...]
    more: bool
    record: AccessRecord

    def keep(self, writer: Writer) -> None:
        """The write job: the access record."""
        writer.record(self.record)


def list_reviews(
    after: tuple[Instant, bytes] | None,
    limit: int,
    reader: Reader,
    *,
    closed: bool,
    caller: Caller,
    now: Instant,
    request_id: str,
) -> ReviewPage:
    """A page of the emergencies that wait for a review; with `closed`, also of those that were reviewed."""
    found = reader.openings(after, limit + 1, closed=closed)
    page = tuple(found[:limit])
    keys = tuple(dict.fromkeys(each.patient_key for each in page))
    record = admin_access("ListReviews", caller, "found" if page else "none", now, request_id, patient_keys=keys)
    return ReviewPage(page, len(found) > limit, record)


def close_review(
    key: PatientKey, opening_id: bytes, finding: str, *, caller: Caller, now: Instant, request_id: str
) -> Callable[[Writer], Opening]:
    """The write job that closes a review. Raises NOT_FOUND, and STATE_CONFLICT when it was closed already."""

    def job(writer: Writer) -> Opening:
        # The lock under which answers are counted: neither may undo the other.
        writer.lock([key + b"opening"])
        known = writer.opening(key, opening_id)
        if known is None:
            raise HutongError(Reason.NOT_FOUND, "no such review")
        if known.closed_at is not None:
            raise HutongError(Reason.STATE_CONFLICT, "the review was closed already")
        by = f"{caller.institution}/{caller.role.value}"
        closed = replace(known, closed_at=now, closed_by=by, finding=finding)
        writer.put_opening(closed)
        record = admin_access("CloseReview", caller, "closed", now, request_id, patient_keys=(key,))
        writer.record(replace(record, detail=(opening_id.hex(),)))
        return closed

    return job
