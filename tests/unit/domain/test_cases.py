"""The tables of cases in tests/cases, each judged by the rules that its file states."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hutong_server.catalog import build_rule_book, read_catalog
from hutong_server.domain.report import CodeKey, Instant, ResultFacts, ResultFlag, TimeSource
from hutong_server.domain.reuse import Assessment, NotReusable, ReportFacts, Request, assess
from hutong_server.domain.rulebook import RuleBook, zone_of

CASES = Path(__file__).parents[2] / "cases"
FILES = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in sorted(CASES.glob("*.yaml"))}
ZONE = zone_of("Asia/Shanghai")
TIMES = {"result": 1, "specimen": 2, "report": 3, "issued": 4, "nothing": 0}
FIELDS = {
    *("case", "says", "code", "specimen", "collection", "body_part", "laterality", "method", "taken", "taken_says"),
    *(
        "issued",
        "report_issued",
        "status",
        "report_status",
        "value",
        "images",
        "flags",
        "issued_by",
        "performed_by",
        "read_by",
    ),
    *("asked_by", "asked_at", "withdrawn", "superseded", "disputed", "in_doubt", "decided", "quality_suspended"),
}


def instant(text: str) -> Instant:
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=ZONE)
    return round(moment.timestamp() * 1000)


def keys(written: Any, system: str = "") -> tuple[CodeKey, ...]:
    """ "system|code" is a coding; a bare word is a text, or a code of `system`."""
    words = written if isinstance(written, list) else [] if written is None else [written]
    parts = [word.partition("|") for word in words]
    return tuple((before, after) if bar else (system, before) for before, bar, after in parts)


def book_of(name: str, suspended: dict[str, str]) -> RuleBook:
    content = yaml.safe_dump(FILES[name]["catalog"], allow_unicode=True).encode()
    imported = read_catalog([(f"{name}.yaml", content)], ())
    institutions = [
        replace(each, quality_suspended_since=instant(suspended[each.code])) if each.code in suspended else each
        for each in imported.institutions
    ]
    return build_rule_book(1, institutions, imported.rows)


def judge(name: str, case: dict[str, Any], book: RuleBook | None = None) -> Assessment:
    case = {**FILES[name]["usually"], **case}
    return assess(*facts_of_case(name, case), book or book_of(name, case.get("quality_suspended", {})))


def facts_of_case(name: str, case: dict[str, Any]) -> tuple[ResultFacts, ReportFacts, Request]:
    """What is judged in a case."""
    case = {**FILES[name]["usually"], **case}
    assert set(case) <= FIELDS, set(case) - FIELDS
    flags = ResultFlag.HAS_VALUE if case.get("value", True) else 0
    flags |= ResultFlag.IMAGES_PRESENT if case.get("images", False) else 0
    for flag in case.get("flags", ()):
        flags |= ResultFlag[flag]
    issued = instant(case["issued"]) if case.get("issued") else None
    taken = instant(case["taken"]) if case.get("taken") else None
    source = TIMES[case.get("taken_says", "result" if taken is not None else "issued" if issued else "nothing")]
    result = ResultFacts(
        ordinal=0,
        status=case.get("status", "final"),
        flags=int(flags),
        time=issued if source == TimeSource.ISSUED else taken,
        time_source=source,
        issued=issued,
        codes=keys(case["code"], "local"),
        specimen=keys(case.get("specimen")),
        collection=keys(case.get("collection")),
        body_site=keys(case.get("body_part")),
        laterality=keys(case.get("laterality")),
        method=keys(case.get("method")),
        performer=case.get("performed_by", case["issued_by"]) or "",
        reader=case.get("read_by") or "",
    )
    report = ReportFacts(
        report_id=b"\0" * 16,
        issuer=case["issued_by"],
        status=case.get("report_status", "final"),
        withdrawn=case.get("withdrawn", False),
        superseded=case.get("superseded", False),
        disputed=case.get("disputed", False),
        issued=instant(case["report_issued"]) if case.get("report_issued") else None,
        in_doubt=case.get("in_doubt", False),
        decided=case.get("decided", False),
    )
    return result, report, Request(case["asked_by"], instant(case["asked_at"]))


def in_words(assessment: Assessment) -> str | list[str]:
    if assessment.until is None:
        return [reason.value for reason in assessment.reasons]
    until = datetime.fromtimestamp(assessment.until / 1000, ZONE)
    text = f"{until:%Y-%m-%d %H:%M}"
    if until.second or until.microsecond:
        text += f":{until:%S}.{until.microsecond // 1000:03d}"
    return f"reusable until {text} as {assessment.mark}"


@pytest.mark.parametrize(
    ("name", "case"),
    [pytest.param(name, case, id=f"{name}: {case['case']}") for name, file in FILES.items() for case in file["cases"]],
)
def test_says(name: str, case: dict[str, Any]) -> None:
    assessment = judge(name, case)
    assert in_words(assessment) == case["says"]
    assert assessment.reusable == (assessment.until is not None)


@pytest.mark.parametrize("name", FILES)
def test_a_book_says_the_same_whatever_it_was_asked_before(name: str) -> None:
    book = book_of(name, {})
    cases = [case for case in FILES[name]["cases"] if "quality_suspended" not in case]
    for case in [*cases, *reversed(cases)]:
        assert in_words(judge(name, case, book)) == case["says"], case["case"]


def test_every_reason_has_a_case() -> None:
    told = {
        reason
        for file in FILES.values()
        for case in file["cases"]
        for reason in case["says"]
        if isinstance(case["says"], list)
    }
    assert told == {reason.value for reason in NotReusable}
