"""A prompt says what its definition says: told here by judging every result by itself."""

from collections import Counter
from math import inf
from typing import Any

from hutong_server.domain.prompt import Judged, Prompted, prompt, recency
from hutong_server.domain.recognition import Specialty
from hutong_server.domain.report import Status
from hutong_server.domain.reuse import DAY, NotReusable, Request, assess
from hutong_server.domain.rulebook import RuleBook
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.domain.test_properties import likely, reports, results

TIMES = ("time", "time_source", "issued", "latest")
later = st.integers(0, 8).map(lambda n: n * DAY // 4)
shifts = st.integers(-40, 40).map(lambda n: n * DAY // 4)


@st.composite
def charts(draw: st.DrawFn) -> tuple[list[Any], Any, dict[str, Any]]:
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
            # Imprecise times count from their first instant, and may be later by as much as this.
            latest=None if result.time is None or draw(st.booleans()) else result.time + shift + draw(later),
        )
        others = [other._replace(ordinal=n + 1) for n, other in enumerate(draw(st.lists(results, max_size=2)))]
        if draw(st.booleans()):  # as in most reports
            others = [other._replace(**dict(zip(TIMES, (*moved[3:6], moved.latest), strict=True))) for other in others]
        about = draw(st.one_of(st.just(report), reports))._replace(report_id=bytes([number]))
        chart.append((about, (moved, *others)))
    return chart, request, source


def told(chart: list[Any], request: Request, source: dict[str, Any]) -> tuple[list[Any], list[Any], int]:
    """Lines, refusals and others of a chart, each result judged under rules that remember nothing."""
    judged = [
        Judged(report, result, assess(result, report, request, RuleBook(**source)), result.time)
        for report, given in chart
        for result in given
    ]

    def recency(one: Judged) -> tuple[float, int]:
        issued = one.result.issued if one.result.issued is not None else one.report.issued
        return (inf if one.time is None else one.time, issued or 0)

    def latest(one: Judged) -> tuple[float, int]:
        return (recency(one)[0] if one.result.latest is None else one.result.latest, recency(one)[1])

    lines = []
    for code in sorted({one.verdict.item.code for one in judged if one.verdict.item}):
        group = [one for one in judged if one.verdict.item and one.verdict.item.code == code]
        if reusable := [one for one in group if one.verdict.reusable]:
            best = max(reusable, key=recency)
            newer = [
                one
                for one in group
                if not one.verdict.reusable and (recency(one) > recency(best) or latest(one) > latest(best))
            ]
            lines.append((best.verdict.item, best, tuple(sorted(newer, key=recency, reverse=True))))
    lines.sort(key=lambda line: line[0].specialty is not Specialty.LABORATORY)
    refused = sorted((one for one in judged if not one.verdict.reusable), key=recency, reverse=True)
    return lines, refused, len(judged) - len(lines)


def passed_over(whole: Prompted, *, or_alike: bool) -> Counter[NotReusable]:
    """First reasons against what is newer than what may be reused of its item; with what is as new, too."""
    best = {line.item.code: recency(line.best) for line in whole.lines}
    named = {(one.report.report_id, one.result.ordinal) for line in whole.lines for one in line.newer}
    found = [(recency(one), one) for one in whole.not_reusable if one.verdict.item is not None]
    return Counter(
        one.verdict.reasons[0]
        for when, one in found
        if (than := best.get(one.verdict.item.code)) is None
        or when > than
        or (one.report.report_id, one.result.ordinal) in named
        or (or_alike and when == than)
    )


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(charts())
def test_a_prompt_says_what_is_meant(case: tuple[list[Any], Request, dict[str, Any]]) -> None:
    chart, request, source = case
    lines, refused, others = told(chart, request, source)
    whole = prompt(chart, request, RuleBook(**source))
    assert [tuple(line) for line in whole.lines] == lines
    assert list(whole.not_reusable) == refused
    assert whole.others == others
    assert passed_over(whole, or_alike=False) <= whole.against <= passed_over(whole, or_alike=True)
    book = RuleBook(**source)
    for _ in range(2):  # the second time from what the book remembers
        picked = prompt(chart, request, book, everything=False)
        assert picked == whole._replace(not_reusable=())
