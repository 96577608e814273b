"""The report itself as a result: what an examination is recognized by.

A report without results but with a conclusion, an attached form or an imaging study is one result: its code is the
report's code, its value the conclusion. An examination (by category, or because it has an imaging study) has this
result beside its findings; it comes last.
"""

from typing import Final

from hutong_server.domain.report import (
    Concept,
    Result,
    ResultDetail,
    ResultFacts,
    ResultFlag,
    Status,
    Value,
)
from hutong_server.fhir.context import Context
from hutong_server.fhir.defaults import Defaults, Sample
from hutong_server.fhir.elements import all_text, children, concept, keys, once, text
from hutong_server.fhir.results import choose
from hutong_server.fhir.times import Known, Taken

_LABORATORY_CODES: Final = frozenset({
    "LAB", "BG", "BLB", "CG", "CH", "CP", "GE", "HM", "IMM", "MB", "MCB", "MYC", "OSL", "PAT", "SP", "SR", "TX", "VR",
    "URN",
})  # fmt: skip
_EXAMINATION_CODES: Final = frozenset({
    "AU", "CTH", "CT", "CUS", "EC", "EN", "IMG", "NMR", "NMS", "OUS", "PF", "RAD", "RUS", "RX", "VUS", "XRC", "MRI",
    "US", "ECG", "END", "ES",
})  # fmt: skip
_OBSERVATION_CATEGORIES: Final = {"laboratory": "laboratory", "imaging": "examination", "procedure": "examination"}
_OTHER_CODES: Final = {
    "26436-6": "laboratory",
    "LP29693-6": "laboratory",
    "LP7839-6": "laboratory",
    "108252007": "laboratory",
    "4241000179101": "laboratory",
    "15220000": "laboratory",
    "18748-4": "examination",
    "LP29684-5": "examination",
    "LP29708-2": "examination",
    "363679005": "examination",
    "394914008": "examination",
}
_WORDS: Final = {
    "laboratory": "laboratory",
    "lab": "laboratory",
    "检验": "laboratory",
    "檢驗": "laboratory",
    "imaging": "examination",
    "radiology": "examination",
    "examination": "examination",
    "检查": "examination",
    "檢查": "examination",
}


def specialty(categories: tuple[Concept, ...], has_study: bool) -> str:
    """ "laboratory", "examination", or "" when the categories do not say, or say both."""
    found = {said for category in categories for said in _said(category)}
    if not found and has_study:
        return "examination"
    return found.pop() if len(found) == 1 else ""


def _said(category: Concept) -> set[str]:
    found = set()
    for coding in category.coding:
        code = coding.code.upper()
        if coding.code.lower() in _OBSERVATION_CATEGORIES:
            found.add(_OBSERVATION_CATEGORIES[coding.code.lower()])
        elif coding.code in _OTHER_CODES:
            found.add(_OTHER_CODES[coding.code])
        elif code in _LABORATORY_CODES and _is_service_section(coding.system):
            found.add("laboratory")
        elif code in _EXAMINATION_CODES and _is_service_section(coding.system):
            found.add("examination")
    if not found:
        found.update(_WORDS[w] for words in all_text(category) if (w := words.strip().lower()) in _WORDS)
    return found


def _is_service_section(system: str) -> bool:
    """HL7 table 0074 in its spellings, or no system at all; a local system may mean anything by "CT"."""
    return not system or "0074" in system or "diagnostic-service" in system


def conclusion(body: dict[str, object]) -> Value | None:
    """The report's conclusion as a value."""
    words = text(body, "conclusion")
    if words.strip():
        return Value(words, string=words)
    # R5 keeps conclusionCode as R4 has it.
    for node in children(body, "conclusionCode"):
        found = concept(node)
        if found.words:
            return Value(found.words, coded=found)
    for form in children(body, "presentedForm"):
        if "data" in form or "url" in form:
            return Value(text(form, "title") or text(form, "contentType") or "presentedForm")
    return None


def whole(context: Context, defaults: Defaults, status: Status, code: Concept, results: list[Result]) -> Result:
    """The report as one result."""
    body = context.report.body
    value = conclusion(body)
    said = defaults.effective.known is not Known.NOTHING
    when = choose(Taken(), Sample() if said else defaults.sample, defaults.effective, defaults.issued)
    flags = 0
    if value is not None or any(r.facts.has(ResultFlag.HAS_VALUE) for r in results):
        flags |= ResultFlag.HAS_VALUE
    if any(r.facts.has(ResultFlag.CRITICAL) for r in results):
        flags |= ResultFlag.CRITICAL
    if defaults.pictures.present:
        flags |= ResultFlag.IMAGES_PRESENT
    if defaults.modified or defaults.sample.modified:
        flags |= ResultFlag.UNKNOWN_MODIFIER
    if defaults.sample.other_subject:
        flags |= ResultFlag.OTHER_SUBJECT
    facts = ResultFacts(
        ordinal=len(results),
        status=status.value,
        flags=int(flags),
        time=when.time,
        time_source=int(when.source),
        issued=defaults.issued,
        latest=when.latest,
        codes=once(keys(code)),
        specimen=defaults.sample.material.specimen,
        collection=defaults.sample.material.collection,
        body_site=defaults.pictures.site.body_site,
        laterality=defaults.pictures.site.laterality,
        method=defaults.pictures.method,
    )
    detail = ResultDetail(
        code=code,
        value=value,
        specimen=defaults.sample.material.words,
        body_site=defaults.pictures.site.words,
        performer=defaults.performer_words,
        reader=defaults.reader_words,
        effective=when.written,
    )
    return Result(facts, detail, context.report.path, defaults.performers, defaults.readers)
