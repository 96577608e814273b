"""The result that a decision relied on, as far as the caller may see it now."""

from dataclasses import dataclass

from hutong_server.domain.decision import Decision
from hutong_server.domain.prompt import Judged
from hutong_server.domain.reuse import Request
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import StoredReport
from hutong_server.usecases.gate import Passed
from hutong_server.usecases.list_reports import judge


@dataclass(frozen=True, slots=True)
class Cited:
    """A recognised result that the caller may see now."""

    row: StoredReport
    judged: Judged
    """As of the time of the decision."""
    corrected: bool
    """The source has sent another version since it was offered."""


def cite(decision: Decision, passed: Passed, book: RuleBook) -> Cited | None:
    """None when the report does not exist for the caller, was withdrawn, may have changed unheard since a restore, or
    has no result of the item any more.
    """
    row = next((each for each in passed.rows if each.report_id == decision.report_id), None)
    if row is None or row.withdrawn or book.unresumed.holds(row.institution):
        return None
    of_item = [
        each
        for each in judge(row, Request(decision.institution, decision.decided_at), book)
        if each.verdict.item is not None and each.verdict.item.code == decision.item
    ]
    # A newer version may count its results anew.
    of_item.sort(key=lambda each: each.result.ordinal != decision.ordinal)
    return Cited(row, of_item[0], corrected=row.version != decision.version) if of_item else None
