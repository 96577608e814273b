"""What must not stand in the sources."""

import re
from pathlib import Path

SERVER = Path(__file__).parents[2] / "server" / "hutong_server"


def test_no_cancellation_can_be_lost_in_wait_for() -> None:
    """On Python 3.11 asyncio.wait_for swallows a cancellation that comes together with the result: a drain would wait
    for ever for a task that goes on. asyncio.timeout does not."""
    found = [path.name for path in SERVER.rglob("*.py") if re.search(r"\bwait_for\(", path.read_text("utf-8"))]
    assert found == []
