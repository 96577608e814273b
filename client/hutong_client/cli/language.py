"""Which language the CLI speaks: --lang, else HUTONG_LANG, else the locale."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Literal

Language = Literal["zh", "en"]


def detect(arguments: Sequence[str], environment: Mapping[str, str]) -> Language:
    """The language of a run. Help texts are made before options are read, so --lang is looked for here."""
    for index, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument.startswith("--lang="):
            return _of(argument.removeprefix("--lang="))
        if argument == "--lang" and index + 1 < len(arguments):
            return _of(arguments[index + 1])
    for name in ("HUTONG_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if environment.get(name):
            return _of(environment[name])
    return "en"


def _of(word: str) -> Language:
    return "zh" if word.lower().startswith("zh") else "en"


LANGUAGE: Language = detect(sys.argv[1:], os.environ)
"""The language of this run: one process, one language."""


def say(chinese: str, english: str) -> str:
    """The text in the language of this run."""
    return chinese if LANGUAGE == "zh" else english


def help_text(chinese: str, english: str) -> str:
    """A text for --help. Help is laid out by breaking at spaces, so Chinese gets one after each stop."""
    return re.sub(r"(?<=[，。；：、）])(?=\S)", " ", chinese) if LANGUAGE == "zh" else english
