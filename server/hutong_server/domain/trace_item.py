"""The item that a result is of: whether it is recognised on the day of the test, and what the receiver's region,
alliances and itself have made of it."""

from collections.abc import Iterator
from dataclasses import fields

from hutong_server.domain.mapping import Mapped
from hutong_server.domain.overrides import apply
from hutong_server.domain.recognition import Leeway, Override, RecognizedItem
from hutong_server.domain.reuse import NotReusable
from hutong_server.domain.rulebook import RuleBook
from hutong_server.domain.trace import TraceStep, TraceSubject, dates_text, day_text, entry_key


def override_key(override: Override) -> str:
    """The catalogue's key of an override."""
    return entry_key(f"{override.scope}:{override.target}", override.item, dates=override.dates)


def item_steps(mapped: Mapped, receiver: str, days: tuple[str, str], book: RuleBook) -> Iterator[TraceStep]:
    """The item as the catalogue has it, and each override of it that reaches the receiver. `days`: of test, today."""
    if not mapped.code:
        return
    test_day, today = days
    item = mapped.item
    if item is None:
        english, chinese = f"item {mapped.code} is not in the catalogue", f"目录中没有项目 {mapped.code}"
        yield TraceStep(TraceSubject.ITEM, False, english, chinese, NotReusable.NOT_RECOGNIZED_ITEM)
        return
    changes = list(_changes(item, receiver, today, book))
    final = changes[-1][2] if changes else item
    refused = not (final.recognized and item.dates.cover(test_day))
    yield _item(item, mapped.in_effect, refused, test_day)
    # The reason comes from what refused the item: its own entry, else the last override that did.
    refusing = [n for n, (_, before, after) in enumerate(changes) if before.recognized and not after.recognized]
    last = refusing[-1] if refused and mapped.in_effect else None
    for n, (override, before, after) in enumerate(changes):
        yield _override(override, before, after, book, NotReusable.NOT_RECOGNIZED_ITEM if n == last else None)


def _changes(
    item: RecognizedItem, receiver: str, today: str, book: RuleBook
) -> Iterator[tuple[Override, RecognizedItem, RecognizedItem]]:
    for override in book.overrides.on(item.code, receiver, today):
        after = apply(override, item, book.policy.overrides.of(override.scope))
        yield override, item, after
        item = after


def _item(item: RecognizedItem, in_effect: bool, refused: bool, day: str) -> TraceStep:
    on, on_zh = day_text(day)
    english, chinese = f"item {item.code} ({item.name_en})", f"项目 {item.code}（{item.name_zh}）"
    if not item.recognized:
        english, chinese = f"{english} is on the negative list", f"{chinese}在不予互认清单上"
    elif not item.dates.cover(day):
        span, span_zh = dates_text(item.dates)
        english += f" is not in effect on the day of the test ({on}); in effect {span}"
        chinese += f"在检测当日（{on_zh}）未生效；有效期{span_zh}"
    else:
        english, chinese = f"{english} is recognized", f"{chinese}为互认项目"
    reason = NotReusable.NOT_RECOGNIZED_ITEM if refused and not in_effect else None
    return TraceStep(
        TraceSubject.ITEM, in_effect, english, chinese, reason, "item", entry_key(item.code, dates=item.dates)
    )


def _override(
    override: Override, before: RecognizedItem, after: RecognizedItem, book: RuleBook, reason: NotReusable | None
) -> TraceStep:
    who, leeway = f"{override.scope} {override.target}", book.policy.overrides.of(override.scope)
    changed = ", ".join(
        f"{each.name} {_word(getattr(before, each.name))} → {_word(getattr(after, each.name))}"
        for each in fields(before)
        if getattr(before, each.name) != getattr(after, each.name)
    )
    if changed:
        english, chinese = f"{who} overrides: {changed}", f"{who} 另行规定：{changed}"
    elif leeway is Leeway.EVERYTHING:
        english, chinese = f"{who} states what holds already", f"{who} 的规定与现行一致"
    else:
        english = (
            f"{who} changes nothing: the policy lets it be {leeway}"
            if leeway is Leeway.STRICTER
            else (f"{who} changes nothing: the policy lets it override nothing")
        )
        chinese = f"{who} 的规定不起作用：策略" + ("只许从严" if leeway is Leeway.STRICTER else "不许另行规定")
    return TraceStep(
        TraceSubject.OVERRIDE,
        after.recognized or not before.recognized,
        english,
        chinese,
        reason,
        "override",
        override_key(override),
    )


def _word(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
