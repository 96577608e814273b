"""Which files are sent, and how a later run finds its place: never skipping what was not sent."""

import os
from pathlib import Path

import pytest
from hutong_client.cli.publish_files import find_sources, pieces, position, resume_point


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"a": 1}\n{"a": 2}\n\n{"a": 3}\n' if name.endswith("ndjson") else "{}")


def sent(folder: Path, after: str = "") -> list[tuple[str, int]]:
    sources = find_sources([folder])
    point = resume_point(sources, after) if after else None
    return [(piece.source.path.relative_to(folder).as_posix(), piece.line) for piece in pieces(sources, point)]


def positions(folder: Path) -> list[str]:
    return [piece.document.position for piece in pieces(find_sources([folder]))]


def test_files_in_order_and_lines_of_ndjson(tmp_path: Path) -> None:
    write(tmp_path, "b.json", "a/z.fhir", "a/b.ndjson", "notes.txt", "c.JSON.bak")
    assert sent(tmp_path) == [("b.json", 0), ("a/b.ndjson", 1), ("a/b.ndjson", 2), ("a/b.ndjson", 4), ("a/z.fhir", 0)]


def test_a_file_named_on_the_command_line_needs_no_ending(tmp_path: Path) -> None:
    write(tmp_path, "report")
    assert [source.path.name for source in find_sources([tmp_path / "report"])] == ["report"]
    with pytest.raises(FileNotFoundError):
        find_sources([tmp_path / "absent"])


def test_resuming_after_every_position_sends_the_rest(tmp_path: Path) -> None:
    write(tmp_path, "a.json", "b.ndjson", "c.json")
    everything = sent(tmp_path)
    for number, place in enumerate(positions(tmp_path), 1):
        assert sent(tmp_path, place) == everything[number:]


def test_positions_name_no_file_and_fit(tmp_path: Path) -> None:
    write(tmp_path, "张三_990421198005120018.json")
    assert all("990421" not in place and place.isascii() and len(place) < 64 for place in positions(tmp_path))


@pytest.mark.parametrize("change", ["added before", "removed before", "changed before", "renamed", "rewritten itself"])
def test_a_change_before_the_position_sends_everything(tmp_path: Path, change: str) -> None:
    write(tmp_path, "a.json", "b.json", "c.json")
    place = positions(tmp_path)[1]
    if change == "added before":
        write(tmp_path, "aa.json")
    elif change == "removed before":
        (tmp_path / "a.json").unlink()
    elif change == "changed before":
        (tmp_path / "a.json").write_text('{"changed": true}')
    elif change == "renamed":
        (tmp_path / "b.json").rename(tmp_path / "bb.json")
    else:
        os.utime(tmp_path / "b.json", ns=(0, 1))
    assert resume_point(find_sources([tmp_path]), place) is None


def test_what_is_added_after_the_position_is_all_that_is_sent(tmp_path: Path) -> None:
    write(tmp_path, "a.json", "b.ndjson")
    place = positions(tmp_path)[-1]
    write(tmp_path, "c.json")
    with (tmp_path / "b.ndjson").open("a") as stream:
        stream.write('{"a": 4}\n')
    assert sent(tmp_path, place) == [("b.ndjson", 5), ("c.json", 0)]


@pytest.mark.parametrize("word", ["", "x", "0.0", "9.0.aa", "-1.0.aa", "0.x.aa", "a.b.c.d"])
def test_a_position_of_something_else_does_not_fit(tmp_path: Path, word: str) -> None:
    write(tmp_path, "a.json")
    assert resume_point(find_sources([tmp_path]), word) is None


def test_a_position_of_this_file_with_a_negative_ordinal_does_not_fit(tmp_path: Path) -> None:
    write(tmp_path, "a.json")
    source = find_sources([tmp_path])[0]
    assert resume_point([source], position(source, 0)) == (0, 0)
    assert resume_point([source], f"-1.0.{source.digest}") is None
