"""What may be read from a standby that lags: roll-ups and lists that say themselves until when they count.

Nothing of a patient, and nothing that permits or forbids anything: no consent, revocation, withdrawal, chart, order,
report, rule or certificate. A test holds the list. Part of Reader of store/base.py.
"""

from typing import Protocol

from hutong_server.domain.statistics import Counts
from hutong_server.store.base_statistics import CountQuery, Run
from hutong_server.store.base_unmapped import UnmappedRow


class LateReader(Protocol):
    """A consistent view of the store, of a moment ago."""

    def counts(self, query: CountQuery) -> list[tuple[tuple[str, ...], Counts]]: ...
    def counting_run(self) -> Run | None: ...
    def unmapped_codes(self, institution: str = "") -> list[UnmappedRow]: ...
    def results_seen(self) -> dict[str, int]: ...
