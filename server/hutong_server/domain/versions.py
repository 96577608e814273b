"""Which version of a report is the newer one.

Order: meta.versionId when numeric, else issued, else meta.lastUpdated, then status rank, then arrival. A withdrawal is
sticky: only a version that is strictly newer by one of the three re-opens the report.
"""

from enum import Enum

from hutong_server.domain.report import VersionKey


class Order(Enum):
    """How a version that arrives stands to the one shown now."""

    NEWER = "newer"
    """By versionId, issued or lastUpdated."""
    HIGHER = "higher"
    """By status rank alone."""
    TIED = "tied"
    """Nothing orders them but arrival."""
    LOWER = "lower"
    """By status rank alone."""
    OLDER = "older"
    """By versionId, issued or lastUpdated."""


def compare(arrived: VersionKey, shown: VersionKey) -> Order:
    """Compares by the first key that both have and in which they differ."""
    keys = (
        (arrived.version_id, shown.version_id),
        (arrived.issued, shown.issued),
        (arrived.last_updated, shown.last_updated),
    )
    for mine, other in keys:
        if mine is not None and other is not None and mine != other:
            return Order.NEWER if mine > other else Order.OLDER
    if arrived.rank != shown.rank:
        return Order.HIGHER if arrived.rank > shown.rank else Order.LOWER
    return Order.TIED


def supersedes(order: Order, *, shown_withdrawn: bool, arrived_withdraws: bool) -> bool:
    """Whether the arrived version becomes the one shown."""
    if shown_withdrawn and not arrived_withdraws:
        return order is Order.NEWER
    return order in (Order.NEWER, Order.HIGHER, Order.TIED)
