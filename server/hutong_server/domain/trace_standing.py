"""Which rules and grants were tried for a result, and why each does or does not hold."""

from collections.abc import Iterator, Sequence

from hutong_server.domain.recognition import (
    Group,
    Institution,
    QualityGrant,
    QualityOf,
    RecognitionRule,
    RecognizedItem,
)
from hutong_server.domain.report import Instant
from hutong_server.domain.reuse import NotReusable
from hutong_server.domain.rulebook import RuleBook, Standing
from hutong_server.domain.standing import Parties, alike, covers_item
from hutong_server.domain.trace import TraceStep, TraceSubject, dates_text, day_text, entry_key, moment

_MOST = 6
_SIDES = {"issuer": "出具机构", "receiver": "接诊机构", "reader": "审核机构", "performer": "检测机构"}


def grant_key(grant: QualityGrant) -> str:
    """The catalogue's key of a grant."""
    return entry_key(grant.institution, grant.range, ";".join(grant.items), dates=grant.dates)


def direction_steps(
    parties: Parties, item: RecognizedItem, standing: Standing, today: str, book: RuleBook
) -> Iterator[TraceStep]:
    """Each rule about the item, and whether any of them lets the receiver rely on the issuer."""
    for rule in book.rules:
        if covers_item(rule.items, item):
            english, chinese = _why_not(rule, parties, today, book)
            holds = not english
            if holds:
                english = f"lets {parties.receiver} rely on {parties.issuer}; quality of the {rule.quality_of}"
                chinese = f"{parties.receiver} 可认可 {parties.issuer}；质量看{_SIDES[rule.quality_of]}"
            yield TraceStep(TraceSubject.DIRECTION, holds, english, chinese, entry_kind="rule", entry_key=rule.code)
    others = [rule.code for rule in book.rules if not covers_item(rule.items, item)]
    if others:
        codes = ", ".join(others)
        yield TraceStep(TraceSubject.DIRECTION, False, f"rules about other items: {codes}", f"其他项目的规则：{codes}")
    if standing.direction:
        return
    yield TraceStep(
        TraceSubject.DIRECTION,
        False,
        f"no rule lets {parties.receiver} rely on {parties.issuer}",
        f"没有规则让 {parties.receiver} 认可 {parties.issuer}",
        NotReusable.DIRECTION_NOT_RECOGNIZED,
    )


def grant_steps(
    parties: Parties,
    item: RecognizedItem,
    standing: Standing,
    tested: Instant | None,
    days: tuple[str, str],
    book: RuleBook,
) -> Iterator[TraceStep]:
    """Whose quality counts, each of its grants for the item, and which mark they come to. `days`: of test, today."""
    test_day, today = days
    to = book.institution(parties.receiver)
    holding = [
        rule for rule in book.rules if covers_item(rule.items, item) and not any(_why_not(rule, parties, today, book))
    ]
    # Where no rule holds, the performer's quality is told all the same.
    bearers = dict.fromkeys(rule.quality_of for rule in holding) or {QualityOf.PERFORMER: None}
    tried: set[str] = set()
    for side in sorted(bearers):
        code = parties.performer if side is QualityOf.PERFORMER else parties.reader
        missing = _no_bearer(side, code, tested, book)
        if missing is not None:
            yield missing
        elif code not in tried:
            tried.add(code)
            grants = book.grants.get(code, ())
            for grant in grants:
                if covers_item(grant.items, item):
                    yield _grant(grant, to, test_day, book)
            others = sum(not covers_item(grant.items, item) for grant in grants)
            if others:
                yield TraceStep(
                    TraceSubject.GRANT,
                    False,
                    f"{others} grants of {code} are about other items",
                    f"{code} 另有 {others} 项资格属于其他项目",
                )
    yield _mark(standing, parties)


def _mark(standing: Standing, parties: Parties) -> TraceStep:
    receiver = parties.receiver
    if not standing.granted:
        english = "no grant for the item was valid on the day of the test"
        chinese, reason = "检测当日没有该项目的有效资格", NotReusable.NO_QUALITY_GRANT
    elif not standing.covered:
        english = f"no grant reaches {receiver}"
        chinese, reason = f"没有资格的范围包含 {receiver}", NotReusable.OUT_OF_RANGE_OF_MARK
    else:
        english, chinese = f"mark {standing.mark} holds at {receiver}", f"标识 {standing.mark} 适用于 {receiver}"
        return TraceStep(TraceSubject.GRANT, True, english, chinese)
    return TraceStep(TraceSubject.GRANT, False, english, chinese, reason)


def _no_bearer(side: QualityOf, code: str, tested: Instant | None, book: RuleBook) -> TraceStep | None:
    """A step when nobody bears the quality: unknown to the registry, or suspended by the time of the test."""
    zh = _SIDES[side]
    if not code:
        return TraceStep(TraceSubject.GRANT, False, f"the {side} is not known to the registry", f"平台不知道{zh}")
    known = book.institution(code)
    since = known.quality_suspended_since if known else None
    if since is None or (tested is not None and tested < since):
        return None
    when = moment(since, book.zone)
    return TraceStep(
        TraceSubject.GRANT,
        False,
        f"quality of {code} is suspended for tests since {when}",
        f"{code} 自 {when} 起的检测暂停互认",
        entry_kind="institution",
        entry_key=code,
    )


def _grant(grant: QualityGrant, to: Institution | None, test_day: str, book: RuleBook) -> TraceStep:
    on, on_zh = day_text(test_day)
    span, span_zh = dates_text(grant.dates)
    english = f"{grant.mark}, range {grant.range}, {span}"
    chinese = f"{grant.mark}，范围 {grant.range}，有效期{span_zh}"
    in_time = grant.dates.cover(test_day)
    reaches = grant.range == "national" or (to is not None and book.standings.in_range(to, grant.range))
    english += f": valid on the day of the test ({on})" if in_time else f": not valid on the day of the test ({on})"
    chinese += f"：检测当日（{on_zh}）有效" if in_time else f"：检测当日（{on_zh}）无效"
    if not reaches:
        english, chinese = f"{english}; does not reach the receiver", f"{chinese}；不含接诊机构"
    return TraceStep(
        TraceSubject.GRANT,
        in_time and reaches,
        english,
        chinese,
        entry_kind="grant",
        entry_key=grant_key(grant),
    )


def _why_not(rule: RecognitionRule, parties: Parties, today: str, book: RuleBook) -> tuple[str, str]:
    """Why a rule does not hold (English, Chinese); both "" when it does."""
    english: list[str] = []
    chinese: list[str] = []
    if not rule.dates.cover(today):
        span, span_zh = dates_text(rule.dates)
        english.append(f"not in effect today ({today}); in effect {span}")
        chinese.append(f"今日（{today}）未生效；有效期{span_zh}")
    sides: list[tuple[str, str, Group | None]] = [
        ("issuer", parties.issuer, rule.issued_by),
        ("receiver", parties.receiver, rule.received_by),
        ("reader", parties.reader, rule.read_by),
    ]
    for side, code, group in sides:
        if group is None:
            continue
        institution = book.institution(code)
        if institution is None:
            english.append(f"the {side} {code or '—'} is not registered" if code else f"no {side} is known")
            chinese.append(f"{_SIDES[side]} {code} 未登记" if code else f"没有已知的{_SIDES[side]}")
        elif not book.standings.member(institution, group):
            asked, asked_zh = _asked(group)
            english.append(f"the {side} {code} ({_described(institution)}) is not of {asked}")
            chinese.append(f"{_SIDES[side]} {code}（{_described(institution)}）不属于{asked_zh}")
    by, to = book.institution(parties.issuer), book.institution(parties.receiver)
    for what in rule.alike if by is not None and to is not None else ():
        if by is not None and to is not None and not alike(what, by, to):
            english.append(f"issuer and receiver are not of one {what}")
            chinese.append({"alliance": "不在同一医联体", "city": "不在同一市", "province": "不在同一省"}[what])
    return "; ".join(english), "；".join(chinese)


def _described(institution: Institution) -> str:
    return ", ".join((institution.tier, institution.region, *institution.alliances))


def _asked(group: Group) -> tuple[str, str]:
    """(English, Chinese) for the conditions of a group; of many values the first."""
    given = [
        ("tiers", "级别", group.tiers),
        ("regions", "地区", group.regions),
        ("alliances", "医联体", group.alliances),
        ("institutions", "机构", group.institutions),
        ("sets", "区域组", group.sets),
    ]
    stated = [(name, chinese, values) for name, chinese, values in given if values]
    english = "; ".join(f"{name} {_first(values)}" for name, _, values in stated)
    return english, "；".join(f"{chinese} {_first(values)}" for _, chinese, values in stated)


def _first(values: Sequence[str]) -> str:
    return ", ".join(values[:_MOST]) + (f" … ({len(values)})" if len(values) > _MOST else "")
