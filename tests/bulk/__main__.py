"""`make city`: makes a registry under build/city with a made city in it; serve.sh there starts it."""

import argparse
import shlex
import sys
import time
from pathlib import Path

import uvloop
from hutong_server.store.migrations import migrate

from tests.api.site import ROOT, Material
from tests.bench import places
from tests.bulk.load import A_PATIENT, NotEmpty, Plan, check_empty, city_of, load, pour_city

HOME = ROOT / "build" / "city"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def prepare(material: Material, url: str, home: Path) -> None:
    """The schema, and the catalogue of the city, imported by its registry."""
    migrate(url)
    check_empty(url)
    with places.registry(material, url, home / "log") as server:
        await places.import_catalog(material, server.port, city_of(1, time.time_ns() // 1_000_000).catalog_files())


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bulk", description=__doc__)
    parser.add_argument("--reports", type=int, default=1_000_000, help="about so many (default: a million)")
    parser.add_argument("--database", default="", help="URL of an empty database; default: SQLite beside the keys")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--no-documents", action="store_true", help="rows of the index only: opening a report shows none"
    )
    parser.add_argument("--home", type=Path, default=HOME, help="keys, certificates and database (default: build/city)")
    given = parser.parse_args()
    given.home = given.home.resolve()
    if given.home.exists():
        sys.exit(f"{given.home} is there already; remove it first")
    given.home.mkdir(parents=True, mode=0o700)
    material = places.make_material(given.home)
    url = given.database or f"sqlite:///{given.home / 'hutong.db'}"
    try:
        uvloop.run(prepare(material, url, given.home))
    except NotEmpty:
        sys.exit("the database holds patients already; a city is loaded into an empty one")
    environment = material.environment(url)
    plan = Plan(environment, max(1, given.reports * 2 // sum(A_PATIENT)), pour_city, documents=not given.no_documents)
    load(plan, given.processes, _say)
    script = given.home / "serve.sh"
    settings = {**environment, "HUTONG_LISTEN": "127.0.0.1:7443", "HUTONG_METRICS_LISTEN": "127.0.0.1:9464"}
    words = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items())
    script.write_text(f"#!/bin/sh\n{words}exec {shlex.quote(sys.executable)} -m hutong_server serve\n")
    script.chmod(0o700)
    print(f"{script} serves it on 127.0.0.1:7443")
    return 0


if __name__ == "__main__":
    sys.exit(main())
