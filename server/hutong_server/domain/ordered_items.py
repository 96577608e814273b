"""Where the codes of an order lead: to one recognised item, to those of a panel, or to nothing.

As for results (see mapping.py), the hospital's own codes win over standard ones, the narrowest mapping wins, and codes
that lead to different items lead to nothing. Unlike a result, an order may be silent: who orders "chest CT" by its code
need not say "chest" once more. What an order does state must agree with the item.
"""

from collections.abc import Iterable
from typing import NamedTuple

from hutong_server.domain.mapping import ANY, ItemIndex, Stated, code_key
from hutong_server.domain.recognition import Dimension, Panel, RecognizedItem
from hutong_server.domain.report import CodeKey, ResultFacts


class Order(NamedTuple):
    """What is about to be signed, as the hospital has it."""

    order_id: str
    codes: tuple[CodeKey, ...] = ()
    body_site: tuple[CodeKey, ...] = ()
    """With its side."""
    method: tuple[CodeKey, ...] = ()
    """With its contrast."""
    specimen: tuple[CodeKey, ...] = ()
    """With the condition of collection."""
    item: str = ""
    """The item's code, when the hospital knows it; then `codes` are not looked at."""


class Ordered(NamedTuple):
    """What an order asks for."""

    items: tuple[RecognizedItem, ...]
    """By code; none: the order leads to nothing that is known."""
    stated: Stated
    """The vocabulary's terms that the order states."""


class OrderIndex:
    """Panels, and the mappings of results read for orders."""

    def __init__(self, index: ItemIndex, panels: Iterable[Panel]) -> None:
        self._index = index
        self._panels: dict[tuple[str, str, str], tuple[Panel, ...]] = {}
        for each in panels:
            key = (each.institution, *code_key(each.system, each.code))
            self._panels[key] = (*self._panels.get(key, ()), each)

    def of(self, order: Order, institution: str, day: str) -> Ordered:
        """What an order of `institution` asks for on a day (YYYY-MM-DD)."""
        stated = self._index.stated(_as_result(order))
        codes = {order.item} if order.item else self._reached(order, institution, day, stated)
        found = (self._index.item(code, day) for code in sorted(codes))
        return Ordered(tuple(item for item in found if item is not None and agrees(item, stated)), stated)

    def _reached(self, order: Order, institution: str, day: str, stated: Stated) -> frozenset[str]:
        given = _given(order)
        for scope in (institution, ANY):
            reached = {self._targets((scope, *code_key(*coding)), day, stated, given) for coding in order.codes}
            reached.discard(frozenset())
            if reached:
                return reached.pop() if len(reached) == 1 else frozenset()
        return frozenset()

    def _targets(
        self, key: tuple[str, str, str], day: str, stated: Stated, given: frozenset[Dimension]
    ) -> frozenset[str]:
        panels = [each for each in self._panels.get(key, ()) if each.dates.cover(day)]
        if panels:
            return frozenset(item for each in panels for item in each.items)
        mappings = [each for each in self._index.mappings.get(key, ()) if each.dates.cover(day)]
        meant = [each for each in mappings if all(stated[name] == {term} for name, term in each.terms)]
        narrowest = max((len(each.terms) for each in meant), default=0)
        targets = {each.item for each in meant if len(each.terms) == narrowest} or {
            each.item
            for each in mappings
            if all(name not in given or stated[name] == {term} for name, term in each.terms)
        }
        if len(targets) > 1:
            targets = {code for code in targets if self._in_effect(code, day)} or targets
        if len(targets) > 1:
            # A code of two items means the one to which the order's own words lead.
            known = ((code, self._index.item(code, day)) for code in targets)
            targets = {code for code, item in known if item is not None and agrees(item, stated)}
        return frozenset(targets) if len(targets) == 1 else frozenset()

    def _in_effect(self, code: str, day: str) -> bool:
        return any(item.dates.cover(day) for item in self._index.items.get(code, ()))


def agrees(item: RecognizedItem, stated: Stated) -> bool:
    """Whether what an order states is what the item names; silence agrees."""
    return all(stated[name].issubset(terms) for name, terms in item.terms)


def _as_result(order: Order) -> ResultFacts:
    return ResultFacts(
        ordinal=0,
        status="",
        flags=0,
        time=None,
        time_source=0,
        issued=None,
        codes=order.codes,
        specimen=order.specimen,
        collection=order.specimen,
        body_site=order.body_site,
        method=order.method,
    )


def _given(order: Order) -> frozenset[Dimension]:
    """The dimensions of which the order says something, in whatever words."""
    said = (
        (order.specimen, (Dimension.SPECIMEN, Dimension.COLLECTION)),
        (order.body_site, (Dimension.BODY_PART, Dimension.LATERALITY)),
        (order.method, (Dimension.METHOD, Dimension.CONTRAST)),
    )
    return frozenset(name for words, names in said if words for name in names)
