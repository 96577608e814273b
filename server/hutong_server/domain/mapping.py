"""Where the codes of a result lead: to a recognised item, or to nothing.

The institution's own mappings win over those of standard codes. Of one coding's mappings, those count whose terms the
result states, the narrowest first; where these lead to several items, those in effect on the day of the test count, and
of these the one whose dimensions the result states. Codings that lead to different items lead to nothing.
"""

import unicodedata
from collections.abc import Callable, Iterable
from typing import NamedTuple

from hutong_server.domain.days import LAST_DAY, Day
from hutong_server.domain.memory import Memory
from hutong_server.domain.recognition import Dimension, Mapping, RecognizedItem, VocabularyTerm
from hutong_server.domain.report import CodeKey, ResultFacts

ANY = "*"
"""Institution of a standard code's mapping; also "every item"."""

_SAME_SYSTEM = {
    "urn:oid:2.16.840.1.113883.6.1": "http://loinc.org",
    "urn:oid:2.16.840.1.113883.6.96": "http://snomed.info/sct",
    "urn:oid:1.2.840.10008.2.16.4": "http://dicom.nema.org/resources/ontology/DCM",
}

Stated = dict[Dimension, frozenset[str]]
"""The vocabulary's terms that a result states, by dimension."""


class Mapped(NamedTuple):
    """Where the codes of a result lead."""

    item: RecognizedItem | None
    """None: to nothing, to several items, or to one that the catalogue does not hold."""
    code: str
    """Code of the item; "" when the codes lead to nothing or to several items."""
    differs: tuple[Dimension, ...]
    """Dimensions that the item names and in which the result is silent or differs."""
    in_effect: bool
    """Whether the item is recognised on the day of the test."""


UNMAPPED = Mapped(None, "", (), False)


def folded_text(text: str) -> str:
    """A text as it is compared: NFKC, case, outer and repeated spaces folded."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def code_key(system: str, code: str) -> CodeKey:
    """A coding or text as it is compared."""
    return (_SAME_SYSTEM.get(system, system), code) if system else ("", folded_text(code))


class ItemIndex:
    """Items, mappings and vocabulary, indexed. Each combination of codes is worked out once."""

    def __init__(
        self, items: Iterable[RecognizedItem], mappings: Iterable[Mapping], vocabulary: Iterable[VocabularyTerm]
    ) -> None:
        self.items: dict[str, tuple[RecognizedItem, ...]] = {}
        # The last version of an item is the one that it had last, in whatever order files state them.
        for item in sorted(items, key=lambda item: item.dates.valid_from):
            self.items[item.code] = (*self.items.get(item.code, ()), item)
        self.mappings: dict[tuple[str, str, str], tuple[Mapping, ...]] = {}
        for each in mappings:
            key = (each.institution, *code_key(each.system, each.code))
            self.mappings[key] = (*self.mappings.get(key, ()), each)
        self._terms: dict[Dimension, dict[CodeKey, str]] = {dimension: {} for dimension in Dimension}
        for term in vocabulary:
            known = self._terms[term.dimension]
            known.update((code_key(system, code), term.term) for system, code in term.codes)
            known.update((code_key("", text), term.term) for text in term.texts)
        self._mapped: Memory[tuple[object, ...], Mapped] = Memory()

    def item(self, code: str, day: str = LAST_DAY) -> RecognizedItem | None:
        """The item of that code as it stands on a day, else as it stood last; None when there is none."""
        versions = self.items.get(code, ())
        return next((each for each in versions if each.dates.cover(day)), versions[-1] if versions else None)

    def find(self, result: ResultFacts, institution: str, day: Day) -> Mapped:
        """Where the result's codes lead under the mappings of `institution`, on the day of the test."""
        # From `codes` to `method`: everything that decides.
        key = (institution, day.of_items, result[6:12])
        mapped = self._mapped.get(key)
        return self._mapped.keep(key, self._map(result, institution, day.text)) if mapped is None else mapped

    def stated(self, result: ResultFacts) -> Stated:
        """The vocabulary's terms that the result states."""
        return {
            dimension: frozenset(
                term for key in keys(result) if (term := self._terms[dimension].get(code_key(*key))) is not None
            )
            for dimension, keys in _STATED_IN.items()
        }

    def _map(self, result: ResultFacts, institution: str, day: str) -> Mapped:
        stated = self.stated(result)
        for scope in (institution, ANY) if institution else (ANY,):
            reached: set[str] = set()
            for coding in result.codes:
                reached |= self._targets(scope, coding, day, stated)
            if len(reached) == 1:
                return self._reached(reached.pop(), day, stated)
            if reached:
                return UNMAPPED
        return UNMAPPED

    def _targets(self, scope: str, coding: CodeKey, day: str, stated: Stated) -> set[str]:
        candidates = [
            each
            for each in self.mappings.get((scope, *code_key(*coding)), ())
            if each.dates.cover(day) and all(stated[name] == {term} for name, term in each.terms)
        ]
        narrowest = max((len(each.terms) for each in candidates), default=0)
        targets = {each.item for each in candidates if len(each.terms) == narrowest}
        if len(targets) > 1:
            targets = {target for target in targets if self._in_effect(target, day)} or targets
        if len(targets) > 1:
            fitting = {target for target in targets if not self._differs(target, day, stated)}
            return fitting if len(fitting) == 1 else targets
        return targets

    def _in_effect(self, code: str, day: str) -> bool:
        return any(item.dates.cover(day) for item in self.items.get(code, ()))

    def _reached(self, code: str, day: str, stated: Stated) -> Mapped:
        item = self.item(code, day)
        if item is None:
            return Mapped(None, code, (), False)
        return Mapped(item, code, self._differs(code, day, stated), item.recognized and item.dates.cover(day))

    def _differs(self, code: str, day: str, stated: Stated) -> tuple[Dimension, ...]:
        item = self.item(code, day)
        if item is None:
            return ()
        # Silence differs; so does stating, beside a term that fits, one that does not.
        return tuple(name for name, terms in item.terms if not stated[name] or not stated[name].issubset(terms))


_STATED_IN: dict[Dimension, Callable[[ResultFacts], tuple[CodeKey, ...]]] = {
    Dimension.SPECIMEN: lambda result: result.specimen,
    Dimension.COLLECTION: lambda result: result.collection,
    Dimension.BODY_PART: lambda result: result.body_site,
    # A body site's code may hold its side ("left knee"), and a method's its contrast.
    Dimension.LATERALITY: lambda result: result.laterality + result.body_site,
    Dimension.METHOD: lambda result: result.method,
    Dimension.CONTRAST: lambda result: result.method,
}
