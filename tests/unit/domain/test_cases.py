"""The tables of cases in tests/cases, or in the folder that --cases or HUTONG_CASES names, each judged by its rules."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hutong_server.domain.caller import Role
from hutong_server.domain.decision import DecisionKind
from hutong_server.domain.explanation import explain
from hutong_server.domain.reuse import NotReusable
from hutong_server.store.base import Prompt
from hutong_server.store.sql_store import SqlStore, open_store
from hutong_server.trust.sealing import AesGcmSealer
from hutong_server.trust.tokens import HmacTokens
from hutong_server.usecases.asking import Context
from hutong_server.usecases.record_decisions import DecisionOutcome, Given, RecordDecisions, record_decisions

from tests.building import caller
from tests.case_files import OWN, CaseFault, CaseFile, Fields, keys, read_case_files

FILES = read_case_files(OWN)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each case, of its form."""
    forms = {"single": "", "chart": "results", "arriving": "arrives", "ordering": "orders", "deciding": "decides"}
    for fixture, key in forms.items():
        if fixture in metafunc.fixturenames:
            found = [
                pytest.param((file, case), id=f"{file.name}: {case.get('case')}")
                for file in chosen(metafunc.config).values()
                for case in file.cases
                if file.form(case) == key or (key == "results" and "results" in case)
            ]
            metafunc.parametrize(fixture, found)
    if "file" in metafunc.fixturenames:
        metafunc.parametrize("file", chosen(metafunc.config).values(), ids=lambda file: file.name)


def chosen(config: pytest.Config) -> dict[str, CaseFile]:
    folder = config.getoption("--cases")
    return read_case_files(folder) if folder else FILES


Asked = tuple[CaseFile, Fields]


def test_says(single: Asked) -> None:
    file, case = single
    assert file.verdict(case) == file.expected(case["says"], case["case"])


def test_several_results(chart: Asked) -> None:
    file, case = chart
    verdicts, shown = file.chart(case)
    if "says" in case:
        assert verdicts == {name: file.expected(says, case["case"]) for name, says in case["says"].items()}
    if "shows" in case:
        assert shown == {
            item: {"newer": [], **({"best": told} if isinstance(told, str) else told)}
            for item, told in (case["shows"] or {}).items()
        }
    assert "says" in case or "shows" in case or "orders" in case


def test_versions_arrive(arriving: Asked) -> None:
    file, case = arriving
    number, verdict = file.versions(case)
    assert verdict == file.expected(case["says"], case["case"])
    if "shows" in case:
        assert number == int(case["shows"])


def test_orders(ordering: Asked) -> None:
    file, case = ordering
    assert file.orders(case) == case["answers"]


@pytest.fixture(scope="module")
def store(make_store_url: Callable[[str], str], sealer: AesGcmSealer) -> Iterator[SqlStore]:
    opened = open_store(make_store_url("sqlite"), sealer)
    yield opened
    opened.close()


def test_decisions(deciding: Asked, store: SqlStore, tokens: HmacTokens) -> None:
    file, case = deciding
    whole, book = file.whole(case), file.book(case)
    at = file.instant(whole["asked_at"])
    decided_at = file.instant(whole["decided_at"]) if whole.get("decided_at") else at
    line = (whole["item"], b"r" * 16, 0, whole.get("issued_by", ""), 1)
    prompt = Prompt(secrets.token_bytes(16), whole["asked_by"], secrets.token_bytes(16), at, "found", 1, (line,))
    store.submit(lambda writer: writer.put_prompt(prompt)).result(30)
    kind = DecisionKind(whole["decides"])
    given = Given("d", prompt.prompt_id, line[0], kind, whole.get("ground", ""), whole.get("text", ""), decided_at)
    command = RecordDecisions(
        Context("D1", "E1", "treatment"), caller(whole["asked_by"], Role.EMR), (given,), "", decided_at, 0
    )
    (answer,) = store.submit(record_decisions(command, book, tokens)).result(30).answers
    assert decision_in_words(answer, book) == case["says"]


def decision_in_words(answer: Any, book: Any) -> str:
    if answer.outcome is DecisionOutcome.REFUSED:
        return f"refused: {answer.issue.path.removeprefix('d.')}"
    made = answer.stands
    if made.kind is DecisionKind.REPEATED:
        (ground,) = [each for each in book.grounds if each.code == made.ground]
        return "repeated, a refusal" if ground.counts_as_refusal else "repeated, not a refusal"
    if made.kind is DecisionKind.RECOGNIZED:
        price = made.price_fen
        return "recognized, unpriced" if price is None else f"recognized, {price // 100}.{price % 100:02d} yuan"
    return "revoked"


def singles(file: CaseFile) -> list[Fields]:
    return [case for case in file.cases if not file.form(case)]


def test_a_book_says_the_same_whatever_it_was_asked_before(file: CaseFile) -> None:
    book = file.book()
    cases = [case for case in singles(file) if not {"quality_suspended", "not_resumed"} & set(case)]
    for case in [*cases, *reversed(cases)]:
        assert file.verdict(case, book) == file.expected(case["says"], case["case"]), case["case"]


def test_each_case_is_explained_by_its_reasons(file: CaseFile) -> None:
    for case in singles(file):
        facts, book = file.facts(case), file.book(case)
        verdict, trace = explain(*facts, book)
        assert file.in_words(verdict) == file.expected(case["says"], case["case"])
        assert {step.reason for step in trace} - {None} == set(verdict.reasons), case["case"]


def test_every_reason_has_a_case() -> None:
    told = {
        reason for file in FILES.values() for case in singles(file) for reason in as_list(case["says"])
    }  # "reusable …" is a text
    assert told == {reason.value for reason in NotReusable}


def as_list(says: Any) -> list[str]:
    return says if isinstance(says, list) else []


def test_a_file_that_is_wrong_says_so() -> None:
    file = CaseFile("f", {"catalog": {"items": [{"code": "K"}]}, "cases": [], "usually": {"code": "K"}})
    with pytest.raises(CaseFault, match=r"catalog: .*missing"):
        file.book()
    with pytest.raises(CaseFault, match="missing asked_at, asked_by, issued_by"):
        file.facts({"case": "c"})
    with pytest.raises(CaseFault, match="unknown speciman"):
        file.facts({"case": "c", "speciman": "血清"})
    with pytest.raises(CaseFault, match="not a verdict"):
        file.expected(["OUT_OF_WINDOW"], "c")
    with pytest.raises(CaseFault, match="not a time"):
        file.instant("yesterday")
    assert keys(["a|b", "c"], "local") == (("a", "b"), ("local", "c"))
