"""What a second worker brings: charts a second with two beside one, on one database, the load generator beside them."""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from tests.api.site import Material
from tests.bench import calls, chart_load, charts, places
from tests.bench.rounds import Beside

CHANNELS = 16
"""The kernel gives each connection to one of the workers by chance: with few, one may have them all."""


async def measure(
    material: Material,
    backend: str,
    directory: Path,
    *,
    patients: int,
    rounds: int,
    seconds: float,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Rounds of one and two workers in turn: the ratio of their rates, and what each did."""
    found = Beside("1 worker", "2 workers")
    two = {"HUTONG_WORKERS": "2"}
    with (
        places.database(backend, directory) as url,
        places.registry(material, url, directory / "one.log") as alone,
        places.registry(material, url, directory / "two.log", settings=two) as both,
    ):
        catalog = {name: text.encode() for name, text in chart_load.CATALOG.items()}
        await places.import_catalog(material, alone.port, catalog)
        charts.load(material, url, patients)
        doctor = places.identity(material, chart_load.ASKER, "emr")
        for turn in range(rounds):
            for port, taken in ((alone.port, found.floor), (both.port, found.ours)):
                asked = charts.requests(patients, 2 * seconds, f"{turn}-{port}")
                target = f"localhost:{port}"
                taken.append(await calls.run(target, doctor, charts.METHOD, asked, seconds=seconds, channels=CHANNELS))
            say(f"{backend}: {found.last()}")
    ratios = [ours.rate / floor.rate for floor, ours in zip(found.floor, found.ours, strict=True)]
    return {"ratio": round(median(ratios), 3), "ratios": [round(each, 3) for each in ratios]} | {
        "one_per_second": round(median(each.rate for each in found.floor), 1),
        "two_per_second": round(median(each.rate for each in found.ours), 1),
    }
