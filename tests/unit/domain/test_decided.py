"""What was decided in an encounter is not asked again, and nothing else changes by it."""

from typing import Any

from hutong_server.domain.prompt import prompt
from hutong_server.domain.reuse import NotReusable, assess
from hutong_server.domain.rulebook import RuleBook
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.domain.test_properties import cases, likely, patient, reports, results


@patient
@given(cases)
def test_an_item_that_was_decided_is_not_reusable_and_says_so_in_its_place(case: tuple[Any, ...]) -> None:
    result, report, request, source = case
    book = RuleBook(**source)
    before = assess(result, report, request, book)
    code = before.item.code if before.item else "K"
    after = assess(result, report, request._replace(decided=frozenset({code})), book)
    if before.item is None:
        assert after == before
        return
    assert not after.reusable
    assert set(after.reasons) == {*before.reasons, NotReusable.ALREADY_DECIDED}
    assert list(after.reasons) == [reason for reason in NotReusable if reason in after.reasons]
    assert assess(result, report, request._replace(decided=frozenset({f"{code} of another"})), book) == before


@patient
@given(likely(), st.lists(st.tuples(reports, st.lists(results, max_size=4).map(tuple)), max_size=4))
def test_a_prompt_has_no_line_of_it_whether_all_is_judged_or_only_what_lines_need(
    case: tuple[Any, ...], more: list[Any]
) -> None:
    result, report, request, source = case
    book, chart = RuleBook(**source), [(report, (result,)), *more]
    lines = prompt(chart, request, book).lines
    for line in lines:
        asked = request._replace(decided=frozenset({line.item.code}))
        left = [other for other in lines if other.item.code != line.item.code]
        assert list(prompt(chart, asked, book).lines) == left
        assert list(prompt(chart, asked, book, everything=False).lines) == left
