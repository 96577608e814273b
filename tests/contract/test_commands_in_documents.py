"""Every command that a document prints is one: its words are known to the program, its files and targets are there.

What can be run is run elsewhere: docs/operations.md by tests/walk, docs/emr-integration.md by
tests/client/test_documentation.py, the README's by tests/e2e. docker, kubectl and systemd are not here to run theirs.
"""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from hutong_client.cli.main import app
from hutong_server.__main__ import cli

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "deploy/**/*.md", "tests/**/*.md", "certs/*.md")
    for path in ROOT.glob(pattern)
    if path.name not in ("CHANGELOG.md", "DECISIONS.md")
)
PROGRAMS: dict[str, Any] = {
    "hutong": typer.main.get_command(app),
    "hutong-server": typer.main.get_command(cli),
}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def blocks(path: Path) -> list[str]:
    return re.findall(r"^```(?:ba)?sh\n(.*?)^```$", path.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def spans(path: Path) -> list[str]:
    """Code within lines."""
    text = re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    return [" ".join(each.replace("\\|", "|").split()) for each in re.findall(r"`([^`]+)`", text)]


def commands(line: str) -> Iterator[list[str]]:
    """The commands of one of our programs in a line of shell, as words. `$(…)` is looked into."""
    for part in re.split(r"&&|;| \|\|? |\$\(|\bdo\b|\buntil\b", line):
        try:
            words = shlex.split(part.replace(")", " "), comments=True)
        except ValueError:
            words = part.split()
        words = [*_without_settings(words)]
        name = Path(words[0]).name if words else ""
        if name in (*PROGRAMS, "make"):
            yield [name, *(word for word in words[1:] if not re.match(r"[0-9]?[<>]", word))]


def _without_settings(words: list[str]) -> list[str]:
    while words and (re.match(r"[A-Z_]+=", words[0]) or words[0] in ("export", "exec")):
        words = words[1:]
    return words


def faults(words: list[str]) -> str:
    """What is wrong with a command; "" when it is one. Stands for more than one where a word has `a|b`."""
    if words[0] == "make":
        return next(
            (f"no target {word}" for word in words[1:] if re.fullmatch(r"[a-z-]+", word) and word not in TARGETS), ""
        )
    known: list[Any] = [PROGRAMS[words[0]]]
    options: set[str] = {"--help"}
    rest = words[1:]
    while rest and all(hasattr(each, "commands") for each in known):
        if rest[0].startswith(("-", "[")):
            break
        names = re.split(r"[|/]", rest[0].strip("[]…,"))
        options |= _options(known)
        following = [each.commands.get(name) for each in known for name in names]
        if not names[0] or rest[0] == "…":
            return ""
        if None in following:
            return f"no command {rest[0]}"
        known, rest = [each for each in following if each is not None], rest[1:]
    options |= _options(known)
    for word in rest:
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", word):
            if option not in options:
                return f"no option {option}"
    return ""


def _options(known: list[Any]) -> set[str]:
    return {
        name for each in known for parameter in each.params for name in (*parameter.opts, *parameter.secondary_opts)
    }


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_prints_is_known(path: Path) -> None:
    lines = [line for block in blocks(path) for line in block.replace("\\\n", " ").splitlines()] + spans(path)
    found = {" ".join(words): faults(words) for line in lines for words in commands(line)}
    assert {command: fault for command, fault in found.items() if fault} == {}
    text = "\n".join(blocks(path) + spans(path))
    named = set(re.findall(r"(?<![\w/.-])((?:deploy|docs|tests|proto|server|client)/[\w./-]+\w)", text))
    assert {name for name in named if not (ROOT / name).exists() and not (path.parent / name).exists()} == set()
    for block in blocks(path):
        checked = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr


def test_there_are_commands_to_look_at() -> None:
    found = [words for path in DOCUMENTS for line in spans(path) for words in commands(line)]
    assert len(found) > 80
    assert len({words[1] for words in found if words[0] == "hutong-server" and len(words) > 1}) >= 8


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("hutong admin rules import FILE --dry-run", ""),
        ("hutong admin rules imports FILE", "no command imports"),
        ("export X=1 && hutong chart --al", "no option --al"),
        ("hutong notices list|watch|acknowledge", "no command list|watch|acknowledge"),
        ("hutong-server ca rotate prepare|activate|retire", ""),
        ("hutong-server doctor --leest-free 1", "no option --leest-free"),
        ("X=$(hutong-server caa show | sed s/a/b/)", "no command caa"),
        ("until hutong-server helth --target a:1; do sleep 1; done", "no command helth"),
        ("make no-such-thing CASES=DIR", "no target no-such-thing"),
    ],
)
def test_a_command_that_is_none_is_found(line: str, fault: str) -> None:
    assert [faults(words) for words in commands(line)] == [fault]
