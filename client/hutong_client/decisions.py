"""What doctors decided on lines of prompts, and what happened to prompts on screen, from plain Python values."""

from datetime import datetime

from hutong.v1 import reuse_service_pb2 as reuse

from hutong_client.queries import enum_name, timestamp


def decision(
    prompt_id: str, item: str, kind: str, *, decided_at: datetime, ground: str = "", text: str = ""
) -> reuse.Decision:
    """One decision on one line of a prompt.

    Args:
        prompt_id: of the answer that offered the line.
        item: code of the line's item.
        kind: "recognized", "repeated" or "revoked".
        decided_at: when the doctor decided, with zone. Keep it when the decision is sent again: it is part of it.
        ground: code of the region's ground; for "repeated".
        text: why, in words, where the ground asks for it.

    Raises:
        ValueError: an unknown kind, or a time without zone.
    """
    return reuse.Decision(
        prompt_id=prompt_id,
        item=item,
        kind=enum_name(reuse.DecisionKind.keys(), "DECISION_KIND", kind),
        ground=ground,
        text=text,
        decided_at=timestamp(decided_at),
    )


def prompt_event(prompt_id: str, kind: str, *, at: datetime, item: str = "") -> reuse.PromptEvent:
    """One event on screen.

    Args:
        prompt_id: of the prompt.
        kind: "shown", "opened", "dismissed", "cited" or "reordered".
        at: when, with zone.
        item: code of the line's item; empty for the prompt as a whole ("shown" and "dismissed").

    Raises:
        ValueError: an unknown kind, or a time without zone.
    """
    return reuse.PromptEvent(
        prompt_id=prompt_id,
        item=item,
        kind=enum_name(reuse.PromptEventKind.keys(), "PROMPT_EVENT_KIND", kind),
        at=timestamp(at),
    )
