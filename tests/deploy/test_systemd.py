"""deploy/systemd by systemd-analyze: the unit is one, and what it leaves open stays within a bound."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hutong_server.settings import load

from tests.deploy.files import DEPLOY, program

FOLDER = DEPLOY / "systemd"
ANALYZE = program("systemd-analyze")
UNIT = (FOLDER / "hutong.service").read_text("utf-8")
MOST_EXPOSED = 15
"""Tenths of systemd's own measure, 0 (closed) to 100."""

needs_systemd = pytest.mark.skipif(not ANALYZE, reason="systemd-analyze is not installed")


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that is there."""
    path = tmp_path / "hutong.service"
    own = Path(sys.executable).with_name("hutong-server")
    assert UNIT.count("/opt/hutong/bin/hutong-server") == 1
    path.write_text(UNIT.replace("/opt/hutong/bin/hutong-server", str(own)))
    return path


def hardening(text: str) -> str:
    """What a unit is kept from."""
    return text[text.index("# Nothing but its own directory") :].partition("[Install]")[0].strip()


@needs_systemd
def test_systemd_takes_the_timer_and_what_it_starts(tmp_path: Path) -> None:
    own = str(Path(sys.executable).with_name("hutong-server"))
    for name in ("hutong-housekeeping.service", "hutong-housekeeping.timer", "hutong.service"):
        (tmp_path / name).write_text((FOLDER / name).read_text("utf-8").replace("/opt/hutong/bin/hutong-server", own))
    timer = tmp_path / "hutong-housekeeping.timer"
    said = subprocess.run([ANALYZE, "verify", timer], capture_output=True, text=True, timeout=60, check=False)
    assert (said.returncode, said.stderr) == (0, "")


def test_housekeeping_may_do_what_the_registry_may() -> None:
    night = (FOLDER / "hutong-housekeeping.service").read_text("utf-8")
    assert hardening(night) == hardening(UNIT) != ""
    for name in ("User", "Group", "EnvironmentFile", "WorkingDirectory", "StateDirectory", "UMask"):
        assert re.findall(rf"(?m)^{name}=(.*)$", night) == [value(name)]
    started = re.findall(r"(?m)^ExecStart=/opt/hutong/bin/hutong-server (.*)$", night)
    assert [each.split()[0] for each in started] == ["unmapped-report", "housekeeping"]


@needs_systemd
def test_systemd_takes_the_unit(unit: Path) -> None:
    said = subprocess.run([ANALYZE, "verify", unit], capture_output=True, text=True, timeout=60, check=False)
    assert (said.returncode, said.stderr) == (0, "")


@needs_systemd
def test_what_it_leaves_open_is_bounded(unit: Path) -> None:
    said = subprocess.run(
        [ANALYZE, "security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager", unit],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert said.returncode == 0, said.stdout[-400:]


def value(name: str) -> str:
    (found,) = re.findall(rf"(?m)^{name}=(.*)$", UNIT)
    return str(found)


def test_the_settings_write_only_where_the_unit_lets_them() -> None:
    given = dict(line.split("=", 1) for line in (FOLDER / "hutong.env").read_text().splitlines() if line[:1] == "H")
    settings = load(given)
    assert value("StateDirectory") == "hutong"
    state = Path(value("WorkingDirectory"))
    assert state == Path("/var/lib/hutong")
    assert value("ProtectSystem") == "strict"
    for text in given.values():
        if "/" in text:
            assert state in Path(text.removeprefix("sqlite:///")).parents, text
    # Beyond the drain workers may take 20 seconds.
    assert int(value("TimeoutStopSec")) > settings.drain_seconds + 20
    assert value("User") in (FOLDER / "hutong.sysusers").read_text().split()
