"""Codes that lead nowhere: what is told of them, and what is not because it could be about a person."""

import pytest
from hutong_server.domain.recognition import Mapping, RecognizedItem, Specialty
from hutong_server.domain.report import CodeKey, ResultFacts, ResultFlag, TimeSource
from hutong_server.domain.rulebook import RuleBook
from hutong_server.domain.unmapped import unmapped_result

BOOK = RuleBook(
    items=[RecognizedItem("K", "钾", "K", Specialty.LABORATORY, window_days=7)],
    mappings=[Mapping("A", "urn:l", "k", "K"), Mapping("A", "", "血钾", "K")],
)
PERSON = ("欧阳 小明", "990421198005120014", "MR-0042")


def told(*codes: CodeKey, names: tuple[CodeKey, ...] = (), performer: str = "") -> tuple[str, ...] | None:
    result = ResultFacts(
        0, "final", ResultFlag.HAS_VALUE, 1, TimeSource.RESULT, None, codes, performer=performer
    )  # fmt: skip
    found = unmapped_result(result, names, "A", PERSON, BOOK)
    return None if found is None else tuple(found)


def test_what_leads_to_an_item_is_not_told() -> None:
    assert told(("urn:l", "k")) is None
    assert told(("", "血钾")) is None
    assert told(("urn:l", "zz"), ("urn:l", "k")) is None


def test_the_code_is_told_with_what_the_source_calls_it() -> None:
    assert told(("urn:l", "zz"), ("http://loinc.org", "1-8"), names=(("", "糖化"),)) == ("A", "urn:l", "zz", "糖化")
    assert told(("urn:l", "zz"), ("", "某项")) == ("A", "urn:l", "zz", "某项")
    assert told(("urn:l", "k"), performer="B") == ("B", "urn:l", "k", "")


def test_a_text_without_a_code_is_told_cut() -> None:
    assert told(("", " 凝血 四项 ")) == ("A", "", "凝血 四项", "")
    assert told(("", "长" * 70)) == ("A", "", "长" * 64, "")
    assert told() == ("A", "", "", "")


@pytest.mark.parametrize(
    "text",
    [
        "欧阳小明 血钾",
        "血钾(欧 阳 小 明)",
        "欧阳·小明",
        "mr0042",
        "血钾 990421198005120014",
        "99042119800512 0014",
        "复查 2026-05-12",
        "电话 139 1234 5678",
        "１３９１２３４５６７８",
    ],
)
def test_words_that_could_be_about_a_person_are_not_told(text: str) -> None:
    assert told(("", text)) == ("A", "", "", "")
    assert told(("urn:l", "zz"), names=(("", text), ("", "钠"))) == ("A", "urn:l", "zz", "钠")


@pytest.mark.parametrize("code", ["990421198005120014", "110101199001011234", "MR-0042", "13912345678", "欧阳小明1"])
def test_nor_are_codes_that_could_be(code: str) -> None:
    assert told(("urn:l", code), names=(("", "钠"),)) == ("A", "", "", "")


@pytest.mark.parametrize("code", ["250403001", "1200302001", "LAB-2026-05", "12345678901234"[:13]])
def test_long_codes_of_items_are(code: str) -> None:
    assert told(("urn:l", code)) == ("A", "urn:l", code, "")
