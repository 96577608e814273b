"""What leads to no item, for those who keep the mappings: a summary to read and a table to work on.

It holds what administrators are shown anyway: codes, and words that came with several patients (domain/unmapped.py).
"""

import csv
import datetime
import io
from collections.abc import Sequence

from hutong_server.domain.report import Instant
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base_unmapped import UnmappedRow
from hutong_server.usecases.unmapped import Unmapped

COLUMNS = ("institution", "name", "share_percent", "system", "code", "display", "times", "first_seen", "last_seen")
_LISTED = 30
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def table(found: Unmapped, book: RuleBook) -> str:
    """All codes as CSV, the most frequent first."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\r\n")
    rows.writerow(COLUMNS)
    for row in found.codes:
        institution = book.institution(row.institution)
        rows.writerow(
            _plain(value)
            for value in (
                row.institution,
                institution.name if institution else "",
                f"{found.per_mille.get(row.institution, 0) / 10:g}",
                row.system,
                row.code,
                row.display,
                str(row.occurrences),
                _day(row.first_seen, book),
                _day(row.last_seen, book),
            )
        )
    return text.getvalue()


def summary(found: Unmapped, book: RuleBook, source: str) -> str:
    """The institutions with the largest shares, in words."""
    codes: dict[str, list[UnmappedRow]] = {}
    for row in found.codes:
        codes.setdefault(row.institution, []).append(row)
    shares = sorted(((share, code) for code, share in found.per_mille.items() if share), key=lambda each: -each[0])
    lines = [
        f"{source}: codes that lead to no recognized item. Results that carry them are shown and never reused.",
        "",
        f"{len(found.codes)} codes of {len(codes)} institutions; all of them are in the table attached.",
        "",
    ]
    for share, code in shares[:_LISTED]:
        institution = book.institution(code)
        name = f" {institution.name}" if institution else ""
        lines.append(f"{share / 10:5.1f} %  {code}{name}: {_times(codes.get(code, ()))}")
    if len(shares) > _LISTED:
        lines.append(f"and {len(shares) - _LISTED} more institutions")
    lines += ["", "hutong admin rules unmapped --institution CODE --csv gives a mapping file to fill in."]
    return "\n".join(lines) + "\n"


def _times(rows: Sequence[UnmappedRow]) -> str:
    if not rows:
        return "no code that may be told"
    return f"{len(rows)} codes, {sum(row.occurrences for row in rows)} results"


def _day(instant: Instant, book: RuleBook) -> str:
    return datetime.datetime.fromtimestamp(instant / 1000, book.zone).date().isoformat()


def _plain(value: str) -> str:
    """A cell that no spreadsheet takes for a formula: codes come from outside."""
    return f"'{value}" if value.startswith(_FORMULA) else value
