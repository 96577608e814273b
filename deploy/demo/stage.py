"""What the demo shows, and the commands that it runs before everybody's eyes."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from hutong_client.cli.language import LANGUAGE, say
from rich.console import Console
from rich.rule import Rule
from rich.text import Text

__all__ = ["Certificate", "Stage", "StepFailed", "say"]

_TIMEOUT = 120.0


class StepFailed(Exception):
    """A command of the demo failed. The text says which and how."""


class Certificate(NamedTuple):
    """Who runs a command."""

    institution: str
    role: str


class Stage:
    """Prints what happens; runs `hutong` as an institution."""

    def __init__(self, certs: Path) -> None:
        self.certs = certs
        self.registry = ""
        # Rich's tables are made for a width; a wide window would only spread them.
        self._width = min(100, max(80, shutil.get_terminal_size((96, 24)).columns))
        self._console = Console(width=self._width, highlight=False, emoji=False, markup=False)
        self._number = 0

    def title(self, text: str) -> None:
        """The headline."""
        self._console.print(Text(text, style="bold"))

    def step(self, text: str) -> None:
        """The next step."""
        self._number += 1
        self._console.print()
        self._console.print(Rule(Text(f"{self._number}  {text}", style="bold cyan"), align="left", style="cyan"))

    def note(self, text: str, *, above: bool = False) -> None:
        """Words beside it; `above`: an empty line first."""
        if above:
            self._console.print()
        self._console.print(Text(text, overflow="fold"))

    def code(self, text: str) -> None:
        """A command to copy: never broken into lines."""
        self._console.print(Text(f"  {text}", style="green"), soft_wrap=True)

    def hint(self, text: str) -> None:
        """What to do next."""
        self._console.print(Text(text, style="bold green"))

    def failed(self, text: str, log: str) -> None:
        """A failure, with the end of the registry's log."""
        console = Console(stderr=True, width=self._width, highlight=False, emoji=False, markup=False)
        console.print()
        console.print(Text(say("失败：", "Failed: ") + text, style="bold red"))
        if log:
            console.print(Text(say("平台日志的末尾：", "The end of the registry's log:"), style="bold"))
            console.print(Text(log), soft_wrap=True)

    def files(self, who: Certificate) -> tuple[Path, Path]:
        """Certificate and key of an institution in a role."""
        stem = f"{who.institution}.{who.role}"
        return self.certs / f"{stem}.pem", self.certs / f"{stem}.key"

    def run(
        self,
        who: Certificate,
        *arguments: str,
        stdin: bytes = b"",
        last_lines: int = 0,
        fine: tuple[int, ...] = (0,),
    ) -> None:
        """Runs a command and shows it with its output; with `last_lines` only the end of that. Raises StepFailed."""
        self._console.print()
        line = Text("$ ", style="dim")
        line.append("hutong " + shlex.join(arguments), "bold green")
        if stdin:
            line.append(say("  < 患者（标准输入）", "  < patient on stdin"), "dim")
        self._console.print(line, soft_wrap=True)
        done = self._call(who, arguments, stdin)
        output = done.stdout.decode(errors="replace").rstrip("\n").split("\n")
        if last_lines and len(output) > last_lines:
            output = ["…", *output[-last_lines:]]
        sys.stdout.flush()
        print("\n".join(output), flush=True)
        if done.returncode not in fine:
            raise StepFailed(f"hutong {shlex.join(arguments)}: {_words(done)}")

    def ask(self, who: Certificate, *arguments: str, stdin: bytes = b"") -> dict[str, Any]:
        """Runs a command out of sight and returns its --json. Raises StepFailed."""
        done = self._call(who, (*arguments, "--json"), stdin)
        if done.returncode != 0:
            raise StepFailed(f"hutong {shlex.join(arguments)}: {_words(done)}")
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def _call(self, who: Certificate, arguments: tuple[str, ...], stdin: bytes) -> subprocess.CompletedProcess[bytes]:
        certificate, key = self.files(who)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HUTONG_")},
            "HUTONG_REGISTRY": self.registry,
            "HUTONG_CA": str(self.certs / "ca.pem"),
            "HUTONG_CERT": str(certificate),
            "HUTONG_KEY": str(key),
            "HUTONG_LANG": LANGUAGE,
            "COLUMNS": str(self._width),
            "PYTHONUTF8": "1",
            "TZ": "CST-8",  # the city's clock, by a name that needs no time zone files
        }
        if self._console.is_terminal:
            environment["FORCE_COLOR"] = "1"
        command = [sys.executable, "-m", "hutong_client.cli.main", *arguments]
        try:
            return subprocess.run(  # noqa: S603  our own program
                command, input=stdin, env=environment, capture_output=True, check=False, timeout=_TIMEOUT
            )
        except subprocess.TimeoutExpired:
            raise StepFailed(f"hutong {shlex.join(arguments)}: no end within {_TIMEOUT:.0f} s") from None


def _words(done: subprocess.CompletedProcess[bytes]) -> str:
    words = done.stderr.decode(errors="replace").strip()
    return f"{words} (status {done.returncode})" if words else f"status {done.returncode}"
