"""The gate: what a patient withholds does not exist in any answer, until the patient or an emergency opens it."""

import secrets
from dataclasses import replace
from typing import Any

import pytest
from hutong_server.domain.caller import Role
from hutong_server.domain.consent import Directive, Effect, Scope
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.recognition import ConsentBasis, ConsentRule, Policy, SensitiveCategory
from hutong_server.domain.report import Coding, Component, Concept, Party, Report, Result
from hutong_server.store.base import Store
from hutong_server.trust.tokens import HmacTokens
from hutong_server.usecases import consent
from hutong_server.usecases.asking import Context, Outcome, PatientQuery
from hutong_server.usecases.consent import Told, Wanted, list_directives, put_directive, revoke_directive
from hutong_server.usecases.gate import RefusedOnRecord
from hutong_server.usecases.get_report import PUBLISHED_ID, REPORT_ID, GetReport, WholeReport, get_report
from hutong_server.usecases.list_reports import ListReports, ReportList, list_reports
from hutong_server.usecases.open_chart import ChartAnswer, OpenChart, open_chart
from hutong_server.usecases.patients import Step, link, unlink
from hutong_server.usecases.publish import Publisher
from hutong_server.usecases.reviews import close_review, list_reviews

from tests.building import DAY, LOINC, NOW, again, caller, chart_of, report, resident_number, result, withdrawal
from tests.usecases.conftest import PlainWire, Registry, rule_book

HOUR = 3_600_000
HIV_CODE = "56888-1"
CATEGORIES = [
    SensitiveCategory("hiv", "艾滋病", "HIV", codes=((LOINC, HIV_CODE),)),
    SensitiveCategory("cardiac", "心脏", "cardiac", codes=((LOINC, "10839-9"),), needs_grant=False),
    SensitiveCategory("genetic", "遗传", "genetic", report_categories=("GE",)),
]
TREATMENT = Context("dr", "visit", "treatment")
EMERGENCY = Context("dr", "visit", "emergency", break_glass_reason="昏迷")


@pytest.fixture
def registry(store: Store) -> Registry:
    return registry_of(store)


def registry_of(store: Store, **rule: Any) -> Registry:
    book = rule_book(sensitive=CATEGORIES, policy=Policy(consent=ConsentRule(**rule)))
    return Registry(store, Publisher(book, HmacTokens(secrets.token_bytes(32)), PlainWire()))


def query(of: Report) -> PatientQuery:
    return PatientQuery(*chart_of(of))


def chart(at: Registry, of: Report, context: Context = TREATMENT, institution: str = "H2") -> ChartAnswer:
    ask = OpenChart("q", query(of), context, caller(institution, Role.EMR), True)
    book, tokens = at.publisher.book, at.publisher.tokens
    answer = at.store.read(lambda reader: open_chart(ask, reader, book, tokens, at.now))
    at.store.submit(answer.keep).result(30)
    return answer


def listed(at: Registry, of: Report, context: Context = TREATMENT, **more: Any) -> ReportList:
    ask = ListReports(query(of), context, caller("H2", Role.EMR), **more)
    book, tokens = at.publisher.book, at.publisher.tokens
    answer = at.store.read(lambda reader: list_reports(ask, reader, book, tokens, at.ids, at.now))
    at.store.submit(answer.keep).result(30)
    return answer


def whole(at: Registry, published: Any, context: Context = TREATMENT, kind: str = REPORT_ID) -> WholeReport:
    offered = at.ids.seal(kind, "H2", (published.patient_key, published.report_id))
    ask = GetReport(offered, context, caller("H2", Role.EMR))
    book, tokens = at.publisher.book, at.publisher.tokens
    answer = at.store.read(lambda reader: get_report(ask, reader, book, tokens, at.ids, at.now))
    at.store.submit(answer.keep).result(30)
    return answer


def told(at: Registry, of: Report, institution: str = "H4") -> Told:
    return Told(query(of), TREATMENT, caller(institution, Role.EMR), at.now, "r")


def decide(
    at: Registry,
    of: Report,
    effect: Effect = Effect.WITHHOLD,
    scope: Scope = Scope.EVERYTHING,
    target: str = "",
    *,
    request_id: str = "",
    **dates: Any,
) -> Directive:
    wanted = Wanted(request_id or secrets.token_hex(8), effect, scope, target, **dates)
    return at.store.submit(put_directive(wanted, told(at, of), at.publisher.book, at.publisher.tokens)).result(30)


def shown(answer: ChartAnswer) -> int:
    return len(answer.prompted.lines) + len(answer.prompted.not_reusable)


def two(first: str = "2823-3", second: str = HIV_CODE) -> tuple[Result, Result]:
    return result(first), result(second, "阳性", ordinal=1)


PERSON = {"number": resident_number(7)}
OTHER = {"number": resident_number(8)}


def test_everything_is_withheld_from_chart_list_and_report(registry: Registry) -> None:
    plain = report(**PERSON)
    (published,) = registry.publish(plain)
    assert shown(chart(registry, plain)) == 1
    decide(registry, plain)
    stranger = report(**OTHER)
    for context in (TREATMENT, replace(TREATMENT, purpose="emergency")):
        withheld, unknown = chart(registry, plain, context), chart(registry, stranger, context)
        assert shown(withheld) == 0
        assert withheld.outcome is unknown.outcome is Outcome.NONE
        assert withheld.rows == unknown.rows == {}
        assert withheld.passed.count == 0
    assert listed(registry, plain).page == ()
    with pytest.raises(HutongError) as refused:
        whole(registry, published)
    assert refused.value.reason is Reason.REPORT_NOT_FOUND
    # The institution that issued it is told nothing else.
    assert shown(chart(registry, plain, institution="H1")) == 0


def test_unknown_withheld_and_empty_patients_are_recorded_alike(registry: Registry) -> None:
    plain, empty, unknown = report(**PERSON), report(**OTHER), report(number=resident_number(9))
    registry.publish(plain)
    decide(registry, plain)
    decide(registry, empty, Effect.ALLOW, Scope.CATEGORY, "hiv")
    kept = [chart(registry, each).record for each in (plain, empty, unknown)]
    for record in kept:
        assert (record.method, record.outcome, record.reports, record.consent_basis) == (
            "OpenChart",
            "none",
            (),
            "opt_out",
        )
        assert [len(key) for key in record.patient_keys] == [16]
    # Why nothing was shown stands in the record alone.
    assert [[reason for _, _, reason in record.withheld] for record in kept] == [["CONSENT_WITHHELD"], [], []]
    assert len({record.patient_keys for record in kept}) == 3


def test_an_institution_is_withheld_as_issuer_and_as_performer(registry: Registry) -> None:
    one, other = report("A", **PERSON), report("B", **PERSON)
    sent_out = replace(result(), performers=(Party(name="检验中心"),))
    registry.publish(one)
    registry.publish(other, institution="H3")
    registry.publish(report("C", results=(sent_out,), **PERSON))
    assert len(chart(registry, one).rows) == 3
    decide(registry, one, scope=Scope.INSTITUTION, target="L")
    assert len(chart(registry, one).rows) == 2
    decide(registry, one, scope=Scope.INSTITUTION, target="H1")
    assert [row.institution for row in chart(registry, one).rows.values()] == ["H3"]
    assert [row.institution for row, _ in listed(registry, one).page] == ["H3"]
    decide(registry, one, scope=Scope.INSTITUTION, target="H3")
    assert shown(chart(registry, one)) == 0


def test_a_sensitive_result_does_not_exist_until_it_is_allowed(registry: Registry) -> None:
    mixed = report(results=two(), **PERSON)
    (published,) = registry.publish(mixed)
    answer = chart(registry, mixed)
    assert [judged.result.ordinal for judged in _judged(answer)] == [0]
    ((row, results),) = listed(registry, mixed).page
    assert [judged.result.ordinal for judged in results] == [0]
    assert row.partly_withheld
    assert [reason for _, _, reason in answer.record.withheld] == ["SENSITIVE_CATEGORY"]
    # The document and the images cover all results: of a part of them they are not shown.
    opened = whole(registry, published)
    assert [judged.result.ordinal for judged in opened.results] == [0]
    assert (opened.document, opened.images) == (b"", b"")
    given = decide(registry, mixed, Effect.ALLOW, Scope.CATEGORY, "hiv", valid_until=NOW + DAY)
    assert len(_judged(chart(registry, mixed))) == 2
    opened = whole(registry, published)
    assert (len(opened.results), opened.document) == (2, mixed.document)
    registry.now = NOW + DAY
    assert len(_judged(chart(registry, mixed))) == 1
    registry.now = NOW
    revoke(registry, mixed, given)
    assert len(_judged(chart(registry, mixed))) == 1


def _judged(answer: ChartAnswer) -> list[Any]:
    lines = [line.best for line in answer.prompted.lines] + [
        newer for line in answer.prompted.lines for newer in line.newer
    ]
    return lines + [each for each in answer.prompted.not_reusable if each not in lines]


def revoke(at: Registry, of: Report, given: Directive) -> Directive:
    job = revoke_directive(given.directive_id, told(at, of), at.publisher.book, at.publisher.tokens)
    return at.store.submit(job).result(30)


def test_a_newer_sensitive_result_is_not_mentioned(registry: Registry) -> None:
    """The newer result of an item is named whatever its verdict, unless it does not exist for the asker."""
    older = report("old", **PERSON)
    newer = report("new", results=(result(time=NOW - HOUR, status="preliminary"),), **PERSON)
    registry.publish(older)
    registry.publish(again(newer, categories=()), institution="H3")
    assert len(chart(registry, older).prompted.lines[0].newer) == 1
    decide(registry, older, scope=Scope.INSTITUTION, target="H3")
    (line,) = chart(registry, older).prompted.lines
    assert line.newer == ()


def test_a_category_that_needs_no_grant_is_open_unless_it_is_withheld(registry: Registry) -> None:
    mixed = report(results=two(second="10839-9"), **PERSON)
    registry.publish(mixed)
    assert len(_judged(chart(registry, mixed))) == 2
    decide(registry, mixed, scope=Scope.CATEGORY, target="cardiac")
    assert [judged.result.ordinal for judged in _judged(chart(registry, mixed))] == [0]


def test_a_component_makes_a_result_sensitive(registry: Registry) -> None:
    panel = result("58410-2")
    part = Component(Concept((Coding(LOINC, HIV_CODE, "HIV"),)))
    panel = replace(panel, detail=replace(panel.detail, components=(part,)))
    mixed = report(results=(panel,), **PERSON)
    registry.publish(mixed)
    assert shown(chart(registry, mixed)) == 0


def test_a_report_of_a_sensitive_category_does_not_exist_at_all(registry: Registry) -> None:
    genetic = again(report(**PERSON), categories=(Concept((Coding("urn:c", "GE"),)),))
    named = again(report("N", results=(), **PERSON), code=Concept((Coding(LOINC, HIV_CODE),)))
    registry.publish(genetic)
    registry.publish(named)
    assert chart(registry, genetic).rows == {}
    assert listed(registry, genetic).page == ()
    decide(registry, genetic, Effect.ALLOW, Scope.CATEGORY, "genetic")
    assert len(listed(registry, genetic).page) == 1


def test_a_withdrawn_report_with_something_sensitive_is_not_told(registry: Registry) -> None:
    mixed = report(results=two(), **PERSON)
    (published,) = registry.publish(mixed)
    registry.publish(withdrawal())
    assert listed(registry, mixed).page == ()
    with pytest.raises(HutongError):
        whole(registry, published)
    decide(registry, mixed, Effect.ALLOW, Scope.CATEGORY, "hiv")
    ((row, _),) = listed(registry, mixed).page
    assert row.withdrawn
    assert whole(registry, published).document == withdrawal().document


def test_pages_hold_what_is_open(registry: Registry) -> None:
    """The filter is applied before paging: a page is full, and its token leads to the next open report."""
    first = report("0", **PERSON)
    for number in range(4):
        each = report(str(number), results=(result(time=NOW - number * HOUR),), **PERSON)
        registry.publish(replace(each, effective=NOW - number * HOUR), institution="H1" if number % 2 else "H3")
    decide(registry, first, scope=Scope.INSTITUTION, target="H1")
    page = listed(registry, first, page_size=1)
    assert [row.institution for row, _ in page.page] == ["H3"]
    assert page.next_page_token
    last = listed(registry, first, page_size=1, page_token=page.next_page_token)
    assert [row.institution for row, _ in last.page] == ["H3"]
    assert not last.next_page_token


def test_a_directive_holds_between_its_dates(registry: Registry) -> None:
    plain = report(**PERSON)
    registry.publish(plain)
    decide(registry, plain, valid_from=NOW + HOUR, valid_until=NOW + 2 * HOUR)
    seen = []
    for moment in (NOW, NOW + HOUR - 1, NOW + HOUR, NOW + 2 * HOUR - 1, NOW + 2 * HOUR):
        registry.now = moment
        seen.append(shown(chart(registry, plain)))
    assert seen == [1, 1, 0, 0, 1]


def test_taking_back_opens_again_and_is_idempotent(registry: Registry) -> None:
    plain = report(**PERSON)
    registry.publish(plain)
    given = decide(registry, plain)
    assert shown(chart(registry, plain)) == 0
    first = revoke(registry, plain, given)
    assert shown(chart(registry, plain)) == 1
    registry.now += HOUR
    assert revoke(registry, plain, given) == first
    with pytest.raises(RefusedOnRecord) as refused:
        revoke(registry, report(**OTHER), given)
    assert refused.value.reason is Reason.NOT_FOUND


def test_a_directive_of_somebody_unknown_holds_for_what_comes_later(registry: Registry) -> None:
    plain = report(**PERSON)
    decide(registry, plain)
    assert shown(chart(registry, plain)) == 0
    registry.publish(plain)
    assert shown(chart(registry, plain)) == 0
    # Also under a record of its own: the report says more than the directive's chart did.
    registry.publish(again(report("B", **PERSON), demographics=replace(plain.demographics, sex="")))
    assert shown(chart(registry, plain)) == 0


def test_a_directive_follows_the_person_through_link_and_unlink(registry: Registry) -> None:
    one, other = report("A", **PERSON), report("B", **OTHER)
    registry.publish(one)
    registry.publish(other)
    decide(registry, one)
    first, second = (chart(registry, each).record.patient_keys[0] for each in (one, other))
    assert (shown(chart(registry, one)), shown(chart(registry, other))) == (0, 1)
    step = Step(caller("registry", Role.ADMIN), "the same person", registry.now)
    registry.store.submit(link(first, second, step)).result(30)
    assert (shown(chart(registry, one)), shown(chart(registry, other))) == (0, 0)
    registry.store.submit(unlink(second, step)).result(30)
    assert (shown(chart(registry, one)), shown(chart(registry, other))) == (0, 1)


def test_doubt_about_the_patient_is_no_directive(registry: Registry) -> None:
    plain = report(**PERSON)
    registry.publish(plain)
    mistyped = again(plain, demographics=replace(plain.demographics, birth_date="1980-05-13"))
    with pytest.raises(RefusedOnRecord) as refused:
        decide(registry, mistyped)
    assert refused.value.reason is Reason.PATIENT_IN_DOUBT
    assert (refused.value.record.outcome, refused.value.record.reason) == ("refused", "PATIENT_IN_DOUBT")
    assert shown(chart(registry, plain)) == 1


def test_the_same_request_is_one_directive(registry: Registry) -> None:
    plain = report(**PERSON)
    first = decide(registry, plain, request_id="same")
    registry.now += HOUR
    assert decide(registry, plain, request_id="same") == first
    with pytest.raises(HutongError) as refused:
        decide(registry, plain, scope=Scope.INSTITUTION, target="H1", request_id="same")
    assert refused.value.reason is Reason.ALREADY_EXISTS
    found = registry.store.read(
        lambda reader: list_directives(
            told(registry, plain), reader, registry.publisher.book, registry.publisher.tokens
        )
    )
    assert found.directives == (first,)


def test_directives_have_an_end(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consent, "MOST", 2)
    plain = report(**PERSON)
    for target in ("H1", "H3"):
        decide(registry, plain, scope=Scope.INSTITUTION, target=target, request_id=target)
    with pytest.raises(HutongError) as refused:
        decide(registry, plain)
    assert refused.value.reason is Reason.STATE_CONFLICT
    assert decide(registry, plain, scope=Scope.INSTITUTION, target="H1", request_id="H1").target == "H1"


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        (Wanted("r", Effect.ALLOW, Scope.EVERYTHING), "directive.scope"),
        (Wanted("r", Effect.WITHHOLD, Scope.EVERYTHING, "H1"), "directive.target"),
        (Wanted("r", Effect.WITHHOLD, Scope.INSTITUTION, "NOWHERE"), "directive.target"),
        (Wanted("r", Effect.ALLOW, Scope.CATEGORY, "nothing"), "directive.target"),
        (Wanted("r", Effect.WITHHOLD, Scope.EVERYTHING, valid_until=NOW), "directive.valid_until"),
    ],
)
def test_a_directive_that_cannot_hold_is_refused(wanted: Wanted, path: str) -> None:
    book = rule_book(sensitive=CATEGORIES)
    asked = Told(query(report(**PERSON)), TREATMENT, caller("H4", Role.EMR), NOW)
    with pytest.raises(HutongError) as refused:
        put_directive(wanted, asked, book, HmacTokens(secrets.token_bytes(32)))
    assert (refused.value.reason, [issue.path for issue in refused.value.issues]) == (Reason.REQUEST_INVALID, [path])


def test_a_count_is_one_number_where_the_region_allows_it(store: Store) -> None:
    registry = registry_of(store, count_withheld=True)
    mixed = report(results=two(), **PERSON)
    registry.publish(mixed)
    registry.publish(report("empty", results=(), **PERSON))
    assert chart(registry, mixed).passed.count == 1
    decide(registry, mixed)
    # Two results, and a report without any.
    assert chart(registry, mixed).passed.count == 3
    assert chart(registry, report(**OTHER)).passed.count == 0


def test_break_glass_opens_for_one_practitioner_patient_and_time(registry: Registry) -> None:
    plain, other = report(results=two(), **PERSON), report("B", **OTHER)
    (published,) = registry.publish(plain)
    registry.publish(other)
    decide(registry, plain)
    decide(registry, other)
    # A reason without the purpose is none.
    assert shown(chart(registry, plain, replace(EMERGENCY, purpose="treatment"))) == 0
    answer = chart(registry, plain, EMERGENCY)
    assert shown(answer) == 2
    assert (answer.record.consent_basis, answer.passed.declared) == ("break_glass", True)
    # It goes on without saying so again, and counts.
    assert shown(chart(registry, plain)) == 2
    assert whole(registry, published).document == plain.document
    assert len(listed(registry, plain).page) == 1
    assert shown(chart(registry, plain, replace(TREATMENT, practitioner="another"))) == 0
    assert shown(chart(registry, plain, institution="H3")) == 0
    assert shown(chart(registry, other)) == 0
    (review,) = reviews(registry)
    assert (review.institution, review.practitioner, review.encounter, review.reason) == ("H2", "dr", "visit", "昏迷")
    assert (review.answers, review.open_until - review.opened_at) == (4, 24 * HOUR)
    registry.now = NOW + 24 * HOUR - 1
    assert shown(chart(registry, plain)) == 2
    registry.now += 1
    assert shown(chart(registry, plain)) == 0
    # A second emergency is a second review.
    assert chart(registry, plain, EMERGENCY).passed.declared
    assert len(reviews(registry)) == 2


def reviews(at: Registry, *, closed: bool = False) -> tuple[Any, ...]:
    admin = caller("registry", Role.ADMIN)
    page = at.store.read(
        lambda reader: list_reviews(None, 100, reader, closed=closed, caller=admin, now=at.now, request_id="r")
    )
    assert not page.more
    return page.openings


def test_a_repeated_reason_is_the_same_emergency(registry: Registry) -> None:
    plain = report(**PERSON)
    registry.publish(plain)
    ask = OpenChart("q", query(plain), EMERGENCY, caller("H2", Role.EMR), True)
    book, tokens = registry.publisher.book, registry.publisher.tokens
    # Two answers at once: neither saw what the other was about to keep.
    both = [registry.store.read(lambda reader: open_chart(ask, reader, book, tokens, NOW)) for _ in range(2)]
    for answer in both:
        registry.store.submit(answer.keep).result(30)
    assert not chart(registry, plain, EMERGENCY).passed.declared
    (review,) = reviews(registry)
    assert review.answers == 3


def test_two_practitioners_are_two_emergencies(registry: Registry) -> None:
    plain = report(**PERSON)
    registry.publish(plain)
    for practitioner in ("dr", "another"):
        assert chart(registry, plain, replace(EMERGENCY, practitioner=practitioner)).passed.declared
    assert chart(registry, plain, EMERGENCY, institution="H3").passed.declared
    found = {(each.institution, each.practitioner, each.answers) for each in reviews(registry)}
    assert found == {("H2", "dr", 1), ("H2", "another", 1), ("H3", "dr", 1)}


def test_break_glass_for_somebody_unknown_is_reviewed_alike(registry: Registry) -> None:
    unknown = report(**PERSON)
    answer = chart(registry, unknown, EMERGENCY)
    assert (answer.outcome, answer.record.consent_basis) == (Outcome.NONE, "break_glass")
    assert chart(registry, unknown).record.consent_basis == "break_glass"
    assert [review.answers for review in reviews(registry)] == [2]


def test_a_review_is_closed_once(registry: Registry) -> None:
    plain = report(**PERSON)
    registry.publish(plain)
    chart(registry, plain, EMERGENCY)
    (review,) = reviews(registry)
    admin = caller("registry", Role.SUPERVISOR)
    job = close_review(
        review.patient_key, review.opening_id, "in order", caller=admin, now=registry.now, request_id="r"
    )
    closed = registry.store.submit(job).result(30)
    assert (closed.closed_by, closed.finding, closed.closed_at) == ("registry/supervisor", "in order", registry.now)
    assert reviews(registry) == ()
    # An answer under it counts on, and does not open the review again.
    chart(registry, plain)
    assert reviews(registry) == ()
    (kept,) = reviews(registry, closed=True)
    assert (kept.answers, kept.finding) == (2, "in order")
    with pytest.raises(HutongError) as refused:
        registry.store.submit(job).result(30)
    assert refused.value.reason is Reason.STATE_CONFLICT


def test_visit_authorisation_is_asked_for_alike(store: Store) -> None:
    registry = registry_of(store, basis=ConsentBasis.VISIT_AUTHORIZATION)
    plain, unknown = report(**PERSON), report(**OTHER)
    (published,) = registry.publish(plain)
    refusals = []
    for each in (plain, unknown):
        for ask in (chart, listed):
            with pytest.raises(RefusedOnRecord) as refused:
                ask(registry, each)
            refusals.append(refused.value)
    with pytest.raises(RefusedOnRecord) as refused:
        whole(registry, published)
    refusals.append(refused.value)
    assert {(each.reason, each.message, each.issues) for each in refusals} == {
        (Reason.AUTHORIZATION_MISSING, refusals[0].message, ())
    }
    assert {(each.record.outcome, each.record.reason, each.record.reports) for each in refusals} == {
        ("refused", "AUTHORIZATION_MISSING", ())
    }
    answer = chart(registry, plain, replace(TREATMENT, authorization="card_read"))
    assert shown(answer) == 1
    assert answer.record.consent_basis == "visit_authorization:card_read"
    # Who cannot be asked is opened by an emergency, which is reviewed.
    assert chart(registry, plain, EMERGENCY).record.consent_basis == "break_glass"
    assert shown(chart(registry, plain)) == 1


def test_authorisation_at_the_visit_opens_nothing_that_is_withheld(store: Store) -> None:
    registry = registry_of(store, basis=ConsentBasis.VISIT_AUTHORIZATION)
    mixed = report(results=two(), **PERSON)
    registry.publish(mixed)
    authorised = replace(TREATMENT, authorization="guardian")
    assert len(_judged(chart(registry, mixed, authorised))) == 1
    decide(registry, mixed)
    assert shown(chart(registry, mixed, authorised)) == 0


def test_an_id_from_elsewhere_opens_nothing(registry: Registry) -> None:
    plain = report(**PERSON)
    (published,) = registry.publish(plain)
    assert whole(registry, published).document == plain.document
    with pytest.raises(HutongError) as refused:
        whole(registry, published, kind=PUBLISHED_ID)
    assert refused.value.reason is Reason.REPORT_NOT_FOUND
