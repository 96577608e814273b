"""hutong-server housekeeping and unmapped-report: what a timer runs at night, while servers go on."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hutong_server.opening import LONGEST_MS, now, opened, opened_ledger
from hutong_server.refusing import refuse, settings_or_refuse
from hutong_server.settings import Settings

if TYPE_CHECKING:
    from hutong_server.domain.rulebook import RuleBook
    from hutong_server.store.sql_store import SqlStore
    from hutong_server.store.upkeep import Finding
    from hutong_server.trust.key_ring import KeyRing


def housekeeping(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count what may be forgotten, look at the indexes, change nothing.")
    ] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Compare every row with every index, too; an hour for a large database.")
    ] = False,
    mend: Annotated[
        bool, typer.Option("--mend", help="Make indexes that are missing, invalid or bloated; on SQLite writers wait.")
    ] = False,
    compact: Annotated[
        bool, typer.Option("--compact", help="SQLite: give free pages back to the disk; writers wait, so stop first.")
    ] = False,
) -> None:
    """Forget what is past its time (HUTONG_RETAIN_*), tidy up the database and look at its indexes.

    Safe while servers run: some rows a commit, then a rest as long. Reports, patients, directives, decisions, what is
    held and notices that nobody acknowledged are never forgotten; the access ledger by `audit retain` alone.
    Exits 1 when something is wrong with the database.
    """
    from hutong_server.store.base import StoreUnavailable
    from hutong_server.store.engine import UnsafeSettings
    from hutong_server.store.upkeep import check, vacuum

    settings = settings_or_refuse()
    # What a pooler between would end or share is asked past it.
    url = settings.database_direct_url or settings.database_url
    found: list[Finding] = []
    try:
        with _opened(settings) as (store, _, book):
            forgotten = _retain(settings, store, book, dry_run=dry_run)
        if not dry_run:
            found += vacuum(url, forgotten, compact=compact)
        found += check(url, deep=deep, mend=mend and not dry_run)
    except (UnsafeSettings, StoreUnavailable) as error:
        refuse([f"HUTONG_DATABASE_URL: {error}"])
    for each in found:
        print(f"{'WRONG' if each.wrong else 'ok':<6} {each.subject:<12} {each.text}")
        if each.wrong:
            print(f"{'':<6} {'mend:':<12} {each.wrong}")
    if any(each.wrong for each in found):
        raise typer.Exit(1)


def unmapped_report(
    to: Annotated[
        Path | None, typer.Option("--to", help="File to write, CSV; replaced when it is there; - for standard output.")
    ] = None,
    mail: Annotated[bool, typer.Option("--mail", help="Mail it by HUTONG_MAIL_*.")] = False,
    institution: Annotated[str, typer.Option(metavar="CODE", help="Only this institution's.")] = "",
) -> None:
    """Tell which codes lead to no recognized item: as a table, or by mail with a summary. No patient's anything."""
    from hutong_server import mail as mailing
    from hutong_server.unmapped_report import summary, table
    from hutong_server.usecases.unmapped import list_unmapped

    settings = settings_or_refuse()
    if (to is None) != mail:
        refuse(["either --to FILE or --mail"])
    if mail and (problems := mailing.mail_problems(settings)):
        refuse(problems)
    with _opened(settings) as (store, ring, book):
        if institution and book.institution(institution) is None:
            refuse([f"there is no institution {institution}"])
        found = store.read(lambda reader: list_unmapped(reader, book, ring.tokens, institution))
    text, count = table(found, book), len(found.codes)
    if to is not None:
        _write(to, text)
        print(f"{count} codes", file=sys.stderr)
        return
    day = book.day_of(now())
    try:
        told = mailing.send(
            settings,
            f"{settings.registry_name}: {count} codes without an item, {day}",
            summary(found, book, settings.registry_name),
            f"unmapped-{day}.csv",
            text,
        )
    except mailing.NotSent as error:
        refuse([f"HUTONG_MAIL_SERVER: {error}"])
    print(f"{count} codes, mailed to {told}")


def _retain(settings: Settings, store: "SqlStore", book: "RuleBook", *, dry_run: bool) -> set[str]:
    """Forgets by rule, and says what; of what anything went."""
    from hutong_server.retention import retain, would_forget
    from hutong_server.usecases.housekeeping import Keep

    keep = Keep(
        settings.retain_prompts_days,
        settings.retain_reliances_days,
        settings.retain_notices_days,
        settings.retain_records_days,
        settings.renewal_grace_days,
    )
    found = (would_forget if dry_run else retain)(store, book, keep, now())
    for what, rows, before in found:
        if rows:
            done = "would be forgotten" if dry_run else "forgotten"
            print(f"{what:<14} {rows:>10} {done}, from before {book.day_of(before)}")
    if not any(each.rows for each in found):
        print("nothing is past its time")
    return set() if dry_run else {each.what for each in found if each.rows}


@contextmanager
def _opened(settings: Settings) -> "Iterator[tuple[SqlStore, KeyRing, RuleBook]]":
    from hutong_server.api.rule_snapshot import read_book

    with opened(settings, timeout_ms=LONGEST_MS, ledger=opened_ledger(settings)) as (store, ring):
        yield store, ring, store.read(read_book)


def _write(to: Path, text: str) -> None:
    if str(to) == "-":
        sys.stdout.write(text)
        return
    try:
        with tempfile.TemporaryDirectory(dir=to.parent, prefix=f".{to.name}.") as directory:
            made = Path(directory) / to.name
            made.write_text(text, encoding="utf-8-sig", newline="")
            made.replace(to)
    except OSError as error:
        refuse([f"{to}: {error.strerror}"])
