"""assess, prompt and explain against the oracle: ten thousand random rule books, each with a chart.

HUTONG_ORACLE_BOOKS asks for more of them, HUTONG_ORACLE_SEED for others. What fails is made small before it is shown.
"""

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hutong_server.domain.explanation import explain
from hutong_server.domain.prompt import Prompted, prompt
from hutong_server.domain.reuse import Assessment, NotReusable, assess
from hutong_server.domain.rulebook import RuleBook

from tests.unit.domain import oracle
from tests.unit.domain.random_rules import Questions, questions

BOOKS = int(os.environ.get("HUTONG_ORACLE_BOOKS", "10000"))
NO_MARK = {NotReusable.NO_QUALITY_GRANT, NotReusable.OUT_OF_RANGE_OF_MARK}
SEED = int(os.environ.get("HUTONG_ORACLE_SEED", "20220206"))


def plain(verdict: Assessment) -> oracle.Verdict:
    item = verdict.item.code if verdict.item else ""
    return oracle.Verdict(item, verdict.reusable, verdict.until, verdict.mark, tuple(map(str, verdict.reasons)))


def disagreement(asked: Questions) -> str:
    """What the code and the oracle say where they differ; "" when they agree. One book answers all questions."""
    source, chart, requests = asked
    book = RuleBook(**source)
    for request in requests:
        verdicts = {}
        for report, results in chart:
            for result in results:
                said = plain(assess(result, report, request, book))
                verdicts[report.report_id, result.ordinal] = meant = oracle.verdict(result, report, request, source)
                if said != meant:
                    return f"{result}\n{report}\n{request}\nassess {said}\noracle {meant}"
        meant_lines = oracle.lines(chart, verdicts, source)
        for everything in (True, False):
            said_lines = told(prompt(chart, request, book, everything=everything))
            if said_lines != meant_lines:
                return f"{request}\nprompt({everything=}) {said_lines}\noracle {meant_lines}"
    return ""


def told(prompted: Prompted) -> list[tuple[str, Any, list[Any]]]:
    def place(judged: Any) -> tuple[bytes, int]:
        return judged.report.report_id, judged.result.ordinal

    return [(line.item.code, place(line.best), [place(each) for each in line.newer]) for line in prompted.lines]


def smallest(asked: Questions, fails: Callable[[Questions], str]) -> Questions:
    """The same fault with as few rules, results and questions as will do."""
    while True:
        for less in smaller(asked):
            if fails(less):
                asked = less
                break
        else:
            return asked


def smaller(asked: Questions) -> Any:
    source, chart, requests = asked
    for n in range(len(requests) if len(requests) > 1 else 0):
        yield asked._replace(requests=requests[:n] + requests[n + 1 :])
    for n, (report, results) in enumerate(chart):
        yield asked._replace(chart=chart[:n] + chart[n + 1 :])
        for m in range(len(results)):
            less = (report, results[:m] + results[m + 1 :])
            yield asked._replace(chart=[*chart[:n], less, *chart[n + 1 :]])
    for kind in source:
        if kind not in ("policy", "unresumed"):
            for n in range(len(source[kind])):
                yield asked._replace(source={**source, kind: [*source[kind][:n], *source[kind][n + 1 :]]})


@pytest.mark.timeout(max(120, BOOKS // 50))
def test_the_oracle_agrees() -> None:
    for number in range(BOOKS):
        asked = questions(SEED + number)
        if disagreement(asked):
            small = smallest(asked, disagreement)
            rules = "\n".join(f"{kind}: {entries}" for kind, entries in small.source.items() if kind != "vocabulary")
            raise AssertionError(f"seed {SEED + number}: {disagreement(small)}\n{rules}")


def test_the_questions_are_worth_asking() -> None:
    """Each reason is often the only one, much is reusable, and under every kind of mark."""
    alone: Counter[str] = Counter()
    marks: Counter[str] = Counter()
    reusable = total = newer = 0
    for number in range(1000):
        source, chart, requests = questions(SEED + number)
        for request in requests:
            verdicts = {}
            for report, results in chart:
                for result in results:
                    said = oracle.verdict(result, report, request, source)
                    verdicts[report.report_id, result.ordinal] = said
                    total += 1
                    reusable += said.reusable
                    marks[said.mark] += said.reusable
                    if len(said.reasons) == 1:
                        alone[said.reasons[0]] += 1
            newer += sum(bool(line[2]) for line in oracle.lines(chart, verdicts, source))
    assert reusable > total / 10, (reusable, total)
    assert {each for each in marks if marks[each] >= 5} >= {"nationalHR", "99HR", "WIDEHR", "ALLIEDHR", "MIXEDHR"}, (
        marks
    )
    assert newer > 80, newer
    assert not {reason.value for reason in NotReusable if alone[reason] < 5}, alone


def test_explanations_agree() -> None:
    """The steps give the reasons of the verdict, overrides and decisions included."""
    for number in range(BOOKS // 5):
        source, chart, requests = questions(SEED - 1 - number)
        book = RuleBook(**source)
        for request in requests:
            for report, results in chart:
                for result in results:
                    verdict, trace = explain(result, report, request, book)
                    given = sorted(step.reason for step in trace if step.reason is not None)
                    assert given == sorted(verdict.reasons), (SEED - 1 - number, trace)
                    if verdict.item is None or NotReusable.OWN_INSTITUTION in verdict.reasons:
                        continue
                    holding = {step.entry_kind for step in trace if step.passed}
                    assert ("rule" in holding) == (NotReusable.DIRECTION_NOT_RECOGNIZED not in verdict.reasons)
                    assert ("grant" in holding) == NO_MARK.isdisjoint(verdict.reasons), trace
