"""What the use cases ask of a store about decisions and events on screen."""

from collections.abc import Sequence
from typing import Protocol

from hutong_server.domain.decision import Decision, PromptEvent
from hutong_server.domain.person import PatientKey


class DecisionReader(Protocol):
    """Part of Reader."""

    def decisions(self, keys: Sequence[PatientKey], encounter: bytes = b"") -> list[Decision]:
        """Decisions and revocations under these keys, any order; with `encounter` those of this visit alone."""

    def decisions_on(self, prompt_id: bytes) -> list[Decision]:
        """All on lines of this prompt, under whichever key, any order."""

    def events_on(self, prompt_id: bytes) -> list[PromptEvent]:
        """What happened to this prompt, any order."""


class DecisionWriter(Protocol):
    """Part of Writer."""

    def put_decision(self, decision: Decision) -> None:
        """Adds a decision or a revocation. Who does has locked the prompt's id and found that the line has none."""

    def put_prompt_event(self, event: PromptEvent) -> None:
        """Adds an event, unless it is known."""
