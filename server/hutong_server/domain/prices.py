"""What an examination costs at an institution, by day. All amounts are whole fen (1 yuan = 100 fen)."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from hutong_server.domain.mapping import ANY
from hutong_server.domain.recognition import Dates


@dataclass(frozen=True, slots=True)
class Price:
    """The price of an item at an institution."""

    institution: str
    """Code, or "*" for the region's list price, which counts where an institution states none of its own."""
    item: str
    fen: int
    dates: Dates = field(default=Dates())


class Prices:
    """Prices, indexed."""

    def __init__(self, prices: Iterable[Price]) -> None:
        self._of: dict[tuple[str, str], tuple[Price, ...]] = {}
        for each in prices:
            key = (each.institution, each.item)
            self._of[key] = (*self._of.get(key, ()), each)

    def of(self, institution: str, item: str, day: str) -> int | None:
        """The price in fen on a day (YYYY-MM-DD); None when the item is unpriced."""
        for bearer in (institution, ANY):
            for price in self._of.get((bearer, item), ()):
                if price.dates.cover(day):
                    return price.fen
        return None
