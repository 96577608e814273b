"""Where the codes of an order lead."""

from typing import Any

import pytest
from hutong_server.domain.ordered_items import Order
from hutong_server.domain.recognition import (
    Dates,
    Dimension,
    Institution,
    Mapping,
    Panel,
    RecognizedItem,
    Specialty,
    Tier,
    VocabularyTerm,
)
from hutong_server.domain.rulebook import RuleBook

LAB, RIS, LOINC = "urn:h1:lab", "urn:h1:ris", "http://loinc.org"
TODAY = "2026-05-28"
ALWAYS = Dates()


def item(code: str, dates: Dates = ALWAYS, **terms: str) -> RecognizedItem:
    return RecognizedItem(
        code,
        code,
        code,
        Specialty.LABORATORY,
        terms=tuple((Dimension(name), tuple(words.split())) for name, words in terms.items()),
        dates=dates,
    )


def mapping(
    code: str, to: str, system: str = LAB, institution: str = "H1", dates: Dates = ALWAYS, **terms: str
) -> Mapping:
    narrowed = tuple((Dimension(name), term) for name, term in terms.items())
    return Mapping(institution, system, code, to, narrowed, dates)


def words(dimension: Dimension, **terms: str) -> list[VocabularyTerm]:
    return [VocabularyTerm(dimension, term, texts=tuple(texts.split())) for term, texts in terms.items()]


BOOK = RuleBook(
    institutions=[Institution("H1", "甲", Tier.SECONDARY, "990421"), Institution("H2", "乙", Tier.SECONDARY, "990421")],
    items=[
        item("K", specimen="SERUM PLASMA"),
        item("NA", specimen="SERUM PLASMA"),
        item("GLU", specimen="SERUM"),
        item("U-GLU", specimen="URINE"),
        item("CT-CHEST", body_part="CHEST", contrast="PLAIN"),
        item("CT-HEAD", body_part="HEAD", contrast="PLAIN"),
        item("KNEE-L", body_part="KNEE", laterality="LEFT"),
        item("KNEE-R", body_part="KNEE", laterality="RIGHT"),
        item("OLD", Dates("", "2025-12-31")),
        item("NEW", Dates("2026-01-01", "")),
    ],
    mappings=[
        mapping("K", "K"),
        mapping("GLU", "GLU"),
        mapping("GLU", "U-GLU", specimen="URINE"),
        mapping("CT", "CT-CHEST", RIS, body_part="CHEST"),
        mapping("CT", "CT-HEAD", RIS, body_part="HEAD"),
        mapping("CTC", "CT-CHEST", RIS, body_part="CHEST"),
        mapping("XR-KNEE", "KNEE-L", RIS),
        mapping("XR-KNEE", "KNEE-R", RIS),
        mapping("血钾", "K", ""),
        mapping("GONE", "K", dates=Dates("", "2026-05-27")),
        mapping("DATED", "OLD"),
        mapping("DATED", "NEW"),
        mapping("2823-3", "K", LOINC, "*"),
        mapping("2951-2", "NA", LOINC, "*"),
        mapping("LOST", "NOWHERE"),
    ],
    panels=[
        Panel("H1", LAB, "LYTES", ("NA", "K")),
        Panel("*", LOINC, "24326-1", ("K",)),
        Panel("H1", LAB, "MIX", ("GLU", "U-GLU")),
        Panel("H1", LAB, "OLD-PANEL", ("K",), Dates("", "2026-05-27")),
        Panel("H1", LAB, "HALF", ("K", "NOWHERE")),
    ],
    vocabulary=[
        *words(Dimension.SPECIMEN, SERUM="血清", PLASMA="血浆", URINE="尿液"),
        *words(Dimension.BODY_PART, CHEST="胸部", HEAD="头部", KNEE="膝 左膝 右膝"),
        *words(Dimension.LATERALITY, LEFT="左 左膝", RIGHT="右 右膝"),
        *words(Dimension.CONTRAST, PLAIN="平扫", ENHANCED="增强"),
    ],
)


def led(*codes: tuple[str, str], institution: str = "H1", day: str = TODAY, item: str = "", **said: str) -> list[str]:
    stated: dict[str, Any] = {name: tuple(("", word) for word in each.split()) for name, each in said.items()}
    ordered = BOOK.ordered_items(Order("o", codes, item=item, **stated), institution, day)
    return [each.code for each in ordered.items]


@pytest.mark.parametrize(
    ("found", "codes", "said"),
    [
        (["K"], [(LAB, "K")], {}),
        (["K"], [(LAB, "K")], {"specimen": "血清"}),
        (["K"], [(LAB, "K")], {"specimen": "血浆"}),
        ([], [(LAB, "K")], {"specimen": "尿液"}),  # names another specimen than the item
        (["K"], [(LAB, "K")], {"specimen": "脐带血"}),  # words that the vocabulary does not know
        (["K"], [("", "血 钾".replace(" ", ""))], {}),  # by its text
        ([], [(LAB, "k")], {}),  # codes are compared as they are
        ([], [(LAB, "UNKNOWN")], {}),
        ([], [(LAB, "GONE")], {}),
        (["NEW"], [(LAB, "DATED")], {}),
        ([], [(LAB, "LOST")], {}),
        (["GLU"], [(LAB, "GLU")], {}),
        (["U-GLU"], [(LAB, "GLU")], {"specimen": "尿液"}),
        # A body part is needed where the code alone stands for several, and any other part is none of them.
        ([], [(RIS, "CT")], {}),
        (["CT-CHEST"], [(RIS, "CT")], {"body_site": "胸部"}),
        (["CT-HEAD"], [(RIS, "CT")], {"body_site": "头部"}),
        ([], [(RIS, "CT")], {"body_site": "骨盆"}),
        ([], [(RIS, "CT")], {"body_site": "胸部 头部"}),
        (["CT-CHEST"], [(RIS, "CTC")], {}),
        ([], [(RIS, "CTC")], {"body_site": "骨盆"}),
        ([], [(RIS, "CTC")], {"body_site": "头部"}),
        ([], [(RIS, "CT")], {"body_site": "胸部", "method": "增强"}),
        (["CT-CHEST"], [(RIS, "CT")], {"body_site": "胸部", "method": "平扫"}),
        ([], [(RIS, "XR-KNEE")], {}),
        ([], [(RIS, "XR-KNEE")], {"body_site": "膝"}),
        (["KNEE-R"], [(RIS, "XR-KNEE")], {"body_site": "右膝"}),
        (["KNEE-L"], [(RIS, "XR-KNEE")], {"body_site": "膝 左"}),
        ([], [(RIS, "XR-KNEE")], {"body_site": "左膝 右膝"}),
        # Standard codes: after the hospital's own.
        (["NA"], [(LOINC, "2951-2")], {}),
        (["K"], [(LAB, "K"), (LOINC, "2951-2")], {}),
        (["NA"], [(LAB, "UNKNOWN"), (LOINC, "2951-2")], {}),
        ([], [(LOINC, "2823-3"), (LOINC, "2951-2")], {}),  # two codes that disagree
        # Panels.
        (["K", "NA"], [(LAB, "LYTES")], {}),
        (["K", "NA"], [(LAB, "LYTES")], {"specimen": "血清"}),
        ([], [(LAB, "LYTES")], {"specimen": "尿液"}),
        (["U-GLU"], [(LAB, "MIX")], {"specimen": "尿液"}),
        (["K"], [(LOINC, "24326-1")], {}),
        (["K"], [("urn:oid:2.16.840.1.113883.6.1", "24326-1")], {}),
        ([], [(LAB, "OLD-PANEL")], {}),
        (["K"], [(LAB, "HALF")], {}),
        ([], [(LAB, "LYTES"), (LAB, "K")], {}),  # several, or one of them: not certain
    ],
)
def test_where_an_order_leads(found: list[str], codes: list[tuple[str, str]], said: dict[str, str]) -> None:
    assert led(*codes, **said) == found


def test_another_hospitals_codes_say_nothing() -> None:
    assert led((LAB, "LYTES"), institution="H2") == []
    assert led((LOINC, "24326-1"), institution="H2") == ["K"]


def test_the_day_of_the_order_counts() -> None:
    assert led((LAB, "OLD-PANEL"), day="2026-05-27") == ["K"]
    assert led((LAB, "DATED"), day="2025-06-01") == ["OLD"]


def test_an_item_that_the_hospital_names_needs_no_codes() -> None:
    assert led(item="K") == ["K"]
    assert led((LAB, "GLU"), item="K") == ["K"]
    assert led(item="NOWHERE") == []
    assert led(item="K", specimen="尿液") == []
