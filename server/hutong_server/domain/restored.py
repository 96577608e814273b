"""What is not known any more after the registry was put back from a backup. Pure.

Between the backup and the loss, reports may have been corrected or withdrawn. Until an institution's feeds have gone on
from where the backup left them, nothing of it can be relied on.
"""

from collections.abc import Iterable
from typing import NamedTuple

from hutong_server.domain.report import Instant


class Unresumed(NamedTuple):
    """Whose results cannot be reused yet."""

    everything: bool = False
    """What the exported ledger tells of withdrawals and the like has not been replayed."""
    institutions: frozenset[str] = frozenset()
    """Codes of publishing institutions that have a feed which has not gone on since the restore."""

    def holds(self, issuer: str) -> bool:
        """Whether what this institution published before may have changed unheard."""
        return self.everything or issuer in self.institutions


NOTHING_LOST = Unresumed()
OLD = 30 * 86_400_000
"""Milliseconds: a feed that was silent for so long before the loss is not waited for where another has gone on."""


def not_resumed(
    feeds: Iterable[tuple[str, Instant]], at: Instant, reaches: Instant, excused: Iterable[str] = ()
) -> frozenset[str]:
    """Institutions of which some feed has not gone on since a restore.

    `feeds`: (institution, when it was last heard), one for each feed. `at`: when the database was put back. `reaches`:
    how far it had come. Each feed sends other reports: that one has gone on says nothing of the rest.
    """
    heard: dict[str, list[Instant]] = {}
    for institution, last in feeds:
        heard.setdefault(institution, []).append(last)
    waited_for = {
        institution: [last for last in each if last >= reaches - OLD] or each for institution, each in heard.items()
    }
    silent = {institution for institution, each in waited_for.items() if min(each) < at}
    return frozenset(silent.difference(excused))
