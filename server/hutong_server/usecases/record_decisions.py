"""What doctors decided on lines of prompts: recognised, repeated on a ground, or taken back.

A decision is immutable and idempotent by (prompt, item), and so is its revocation, which is a record beside it; so
neither the order in which they come nor how often changes what stands. It is dated by the clinical time, and counts
however late it is sent. Nothing is ever written for a line on which nobody decided.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from hutong_server.domain.caller import Caller
from hutong_server.domain.decision import Decision, DecisionKind
from hutong_server.domain.errors import Reason
from hutong_server.domain.notice import How, Reliance
from hutong_server.domain.person import PatientKey
from hutong_server.domain.report import Instant, Issue
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import AccessRecord, Prompt, Tokens, Writer
from hutong_server.usecases.asking import Context, access, contents_of, encounter_of
from hutong_server.usecases.citing import Cited, cite
from hutong_server.usecases.gate import Passed, RefusedOnRecord, Visit, pass_gate
from hutong_server.usecases.offered import Offered, fault, line_at, prompts_of, report_key, time_fault
from hutong_server.usecases.relying import rely

METHOD = "RecordDecisions"


class DecisionOutcome(StrEnum):
    """What became of one decision. Mirrors hutong.v1.DecisionOutcome."""

    RECORDED = "recorded"
    ALREADY_RECORDED = "already_recorded"
    CONFLICT = "conflict"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Given:
    """A decision as it was sent."""

    path: str
    """Where it stands in the request."""
    prompt_id: bytes
    """b"" for an id that is none of the caller's."""
    item: str
    kind: DecisionKind
    ground: str
    text: str
    decided_at: Instant


@dataclass(frozen=True, slots=True)
class RecordDecisions:
    """The command."""

    context: Context
    caller: Caller
    given: tuple[Given | Issue, ...]
    """An Issue for one that is malformed."""
    request_id: str
    now: Instant
    allowance: int
    """Milliseconds by which the caller's clock may be off."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of one decision."""

    outcome: DecisionOutcome
    given: Given | None = None
    issue: Issue | None = None
    """Of REFUSED."""
    stands: Decision | None = None
    """What is on record for the line; None when refused."""
    revoked: bool = False
    """Whether the decision was taken back."""
    cited: Cited | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of all."""

    answers: tuple[Answered, ...]
    """In the order of the command."""
    declared: int
    """Emergencies that began with this call."""


def record_decisions(ask: RecordDecisions, book: RuleBook, tokens: Tokens) -> Callable[[Writer], Recorded]:
    """The write job: decisions, reliances, and a leaf of the ledger for each decision that was sent."""

    def job(writer: Writer) -> Recorded:
        return _Recording(ask, book, tokens, writer).run()

    return job


class _Recording:
    """One run of the job."""

    def __init__(self, ask: RecordDecisions, book: RuleBook, tokens: Tokens, writer: Writer) -> None:
        self._ask, self._book, self._writer = ask, book, writer
        self._encounter = encounter_of(ask.caller.institution, ask.context.encounter, tokens)
        self._prompts: dict[bytes, list[Prompt]] = {}
        self._known: dict[tuple[bytes, str, bool], Decision] = {}
        self._keys: dict[PatientKey, tuple[PatientKey, ...]] = {}

    def run(self) -> Recorded:
        self._writer.lock({each.prompt_id for each in self._ask.given if isinstance(each, Given) and each.prompt_id})
        answers = [
            Answered(DecisionOutcome.REFUSED, issue=each) if isinstance(each, Issue) else self._decide(each)
            for each in self._ask.given
        ]
        answers = [replace(each, revoked=self._is_revoked(each)) for each in answers]
        passed = self._pass(answers)
        answers = [self._cite(each, passed) for each in answers]
        for each in answers:
            self._writer.record(self._record(each, passed))
        declared = sum(isinstance(each, Passed) and each.declared for each in passed.values())
        return Recorded(tuple(answers), declared)

    def _decide(self, given: Given) -> Answered:
        """Decides what becomes of one, and keeps it."""
        prompts = self._read(given.prompt_id)
        if not prompts:
            return _refused(given, fault(f"{given.path}.prompt_id", "no such prompt", Reason.NOT_FOUND))
        offered = line_at(prompts, given.item, given.decided_at)
        if offered is None:
            return _refused(given, fault(f"{given.path}.item", "no such line in the prompt", Reason.NOT_FOUND))
        revokes = given.kind is DecisionKind.REVOKED
        stands = self._known.get((given.prompt_id, given.item, revokes))
        if stands is not None:
            same = stands.said == (given.kind, given.ground, given.text, given.decided_at)
            outcome = DecisionOutcome.ALREADY_RECORDED if same else DecisionOutcome.CONFLICT
            return Answered(outcome, given, stands=stands)
        wrong = self._fault(given, prompts)
        if wrong is not None:
            return _refused(given, wrong)
        made = self._made(given, offered)
        self._writer.put_decision(made)
        self._known[(given.prompt_id, given.item, revokes)] = made
        self._rely(made, offered.prompt.at)
        return Answered(DecisionOutcome.RECORDED, given, stands=made)

    def _read(self, prompt_id: bytes) -> list[Prompt]:
        if prompt_id not in self._prompts:
            self._prompts[prompt_id] = prompts_of(self._writer, prompt_id, self._ask.caller.institution)
            for each in self._writer.decisions_on(prompt_id):
                self._known[(prompt_id, each.item, each.kind is DecisionKind.REVOKED)] = each
        return self._prompts[prompt_id]

    def _fault(self, given: Given, prompts: Sequence[Prompt]) -> Issue | None:
        path = f"{given.path}.decided_at"
        wrong = time_fault(prompts, given.decided_at, self._ask.now, self._ask.allowance, path)
        if wrong is not None or given.kind is not DecisionKind.REPEATED:
            return wrong
        ground = next((each for each in self._book.grounds if each.code == given.ground), None)
        if ground is None:
            return fault(f"{given.path}.ground", "is not a ground of the region")
        if ground.needs_text and not given.text.strip():
            return fault(f"{given.path}.text", "is required by the ground")
        return None

    def _made(self, given: Given, offered: Offered) -> Decision:
        institution, context = self._ask.caller.institution, self._ask.context
        key = offered.prompt.patient_key or b""
        revokes = given.kind is DecisionKind.REVOKED
        day = self._book.day_of(given.decided_at)
        return Decision(
            patient_key=key,
            prompt_id=given.prompt_id,
            institution=institution,
            item=given.item,
            kind=given.kind,
            ground=given.ground,
            report_id=offered.report_id,
            ordinal=offered.ordinal,
            version=offered.version,
            source=offered.source,
            decided_at=given.decided_at,
            recorded=self._ask.now,
            department=context.department or offered.prompt.department,
            encounter=self._encounter,
            price_fen=None if revokes else self._book.price_of(institution, given.item, day),
            text=given.text,
            practitioner=context.practitioner,
            encounter_id=context.encounter,
            report_key=report_key(self._writer, offered, self._person(key)),
        )

    def _rely(self, made: Decision, judged_at: Instant) -> None:
        """Keeps that the institution relies on a recognised result, unless that was taken back, in either order."""
        recognized = self._known.get((made.prompt_id, made.item, False))
        if recognized is None or recognized.kind is not DecisionKind.RECOGNIZED:
            return
        relied = Reliance(
            patient_key=recognized.report_key,
            report_id=recognized.report_id,
            version=recognized.version,
            institution=recognized.institution,
            issuer=recognized.source,
            how=How.RECOGNIZED,
            at=recognized.decided_at,
            visit=recognized.encounter,
            encounter=recognized.encounter_id,
            practitioner=recognized.practitioner,
            prompt_id=recognized.prompt_id,
            item=recognized.item,
            ordinal=recognized.ordinal,
            judged_at=judged_at,
            department=recognized.department,
        )
        if (made.prompt_id, made.item, True) in self._known:
            self._writer.remove_reliance(relied)
        else:
            rely(self._writer, relied, self._ask.now)

    def _is_revoked(self, answer: Answered) -> bool:
        stands = answer.stands
        return stands is not None and (stands.prompt_id, stands.item, True) in self._known

    def _person(self, key: PatientKey) -> tuple[PatientKey, ...]:
        if key not in self._keys:
            person = self._writer.person_of(key)
            self._keys[key] = (person.key, *(each for each in person.keys if each != person.key)) if person else (key,)
        return self._keys[key]

    def _pass(self, answers: Sequence[Answered]) -> dict[PatientKey, Passed | RefusedOnRecord]:
        """What of each patient exists for the caller now. Looked at once a patient, only where something is cited."""
        ask = self._ask
        found: dict[PatientKey, Passed | RefusedOnRecord] = {}
        for key in sorted({each.stands.patient_key for each in answers if each.stands and _may_cite(each)}):
            visit = Visit(METHOD, ask.context, ask.caller, ask.request_id, self._person(key))
            try:
                passed = pass_gate(visit, self._writer, self._book, ask.now)
            except RefusedOnRecord as refused:
                # That the patient's authorisation is missing keeps results back. A decision stands without it.
                found[key] = refused
            else:
                passed.keep(self._writer)
                found[key] = passed
        return found

    def _cite(self, answer: Answered, passed: dict[PatientKey, Passed | RefusedOnRecord]) -> Answered:
        stands = answer.stands
        if stands is None or not _may_cite(answer):
            return answer
        of_patient = passed[stands.patient_key]
        if isinstance(of_patient, RefusedOnRecord):
            return answer
        return replace(answer, cited=cite(stands, of_patient, self._book))

    def _record(self, answer: Answered, passed: dict[PatientKey, Passed | RefusedOnRecord]) -> AccessRecord:
        """The leaf: every decision that was sent has one, with what its answer cites."""
        ask, stands, cited = self._ask, answer.stands, answer.cited
        key = stands.patient_key if stands else b""
        of_patient = passed.get(key)
        at_gate = of_patient if isinstance(of_patient, Passed) else None
        record = access(
            METHOD,
            ask.caller,
            ask.context,
            ask.request_id,
            answer.outcome.value,
            ask.now,
            keys=self._person(key) if key else (),
            reports=(cited.row.report_id,) if cited else (),
            prompt_id=answer.given.prompt_id if answer.given else b"",
            consent_basis=at_gate.basis if at_gate else "",
            withheld=tuple(each for each in at_gate.withheld if each[0] in (b"", stands.report_id))
            if at_gate and stands
            else (),
            contents=contents_of([(cited.row.report_id, (cited.judged,))], {cited.row.report_id: cited.row.version})
            if cited
            else (),
        )
        reason = of_patient.reason.value if isinstance(of_patient, RefusedOnRecord) else ""
        detail: tuple[str, ...] = ()
        if answer.issue is not None:
            reason = answer.issue.reason
        elif answer.given is not None and stands is not None:
            sent = answer.given
            detail = (sent.item, sent.kind.value, sent.ground, stands.report_id.hex(), str(stands.version))
        return replace(record, reason=reason, detail=detail)


def _refused(given: Given, issue: Issue) -> Answered:
    return Answered(DecisionOutcome.REFUSED, given, issue)


def _may_cite(answer: Answered) -> bool:
    return (
        answer.outcome in (DecisionOutcome.RECORDED, DecisionOutcome.ALREADY_RECORDED)
        and answer.stands is not None
        and answer.stands.kind is DecisionKind.RECOGNIZED
        and not answer.revoked
    )
