"""Which results are sensitive: they belong to a category of the catalogue by what they are called.

Doubt makes sensitive: a code counts when any mapping of the institution, or of everybody, leads to an item of the
category, on whatever day and whatever specimen.
"""

from collections.abc import Iterable, Mapping

from hutong_server.domain.mapping import ANY, code_key
from hutong_server.domain.memory import LIMIT, Memory
from hutong_server.domain.recognition import Mapping as CodeMapping
from hutong_server.domain.recognition import RecognizedItem, SensitiveCategory
from hutong_server.domain.report import CodeKey
from hutong_server.domain.results import Shape

Categories = frozenset[str]
"""Codes of categories."""

NOTHING: Categories = frozenset()


class Sensitivity:
    """The categories of a region, indexed. Safe to share between threads."""

    def __init__(
        self,
        categories: Iterable[SensitiveCategory],
        items: Mapping[str, tuple[RecognizedItem, ...]],
        mappings: Mapping[tuple[str, str, str], tuple[CodeMapping, ...]],
    ) -> None:
        """`mappings` by (institution, system, code) as code_key(...) writes them."""
        self.categories = {each.code: each for each in categories}
        self.needing_grant: Categories = frozenset(each.code for each in self.categories.values() if each.needs_grant)
        """Categories that are withheld unless the patient allows them."""
        self._of_code: dict[tuple[str, str, str], Categories] = {}
        self._of_report_category: dict[str, Categories] = {}
        for each in self.categories.values():
            self._index(each, items, mappings)
        # Nearly every result is plain, and is known to be from its codes alone.
        self._sensitive = {key[1:] for key in self._of_code}
        self._plain: set[CodeKey] = set()
        self._plain_shapes: set[Shape] = set()
        self._known: Memory[tuple[tuple[str, ...], tuple[CodeKey, ...]], Categories] = Memory()

    def _index(
        self,
        category: SensitiveCategory,
        items: Mapping[str, tuple[RecognizedItem, ...]],
        mappings: Mapping[tuple[str, str, str], tuple[CodeMapping, ...]],
    ) -> None:
        own = frozenset({category.code})
        for word in category.report_categories:
            self._of_report_category[word.casefold()] = self._of_report_category.get(word.casefold(), NOTHING) | own
        keys = {(ANY, *code_key(system, code)) for system, code in category.codes}
        named = {
            code
            for code, versions in items.items()
            if code in category.items or any(f"class:{each.item_class}" in category.items for each in versions)
        }
        # An item that the catalogue does not hold (any more) may still be mapped to.
        named |= {word for word in category.items if not word.startswith("class:")}
        keys |= {key for key, each in mappings.items() if any(mapping.item in named for mapping in each)}
        for key in keys:
            self._of_code[key] = self._of_code.get(key, NOTHING) | own

    def plain(self, codes: tuple[CodeKey, ...]) -> bool:
        """Whether no institution uses any of these codes and texts for something sensitive."""
        return self._plain.issuperset(codes) or self._found_plain(codes)

    def _found_plain(self, codes: tuple[CodeKey, ...]) -> bool:
        found = [key for key in codes if code_key(*key) not in self._sensitive]
        if len(self._plain) + len(found) > LIMIT:
            self._plain = set()
        self._plain.update(found)
        return len(found) == len(codes)

    def plain_results(self, shapes: tuple[Shape, ...]) -> bool:
        """Whether none of the results is called by anything sensitive, nor any component of them."""
        return self._plain_shapes.issuperset(shapes) or self._found_plain_shapes(shapes)

    def _found_plain_shapes(self, shapes: tuple[Shape, ...]) -> bool:
        found = [shape for shape in shapes if self.plain(shape.facts.codes) and self.plain(shape.called)]
        if len(self._plain_shapes) + len(found) > LIMIT:
            self._plain_shapes = set()
        self._plain_shapes.update(found)
        return len(found) == len(shapes)

    def plain_report(self, report_categories: Iterable[str]) -> bool:
        """Whether none of the report's category codes is sensitive."""
        return all(word.casefold() not in self._of_report_category for word in report_categories)

    def of_codes(self, codes: tuple[CodeKey, ...], *institutions: str) -> Categories:
        """Categories of what is called by these codes and texts, as any of the institutions uses them."""
        if not self._of_code:
            return NOTHING
        known = self._known.get((institutions, codes))
        if known is None:
            found = (
                self._of_code.get((institution, *code_key(*code)), NOTHING)
                for code in codes
                for institution in (*institutions, ANY)
            )
            known = self._known.keep((institutions, codes), NOTHING.union(*found))
        return known

    def of_report(self, report_categories: Iterable[str], codes: tuple[CodeKey, ...], issuer: str) -> Categories:
        """Categories of a whole report: by its category codes, and by what it is called."""
        if not self.categories:
            return NOTHING
        by_category = (self._of_report_category.get(word.casefold(), NOTHING) for word in report_categories)
        return self.of_codes(codes, issuer).union(*by_category)
