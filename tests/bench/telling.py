"""What a process of a benchmark says to the one that started it."""

import json
from collections.abc import Mapping
from typing import Any


def tell(found: Mapping[str, Any]) -> None:
    """Writes `found` as one line of JSON to standard output, whole.

    By a buffered writer of its own: with PYTHONUNBUFFERED in its environment, print() makes one system call and drops
    what that did not take, and after an event loop of uvloop a pipe takes 65,536 bytes.
    """
    with open(1, "w", encoding="ascii", closefd=False) as out:
        out.write(json.dumps(found) + "\n")
