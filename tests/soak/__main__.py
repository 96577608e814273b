"""python -m tests.soak [--minutes 10] [--peak 30] [--postgresql]: build/soak.json, build/soak.svg, exit status 1 when
the end does not equal the beginning."""

import argparse
import asyncio
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from tests.postgresql import PostgresqlServer
from tests.soak import verdict
from tests.soak.day import City
from tests.soak.picture import picture
from tests.soak.premises import Premises
from tests.soak.watch import Watch

BUILD = Path(__file__).parents[2] / "build"
WARM = 0.12
"""Of the day, before it, at its peak: what is made once and kept (caches, threads) is there when it begins."""


async def soak(premises: Premises, seconds: float, peak: float, seed: int) -> Watch:
    """The evening before, and the day."""
    watch = Watch(time.perf_counter())
    city = City(premises, watch, seed)
    await city.open()
    around = []
    try:
        await city.visits(peak, seconds * WARM, lambda _: 1.0)
        watch.begun = time.perf_counter()
        watch.calls.clear()
        around = [asyncio.ensure_future(city.operate(seconds / 12)), asyncio.ensure_future(watch.run(premises))]
        await city.visits(peak, seconds)
    finally:
        for task in around:
            task.cancel()
        ended = await asyncio.gather(*around, return_exceptions=True)
        await city.close()
    for each in ended:
        if not isinstance(each, asyncio.CancelledError):
            raise RuntimeError("what happens beside the visits broke off") from each
    return watch


def main() -> int:
    """Runs it; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--peak", type=float, default=40, help="visits a second at the height of the morning")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgresql", action="store_true", help="on a PostgreSQL of its own instead of SQLite")
    given = parser.parse_args()
    seconds = given.minutes * 60
    directory = Path(tempfile.mkdtemp(prefix="hutong-soak-"))
    database = PostgresqlServer() if given.postgresql else None
    premises = None
    try:
        url = database.url(database.create()) if database else ""
        premises = Premises(directory / "registry", url, hour=seconds / 12)
        watch = asyncio.run(soak(premises, seconds, given.peak, given.seed))
        whole, ledger = premises.verified()
    finally:
        if premises is not None:
            premises.server.end()
        if database is not None:
            database.stop()
        shutil.rmtree(directory, ignore_errors=True)
    found = verdict.verdicts(watch, seconds)
    BUILD.mkdir(exist_ok=True)
    report = {
        "minutes": given.minutes,
        "peak": given.peak,
        "database": "postgresql" if given.postgresql else "sqlite",
        "load_average": os.getloadavg(),
        "done": dict(watch.done),
        "failed": dict(watch.failed),
        "ledger": ledger,
        "ledger_verifies": whole,
        "handles": verdict.opened(watch.samples, seconds),
        "verdicts": verdict.document(found),
    }
    (BUILD / "soak.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    (BUILD / "soak.svg").write_text(picture(watch, seconds))
    print(verdict.table(found))
    print("\n" + ", ".join(f"{count} {kind}" for kind, count in sorted(watch.done.items())))
    print(f"failed: {dict(watch.failed)}\nledger: {'' if whole else 'DOES NOT VERIFY '}{ledger}")
    equal = whole and all(each.equal for each in found)
    print("the end equals the beginning" if equal else "the end does not equal the beginning")
    return 0 if equal else 1


if __name__ == "__main__":
    raise SystemExit(main())
