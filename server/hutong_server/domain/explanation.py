"""How the verdict on one result was reached: rule by rule, with the catalogue entries that decided. Pure.

The verdict is that of reuse.assess; the steps work out again, each for itself, what it rests on. Tests hold the two
together: the reasons that the steps give are the reasons of the verdict, for any result and any rule book.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from hutong_server.domain.days import LAST_DAY
from hutong_server.domain.mapping import Mapped
from hutong_server.domain.prompt import Judged
from hutong_server.domain.recognition import Dimension, RecognizedItem, TimeBase
from hutong_server.domain.report import ResultFacts, ResultFlag, Status, TimeSource
from hutong_server.domain.reuse import DAY, Assessment, NotReusable, ReportFacts, Request, assess
from hutong_server.domain.rulebook import RuleBook
from hutong_server.domain.standing import Parties
from hutong_server.domain.trace import Trace, TraceStep, TraceSubject, entry_key, moment
from hutong_server.domain.trace_item import item_steps
from hutong_server.domain.trace_mapping import mapping_steps
from hutong_server.domain.trace_standing import direction_steps, grant_steps

_SPECIMEN = (Dimension.SPECIMEN, Dimension.COLLECTION)
_OTHERS = (Dimension.BODY_PART, Dimension.LATERALITY, Dimension.METHOD, Dimension.CONTRAST)

_CHINESE = {
    Dimension.SPECIMEN: "标本",
    Dimension.COLLECTION: "采集条件",
    Dimension.BODY_PART: "部位",
    Dimension.LATERALITY: "侧别",
    Dimension.METHOD: "方法",
    Dimension.CONTRAST: "造影剂",
}


def explain(result: ResultFacts, report: ReportFacts, request: Request, book: RuleBook) -> tuple[Assessment, Trace]:
    """The verdict of assess(...), and the steps that lead to it."""
    verdict = assess(result, report, request, book)
    return verdict, tuple(_steps(result, report, request, verdict, book))


Place = tuple[bytes, int]
"""Which result: report id and ordinal."""
Traces = Mapping[Place, Trace]
MAX_TRACED = 200
"""Results of a chart or of orders whose steps are told: an answer has to stay within what a client takes."""


def place(judged: Judged) -> Place:
    """Where a result stands."""
    return judged.report.report_id, judged.result.ordinal


def traces_of(results: Iterable[Judged], request: Request, book: RuleBook) -> Traces:
    """The steps of verdicts that were reached before, by where the results stand: of the first MAX_TRACED.

    A reason that assess(...) does not give is one that orders gave: see orders.py.
    """
    traces: dict[Place, Trace] = {}
    for each in islice({place(each): each for each in results}.values(), MAX_TRACED):
        verdict, trace = explain(each.result, each.report, request, book)
        of_orders = [reason for reason in each.verdict.reasons if reason not in verdict.reasons]
        traces[place(each)] = (*trace, *map(_of_orders, of_orders))
    return traces


def _of_orders(reason: NotReusable) -> TraceStep:
    specimen = reason is NotReusable.SPECIMEN_DIFFERS
    subject = TraceSubject.SPECIMEN if specimen else TraceSubject.BODY_PART_OR_METHOD
    return _failed(subject, reason, "differs from what the orders state", "与医嘱所述不符")


def _steps(
    result: ResultFacts, report: ReportFacts, request: Request, verdict: Assessment, book: RuleBook
) -> Iterator[TraceStep]:
    issued = result.issued if result.issued is not None else report.issued
    taken = None if result.time_source == TimeSource.NONE else result.time
    tested = issued if taken is None else taken
    day = None if tested is None else book.day(tested)
    test_day = LAST_DAY if day is None else day.text
    today = book.day(request.now).text
    performer = result.performer or report.issuer
    mapped = book.item_of(result, performer, day)
    yield from _patient(result, report)
    yield from _status(result, report, book)
    yield from _value(result)
    yield from _asker(result, report, request, verdict)
    yield from mapping_steps(result, performer, mapped, test_day, book)
    yield from item_steps(mapped, request.institution, (test_day, today), book)
    item = verdict.item
    if item is None:
        if tested is not None and tested > request.now:
            yield _ahead(tested, request, book)
        return
    yield _terms(TraceSubject.SPECIMEN, NotReusable.SPECIMEN_DIFFERS, _SPECIMEN, item, result, mapped, book)
    reason = NotReusable.BODY_PART_OR_METHOD_DIFFERS
    yield _terms(TraceSubject.BODY_PART_OR_METHOD, reason, _OTHERS, item, result, mapped, book)
    base = issued if item.time_base is TimeBase.ISSUED else None if result.time_source == TimeSource.ISSUED else taken
    yield from _window(item, base, tested, request, book)
    yield _images(item, result)
    if request.institution in (report.issuer, result.performer):
        return
    standing = book.standing(result, report.issuer, request.institution, item, tested, request.now)
    parties = Parties(report.issuer, result.performer, result.reader, request.institution)
    yield from direction_steps(parties, item, standing, today, book)
    yield from grant_steps(parties, item, standing, tested, (test_day, today), book)


def _failed(subject: TraceSubject, reason: NotReusable, english: str, chinese: str) -> TraceStep:
    return TraceStep(subject, False, english, chinese, reason)


def _patient(result: ResultFacts, report: ReportFacts) -> Iterator[TraceStep]:
    subject = TraceSubject.PATIENT
    if report.in_doubt:
        yield _failed(subject, NotReusable.PATIENT_IN_DOUBT, "not certain whose report it is", "不能确定报告属于谁")
    if result.has(ResultFlag.OTHER_SUBJECT) or result.has(ResultFlag.FOREIGN_FOCUS):
        english = "its subject or focus is somebody or something else"
        yield _failed(subject, NotReusable.OTHER_SUBJECT, english, "结果的对象或焦点另有所指")
    elif not report.in_doubt:
        yield TraceStep(subject, True, "about the patient", "属于该患者")


def _status(result: ResultFacts, report: ReportFacts, book: RuleBook) -> Iterator[TraceStep]:
    subject = TraceSubject.STATUS
    both = f"result {result.status or '—'}, report {report.status or '—'}"
    both_zh = f"结果 {result.status or '—'}，报告 {report.status or '—'}"
    taken_back = {Status.CANCELLED.value, Status.ENTERED_IN_ERROR.value}
    failed = False
    if report.withdrawn or not taken_back.isdisjoint((result.status, report.status)):
        failed = True
        yield _failed(subject, NotReusable.WITHDRAWN, f"taken back by its source: {both}", f"来源已撤回：{both_zh}")
    if report.superseded:
        failed = True
        yield _failed(subject, NotReusable.SUPERSEDED, "a newer version has replaced it", "已被更新的版本替换")
    if report.disputed:
        failed = True
        english = "two documents claim its derived identity and cannot be ordered"
        yield _failed(subject, NotReusable.IDENTITY_DISPUTED, english, "两份文档同称此报告，且无法排出先后")
    if book.unresumed.holds(report.issuer):
        failed = True
        english = f"the registry was put back from a backup, and the feeds of {report.issuer} have not gone on since"
        chinese = f"平台自备份恢复后，{report.issuer} 的上传尚未接续"
        yield _failed(subject, NotReusable.FEED_NOT_RESUMED, english, chinese)
    final = {status.value for status in Status if status.is_final}
    if result.status not in final or report.status not in final | {Status.PARTIAL.value}:
        yield _failed(subject, NotReusable.NOT_FINAL, f"not final: {both}", f"不是最终结果：{both_zh}")
    elif not failed:
        yield TraceStep(subject, True, f"final: {both}", f"最终结果：{both_zh}")


def _value(result: ResultFacts) -> Iterator[TraceStep]:
    subject = TraceSubject.VALUE
    unreadable = result.has(ResultFlag.UNREADABLE) or result.has(ResultFlag.UNKNOWN_MODIFIER)
    if unreadable:
        english = "could not be read, or carries a modifier that the registry does not know"
        yield _failed(subject, NotReusable.UNREADABLE, english, "无法解读，或带有平台不认识的修饰扩展")
    if not result.has(ResultFlag.HAS_VALUE):
        yield _failed(subject, NotReusable.NO_VALUE, "has no value", "没有结果值")
    elif not unreadable:
        yield TraceStep(subject, True, "has a value", "有结果值")


def _asker(result: ResultFacts, report: ReportFacts, request: Request, verdict: Assessment) -> Iterator[TraceStep]:
    subject, asker = TraceSubject.ASKER, request.institution
    parties = f"issued by {report.issuer}, performed by {result.performer or '—'}, asked for by {asker}"
    parties_zh = f"{report.issuer} 出具，{result.performer or '—'} 检测，{asker} 询问"
    own = asker in (report.issuer, result.performer)
    if own:
        yield _failed(subject, NotReusable.OWN_INSTITUTION, parties, parties_zh)
    decided = verdict.item is not None and verdict.item.code in request.decided
    if report.decided or decided:
        yield _failed(subject, NotReusable.ALREADY_DECIDED, "already decided in this encounter", "本次就诊已处理")
    elif not own:
        yield TraceStep(subject, True, parties, parties_zh)


def _terms(
    subject: TraceSubject,
    reason: NotReusable,
    dimensions: tuple[Dimension, ...],
    item: RecognizedItem,
    result: ResultFacts,
    mapped: Mapped,
    book: RuleBook,
) -> TraceStep:
    """What the item asks for in these dimensions, and what the result states of it, in terms of the vocabulary."""
    stated = book.stated(result)
    asked = [(name, terms) for name, terms in item.terms if name in dimensions]
    if not asked:
        return TraceStep(subject, True, "the item asks for none", "项目对此没有要求")
    differs = not set(mapped.differs).isdisjoint(dimensions)
    said = {name: "+".join(sorted(stated[name])) or "—" for name, _ in asked}
    english = "; ".join(f"{name}: asks for {' or '.join(terms)}, states {said[name]}" for name, terms in asked)
    chinese = "；".join(f"{_CHINESE[name]}要求 {' 或 '.join(terms)}，注明 {said[name]}" for name, terms in asked)
    return TraceStep(
        subject,
        not differs,
        english,
        chinese,
        reason if differs else None,
        "item",
        entry_key(item.code, dates=item.dates),
    )


def _window(
    item: RecognizedItem, base: int | None, tested: int | None, request: Request, book: RuleBook
) -> Iterator[TraceStep]:
    subject = TraceSubject.WINDOW
    key = entry_key(item.code, dates=item.dates)
    issue = item.time_base is TimeBase.ISSUED
    ahead = tested is not None and tested > request.now
    if base is None:
        english = "no time of issue is known" if issue else "no time of specimen or examination is known"
        chinese = "没有报告时间" if issue else "没有采样或检查时间"
        yield TraceStep(subject, False, english, chinese, NotReusable.TIME_UNKNOWN, "item", key)
        if tested is not None and ahead:
            yield _ahead(tested, request, book)
        return
    until = base + item.window_days * DAY
    inside = item.window_days > 0 and base <= request.now <= until and not ahead
    of, of_zh = ("issue", "报告时间") if issue else ("specimen or examination", "采样或检查时间")
    start, end, now = (moment(each, book.zone) for each in (base, until, request.now))
    english = f"{item.window_days} days of 24 h from the time of {of}: {start} … {end}; asked at {now}"
    chinese = f"自{of_zh}起 {item.window_days} 个 24 小时：{start} … {end}；询问时间 {now}"
    if tested is not None and ahead and tested != base:
        english += f"; tested at {moment(tested, book.zone)}, which is later"
        chinese += f"；检测时间 {moment(tested, book.zone)} 在询问之后"
    yield TraceStep(subject, inside, english, chinese, None if inside else NotReusable.OUTSIDE_WINDOW, "item", key)


def _ahead(tested: int, request: Request, book: RuleBook) -> TraceStep:
    at, now = moment(tested, book.zone), moment(request.now, book.zone)
    english, chinese = f"dated {at}, after it was asked for ({now})", f"时间 {at} 在询问（{now}）之后"
    return _failed(TraceSubject.WINDOW, NotReusable.OUTSIDE_WINDOW, english, chinese)


def _images(item: RecognizedItem, result: ResultFacts) -> TraceStep:
    subject = TraceSubject.IMAGES
    if not item.needs_images:
        return TraceStep(subject, True, "the item asks for no images", "项目不要求影像")
    if result.has(ResultFlag.IMAGES_PRESENT):
        return TraceStep(subject, True, "images can be reached", "影像可调阅")
    english = "no imaging study with a series and an active address"
    return _failed(subject, NotReusable.IMAGES_MISSING, english, "没有含序列且地址有效的影像检查")
