"""A registry whose clock jumps, forward and back, under load."""

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hutong_client.errors import InvalidRequest

from tests.api.documents import CATALOG, encoded, lab_report, person
from tests.api.process import run
from tests.api.site import Material, Site
from tests.e2e.running import RunningServer
from tests.faults.load import PATIENT, connect, under_load

pytestmark = pytest.mark.timeout(120)

HOUR = 3600
SOURCE = Path(__file__).with_name("jumping_clock.c")


class Clock:
    """A wall clock of one process, made wrong at will."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "clock"
        self._file.write_bytes(bytes(8))
        library = directory / "jumping_clock.so"
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None or sys.platform != "linux":
            pytest.skip("no C compiler is here (apt install gcc): no clock of a process can be made to jump")
        subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, SOURCE], check=True, timeout=60)
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_JUMP": str(self._file)}

    def jump(self, seconds: int) -> None:
        """From now on it is wrong by so much."""
        with self._file.open("r+b") as file:
            file.write(seconds.to_bytes(8, sys.byteorder, signed=True))


async def test_a_clock_that_jumps(material: Material, make_store_url: Callable[[str], str], tmp_path: Path) -> None:
    clock, log = await asyncio.to_thread(Clock, tmp_path), tmp_path / "log"
    environment = material.environment(make_store_url("sqlite"), HUTONG_LEDGER_EXPORT=str(tmp_path / "export"))
    # Two hours ahead from the beginning: so it can go back, and no certificate is of tomorrow for that.
    clock.jump(2 * HOUR)
    server = await asyncio.to_thread(RunningServer, environment | clock.environment, log)
    try:
        site = Site(material, server.port)
        await site.load(CATALOG)
        await site.close()
        async with under_load(material, server.port, PATIENT) as load:
            clock.jump(4 * HOUR)
            await load.answered(2, 2)
            clock.jump(0)
            await load.answered(2, 2)
            await _of_an_hour_later(material, server.port, taken=False)
            clock.jump(2 * HOUR)
            await _of_an_hour_later(material, server.port, taken=True)
            # Whatever the clock said, nobody waited for it.
            assert load.failures == 0
    finally:
        assert await asyncio.to_thread(server.stop) == 0
    hours = set(re.findall(r'"time":"\d+-\d+-\d+T(\d+)', log.read_text()))
    assert len(hours) >= 3, "the clock did not jump"
    verified = await asyncio.to_thread(
        run, ["audit", "verify", "--against", str(tmp_path / "export")], environment, tmp_path
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr


async def _of_an_hour_later(material: Material, port: int, *, taken: bool) -> None:
    """A report of now, by the clock as it was: to one that is behind it lies in the future, and is refused as that."""
    document = encoded(lab_report("an-hour-later", person(998), days_ago=-1 / 24))
    async with connect(material, port, "H1", "feed") as client:
        if taken:
            assert (await client.publish(document)).results[0].report_id
            return
        with pytest.raises(InvalidRequest) as refused:
            await client.publish(document)
        assert refused.value.reason == "TIME_IN_FUTURE"
