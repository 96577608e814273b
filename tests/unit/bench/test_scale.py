"""docs/scale.md says what its figures give, and the simulation behind it agrees with what is known of queues."""

import json
from pathlib import Path

import pytest

from tests.bench import scale
from tests.bench.simulation import Service, play

STEADY = Service(2.0, [3.0, 3.0])
"""Every call occupies its worker for 2 ms and is answered after 3."""


def test_the_document_is_what_its_figures_give() -> None:
    text = scale.DOCUMENT.read_text()
    assert scale.written(text, scale.given(text)) == text, "run python -m tests.bench.scale"


def test_a_figure_that_changes_changes_the_tables(tmp_path: Path) -> None:
    document = tmp_path / "scale.md"
    text = scale.DOCUMENT.read_text()
    found = scale.given(text)
    before = [scale.need(place, found) for place in scale.PLACES]
    dearer = json.loads(json.dumps(found))
    dearer["measured"]["chart_server_ms"] *= 3
    assert [now.workers >= then.workers for now, then in zip(_needs(dearer), before, strict=True)] == [True] * 4
    assert _needs(dearer)[-1].workers > 2 * before[-1].workers
    larger = json.loads(json.dumps(found))
    larger["measured"]["report_bytes"] *= 10
    assert _needs(larger)[-1].shards > 2 * before[-1].shards
    document.write_text(text.replace("| nation | 5,000 |", "| nation | 6,000 |"))
    assert scale.main([], document) == 0
    assert document.read_text() == text


def _needs(found: dict[str, object]) -> list[scale.Need]:
    return [scale.need(place, found) for place in scale.PLACES]


def test_measured_figures_are_taken_from_the_benchmark(tmp_path: Path) -> None:
    document, bench = tmp_path / "scale.md", tmp_path / "bench.json"
    document.write_text(scale.DOCUMENT.read_text())
    chart = {"server_ms": 1.5, "database_ms": 0.5, "bytes_a_chart": 2000, "alone_ms": [2.0, 3.0, 9.0]}
    of = {"commit": "abc", "machine": "2 × a processor"}
    entries = {
        "chart_vs_echo_postgres": {"value": 0.2, "details": chart, **of},
        "publish_vs_validation": {"value": 0.7, "details": {"server_ms": 4.0}, **of},
        "bytes_per_lab_report": {"value": 2500, "details": {}, **of},
    }
    bench.write_text(json.dumps(entries))
    scale.main(["--measured"], document, bench)
    found = scale.given(document.read_text())["measured"]
    assert found["chart_server_ms"] == 1.5
    assert found["report_bytes"] == 2500
    assert found["commit"] == "abc"
    del entries["bytes_per_lab_report"]
    bench.write_text(json.dumps(entries))
    with pytest.raises(KeyError, match="bytes_per_lab_report"):
        scale.main(["--measured"], document, bench)


@pytest.mark.parametrize("busy", [0.5, 0.8])
def test_calls_at_a_worker_are_as_many_as_theory_says(busy: float) -> None:
    # M/D/1 (Pollaczek-Khinchine): busy + busy²/(2(1 - busy)) calls at a server, which is what one that comes finds.
    workers = 10
    rate = busy * workers / STEADY.occupied * 1000
    played = play(rate, workers, STEADY, seconds=12, warm=1)
    assert played.queue == pytest.approx(busy + busy**2 / (2 * (1 - busy)), rel=0.06)
    assert played.p50 >= 3.0


def test_nobody_waits_when_there_is_nobody_else() -> None:
    played = play(10, 20, STEADY, seconds=20)
    assert played.p50 == pytest.approx(3.0)
    assert played.p99 < 5.0


def test_the_same_seed_plays_the_same() -> None:
    of = Service(2.0, [2.0, 3.0, 20.0])
    once, again, other = (play(800, 8, of, seed=seed, lost_at=2) for seed in (3, 3, 4))
    assert once == again != other


def test_a_lost_replica_makes_its_callers_ask_again_and_the_others_wait() -> None:
    whole = play(3000, 12, STEADY)
    less = play(3000, 12, STEADY, replica=4, lost_at=2.0)
    assert whole.asked_again == 0 < less.asked_again
    assert less.worst >= 50.0 > whole.worst
    assert less.queue > whole.queue
    # Those that were lost are answered later, not left out.
    assert less.answered == less.came > 11_000


def test_somebody_has_to_be_left() -> None:
    with pytest.raises(ValueError, match="no worker"):
        play(100, 4, STEADY, replica=4, lost_at=2)
