"""What a region, an alliance or an institution has decided of an item for itself, as a receiver of results.

A later scope wins: a region before its narrower ones, then alliances, then the institution. Where the policy lets a
scope be stricter only, the stricter of the two holds, whatever the files say: a window that the region shortens later
is short for everybody.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from hutong_server.domain.memory import Memory
from hutong_server.domain.recognition import Institution, Leeway, Override, OverrideRule, OverrideScope, RecognizedItem
from hutong_server.domain.standing import division


class Overrides:
    """The overrides of a region, indexed. Safe to share between threads."""

    def __init__(
        self, institutions: Mapping[str, Institution], overrides: Iterable[Override], rule: OverrideRule
    ) -> None:
        self._institutions = institutions
        self._rule = rule
        self._of: dict[str, dict[tuple[OverrideScope, str], tuple[Override, ...]]] = {}
        for each in overrides:
            of_item = self._of.setdefault(each.item, {})
            target = division(each.target) if each.scope is OverrideScope.REGION else each.target
            of_item[each.scope, target] = (*of_item.get((each.scope, target), ()), each)
        self._known: Memory[tuple[object, ...], RecognizedItem] = Memory()

    def item_for(self, item: RecognizedItem, receiver: str, day: str) -> RecognizedItem:
        """The item as it stands for a receiving institution on the day of asking."""
        if item.code not in self._of:
            return item
        key = (item, receiver, day)
        known = self._known.get(key)
        if known is None:
            known = item
            for override in self.on(item.code, receiver, day):
                known = apply(override, known, self._rule.of(override.scope))
            self._known.keep(key, known)
        return known

    def on(self, item: str, receiver: str, day: str) -> Iterator[Override]:
        """The overrides of an item that reach an institution on a day, those that win last."""
        to = self._institutions.get(receiver)
        of_item = self._of.get(item)
        if to is None or of_item is None:
            return
        region = division(to.region)
        reaching = [
            *((OverrideScope.REGION, region[:length]) for length in range(2, len(region) + 1)),
            *((OverrideScope.ALLIANCE, alliance) for alliance in sorted(to.alliances)),
            (OverrideScope.INSTITUTION, receiver),
        ]
        for scope in reaching:
            for override in of_item.get(scope, ()):
                if override.dates.cover(day):
                    yield override


def apply(override: Override, item: RecognizedItem, leeway: Leeway) -> RecognizedItem:
    """The item under an override whose scope has this leeway."""
    if leeway is Leeway.NOTHING:
        return item
    window, images = override.window_days, override.needs_images
    recognized, base = override.recognized, override.time_base
    if leeway is Leeway.STRICTER:
        window = None if window is None else min(window, item.window_days)
        images = None if images is None else images or item.needs_images
        recognized = None if recognized is None else recognized and item.recognized
        base = None
    return replace(
        item,
        window_days=item.window_days if window is None else window,
        needs_images=item.needs_images if images is None else images,
        recognized=item.recognized if recognized is None else recognized,
        time_base=item.time_base if base is None else base,
    )


def oversteps(override: Override, item: RecognizedItem, leeway: Leeway) -> tuple[str, str] | None:
    """(field, why) of what an override states that its scope may not, or None; `item` as it stands without it."""
    of = override.scope.value
    if leeway is Leeway.NOTHING:
        return "scope", f"the policy lets no {of} override anything"
    if leeway is Leeway.EVERYTHING:
        return None
    if override.time_base is not None:
        return "time_base", f"the policy lets no {of} override the time base"
    if override.window_days is not None and override.window_days > item.window_days:
        return "window_days", f"longer than {item.window_days} days, which hold without it; {of}s may only be stricter"
    if override.needs_images is False and item.needs_images:
        return "needs_images", f"images are needed without it; {of}s may only be stricter"
    if override.recognized is True and not item.recognized:
        return "recognized", f"not recognized without it; {of}s may only be stricter"
    return None
