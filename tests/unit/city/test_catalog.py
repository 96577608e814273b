"""The made city's codes, terms and institutions lead through the sample catalogue to recognised items."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hutong_client.city import NOISE, REFERENCE, ZONE, City, MadeReport
from hutong_client.city.catalog import _EXAMINATION_ITEMS, _ITEMS
from hutong_client.city.panels import PANELS
from hutong_client.city.source import Source
from hutong_server.catalog.compile import build_rule_book
from hutong_server.catalog.reading import read_catalog
from hutong_server.domain.errors import HutongError
from hutong_server.domain.ordered_items import Order
from hutong_server.domain.recognition import Dimension
from hutong_server.domain.report import Report, Result, Withdrawal
from hutong_server.domain.reuse import NotReusable, ReportFacts, Request, assess
from hutong_server.domain.rulebook import RuleBook
from hutong_server.fhir.intake import Reading, read_document

SAMPLE = Path(__file__).parents[3] / "deploy" / "catalog" / "sample"
CITY = City.make(seed=2, patients=240, scale="town", days=90)
NOW = int(REFERENCE.timestamp() * 1000)
# What may keep a result that was measured from being mapped, or from matching its item.
HARMLESS = {"no-unit", "send-out", "remote-read", "no-performer", "short-number", "full-width", "mistyped"}


@pytest.fixture(scope="module")
def book() -> RuleBook:
    files = [(file.name, file.read_bytes()) for file in sorted(SAMPLE.glob("*.yaml"))]
    imported = read_catalog([*files, *CITY.catalog_files().items()], existing_rows=())
    return build_rule_book(1, imported.institutions, imported.rows)


@pytest.fixture(scope="module")
def read() -> list[tuple[MadeReport, Report | Withdrawal]]:
    found: list[tuple[MadeReport, Report | Withdrawal]] = []
    for made in CITY.reports():
        outcomes = read_document(made.document, reading=Reading(ZONE, NOW))
        assert len(outcomes) == made.reports
        for outcome in outcomes:
            assert isinstance(outcome, Report | Withdrawal), (made.file_name, outcome)
            found.append((made, outcome))
    return found


def results(read: list[tuple[MadeReport, Report | Withdrawal]]) -> Iterator[tuple[MadeReport, Report, Result]]:
    for made, report in read:
        if isinstance(report, Report):
            for result in report.results:
                yield made, report, result


def test_every_file_of_the_catalogue_is_right_and_every_reference_leads_somewhere(book: RuleBook) -> None:
    assert len(book.institutions) == len(CITY.institutions)


def test_what_hospitals_order_leads_to_what_they_measure(book: RuleBook) -> None:
    """A panel's own code asks for the items that its results are mapped to."""
    for institution in CITY.institutions[::7]:
        source = Source(institution)
        for panel in PANELS.values():
            code = (institution.laboratory_codes, source.panel_code_of(panel.kind))
            ordered = book.ordered_items(Order("1", (code,)), institution.code, f"{REFERENCE:%Y-%m-%d}")
            assert [item.code for item in ordered.items] == sorted({_ITEMS[key] for key in panel.keys}), panel.kind


def test_a_part_of_the_catalogue_stands_alone() -> None:
    wanted = ["990421-H01", "990421-C01", "990421-V0101", "990421-L01"]
    files = [(file.name, file.read_bytes()) for file in sorted(SAMPLE.glob("*.yaml"))]
    imported = read_catalog([*files, *CITY.catalog_files(wanted).items()], existing_rows=())
    assert [institution.code for institution in imported.institutions] == sorted(
        wanted, key=[i.code for i in CITY.institutions].index
    )
    without = CITY.catalog_files(wanted[:3])
    with pytest.raises(HutongError):
        read_catalog([*files, ("agreements.csv", CITY.catalog_files(wanted)["agreements.csv"])], existing_rows=())
    assert b"L01" not in without["agreements.csv"]


def performer_of(book: RuleBook, made: MadeReport, result: Result) -> str:
    named = [book.institution_named(party) for party in result.performers]
    return next(filter(None, named), made.institution)


def test_complete_reports_lead_to_items_in_every_dimension(
    book: RuleBook, read: list[tuple[MadeReport, Report | Withdrawal]]
) -> None:
    items: Counter[str] = Counter()
    for made, _, result in results(read):
        if not set(made.noise) <= HARMLESS:
            continue
        mapped = book.item_of(result.facts, performer_of(book, made, result))
        if made.kind == "glucose-poct":
            # A drop from the finger is the same quantity from another specimen.
            if mapped.code:
                assert (mapped.code, mapped.differs) == ("LAB-GLUCOSE", (Dimension.SPECIMEN,))
            continue
        assert mapped.item is not None, (made.institution, made.kind, result.facts.codes)
        assert not mapped.differs, (made.institution, mapped.code, result.facts)
        items[mapped.code] += 1
    assert set(_ITEMS.values()) | set(_EXAMINATION_ITEMS.values()) == set(items)


def test_the_laboratory_center_is_who_performed_what_was_sent_out(
    book: RuleBook, read: list[tuple[MadeReport, Report | Withdrawal]]
) -> None:
    sent = [(made, performer_of(book, made, r)) for made, _, r in results(read) if "send-out" in made.noise]
    assert sent
    for made, performer in sent:
        assert book.institution(performer).tier == "laboratory_center"  # type: ignore[union-attr]  # it is registered
        assert book.may_publish_for(made.institution, performer, "2026-10-01")
        assert performer != made.institution


def test_who_read_it_is_recorded(book: RuleBook, read: list[tuple[MadeReport, Report | Withdrawal]]) -> None:
    readers: Counter[str] = Counter()
    for made, _, result in results(read):
        if "remote-read" in made.noise:
            readers.update(book.institution_named(party) for party in result.readers)
    assert set(readers) == {"990401-H01", "990401-R01"}


def test_noise_costs_what_it_should(book: RuleBook, read: list[tuple[MadeReport, Report | Withdrawal]]) -> None:
    """Each fault of a feed shows in the verdict as the reason that a doctor would be told."""
    seen: dict[str, set[NotReusable]] = {}
    for made, report, result in results(read):
        facts = result.facts._replace(performer=performer_of(book, made, result))
        about = ReportFacts(b"", made.institution, report.status.value, False, False, False, report.issued)
        verdict = assess(facts, about, Request("990401-H02", NOW), book)
        for mark in made.noise:
            seen.setdefault(mark, set()).update(verdict.reasons)
    expected = {
        "preliminary": NotReusable.NOT_FINAL,
        "unmapped": NotReusable.UNMAPPED_CODE,
        "no-specimen": NotReusable.SPECIMEN_DIFFERS,
        "no-images": NotReusable.IMAGES_MISSING,
        "no-effective": NotReusable.TIME_UNKNOWN,
        "focus": NotReusable.OTHER_SUBJECT,
    }
    assert {mark: reason for mark, reason in expected.items() if reason not in seen[mark]} == {}
    withdrawn = [made for made, report in read if isinstance(report, Withdrawal)]
    assert withdrawn
    assert all("withdrawn" in made.noise for made in withdrawn)
    assert set(NOISE) == set(seen)


def test_some_of_it_can_be_reused_by_a_neighbor_and_some_cannot(
    book: RuleBook, read: list[tuple[MadeReport, Report | Withdrawal]]
) -> None:
    verdicts: Counter[bool] = Counter()
    for made, report, result in results(read):
        if NOW - (result.facts.time or 0) < 14 * 86_400_000 and made.institution.startswith("990421-"):
            facts = result.facts._replace(performer=performer_of(book, made, result))
            about = ReportFacts(b"", made.institution, report.status.value, False, False, False, report.issued)
            verdicts[assess(facts, about, Request("990421-H02", NOW), book).reusable] += 1
    assert verdicts[True] > 100
    assert verdicts[False] > 100
