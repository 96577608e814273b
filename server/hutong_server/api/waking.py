"""Looks that repeat, and begin at once when somebody says that there is something to see."""

import asyncio
from contextlib import suppress


class Waking:
    """Between two looks: waits for its time, or until woken. A word that comes during a look is not lost."""

    def __init__(self, seconds: float) -> None:
        """`seconds` from the end of a look to the next, at most."""
        self._seconds = seconds
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """In the event loop."""
        self._woken.set()

    async def wait(self) -> None:
        """Returns when it is time to look."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                await self._woken.wait()
        self._woken.clear()
