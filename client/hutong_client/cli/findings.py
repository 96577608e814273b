"""What `hutong doctor` finds: one line a check, in words for who connects a hospital's system."""

from dataclasses import dataclass
from enum import StrEnum

from rich.console import Console
from rich.text import Text

from hutong_client.cli.language import say
from hutong_client.cli.output import clean


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    """Works today; somebody should look at it."""
    WRONG = "wrong"
    SKIPPED = "skipped"
    """Not tried, because something before it is wrong or it does not apply."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. No text names a patient, a password or the content of a key."""

    check: str
    """Its name, the same in every language; see docs/emr-integration.md."""
    state: State
    text: str
    mend: str = ""
    """What to do; empty when there is nothing to do."""


def ok(check: str, text: str) -> Finding:
    """All is well."""
    return Finding(check, State.OK, text)


def warning(check: str, text: str, mend: str) -> Finding:
    """Works today."""
    return Finding(check, State.WARNING, text, mend)


def wrong(check: str, text: str, mend: str) -> Finding:
    """Does not work."""
    return Finding(check, State.WRONG, text, mend)


def skipped(check: str, text: str) -> Finding:
    """Not tried."""
    return Finding(check, State.SKIPPED, text)


def show(found: list[Finding], console: Console) -> None:
    """The report for people: a line for each check, below it what to do."""
    words, styles = _words(), {State.WRONG: "bold red", State.WARNING: "yellow", State.SKIPPED: "dim"}
    for each in found:
        line = Text(f"{words[each.state]:<8}", style=styles.get(each.state, "green"))
        console.print(line.append(f"{each.check:<13} {clean(each.text)}", style="default"), soft_wrap=True)
        if each.mend:
            console.print(Text(f"{'':<8}{'':<13} → {clean(each.mend)}"), soft_wrap=True)
    faults = sum(each.state is State.WRONG for each in found)
    warnings = sum(each.state is State.WARNING for each in found)
    console.print(
        Text(
            say(
                f"{len(found)} 项：{faults} 项有误，{warnings} 项须注意。",
                f"{len(found)} checks: {faults} wrong, {warnings} to be looked at.",
            ),
            style="bold",
        )
    )


def document(found: list[Finding]) -> dict[str, object]:
    """The report as JSON."""
    return {
        "checks": [
            {"check": each.check, "state": each.state.value, "text": each.text, "mend": each.mend} for each in found
        ],
        "wrong": sum(each.state is State.WRONG for each in found),
        "warnings": sum(each.state is State.WARNING for each in found),
    }


def _words() -> dict[State, str]:
    # Two Chinese characters stand in four columns.
    return {
        State.OK: say("正常", "ok"),
        State.WARNING: say("注意", "warning"),
        State.WRONG: say("有误", "WRONG"),
        State.SKIPPED: say("未查", "skipped"),
    }
