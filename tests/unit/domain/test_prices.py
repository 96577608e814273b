"""What an item costs where and when, from files to the rule book."""

import pytest
from hutong_server.catalog import build_rule_book, read_catalog
from hutong_server.domain.errors import HutongError
from hutong_server.domain.rulebook import RuleBook

BASE = b"""
items:
  - {code: K, name_zh: a, name_en: b, specialty: laboratory, window_days: 7}
  - {code: NA, name_zh: a, name_en: b, specialty: laboratory, window_days: 7}
institutions:
  - {code: A, name: a, tier: secondary, region: "990421"}
  - {code: B, name: b, tier: village, region: "990421"}
"""
PRICES = b"""institution,item,yuan,valid_from,valid_to
*,K,5,,
A,K,12.5,,2025-12-31
A,K,13.05,2026-01-01,
B,NA,0,,
"""


def book(prices: bytes) -> RuleBook:
    imported = read_catalog([("base.yaml", BASE), ("prices.csv", prices)], ())
    return build_rule_book(1, imported.institutions, imported.rows)


@pytest.mark.parametrize(
    ("institution", "item", "day", "fen"),
    [
        ("A", "K", "2025-12-31", 1250),
        ("A", "K", "2026-01-01", 1305),
        ("B", "K", "2026-01-01", 500),
        ("unknown", "K", "2026-01-01", 500),
        ("B", "NA", "2026-01-01", 0),
        ("A", "NA", "2026-01-01", None),
        ("A", "X", "2026-01-01", None),
    ],
)
def test_a_price_is_the_institution_s_own_on_that_day_else_the_region_s(
    institution: str, item: str, day: str, fen: int | None
) -> None:
    assert book(PRICES).price_of(institution, item, day) == fen


@pytest.mark.parametrize("yuan", ["-1", "1.234", "1,5", "12.", ".5", "12345678", "abc", "１２"])
def test_an_amount_that_is_none_is_refused(yuan: str) -> None:
    with pytest.raises(HutongError) as caught:
        book(f'institution,item,yuan\nA,K,"{yuan}"\n'.encode())
    ((place, message),) = [(issue.path, issue.message) for issue in caught.value.issues]
    assert place == "prices.csv:2:6"
    assert f'"{yuan}" is not an amount in yuan' in message
