"""Fields that a report should have when they exist: it is accepted without them, with a warning for each."""

from typing import Final

from hutong_server.domain.errors import Reason
from hutong_server.domain.report import Concept, Result, ResultFlag, TimeSource
from hutong_server.fhir.checks import located
from hutong_server.fhir.context import Context
from hutong_server.fhir.defaults import Defaults
from hutong_server.fhir.identity import Identity

_TAKEN: Final = (TimeSource.RESULT, TimeSource.SPECIMEN, TimeSource.REPORT)


def recommend(context: Context, identity: Identity, defaults: Defaults, code: Concept, results: list[Result]) -> None:
    """Warns of what is missing, each with the path at which it belongs."""
    body = context.report.body
    if not identity.value:
        _warn(context, "identifier", "is missing: the registry derives the report's identity")
    if not body.get("category"):
        _warn(context, "category", "is missing")
    if not code.coding:
        _warn(context, "code.coding", "is missing: the report is known by its words only")
    for index, coding in enumerate(code.coding):
        if coding.code and not coding.system:
            _warn(context, f"code.coding[{index}].system", "is missing: a code without a system matches nothing")
    if not defaults.performers and not any(r.performers for r in results):
        _warn(context, "performer", "names no organization")
    if defaults.issued is None:
        _warn(context, "issued", "is missing")
    readable = [r for r in results if not r.facts.has(ResultFlag.UNREADABLE)]
    if any(r.facts.time_source not in _TAKEN for r in readable) or (not readable and defaults.effective.start is None):
        _warn(context, "effective[x]", "is missing: it is not known when the results were taken")
    if not results:
        _warn(context, "result", "is missing, and so are a conclusion, an attached form and an imaging study")


def _warn(context: Context, field: str, message: str) -> None:
    context.warn(Reason.FIELD_RECOMMENDED, located(context.report, field), message)
