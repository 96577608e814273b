"""`make demo` and `make serve` as a newcomer runs them: their output, their exit, and that nothing is left running."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len

ROOT = Path(__file__).parents[2]
DEMO = [sys.executable, str(ROOT / "deploy" / "demo" / "demo.py")]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("HUTONG_", "LC_", "LANG"))}


def options(tmp_path: Path) -> list[str]:
    return ["--home", str(tmp_path / "home"), "--certs", str(tmp_path / "certs")]


def run(tmp_path: Path, *more: str, columns: int = 100) -> subprocess.CompletedProcess[str]:
    environment = {**ENVIRONMENT, "COLUMNS": str(columns), "PYTHONUTF8": "1"}
    return subprocess.run(
        [*DEMO, *options(tmp_path), *more], capture_output=True, text=True, env=environment, check=False, timeout=200
    )


def processes_of(tmp_path: Path) -> list[str]:
    """Processes whose environment names this demo's directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(tmp_path).encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found


@pytest.fixture
def nothing_left(tmp_path: Path) -> Iterator[None]:
    yield
    if Path("/proc/self/environ").exists():
        assert processes_of(tmp_path) == []


@pytest.mark.timeout(240)
@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(("lang", "columns"), [("en", 100), ("zh", 80)])
def test_the_demo_shows_a_prompt_and_ends_by_itself(tmp_path: Path, lang: str, columns: int) -> None:
    done = run(tmp_path, "--lang", lang, columns=columns)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    shown = done.stdout
    expected = {
        "en": [
            r"(\d+) results can be reused",
            r"newer result",
            r"part of it can be reused [1-9]/",
            r"took [\d.]+ ms",
            r"make serve",
            r"has never|have never",
        ],
        "zh": [
            r"可互认的结果 (\d+) 项",
            r"有更新的结果",
            r"部分可互认 [1-9]/",
            r"用时 [\d.]+ 毫秒",
            r"make serve",
            r"从未上传",
        ],
    }
    for pattern in expected[lang]:
        assert re.search(pattern, shown), pattern
    reusable = re.search(expected[lang][0], shown)
    assert reusable is not None
    assert int(reusable[1]) >= 5
    assert "样HR" in shown
    # Only what is there to be copied may be wider than the window.
    copied = re.compile(r"^(\$ |  export |\[\d+\]|\s*\d+ [\w-]{40,}|Prompt |提示号 )")
    wide = [line for line in shown.splitlines() if cell_len(line) > columns and not copied.match(line)]
    assert wide == []
    # No command line holds the patient's number, and no log either.
    log = (tmp_path / "home" / "server.log").read_text()
    # A division, a birth date and more: four digits alone are in a time or an id by chance.
    assert not re.search(r"9904\d\d(19|20)\d{6}", log)
    assert not re.search(r"^\$ .*9904\d{14}", shown, re.MULTILINE)


@pytest.mark.timeout(240)
@pytest.mark.usefixtures("nothing_left")
def test_a_failing_step_is_told_and_the_registry_ended(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(tmp_path, "--port", str(taken.getsockname()[1]), "--lang", "en")
    assert done.returncode == 1
    assert "Failed: " in done.stderr
    assert "The end of the registry's log:" in done.stderr
    assert "Traceback" not in done.stderr.split("The end of the registry's log:")[0]


@pytest.mark.timeout(240)
@pytest.mark.usefixtures("nothing_left")
def test_serve_keeps_the_registry_until_it_is_interrupted(tmp_path: Path) -> None:
    output = tmp_path / "out.txt"
    with output.open("wb") as out:
        served = subprocess.Popen(
            [*DEMO, *options(tmp_path), "--serve", "--port", "0", "--lang", "en"],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**ENVIRONMENT, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"},
            cwd=ROOT,
        )
    try:
        until = time.monotonic() + 150
        while "--patient-file" not in output.read_text() and time.monotonic() < until:
            assert served.poll() is None, output.read_text()
            time.sleep(0.2)
        shown = output.read_text()
        named = dict(re.findall(r"export (HUTONG_\w+)=(\S+)", shown))
        assert set(named) == {"HUTONG_REGISTRY", "HUTONG_CA", "HUTONG_CERT", "HUTONG_KEY"}
        command = re.search(r"\.venv/bin/hutong (chart .*--patient-file \S+)", shown)
        assert command is not None
        asked = subprocess.run(
            [sys.executable, "-m", "hutong_client.cli.main", *command[1].split(), "--json"],
            env={**ENVIRONMENT, **named},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert asked.returncode == 0, asked.stderr
        assert '"OUTCOME_FOUND"' in asked.stdout
        served.send_signal(signal.SIGINT)
        assert served.wait(30) == 0, output.read_text()
    finally:
        if served.poll() is None:
            served.kill()
            served.wait()
