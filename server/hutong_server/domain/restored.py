"""What is not known any more after the registry was put back from a backup. Pure.

Between the backup and the loss, reports may have been corrected or withdrawn. Until an institution's feeds have gone on
from where the backup left them, nothing of it can be relied on.
"""

from typing import NamedTuple


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
