"""`hutong city`: a made prefecture city, written to files for tests, trials and load."""

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from hutong_client.city import REFERENCE, SCALES, ZONE, City
from hutong_client.city.files import write

app = typer.Typer(
    help="Make a city that does not exist, with its institutions, its people and their reports.", no_args_is_help=True
)


@app.callback()
def city() -> None:
    """Make a city that does not exist, with its institutions, its people and their reports."""


def _reference(text: str) -> datetime:
    if text == "now":
        return datetime.now(ZONE)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("not a time; give 2026-11-02T12:00 or now", param_hint="--reference") from None
    return at if at.tzinfo else at.replace(tzinfo=ZONE)


@app.command("write")
def write_city(
    out: Annotated[Path, typer.Option("--out", help="Directory to write to; made when it is not there.")],
    seed: Annotated[int, typer.Option(help="The same seed makes the same city, byte for byte.")] = 1,
    patients: Annotated[int, typer.Option(min=0, help="Number of people.")] = 200,
    days: Annotated[int, typer.Option(min=1, help="How many days back the reports go.")] = 180,
    scale: Annotated[str, typer.Option(help=f"Number of institutions: {', '.join(SCALES)}.")] = "small",
    reference: Annotated[
        str, typer.Option(help="The city's present: a time (Beijing time when it names no zone), or 'now'.")
    ] = REFERENCE.isoformat(),
    institution: Annotated[
        list[str] | None, typer.Option(help="Only what this institution publishes; may be given several times.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Write the city's reports (reports/INSTITUTION/*.json), catalogue (catalog/*.csv) and people (patients.ndjson)."""
    if scale not in SCALES:
        raise typer.BadParameter(f"one of {', '.join(SCALES)}", param_hint="--scale")
    made = City.make(seed, _reference(reference), patients, days=days, scale=scale)  # type: ignore[arg-type]  # checked above
    unknown = [code for code in institution or () if code not in made.places.by_code]
    if unknown:
        raise typer.BadParameter(f"no such institution: {', '.join(unknown)}", param_hint="--institution")
    counted: Counter[str] = Counter()
    for report in write(made, out, institution):
        counted[report.institution] += report.reports
    if as_json:
        typer.echo(
            json.dumps({"out": str(out), "reports": counted.total(), "by_institution": counted}, ensure_ascii=False)
        )
        return
    table = Table(title=f"{out}: {counted.total()} reports", title_justify="left")
    table.add_column("code")
    table.add_column("institution")
    table.add_column("reports", justify="right")
    for code, count in sorted(counted.items()):
        table.add_row(code, made.institution(code).name, str(count))
    Console().print(table)
