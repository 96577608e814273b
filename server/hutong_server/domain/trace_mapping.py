"""Which mappings were tried for the codes of a result, and what came of each."""

from collections.abc import Iterator

from hutong_server.domain.mapping import ANY, Mapped, Stated, code_key
from hutong_server.domain.recognition import Mapping
from hutong_server.domain.report import CodeKey, ResultFacts
from hutong_server.domain.reuse import NotReusable
from hutong_server.domain.rulebook import RuleBook
from hutong_server.domain.trace import TraceStep, TraceSubject, dates_text, day_text, entry_key


def mapping_key(mapping: Mapping) -> str:
    """The catalogue's key of a mapping."""
    narrowed = ";".join(f"{dimension}={term}" for dimension, term in mapping.terms)
    return entry_key(mapping.institution, mapping.system, mapping.code, narrowed, mapping.item, dates=mapping.dates)


def mapping_steps(result: ResultFacts, performer: str, mapped: Mapped, day: str, book: RuleBook) -> Iterator[TraceStep]:
    """Each mapping of the result's codes, the performer's first; a conclusion where they lead to nothing."""
    stated = book.stated(result)
    for scope in (performer, ANY) if performer else (ANY,):
        reached: set[str] = set()
        for coding in result.codes:
            known = book.mappings.get((scope, *code_key(*coding)), ())
            holding = [each for each in known if _holds(each, day, stated)]
            narrowest = max((len(each.terms) for each in holding), default=0)
            for mapping in known:
                yield _step(mapping, mapped, day, stated, narrowest)
            reached.update(each.item for each in holding if len(each.terms) == narrowest)
        if reached:
            break
    else:
        reached = set()
    if mapped.code:
        return
    codes = _codes(result.codes)
    if reached:
        items = ", ".join(sorted(reached))
        english, chinese = f"{codes}: lead to different items: {items}", f"{codes}：对照到不同项目：{items}"
    else:
        english = f"{codes}: no mapping of {performer or 'the performer'} or of everybody holds"
        chinese = f"{codes}：{performer or '检测机构'}及通用对照中均无适用者"
    yield TraceStep(TraceSubject.MAPPING, False, english, chinese, NotReusable.UNMAPPED_CODE)


def _holds(mapping: Mapping, day: str, stated: Stated) -> bool:
    return mapping.dates.cover(day) and all(stated[name] == {term} for name, term in mapping.terms)


def _step(mapping: Mapping, mapped: Mapped, day: str, stated: Stated, narrowest: int) -> TraceStep:
    passed = False
    english, chinese = f"leads to item {mapping.item}", f"对照到项目 {mapping.item}"
    if not mapping.dates.cover(day):
        on, on_zh = day_text(day)
        span, span_zh = dates_text(mapping.dates)
        english = f"not in effect on the day of the test ({on}); in effect {span}"
        chinese = f"检测当日（{on_zh}）未生效；有效期{span_zh}"
    elif not _holds(mapping, day, stated):
        asked = ", ".join(f"{name} {term}" for name, term in mapping.terms)
        said = ", ".join(f"{name} {'+'.join(sorted(stated[name])) or '—'}" for name, _ in mapping.terms)
        english, chinese = f"asks for {asked}; the result states {said}", f"要求 {asked}；结果注明 {said}"
    elif len(mapping.terms) < narrowest:
        english, chinese = "a narrower mapping of the code holds", "该编码另有更具体的对照适用"
    elif mapped.code and mapping.item != mapped.code:
        english += ", which is not in effect or does not fit; another item does"
        chinese += "，但其未生效或不符，另有项目相符"
    else:
        passed = mapping.item == mapped.code
    return TraceStep(
        TraceSubject.MAPPING, passed, english, chinese, entry_kind="mapping", entry_key=mapping_key(mapping)
    )


def _codes(codes: tuple[CodeKey, ...]) -> str:
    # Texts of a report are not repeated: they are the source's own words.
    coded = [f"{system}|{code}" for system, code in codes if system]
    return ", ".join(coded) or ("text" if codes else "—")
