"""W3C Trace Context (https://www.w3.org/TR/trace-context/): the caller's trace, and our part of it."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from hutong_server.trust.random_bytes import random_bytes

HEADER: Final = "traceparent"
"""In which a caller says what trace its call belongs to."""
ANSWER: Final = "traceresponse"
"""In which we tell such a caller the span that its call became (Trace Context, response header)."""

_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_SAMPLED = 0x01


class Span(NamedTuple):
    """Our part of a trace: one call. Ids are lower-case hex."""

    trace_id: str
    span_id: str
    parent_id: str = ""
    """The caller's span; "" when the trace begins here."""
    sampled: bool = True
    """Whether whoever began the trace keeps it."""

    @property
    def header(self) -> str:
        """As the next one in the trace is told."""
        return f"00-{self.trace_id}-{self.span_id}-{_SAMPLED if self.sampled else 0:02x}"


def span_of(metadata: Iterable[tuple[str, str | bytes]]) -> Span:
    """A new span in the trace that the metadata of a call names, else in a new one.

    What is malformed, or given twice, is as if it were not given: a caller's tracing must not cost it the answer.
    """
    given = [value for name, value in metadata if name == HEADER]
    found = _FORM.fullmatch(given[0]) if len(given) == 1 and isinstance(given[0], str) else None
    if found is None or not _valid(*found.groups()):
        return Span(random_bytes(16).hex(), random_bytes(8).hex())
    _, trace_id, parent_id, flags, _ = found.groups()
    return Span(trace_id, random_bytes(8).hex(), parent_id, bool(int(flags, 16) & _SAMPLED))


def _valid(version: str, trace_id: str, parent_id: str, _: str, more: str | None) -> bool:
    # Later versions may say more; this one may not.
    return version != "ff" and not (version == "00" and more) and trace_id.strip("0") != "" != parent_id.strip("0")
