"""What is counted of an institution's reports as they come in, so that it learns what to mend at the source.

Kinds are few and never hold a word of a report: "reports", "held", "rejected", "late", and for what was warned of or
refused "warning:REASON" and "error:REASON", with the field where a recommended one is missing.
"""

import re
from typing import Final

from hutong_server.domain.errors import Reason
from hutong_server.domain.report import Instant, Issue

REPORTS: Final = "reports"
HELD: Final = "held"
REJECTED: Final = "rejected"
LATE: Final = "late"

LATE_AFTER: Final = 86_400_000
"""Milliseconds between issue and arrival after which a report is late: whoever comes back on the next day should find
it. A region's platform that works has it within two minutes."""

_FIELDS: Final = frozenset(
    {"identifier", "category", "coding", "system", "performer", "issued", "effective[x]", "result"}
)
_LAST: Final = re.compile(r"\.([A-Za-z]+(?:\[x\])?)(?:\[\d+\])?$")


def issue_kind(issue: Issue) -> str:
    """The kind under which an issue counts."""
    kind = f"{issue.severity.value}:{issue.reason}"
    if issue.reason != Reason.FIELD_RECOMMENDED:
        return kind
    field = _LAST.search(issue.path)
    return f"{kind}:{field[1]}" if field and field[1] in _FIELDS else kind


def late(issued: Instant | None, received: Instant) -> bool:
    """Whether a report came late. One that does not say when it was issued never does."""
    return issued is not None and received - issued > LATE_AFTER
