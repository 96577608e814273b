"""hutong-server restore: puts a database back from a backup, proves that it is whole, and does again what must hold.

In three steps, each of which may be repeated when it was cut off. *Put back*: the database says of itself from its
first row on that it was restored. *Prove*: manifest, counts, ledger, index and keys. *Settle*: what was withdrawn,
withheld, revoked and suspended after the backup is done again from the ledger's export, or its loss is accepted. No
server starts on a database that is not settled, and one that runs shows nothing of it as reusable.
"""

import datetime
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from hutong_server.refusing import refuse, settings_or_refuse
from hutong_server.settings import Settings, SettingsError

if TYPE_CHECKING:
    from hutong_server.domain.report import Instant
    from hutong_server.restoring import Restored
    from hutong_server.trust.backup_manifest import Manifest
    from hutong_server.usecases.replay import Replayed

UNSETTLED = 3
"""Exit status: put back and proved, but not settled."""

From = Annotated[Path | None, typer.Option("--from", help="Directory that `backup` made.")]
InPlace = Annotated[
    bool,
    typer.Option("--in-place", help="The database was put back by its own means, as PostgreSQL's archive: settle it."),
]
Exports = Annotated[
    list[Path] | None,
    typer.Option(help="Export of the ledger, one for each server; may be repeated; default: HUTONG_LEDGER_EXPORT."),
]
LossSince = Annotated[
    str,
    typer.Option(
        metavar="TIME",
        help="Without a whole export: what was withdrawn, withheld, revoked and suspended since then is lost. "
        "Goes on record. ISO 8601.",
    ),
]
Excused = Annotated[
    list[str] | None,
    typer.Option(metavar="CODE", help="Institution that counts as resumed though a feed of it is no more."),
]
Force = Annotated[bool, typer.Option("--force", help="Something is there already: move it aside, or drop it.")]
Programs = Annotated[Path | None, typer.Option(help="Where pg_restore is; default: by PATH.")]


def restore(
    from_: From = None,
    in_place: InPlace = False,
    export: Exports = None,
    accept_loss_since: LossSince = "",
    excuse: Excused = None,
    force: Force = False,
    postgresql_programs: Programs = None,
) -> None:
    """Put a database back, prove it, and do again what must hold; without --from, go on with one that is not settled.

    Exits 0 when servers may start, 1 when it was refused and nothing was changed, 3 when the loss is yet to be settled.
    """
    from hutong_server.store.base import StoreUnavailable
    from hutong_server.store.engine import UnsafeSettings
    from hutong_server.trust.keys import UnsafeKey

    settings = settings_or_refuse()
    if from_ is not None and in_place:
        refuse(["--from and --in-place exclude each other"])
    lost_since = _instant(accept_loss_since) if accept_loss_since else None
    exports = list(export or ([Path(settings.ledger_export)] if settings.ledger_export else []))
    try:
        if from_ is not None:
            _put_back(settings, from_, exports, force, postgresql_programs)
        settled = _settle(settings, exports, lost_since, in_place=in_place, proved=from_ is not None)
        if excuse:
            _excuse(settings, excuse)
    except SettingsError as error:
        refuse(error.problems)
    except UnsafeKey as error:
        refuse([str(error)])
    except (UnsafeSettings, StoreUnavailable) as error:
        refuse([f"HUTONG_DATABASE_URL: {error}"])
    if not settled:
        raise typer.Exit(UNSETTLED)


def _put_back(settings: Settings, source: Path, exports: Sequence[Path], force: bool, programs: Path | None) -> None:
    from hutong_server import restoring
    from hutong_server.store import database_copy as copies
    from hutong_server.store.migrations import migrate

    url = settings.database_url
    kind = copies.kind_of(url)
    manifest = _manifest(settings, source, kind)
    if copies.in_use(url):
        refuse(["HUTONG_DATABASE_URL: somebody has the database open; stop the servers first"])
    if not force and not copies.empty(url):
        refuse(["HUTONG_DATABASE_URL: something is there already; --force moves a file aside and drops tables"])
    place = copies.file_of(url) if kind == "sqlite" else None
    if place is not None:
        # Beside its place, until it is proved.
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = place.with_name(f".{place.name}.unfinished")
        _remove(unfinished)
        settings = settings.model_copy(update={"database_url": f"sqlite:///{unfinished.absolute()}"})
    elif force:
        copies.clear(url)
    unnamed = {each.name for each in copies.files_at(source / copies.NAMES[kind])} - manifest.files.keys()
    if unnamed:
        refuse([f"--from: the manifest does not name {', '.join(sorted(unnamed))}"])
    try:
        copies.load(settings.database_url, source / copies.NAMES[kind], programs, restoring.now())
        faults = restoring.count_faults(manifest, copies.look(settings.database_url))
        migrate(settings.database_url)
        with restoring.opened(settings, exports) as it:
            faults += [*restoring.seal_faults(it), *restoring.verify(it, manifest.ledger)[0]]
    except copies.CopyRefused as error:
        if place is not None:
            _remove(unfinished)  # where the disk is full it would stay so
        refuse([f"HUTONG_DATABASE_URL: {error}"])
    if faults:
        if place is not None:
            _remove(unfinished)
        refuse([f"--from: {fault}" for fault in faults])
    if place is not None:
        _move_aside(place, restoring.now())
        copies.finish_file(unfinished, place)
    rows = sum(manifest.counts.values())
    print(f"put back: {kind}, as of {manifest.taken_at}; {rows} rows in {len(manifest.counts)} tables, as counted then")
    print(
        f"proved: {len(manifest.ledger)} logs of the ledger to their last checkpoint, the index by them, all keys open"
    )


def _manifest(settings: Settings, source: Path, kind: str) -> "Manifest":
    """Of a backup that fits these settings."""
    from hutong_server.store.migrations import revisions
    from hutong_server.trust.backup_manifest import BackupInvalid, read_manifest
    from hutong_server.trust.keys import read_key_file
    from hutong_server.trust.ledger import checkpoint_key

    try:
        manifest = read_manifest(source, read_key_file(settings.kek))
    except BackupInvalid as error:
        refuse([f"--from: {error}"])
    verifier = checkpoint_key(settings.registry_name, settings.ledger_key).verifier
    if manifest.ledger_key != verifier.text:
        refuse([f"--from: its ledger is signed by {manifest.ledger_key}, and HUTONG_LEDGER_KEY is {verifier.text}"])
    if kind != manifest.database:
        refuse([f"--from: it is of {manifest.database}, and HUTONG_DATABASE_URL is {kind}"])
    if manifest.schema not in revisions():
        refuse([f"--from: its schema {manifest.schema} is newer than this release knows ({manifest.product} made it)"])
    return manifest


def _remove(file: Path) -> None:
    from hutong_server.store.database_copy import standing_at

    for each in standing_at(file):
        each.unlink()


def _move_aside(file: Path, at: "Instant") -> None:
    """What stands at the place and beside it."""
    from hutong_server.store.database_copy import standing_at

    for each in standing_at(file):
        aside = each.rename(file.with_name(f"{file.name}.before-{at}{each.name.removeprefix(file.name)}"))
        print(f"moved aside: {aside}")


def _settle(
    settings: Settings, exports: Sequence[Path], lost_since: "Instant | None", *, in_place: bool, proved: bool
) -> bool:
    """Does again what must hold, or accepts its loss. Whether servers may start."""
    from hutong_server import app, restoring
    from hutong_server.store.database_copy import cut_off

    if app.is_new_file(settings.database_url):
        refuse(["HUTONG_DATABASE_URL: there is no database yet"])
    if cut_off(settings.database_url):
        refuse(["HUTONG_DATABASE_URL: putting it back was cut off; do it again: --from DIR --force"])
    app.prepare_schema(settings.database_url)
    with restoring.opened(settings, exports) as it:
        if in_place:
            restoring.mark(it)
        last, _ = restoring.standing(it)
        if last is None:
            print("this database was never put back from a backup")
            return True
        if last.settled is None:
            last = replace(last, reaches=restoring.reaches(it))
            faults, compared = restoring.verify(it, ())
            if faults and not proved:
                refuse(faults)
            told, broken = restoring.acts_after(it, compared)
            problems = [*compared.problems, *broken]
            if not exports:
                problems = ["there is no export of the ledger: HUTONG_LEDGER_EXPORT, or --export"]
            if problems and lost_since is None:
                for problem in problems:
                    print(f"NOT SETTLED: {problem}")
                print(
                    "nothing is reusable, and no server starts, until the whole export is given (--export) or the loss "
                    f"is accepted: --accept-loss-since {restoring.iso(last.reaches)}"
                )
                return False
            lost = lost_since if problems else None
            _tell_replayed(restoring.settle(it, last, told, compared, lost), last.reaches, lost)
            if told:
                print(f"the last that the export tells of is of {restoring.iso(told[-1].access.at)}")
        return _tell_standing(it)


def _tell_replayed(done: "Replayed", reaches: "Instant", lost_since: "Instant | None") -> None:
    from hutong_server.restoring import iso
    from hutong_server.usecases.acts import RULES

    for kind, count in sorted(done.done.items()):
        print(f"replayed: {count} × {kind}")
    for kind, count in sorted(done.left.items()):
        if kind == RULES:
            print(
                f"MISSING: {count} × {kind}: imported, scheduled, moved or rolled back after it; do it again as soon "
                "as servers run: until then what that took back counts as before"
            )
        else:
            print(f"MISSING: {count} × {kind}: about what is not in the backup; look again when it has come back")
    if lost_since is not None:
        print(
            f"LOST, and on record: whatever else was withdrawn, withheld, revoked or suspended since {iso(lost_since)}"
        )
    print(
        f"missing until it comes again: reports, prompts and decisions after {iso(reaches)}; rules that were imported "
        "after it: import them again"
    )


def _tell_standing(it: "Restored") -> bool:
    from hutong_server.restoring import iso, standing

    last, unresumed = standing(it)
    print(f"settled {iso(last.settled or 0) if last else ''}: servers may start")
    if unresumed.institutions:
        print(
            f"nothing is reusable of {len(unresumed.institutions)} institutions until their feeds go on: "
            f"{', '.join(sorted(unresumed.institutions))}"
        )
    return True


def _excuse(settings: Settings, codes: Sequence[str]) -> None:
    from hutong_server import restoring

    with restoring.opened(settings) as it:
        if not restoring.excuse(it, codes):
            refuse(["--excuse: no such institution, or there was no restore"])
    print(f"excused, and on record: {', '.join(codes)}")


def _instant(text: str) -> "Instant":
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        _wrong_time()
    if moment.tzinfo is None:
        _wrong_time()
    return round(moment.timestamp() * 1000)


def _wrong_time() -> NoReturn:
    refuse(["--accept-loss-since: a time with its offset, as 2026-03-01T08:00:00+08:00"])
