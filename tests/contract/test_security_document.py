"""docs/security.md names tests: each of them exists, so that no counter is claimed that nothing shows."""

import re
from collections.abc import Iterator
from pathlib import Path

from hutong_server.settings import OTHER_PROGRAMS, PREFIX, Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text()
TESTS = {path.name: path.read_text() for path in (ROOT / "tests").rglob("*.py")}


def cells() -> Iterator[str]:
    """The last column of each row of the tables whose last column is "Test"."""
    of_tests = False
    for line in TEXT.splitlines():
        if not line.startswith("|"):
            of_tests = False
        elif line.rstrip().endswith("| Test |"):
            of_tests = True
        elif of_tests and not line.startswith("|---"):
            yield line.rsplit("|", 2)[1].strip()


def test_every_test_that_is_named_exists() -> None:
    functions = " ".join(re.findall(r"def (\w+)\(", " ".join(TESTS.values())))
    found = [name for cell in cells() for name in re.findall(r"`([^`]+)`", cell)]
    assert len(found) > 25
    for name in found:
        for part in name.split(": "):
            if "/" in part:
                assert (ROOT / part).exists(), name
            elif part.startswith("make "):
                assert f"\n{part.removeprefix('make ')}:" in (ROOT / "Makefile").read_text(), name
            elif part.endswith(".py"):
                assert part in TESTS, name
            else:
                assert part in functions or f"{part}.py" in TESTS, name


def test_every_threat_names_a_test_or_the_part_that_does() -> None:
    assert not [cell for cell in cells() if "`" not in cell and cell != "there"]


def test_every_setting_that_is_named_exists() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | OTHER_PROGRAMS
    assert set(re.findall(r"HUTONG_[A-Z_]+[A-Z]", TEXT)) <= known
