"""The lines of a prompt are the same whether everything was judged or only what they need."""

from typing import Any

from hutong_server.domain.prompt import prompt
from hutong_server.domain.report import Status
from hutong_server.domain.reuse import DAY
from hutong_server.domain.rulebook import RuleBook
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.domain.test_properties import likely, reports, results

shifts = st.integers(-40, 40).map(lambda n: n * DAY // 4)


@st.composite
def charts(draw: st.DrawFn) -> tuple[list[Any], Any, RuleBook]:
    """Some results of one item that could be reused, at several times and in several states, among any others."""
    result, report, request, source = draw(likely())
    chart = []
    for number in range(draw(st.integers(1, 6))):
        shift = draw(shifts)
        moved = result._replace(
            ordinal=0,
            time=None if result.time is None else result.time + shift,
            issued=None if result.issued is None else result.issued + shift,
            status=draw(st.sampled_from(["final", "final", "final", *Status])),
        )
        others = [other._replace(ordinal=n + 1) for n, other in enumerate(draw(st.lists(results, max_size=2)))]
        about = draw(st.one_of(st.just(report), reports))._replace(report_id=bytes([number]))
        chart.append((about, (moved, *others)))
    return chart, request, RuleBook(**source)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(charts())
def test_what_need_not_be_judged_changes_no_line(case: tuple[list[Any], Any, RuleBook]) -> None:
    chart, request, book = case
    whole = prompt(chart, request, book)
    picked = prompt(chart, request, book, everything=False)
    assert picked.lines == whole.lines
    assert picked.others == whole.others
    assert picked.not_reusable == ()
