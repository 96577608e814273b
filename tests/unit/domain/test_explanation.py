"""An explanation says what the verdict says, for any result and any rule book, and names entries that exist."""

from typing import Any

from hutong.v1.report_pb2 import ResultEntry
from hutong_server.api.convert_trace import trace_out
from hutong_server.catalog import build_rule_book
from hutong_server.domain.explanation import MAX_TRACED, explain, traces_of
from hutong_server.domain.orders import check_orders
from hutong_server.domain.prompt import Judged
from hutong_server.domain.recognition import (
    Dates,
    Group,
    Institution,
    Mapping,
    RecognitionRule,
    RecognizedItem,
    Specialty,
    Tier,
)
from hutong_server.domain.report import ResultFacts, ResultFlag, TimeSource
from hutong_server.domain.reuse import DAY, NotReusable, ReportFacts, Request, assess
from hutong_server.domain.rulebook import RuleBook
from hutong_server.domain.trace import TraceSubject
from hutong_server.domain.trace_mapping import mapping_key
from hutong_server.domain.trace_standing import grant_key
from hypothesis import HealthCheck, given, settings

from tests.building import NOW
from tests.case_files import OWN, CaseFile, read_case_files
from tests.unit.domain.test_orders import BOOK, order, report
from tests.unit.domain.test_properties import cases, likely

FILES = read_case_files(OWN)
SINCE = Dates("2025-03-01")
often = settings(
    deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@often
@given(cases)
def test_the_steps_give_the_reasons_of_the_verdict(case: tuple[Any, ...]) -> None:
    result, report, request, source = case
    verdict, trace = explain(result, report, request, RuleBook(**source))
    assert verdict == assess(result, report, request, RuleBook(**source))
    given_by = [step.reason for step in trace if step.reason is not None]
    assert sorted(given_by) == sorted(verdict.reasons), trace
    for step in trace:
        assert step.english
        assert step.chinese
        assert step.reason is None or not step.passed


@often
@given(likely())
def test_what_decided_is_named(case: tuple[Any, ...]) -> None:
    result, report, request, source = case
    book = RuleBook(**source)
    verdict, trace = explain(result, report, request, book)
    passed = {(step.subject, step.entry_kind, step.entry_key) for step in trace if step.passed}
    mapped = book.item_of(result, result.performer or report.issuer, book.day(result.time or 0))
    if mapped.code:
        keys = {mapping_key(each) for found in book.mappings.values() for each in found if each.item == mapped.code}
        assert {key for subject, _, key in passed if subject is TraceSubject.MAPPING} & keys
    if verdict.reusable:
        for subject in set(TraceSubject) - {TraceSubject.OVERRIDE}:
            assert any(each[0] is subject for each in passed), subject
        grants = {grant_key(each): each for each in source["grants"]}
        holding = [grants[key] for _, kind, key in passed if kind == "grant"]
        assert verdict.mark in {each.mark for each in holding}
        assert {key for _, kind, key in passed if kind == "rule"} <= {rule.code for rule in source["rules"]}
    if NotReusable.DIRECTION_NOT_RECOGNIZED in verdict.reasons:
        assert not [key for _, kind, key in passed if kind == "rule"]


def test_a_time_of_no_source_decides_for_no_mapping() -> None:
    """Neither for the verdict nor for its steps: what counts is what is in effect without an end."""
    book = RuleBook(
        institutions=[Institution("A", "A", Tier.SECONDARY, "99")],
        items=[RecognizedItem(code, code, code, Specialty.LABORATORY) for code in ("K", "CT")],
        mappings=[*(Mapping("*", "s", code, code) for code in ("K", "CT")), Mapping("A", "s", "K", "K", (), SINCE)],
    )
    result = ResultFacts(0, "final", 33, 1_737_331_200_000, TimeSource.NONE, None, (("s", "K"), ("s", "CT")))
    report = ReportFacts(b"", "A", "final")
    verdict, trace = explain(result, report, Request("A", NOW), book)
    assert sorted(step.reason for step in trace if step.reason) == sorted(verdict.reasons)
    assert NotReusable.UNMAPPED_CODE not in verdict.reasons


def test_keys_are_those_of_the_catalogue() -> None:
    for file in FILES.values():
        book = file.book()
        known = {(row.kind, row.key) for row in file.catalog.rows}
        known |= {("institution", each.code) for each in file.catalog.institutions}
        for case in file.cases:
            if "asked_by" in file.whole(case) and "code" in file.whole(case):
                _, trace = explain(*file.facts(case), book)
                for step in trace:
                    # An item's LOINC numbers are mappings of everybody that no file states.
                    standard = step.entry_kind == "mapping" and step.entry_key.startswith("*|http://loinc.org|")
                    assert not step.entry_kind or standard or (step.entry_kind, step.entry_key) in known, step


def test_a_key_is_written_as_the_catalogue_writes_it() -> None:
    mapping = {
        "institution": "A",
        "system": "urn:s",
        "code": "K|1",
        "specimen": "SERUM",
        "item": "K",
        "valid_from": "2025-01-01",
    }
    item = {
        "code": "K",
        "name_zh": "钾",
        "name_en": "potassium",
        "specialty": "laboratory",
        "class": "x",
        "window_days": "7",
    }
    catalog = {
        "institutions": [{"code": "A", "name": "A", "tier": "village", "region": "99"}],
        "vocabulary": [{"dimension": "specimen", "term": "SERUM", "texts": ["血清"]}],
        "items": [item],
        "mappings": [mapping],
        "grants": [{"institution": "A", "items": ["K", "class:x"], "range": "national", "valid_from": "2025-01-01"}],
    }
    file = CaseFile("f", {"catalog": catalog, "cases": []})
    book, keys = file.book(), {row.key for row in file.catalog.rows}
    (made,) = (each for known in book.mappings.values() for each in known)
    (grant,) = book.grants["A"]
    assert {mapping_key(made), grant_key(grant)} <= keys
    assert "%7C" in mapping_key(made)


def test_a_trace_can_be_followed() -> None:
    """Xiantao: the city hospital read a township's X-ray; one day too late."""
    file = FILES["xiantao"]
    (case,) = [each for each in file.cases if each["case"] == "imaging after it"]
    verdict, trace = explain(*file.facts(case), file.book())
    assert verdict.reasons == (NotReusable.OUTSIDE_WINDOW,)
    told = [(step.subject.value, step.passed, step.entry_key, step.english) for step in trace]
    assert told == [
        ("patient", True, "", "about the patient"),
        ("status", True, "", "final: result final, report final"),
        ("value", True, "", "has a value"),
        ("asker", True, "", "issued by TOWN-1, performed by TOWN-1, asked for by COUNTY"),
        ("mapping", True, "TOWN-1|local|DR-CHEST||XR-CHEST", "leads to item XR-CHEST"),
        ("item", True, "XR-CHEST", "item XR-CHEST (chest X-ray) is recognized"),
        ("specimen", True, "", "the item asks for none"),
        (
            "body_part_or_method",
            True,
            "XR-CHEST",
            "body_part: asks for CHEST, states CHEST; method: asks for XRAY, states XRAY",
        ),
        (
            "window",
            False,
            "XR-CHEST",
            "30 days of 24 h from the time of specimen or examination: 2025-03-01 08:00 +08:00 … "
            "2025-03-31 08:00 +08:00; asked at 2025-03-31 08:00:00.001 +08:00",
        ),
        ("images", True, "", "images can be reached"),
        ("direction", False, "CITY-DOWN", "the issuer TOWN-1 (township, 429004) is not of tiers tertiary"),
        ("direction", True, "TOWNSHIP-READ-BY-CITY", "lets COUNTY rely on TOWN-1; quality of the reader"),
        (
            "grant",
            True,
            "CITY|429004|*",
            "仙桃HR, range 429004, without dates: valid on the day of the test (2025-03-01)",
        ),
        ("grant", True, "", "mark 仙桃HR holds at COUNTY"),
    ]
    window = next(step for step in trace if step.subject is TraceSubject.WINDOW)
    assert window.chinese.startswith("自采样或检查时间起 30 个 24 小时：2025-03-01 08:00 +08:00")


def test_what_was_not_looked_at_is_not_told() -> None:
    """The hospital's own mapping decides: those of everybody are not tried."""
    file = FILES["comparability"]
    (case,) = [each for each in file.cases if each["case"] == "the hospital's own mapping of a LOINC number wins"]
    _, trace = explain(*file.facts(case), file.book())
    keys = [step.entry_key for step in trace if step.subject is TraceSubject.MAPPING]
    assert keys == ["COUNTY|http://loinc.org|2345-7||FPG"]


def test_words_of_a_document_are_not_repeated() -> None:
    result = ResultFacts(
        ordinal=0,
        status="final",
        flags=int(ResultFlag.HAS_VALUE),
        time=DAY,
        time_source=TimeSource.RESULT,
        issued=None,
        codes=(("", "CANARY-名称"),),
        specimen=(("", "CANARY-标本"),),
    )
    book = build_rule_book(1, [], ())
    _, trace = explain(result, ReportFacts(b"", "H1", "final"), Request("H2", DAY), book)
    assert "CANARY" not in repr(trace)


def test_a_reason_that_the_orders_gave_is_a_step_too() -> None:
    request = Request("H2", NOW)
    (answer,) = check_orders([order("XR", site="右膝")], [report("XR", site="左膝", days=40)], request, BOOK).answers
    (judged,) = answer.items[0].not_reusable
    (trace,) = traces_of([judged], request, BOOK).values()
    assert {step.reason for step in trace} - {None} == set(judged.verdict.reasons)
    assert trace[-1].english == "differs from what the orders state"


def test_no_more_is_told_than_a_client_takes() -> None:
    """The largest chart, explained by a book of fifty rules, stays well under gRPC's four megabytes."""
    book = RuleBook(
        items=[RecognizedItem("K", "钾", "potassium", Specialty.LABORATORY, window_days=7)],
        mappings=[Mapping("*", "s", "K", "K")],
        rules=[RecognitionRule(f"RULE-OF-GROUP-{n}", Group(), Group(sets=("NONE",))) for n in range(50)],
        institutions=[Institution(code, code, Tier.VILLAGE, "990421003001") for code in ("A", "B")],
    )
    facts = ResultFacts(0, "final", 1, DAY, 1, None, (("s", "K"),))
    about, request = ReportFacts(b"r", "A", "final"), Request("B", DAY)
    verdict = assess(facts, about, request, book)
    results = [Judged(about, facts._replace(ordinal=n), verdict, DAY) for n in range(2 * MAX_TRACED)]
    traces = traces_of([*results, *results], request, book)
    assert list(traces) == [(b"r", n) for n in range(MAX_TRACED)]
    entry = ResultEntry()
    trace_out(entry, traces[b"r", 0])
    assert len(entry.trace) > 50
    assert entry.ByteSize() * MAX_TRACED < 3 << 20
