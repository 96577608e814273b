"""hutong-server statistics: writes out what is counted, so that somebody else can count it; counts everything anew."""

import hashlib
import json
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hutong_server.opening import LONGEST_MS, now, opened
from hutong_server.refusing import refuse, settings_or_refuse

if TYPE_CHECKING:
    from hutong_server.domain.rulebook import RuleBook
    from hutong_server.store.statistics_view import RawView

statistics = typer.Typer(no_args_is_help=True, help="What is counted of prompts and decisions; docs/statistics.md.")

_HELD = 600_000


@statistics.command()
def dump(to: Annotated[Path, typer.Option("--to", help="New file to write; - for standard output.")]) -> None:
    """Write everything that is counted as NDJSON, without identity: a line for the region, then one for each raw row.

    Prompts and reports have names of this dump alone, which lead nowhere.
    """
    from hutong_server.api.rule_snapshot import read_book
    from hutong_server.store.statistics_view import RawView

    with opened(settings_or_refuse(), timeout_ms=LONGEST_MS, pool_size=4) as (store, _):
        try:
            out = sys.stdout if str(to) == "-" else to.open("x", encoding="utf-8")
        except OSError as error:
            refuse([f"{to}: {error.strerror}"])

        def write(tx: Any) -> int:
            count = 0
            for row in raw_lines(read_book(tx), RawView(tx)):
                out.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
                count += 1
            return count

        count = store.read(write)
        out.flush()
        if out is not sys.stdout:
            out.close()
    print(f"{count} lines", file=sys.stderr)


@statistics.command()
def rebuild() -> None:
    """Forget all roll-ups and count everything anew, as after a change of the region's time zone.

    Servers may go on; until it is done, statistics lack what was not counted again yet.
    """
    from hutong_server.api.counting import Counting
    from hutong_server.api.rule_snapshot import read_book
    from hutong_server.telemetry import Metrics
    from hutong_server.usecases.statistics_counting import seize

    with opened(settings_or_refuse(), timeout_ms=LONGEST_MS, pool_size=4) as (store, _):
        book = store.read(read_book)
        counting = Counting(store, lambda: book, now, Metrics(), rest=0)
        # Nobody else counts while the rows go.
        store.submit(seize(counting.holder, book, now(), _HELD)).result()
        while store.submit(lambda writer: writer.forget_counts()).result():
            pass
        if not counting.count():
            refuse(["another process began to count; let it finish"])
    print("counted")


def raw_lines(book: "RuleBook", view: "RawView") -> Iterator[dict[str, Any]]:
    """The lines of a dump."""
    key = secrets.token_bytes(32)

    def name(raw: bytes) -> str:
        return hashlib.blake2b(raw, key=key, digest_size=12).hexdigest()

    def named(row: dict[str, Any]) -> dict[str, Any]:
        renamed = {field: name(value) if isinstance(value, bytes) else value for field, value in row.items()}
        for field in ("lines", "former"):
            if field in row:
                renamed[field] = [named(line) for line in row[field]]
        return renamed

    yield {
        "raw": "region",
        "time_zone": book.policy.time_zone,
        "refusing": {ground.code: ground.counts_as_refusal for ground in book.grounds},
        "specialties": {code: versions[-1].specialty.value for code, versions in sorted(book.items.items())},
    }
    for raw, rows in (
        ("prompt", view.prompts()),
        ("decision", view.decisions()),
        ("event", view.events()),
        ("opened", view.opened()),
    ):
        for row in rows:
            yield {"raw": raw, **named(row)}
