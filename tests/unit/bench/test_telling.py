"""What a benchmark's process says arrives whole."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[3]
_PROGRAM = """
import asyncio, uvloop
from tests.bench.telling import tell
uvloop.run(asyncio.sleep(0.01))
tell({"took": list(range(40_000))})
"""


def test_more_than_a_pipe_holds_arrives_whole_without_buffering() -> None:
    """The reader is slow, so the pipe fills; PYTHONUNBUFFERED takes the buffer of print() away."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        stdout=subprocess.PIPE,
        cwd=_ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        time.sleep(1.0)
        assert process.stdout is not None
        said = process.stdout.read()
    assert json.loads(said) == {"took": list(range(40_000))}
