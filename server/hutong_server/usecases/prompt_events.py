"""What happened to prompts on screen: shown, opened, dismissed, cited, ordered again. Idempotent; late is allowed."""

from collections.abc import Callable
from dataclasses import dataclass

from hutong_server.domain.caller import Caller
from hutong_server.domain.decision import OF_PROMPTS, Decision, DecisionKind, PromptEvent, PromptEventKind
from hutong_server.domain.errors import Reason
from hutong_server.domain.notice import How, Reliance
from hutong_server.domain.report import Instant, Issue
from hutong_server.store.base import Prompt, Writer
from hutong_server.usecases.offered import Offered, fault, line_at, prompts_of, report_key, time_fault
from hutong_server.usecases.relying import rely


@dataclass(frozen=True, slots=True)
class GivenEvent:
    """An event as it was sent."""

    path: str
    """Where it stands in the request."""
    prompt_id: bytes
    """b"" for an id that is none of the caller's."""
    item: str
    """"": the prompt as a whole."""
    kind: PromptEventKind
    at: Instant


@dataclass(frozen=True, slots=True)
class ReportPromptEvents:
    """The command."""

    caller: Caller
    given: tuple[GivenEvent | Issue, ...]
    """An Issue for one that is malformed."""
    now: Instant
    allowance: int
    """Milliseconds by which the caller's clock may be off."""


@dataclass(frozen=True, slots=True)
class Reported:
    """What became of them."""

    recorded: int
    already_recorded: int
    faults: tuple[tuple[int, Issue], ...]
    """(place in the request, why) of those that were refused; the others are kept."""


def report_prompt_events(ask: ReportPromptEvents) -> Callable[[Writer], Reported]:
    """The write job. A result that was put into a chart is relied on."""

    def job(writer: Writer) -> Reported:
        writer.lock({each.prompt_id for each in ask.given if isinstance(each, GivenEvent) and each.prompt_id})
        prompts: dict[bytes, list[Prompt]] = {}
        known: set[tuple[bytes, str, PromptEventKind, Instant]] = set()
        faults: list[tuple[int, Issue]] = []
        recorded = already = 0
        for index, given in enumerate(ask.given):
            if isinstance(given, Issue):
                faults.append((index, given))
                continue
            if given.prompt_id not in prompts:
                prompts[given.prompt_id] = prompts_of(writer, given.prompt_id, ask.caller.institution)
                known.update(
                    (each.prompt_id, each.item, each.kind, each.at) for each in writer.events_on(given.prompt_id)
                )
            of_prompt = prompts[given.prompt_id]
            place = (given.prompt_id, given.item, given.kind, given.at)
            if place in known and of_prompt:
                already += 1
                continue
            offered = line_at(of_prompt, given.item, given.at) if given.item else None
            wrong = _fault(given, of_prompt, offered, ask)
            if wrong is not None:
                faults.append((index, wrong))
                continue
            known.add(place)
            prompt = offered.prompt if offered is not None else of_prompt[0]
            writer.put_prompt_event(
                PromptEvent(
                    patient_key=prompt.patient_key or b"",
                    prompt_id=given.prompt_id,
                    item=given.item,
                    kind=given.kind,
                    at=given.at,
                    institution=ask.caller.institution,
                    source=offered.source if offered is not None else "",
                    department=prompt.department,
                    recorded=ask.now,
                )
            )
            if offered is not None and given.kind is PromptEventKind.CITED:
                rely(writer, _cited(offered, given, ask.caller.institution, writer), ask.now)
            recorded += 1
        return Reported(recorded, already, tuple(faults))

    return job


def _fault(given: GivenEvent, prompts: list[Prompt], offered: Offered | None, ask: ReportPromptEvents) -> Issue | None:
    if not prompts:
        return fault(f"{given.path}.prompt_id", "no such prompt", Reason.NOT_FOUND)
    if given.item and offered is None:
        return fault(f"{given.path}.item", "no such line in the prompt", Reason.NOT_FOUND)
    if not given.item and given.kind not in OF_PROMPTS:
        return fault(f"{given.path}.item", "is required for an event of this kind")
    return time_fault(prompts, given.at, ask.now, ask.allowance, f"{given.path}.at")


def _cited(offered: Offered, given: GivenEvent, institution: str, writer: Writer) -> Reliance:
    """Events name no doctor: who decided on the line, if somebody did, is who is told of changes."""
    decided = next((each for each in writer.decisions_on(given.prompt_id) if _recognizes(each, given.item)), None)
    key = offered.prompt.patient_key or b""
    person = writer.person_of(key)
    return Reliance(
        patient_key=report_key(writer, offered, (key, *person.keys) if person else (key,)),
        report_id=offered.report_id,
        version=offered.version,
        institution=institution,
        issuer=offered.source,
        how=How.CITED,
        at=given.at,
        visit=offered.prompt.encounter,
        encounter=decided.encounter_id if decided else "",
        practitioner=decided.practitioner if decided else "",
        prompt_id=given.prompt_id,
        item=given.item,
        ordinal=offered.ordinal,
        judged_at=offered.prompt.at,
        department=offered.prompt.department,
    )


def _recognizes(decision: Decision, item: str) -> bool:
    return decision.item == item and decision.kind is DecisionKind.RECOGNIZED
