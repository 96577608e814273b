"""Files that are replaced whole or stay."""

import os
from pathlib import Path

import pytest
from hutong_server.durable import put_file


def test_a_file_is_replaced_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "note"
    put_file(path, b"one", 0o444)
    put_file(path, b"two", 0o600)
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["note"]


def test_what_cannot_be_written_leaves_what_was_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "note"
    put_file(path, b"one", 0o444)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        put_file(path, b"two", 0o444)
    assert path.read_bytes() == b"one"
    assert [each.name for each in tmp_path.iterdir()] == ["note"]
