"""How the commands of hutong-server begin, and how they end when they cannot go on."""

import sys
from collections.abc import Iterable
from typing import NoReturn

import typer

from hutong_server import settings as configuration
from hutong_server.settings import Settings, SettingsError


def settings_or_refuse(status: int = 1) -> Settings:
    """The settings of the environment; ends the command where they are wrong or unsafe."""
    try:
        return configuration.load()
    except SettingsError as error:
        refuse(error.problems, status)


def refuse(problems: Iterable[str], status: int = 1) -> NoReturn:
    """Says on standard error what is wrong, a line each, and ends the command with `status`."""
    for problem in problems:
        print(f"hutong-server: {problem}", file=sys.stderr)
    raise typer.Exit(status)
