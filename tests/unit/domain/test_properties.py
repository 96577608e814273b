"""What holds of every verdict, whatever the result, the rules and the asker."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hutong_server.domain.recognition import (
    Alike,
    Dates,
    Dimension,
    Group,
    Institution,
    Mapping,
    Policy,
    QualityGrant,
    QualityOf,
    RecognitionRule,
    RecognizedItem,
    Region,
    RegionSet,
    Specialty,
    Tier,
    TimeBase,
    VocabularyTerm,
)
from hutong_server.domain.report import ResultFacts, ResultFlag, Status, TimeSource
from hutong_server.domain.reuse import DAY, Assessment, NotReusable, ReportFacts, Request, assess
from hutong_server.domain.rulebook import RuleBook
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

START = int(datetime(2025, 3, 1, tzinfo=UTC).timestamp() * 1000)
REGIONS = ("99", "9904", "990421", "9905", "980000")
CODES = ("A", "B", "C", "D")
ITEMS = ("K", "CT", "GLU")
TERMS = {
    Dimension.SPECIMEN: ("SERUM", "URINE"),
    Dimension.BODY_PART: ("HEAD", "CHEST"),
    Dimension.METHOD: ("CT", "MR"),
}
VOCABULARY = tuple(
    VocabularyTerm(dimension, term, codes=(("v", term),), texts=(term,))
    for dimension, terms in TERMS.items()
    for term in terms
)

days = st.integers(-40, 40).map(lambda n: (datetime(2025, 3, 1, tzinfo=UTC) + timedelta(days=n)).date().isoformat())
dates = st.one_of(
    st.just(Dates()), st.builds(Dates, days), st.builds(lambda day: Dates("", day), days), st.builds(Dates, days, days)
)
moments = st.one_of(
    st.integers(START - 40 * DAY, START + 40 * DAY),
    st.integers(-40, 40).map(lambda n: START + n * DAY),
)
institutions = st.tuples(
    *(
        st.builds(
            Institution,
            st.just(code),
            st.just(f"name {code}"),
            st.sampled_from(Tier),
            st.sampled_from(REGIONS),
            st.sampled_from([(), ("alliance",)]),
            quality_suspended_since=st.one_of(st.none(), st.none(), moments),
        )
        for code in CODES
    )
)
groups = st.builds(
    Group,
    st.sampled_from([(), (Tier.TERTIARY, Tier.SECONDARY), (Tier.TOWNSHIP,)]),
    st.sampled_from([(), ("99",), ("9904", "98")]),
    st.sampled_from([(), ("alliance",)]),
    st.sampled_from([(), ("A", "B", "C")]),
    st.sampled_from([(), ("SET",)]),
)
any_group = st.one_of(st.just(Group()), groups)
item_lists = st.sampled_from([("*",), ("K",), ("class:c",), ("laboratory",), ("examination", "GLU")])
rules = st.lists(
    st.builds(
        RecognitionRule,
        st.just("rule"),
        any_group,
        any_group,
        item_lists,
        st.one_of(st.none(), any_group),
        st.sampled_from([(), (), (Alike.ALLIANCE,), (Alike.CITY,), (Alike.PROVINCE,)]),
        st.sampled_from(QualityOf),
        dates,
    ),
    min_size=1,
    max_size=3,
)
grants = st.builds(
    QualityGrant,
    st.sampled_from(CODES),
    item_lists,
    st.sampled_from(["national", "99", "9904", "SET"]),
    st.just("markHR"),
    dates=dates,
)
all_terms = st.tuples(
    *(
        st.tuples(st.just(dimension), st.lists(st.sampled_from(terms), min_size=1, max_size=2, unique=True).map(tuple))
        for dimension, terms in TERMS.items()
    )
)
items = st.tuples(
    *(
        st.builds(
            RecognizedItem,
            st.just(code),
            st.just(code),
            st.just(code),
            st.sampled_from(Specialty),
            st.sampled_from(["c", "d"]),
            st.integers(0, 30),
            st.sampled_from(TimeBase),
            st.booleans(),
            st.sampled_from([True, True, True, False]),
            st.one_of(st.just(()), all_terms.map(lambda terms: terms[:1]), all_terms),
            st.one_of(st.just(Dates()), dates),
        )
        for code in ITEMS
    )
)
mappings = st.lists(
    st.builds(
        Mapping,
        st.sampled_from(["*", *CODES]),
        st.just("s"),
        st.sampled_from(ITEMS),
        st.sampled_from(ITEMS),
        st.sampled_from([(), (), ((Dimension.SPECIMEN, "SERUM"),)]),
        st.one_of(st.just(Dates()), dates),
    ),
    max_size=4,
).map(lambda some: [*(Mapping("*", "s", code, code) for code in ITEMS), *some])
sources = st.fixed_dictionaries(
    {
        "institutions": institutions,
        "items": items,
        "mappings": mappings,
        "grants": st.lists(grants, min_size=1, max_size=5),
        "rules": rules,
        "vocabulary": st.just(VOCABULARY),
        "region_sets": st.just((RegionSet("SET", "set", "setHR", ("98",), ("A",), ("alliance",)),)),
        "policy": st.just(Policy(regions=(Region("99", "p", "pHR"),))),
    }
)


def stated(dimension: Dimension) -> st.SearchStrategy[tuple[tuple[str, str], ...]]:
    known = st.sampled_from([("v", term) for term in TERMS[dimension]] + [("", TERMS[dimension][0]), ("", "other")])
    return st.lists(known, max_size=2).map(tuple)


results = st.builds(
    ResultFacts,
    st.just(0),
    st.sampled_from(["final", "final", "corrected", *Status, ""]),
    st.one_of(st.just(ResultFlag.HAS_VALUE | ResultFlag.IMAGES_PRESENT), st.integers(0, 127)),
    st.one_of(moments, moments, st.none()),
    st.sampled_from(TimeSource),
    st.one_of(st.none(), moments),
    st.lists(st.sampled_from([("s", code) for code in ITEMS] + [("s", "?"), ("", "text")]), max_size=2).map(tuple),
    stated(Dimension.SPECIMEN),
    st.just(()),
    stated(Dimension.BODY_PART),
    st.just(()),
    stated(Dimension.METHOD),
    st.sampled_from(["", *CODES]),
    st.sampled_from(["", *CODES]),
)
rare = st.sampled_from([False] * 9 + [True])
reports = st.builds(
    ReportFacts,
    st.just(b""),
    st.sampled_from([*CODES, "?"]),
    st.sampled_from(["final", "final", "partial", *Status]),
    rare,
    rare,
    rare,
    st.one_of(st.none(), moments),
    rare,
    rare,
)
requests = st.builds(Request, st.sampled_from([*CODES, "?"]), moments)


@st.composite
def likely(draw: st.DrawFn) -> tuple[ResultFacts, ReportFacts, Request, dict[str, Any]]:
    """A result that can be compared, of one institution for another, under an open rule and a grant of its performer:
    what decides is time, the grant's dates and range, and suspensions. About one in four is reusable."""
    source = draw(sources)
    issuer, performer, asker = draw(st.sampled_from([("A", "A", "B"), ("A", "C", "B"), ("D", "D", "A")]))
    item = replace(
        draw(st.sampled_from(source["items"])), recognized=True, window_days=draw(st.integers(1, 30)), dates=Dates()
    )
    span = st.sampled_from([Dates(), Dates("2025-02-01", "2025-03-20"), Dates("2025-03-05"), Dates("", "2025-03-05")])
    reach = st.sampled_from(["national", "99", "SET"])
    source = {
        **source,
        "items": [each for each in source["items"] if each.code != item.code] + [item],
        "mappings": [Mapping("*", "s", code, code) for code in ITEMS],
        "rules": [*source["rules"], RecognitionRule("open", Group(), Group())],
        "grants": [*source["grants"], QualityGrant(performer, ("*",), draw(reach), "markHR", dates=draw(span))],
    }
    terms = {dimension: (("v", words[0]),) for dimension, words in item.terms}
    taken = START + draw(st.integers(-10 * DAY, 10 * DAY))
    result = draw(results)._replace(
        status="final",
        flags=int(ResultFlag.HAS_VALUE | ResultFlag.IMAGES_PRESENT),
        codes=(("s", item.code),),
        specimen=terms.get(Dimension.SPECIMEN, ()),
        body_site=terms.get(Dimension.BODY_PART, ()),
        method=terms.get(Dimension.METHOD, ()),
        time=taken,
        time_source=draw(st.sampled_from([TimeSource.RESULT, TimeSource.SPECIMEN, TimeSource.REPORT])),
        issued=taken + draw(st.integers(0, 3 * DAY)),
        performer=performer,
    )
    report = ReportFacts(b"", issuer, "final")
    base = taken if item.time_base is TimeBase.EFFECTIVE else result.issued
    window = item.window_days * DAY
    now = (base or 0) + draw(st.one_of(st.integers(0, window), st.just(window), st.integers(-DAY, window + DAY)))
    return result, report, Request(asker, now), source


# A slow machine is no fault of the rules.
patient = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
cases = st.one_of(likely(), likely(), likely(), st.tuples(results, reports, requests, sources))


def covers(entry_items: tuple[str, ...], item: RecognizedItem) -> bool:
    return bool({"*", item.code, item.specialty.value, f"class:{item.item_class}"} & set(entry_items))


def in_china(moment: int) -> str:
    return (datetime.fromtimestamp(moment / 1000, UTC) + timedelta(hours=8)).date().isoformat()


@patient
@given(cases)
def test_a_verdict_is_whole(case: tuple[Any, ...]) -> None:
    result, report, request, source = case
    verdict = assess(result, report, request, RuleBook(**source))
    assert verdict.reusable == (verdict.reasons == ()) == (verdict.until is not None) == (verdict.mark != "")
    assert list(verdict.reasons) == [reason for reason in NotReusable if reason in verdict.reasons]
    if verdict.reusable:
        assert verdict.item is not None
        assert verdict.item.recognized


@patient
@given(cases)
def test_never_reusable_outside_the_window(case: tuple[Any, ...]) -> None:
    result, report, request, source = case
    verdict = assess(result, report, request, RuleBook(**source))
    assume(verdict.reusable)
    assert verdict.item is not None
    assert verdict.until is not None
    if verdict.item.time_base is TimeBase.EFFECTIVE:
        assert result.time_source in (TimeSource.RESULT, TimeSource.SPECIMEN, TimeSource.REPORT)
        base = result.time
    else:
        base = result.issued if result.issued is not None else report.issued
    assert base is not None
    assert verdict.until == base + verdict.item.window_days * 24 * 3600 * 1000
    assert base <= request.now <= verdict.until


@patient
@given(cases)
def test_not_reusable_one_millisecond_after_until(case: tuple[Any, ...]) -> None:
    result, report, request, source = case
    verdict = assess(result, report, request, RuleBook(**source))
    assume(verdict.until is not None)
    assert verdict.until is not None
    later = assess(result, report, request._replace(now=verdict.until + 1), RuleBook(**source))
    assert NotReusable.OUTSIDE_WINDOW in later.reasons


@patient
@given(cases)
def test_never_without_a_grant_valid_at_the_test(case: tuple[Any, ...]) -> None:
    result, report, request, source = case
    book = RuleBook(**source)
    verdict = assess(result, report, request, book)
    assume(verdict.reusable)
    item, tested = verdict.item, result.time
    assert item is not None
    tested = tested if tested is not None else result.issued if result.issued is not None else report.issued
    assert tested is not None
    receiver = book.institutions[request.institution]

    def bears(grant: QualityGrant) -> bool:
        bearer = book.institutions[grant.institution]
        reach = {
            "national": True,
            "SET": receiver.region.startswith("98") or receiver.code == "A" or receiver.alliances,
        }
        return bool(
            grant.institution in (result.performer, result.reader)
            and covers(grant.items, item)
            and (grant.dates.valid_from or "0") <= in_china(tested) <= (grant.dates.valid_to or "9")
            and reach.get(grant.range, receiver.region.startswith(grant.range))
            and (bearer.quality_suspended_since is None or tested < bearer.quality_suspended_since)
        )

    assert any(bears(grant) for grant in source["grants"])


@patient
@given(cases)
def test_never_without_a_rule_in_effect(case: tuple[Any, ...]) -> None:
    result, report, request, source = case
    assume(assess(result, report, request, RuleBook(**source)).reusable)
    bare = assess(result, report, request, RuleBook(**{**source, "rules": []}))
    assert bare.reasons[0] is NotReusable.DIRECTION_NOT_RECOGNIZED
    long_ago = [replace(rule, dates=Dates("", "1999-12-31")) for rule in source["rules"]]
    ended = assess(result, report, request, RuleBook(**{**source, "rules": long_ago}))
    assert NotReusable.DIRECTION_NOT_RECOGNIZED in ended.reasons


@patient
@given(cases, grants)
def test_an_unrelated_grant_changes_nothing(case: tuple[Any, ...], grant: QualityGrant) -> None:
    result, report, request, source = case
    before = assess(result, report, request, RuleBook(**source))
    related = grant.institution in (result.performer, result.reader) and (
        before.item is None or covers(grant.items, before.item)
    )
    assume(not related)
    more = {**source, "grants": [grant, *source["grants"]]}
    assert assess(result, report, request, RuleBook(**more)) == before


@patient
@given(cases, st.randoms(use_true_random=False))
def test_the_order_of_entries_does_not_matter(case: tuple[Any, ...], rng: Any) -> None:
    result, report, request, source = case
    shuffled = {
        kind: rng.sample(list(entries), len(entries)) if kind != "policy" else entries
        for kind, entries in source.items()
    }
    assert assess(result, report, request, RuleBook(**shuffled)) == assess(result, report, request, RuleBook(**source))


@patient
@given(st.lists(st.tuples(results, reports, requests), min_size=2, max_size=8), sources)
def test_what_the_book_remembers_changes_nothing(questions: list[Any], source: dict[str, Any]) -> None:
    book = RuleBook(**source)
    warm = [assess(*question, book) for question in [*questions, *questions]]
    fresh = [assess(*question, RuleBook(**source)) for question in [*questions, *questions]]
    assert warm == fresh


@patient
@given(cases)
def test_a_dimension_left_out_never_matches(case: tuple[Any, ...]) -> None:
    result, report, request, source = case
    book = RuleBook(**source)
    verdict = assess(result, report, request, book)
    assume(verdict.item is not None and verdict.item.terms)
    silent = assess(result._replace(specimen=(), body_site=(), method=()), report, request, book)
    assert not silent.reusable


@patient
@given(likely(), st.sampled_from(["withdrawn", "superseded", "disputed", "in_doubt", "decided"]))
def test_what_befell_the_report_always_counts(case: tuple[Any, ...], what: str) -> None:
    result, report, request, source = case
    assert not assess(result, report._replace(**{what: True}), request, RuleBook(**source)).reusable


@patient
@given(likely())
def test_own_results_are_never_reused(case: tuple[Any, ...]) -> None:
    result, report, request, source = case
    for own in (report.issuer, result.performer):
        verdict = assess(result, report, request._replace(institution=own), RuleBook(**source))
        assert NotReusable.OWN_INSTITUTION in verdict.reasons


wild_int = st.one_of(st.integers(), st.sampled_from([2**63, -(2**63), 253402300800000, -62135596800001]))
wild_keys = st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=3).map(tuple)


@patient
@given(
    st.builds(
        ResultFacts,
        wild_int,
        st.text(max_size=8),
        wild_int,
        st.one_of(st.none(), wild_int),
        wild_int,
        st.one_of(st.none(), wild_int),
        *[wild_keys] * 6,
        st.text(max_size=3),
        st.text(max_size=3),
    ),
    st.builds(
        ReportFacts, st.binary(), st.text(max_size=3), st.text(max_size=8), issued=st.one_of(st.none(), wild_int)
    ),
    st.builds(Request, st.text(max_size=3), wild_int),
    sources,
)
def test_total(result: ResultFacts, report: ReportFacts, request: Request, source: dict[str, Any]) -> None:
    verdict = assess(result, report, request, RuleBook(**source))
    assert isinstance(verdict, Assessment)
    mapped = RuleBook(**source, version=2)
    assert isinstance(assess(result._replace(codes=(("s", "K"),)), report, request, mapped), Assessment)


def test_many_likely_cases_are_reusable() -> None:
    # Without this the properties above might hold of nothing.
    reusable = []

    @settings(patient, max_examples=200, database=None, derandomize=True)
    @given(likely())
    def count(case: tuple[Any, ...]) -> None:
        result, report, request, source = case
        reusable.append(assess(result, report, request, RuleBook(**source)).reusable)

    count()
    assert sum(reusable) >= 30, f"{sum(reusable)} of {len(reusable)}"
