"""The city on disk."""

import json
from collections.abc import Collection, Iterator
from pathlib import Path

from hutong_client.city import City
from hutong_client.city.model import MadeReport
from hutong_client.city.noise import NOISE


def write(city: City, out: Path, institutions: Collection[str] | None = None) -> Iterator[MadeReport]:
    """Writes reports/INSTITUTION/*.json, catalog/*.csv and patients.ndjson, and yields each report once it is written.

    Nothing but the present report is kept in memory. Files that are there already are written over.
    """
    (out / "catalog").mkdir(parents=True, exist_ok=True)
    for name, content in city.catalog_files(institutions).items():
        (out / "catalog" / name).write_bytes(content)
    with (out / "patients.ndjson").open("w", encoding="utf-8") as people:
        for person in city.patients:
            line = {
                "index": person.index,
                "name": person.name,
                "sex": person.sex,
                "birth_date": person.birth_date.isoformat(),
                "resident_number": person.resident_number,
                "health_card": person.health_card,
                "home": person.village,
                "conditions": person.conditions,
            }
            people.write(json.dumps(line, ensure_ascii=False) + "\n")
    (out / "README.md").write_text(_readme(city), encoding="utf-8")
    places: dict[str, Path] = {}
    for made in city.reports(institutions):
        place = places.get(made.institution)
        if place is None:
            place = places[made.institution] = out / "reports" / made.institution
            place.mkdir(parents=True, exist_ok=True)
        (place / made.file_name).write_bytes(made.document)
        yield made


def _readme(city: City) -> str:
    noise = "\n".join(f"- `{name}`: {words}" for name, words in NOISE.items())
    return (
        "# A made city\n\n"
        "Nobody and nothing in these files exists; division codes that begin with 99 are assigned to no place.\n"
        f"Made with seed {city.seed} for {city.reference.isoformat()}, {len(city.patients)} people, "
        f"{city.days} days back.\n\nWhat is wrong in some of the reports, on purpose:\n\n{noise}\n"
    )
