"""Which line of a prompt is meant, and whether a time fits: for what doctors tell of prompts, at once or late."""

from collections.abc import Sequence
from typing import NamedTuple

from hutong_server.domain.errors import Reason
from hutong_server.domain.person import PatientKey
from hutong_server.domain.report import Instant, Issue, Severity
from hutong_server.store.base import Prompt, Reader


class Offered(NamedTuple):
    """A line as it was offered."""

    prompt: Prompt
    item: str
    report_id: bytes
    ordinal: int
    source: str
    version: int


def prompts_of(reader: Reader, prompt_id: bytes, institution: str) -> list[Prompt]:
    """What stands under an id, if it is this institution's; newest first."""
    return [each for each in reader.prompts(prompt_id) if each.institution == institution]


def line_at(prompts: Sequence[Prompt], item: str, at: Instant) -> Offered | None:
    """The line of an item as a doctor saw it at that time: a repeat of the request may have offered another result."""
    for prompt in sorted(prompts, key=lambda each: (each.at > at, -each.at)):
        for offered, report_id, ordinal, source, version, replaced_at in prompt.earlier:
            if offered == item and at < replaced_at:
                return Offered(prompt, item, report_id, ordinal, source, version)
        for offered, report_id, ordinal, source, version in prompt.lines:
            if offered == item:
                return Offered(prompt, item, report_id, ordinal, source, version)
    return None


def time_fault(prompts: Sequence[Prompt], at: Instant, now: Instant, allowance: int, path: str) -> Issue | None:
    """What is wrong with the time at which something happened to a prompt; None when nothing is.

    `allowance`: milliseconds by which the caller's clock may be off, either way.
    """
    if at > now + allowance:
        return fault(path, "lies in the future", Reason.TIME_IN_FUTURE)
    if at < min(each.at for each in prompts) - allowance:
        return fault(path, "lies before the prompt was given")
    return None


def fault(path: str, message: str, reason: Reason = Reason.REQUEST_INVALID) -> Issue:
    """One fault. The message holds no value of the request."""
    return Issue(Severity.ERROR, reason.value, path, message)


def report_key(reader: Reader, offered: Offered, keys: Sequence[PatientKey]) -> PatientKey:
    """Under which the report stood when it was offered to the person of these keys."""
    known = reader.identity_of(offered.report_id)
    stood = (known.patient_key, *known.former_keys) if known is not None else ()
    return next((key for key in stood if key in keys), keys[0])
