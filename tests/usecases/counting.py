"""A made month of prompts, decisions and events, written to a store as the registry writes them."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from hutong_server.domain.decision import Decision, DecisionKind, PromptEvent, PromptEventKind
from hutong_server.domain.notice import How, Reliance
from hutong_server.domain.recognition import Institution, RecognizedItem, RepeatGround, Specialty, Tier
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import Prompt, Store, Writer

from tests.building import DAY

FIRST = 1_774_368_000_000
"""2026-03-25T00:00+08:00, less sixteen hours."""
DAYS = 40
INSTITUTIONS = ("H1", "H2", "H3", "V1")
ITEMS = ("K", "CT", "GLU", "GONE")
GROUNDS = ("01", "02", "98", "LOST")
DEPARTMENTS = ("内科", "外科", "")

BOOK = RuleBook(
    version=3,
    institutions=[Institution(code, f"机构{code}", Tier.SECONDARY, "990421") for code in INSTITUTIONS],
    items=[
        RecognizedItem("K", "钾", "Potassium", Specialty.LABORATORY, window_days=7),
        RecognizedItem("GLU", "葡萄糖", "Glucose", Specialty.LABORATORY, window_days=7),
        RecognizedItem("CT", "胸部CT", "Chest CT", Specialty.EXAMINATION, window_days=30),
    ],
    grounds=[
        RepeatGround("01", "病情变化", "Condition changed"),
        RepeatGround("02", "变化快", "Changes fast"),
        RepeatGround("98", "未收到影像", "Images not received", counts_as_refusal=False),
    ],
)

Job = Callable[[Writer], None]


def now() -> int:
    """The wall clock, in milliseconds: what rows are recorded at."""
    return time.time_ns() // 1_000_000


def offer(prompt_id: bytes, at: int, receiver: str, items: dict[str, tuple[str, bytes]], **more: object) -> Prompt:
    """A prompt; `items`: code → (source, report id)."""
    lines = tuple((item, report, 0, source, 1) for item, (source, report) in items.items())
    values = {"department": "内科", "encounter": b"e" * 16, "patient_key": b"p" * 16, **more}
    return Prompt(
        prompt_id=prompt_id,
        institution=receiver,
        at=at,
        outcome="found" if lines else "none",
        rules_version=3,
        lines=lines,
        **values,  # type: ignore[arg-type]
    )


def decide(prompt: Prompt, item: str, kind: str, at: int, ground: str = "", price: int | None = None) -> Decision:
    """A decision on a line of a prompt."""
    _, report_id, ordinal, source, version = next(line for line in prompt.lines if line[0] == item)
    return Decision(
        patient_key=prompt.patient_key or b"",
        prompt_id=prompt.prompt_id,
        institution=prompt.institution,
        item=item,
        kind=DecisionKind(kind),
        ground=ground,
        report_id=report_id,
        ordinal=ordinal,
        version=version,
        source=source,
        decided_at=at,
        recorded=now(),
        department=prompt.department,
        encounter=b"e" * 16,
        price_fen=price,
    )


def happened(prompt: Prompt, kind: str, at: int, item: str = "") -> PromptEvent:
    """An event on screen."""
    source = next((line[3] for line in prompt.lines if line[0] == item), "")
    return PromptEvent(
        prompt.patient_key or b"",
        prompt.prompt_id,
        item,
        PromptEventKind(kind),
        at,
        prompt.institution,
        source,
        prompt.department,
        now(),
    )


def opened(prompt: Prompt, report_id: bytes, at: int) -> Reliance:
    """A report that was opened, out of a prompt."""
    return Reliance(
        patient_key=b"r" * 16,
        report_id=report_id,
        version=1,
        institution=prompt.institution,
        issuer="H1",
        how=How.OPENED,
        at=at,
        visit=b"e" * 16,
        encounter="v",
        practitioner="dr",
        prompt_id=prompt.prompt_id,
    )


@dataclass
class Month:
    """What happened, in the order in which the registry heard of it: `early`, and what came late."""

    seed: int = 7
    prompts_a_day: int = 2
    early: list[Job] = field(default_factory=list)
    late: list[Job] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=dict)
    """How often each sort of thing is in it."""

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311  a made month, the same each time
        for day in range(DAYS):
            for receiver in INSTITUTIONS:
                for _ in range(self._random.randint(0, 2 * self.prompts_a_day)):
                    self._prompt(FIRST + day * DAY + self._random.randrange(DAY), receiver)

    def write(self, store: Store, jobs: list[Job]) -> None:
        """Writes, many in a commit."""
        for start in range(0, len(jobs), 200):
            part = jobs[start : start + 200]
            store.submit(lambda writer, part=part: [job(writer) for job in part]).result(60)  # type: ignore[misc]

    def _add(self, sort: str, job: Job, *, late: bool | None = None) -> None:
        self.kinds[sort] = self.kinds.get(sort, 0) + 1
        (self.late if (late if late is not None else self._random.random() < 0.3) else self.early).append(job)

    def _prompt(self, at: int, receiver: str) -> None:
        chance = self._random
        sources = [code for code in INSTITUTIONS if code != receiver]

        def lines(most: int) -> dict[str, tuple[str, bytes]]:
            chosen = chance.sample(ITEMS, chance.randint(0, most))
            shared = chance.randbytes(16)
            return {
                item: (chance.choice(sources), shared if chance.random() < 0.5 else chance.randbytes(16))
                for item in chosen
            }

        department = chance.choice(DEPARTMENTS)
        kind = chance.choice(("chart", "order"))
        prompt = offer(
            chance.randbytes(16),
            at,
            receiver,
            lines(3),
            department=department,
            patient_key=chance.randbytes(16),
            kind=kind,
        )
        self._add("prompt", lambda writer: writer.put_prompt(prompt), late=False)
        if chance.random() < 0.2:
            # The same request again, after midnight perhaps, and other lines than before.
            again = offer(
                prompt.prompt_id,
                at + chance.randrange(DAY),
                receiver,
                lines(4),
                department=department,
                patient_key=prompt.patient_key,
            )
            self._add("repeat", lambda writer: writer.put_prompt(again))
        if chance.random() < 0.1:
            # The patient's records were joined between two answers.
            moved = offer(
                prompt.prompt_id,
                at + chance.randrange(2 * DAY),
                receiver,
                lines(4),
                department=department,
                patient_key=chance.randbytes(16),
            )
            self._add("moved", lambda writer: writer.put_prompt(moved))
        self._on_screen(prompt, at)
        for item, *_ in prompt.lines:
            self._decision(prompt, item, at + chance.randrange(DAY // 2))

    def _on_screen(self, prompt: Prompt, at: int) -> None:
        chance = self._random
        for _ in range(chance.randint(0, 4)):
            item = chance.choice([line[0] for line in prompt.lines]) if prompt.lines and chance.random() < 0.7 else ""
            kinds = ("shown", "opened", "dismissed", "cited", "reordered") if item else ("shown", "dismissed")
            event = happened(prompt, chance.choice(kinds), at + chance.randrange(3 * DAY), item)
            self._add("event", lambda writer, event=event: writer.put_prompt_event(event))  # type: ignore[misc]
        for _, report_id, *_rest in prompt.lines:
            if chance.random() < 0.3:
                relied = opened(prompt, report_id, at + chance.randrange(DAY))
                self._add("opened", lambda writer, relied=relied: writer.put_reliance(relied))  # type: ignore[misc]

    def _decision(self, prompt: Prompt, item: str, at: int) -> None:
        chance = self._random
        made, taken_back = chance.random() < 0.7, chance.random() < 0.2
        if made and chance.random() < 0.6:
            price = chance.choice((None, 0, 2800, 21900))
            self._add(
                "unpriced" if price is None else "recognized", self._of(prompt, item, "recognized", at, "", price)
            )
        elif made:
            self._add("repeated", self._of(prompt, item, "repeated", at, chance.choice(GROUNDS), None))
        if taken_back:
            # Before its decision, after it, and for one that never comes.
            self._add(
                "revoked" if made else "revoked nothing",
                self._of(prompt, item, "revoked", at + chance.randrange(2 * DAY), "", None),
            )

    @staticmethod
    def _of(prompt: Prompt, item: str, kind: str, at: int, ground: str, price: int | None) -> Job:
        return lambda writer: writer.put_decision(decide(prompt, item, kind, at, ground, price))
