"""hutong-server backup: a copy of the whole database while servers go on, and the keys apart from it."""

import datetime
import os
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from hutong_server.refusing import refuse, settings_or_refuse
from hutong_server.settings import Settings

To = Annotated[
    Path | None, typer.Option("--to", help="New directory for the database and its manifest; no key stands there.")
]
KeysTo = Annotated[Path | None, typer.Option("--keys-to", help="New directory for keys and authorities, elsewhere.")]
Programs = Annotated[
    Path | None, typer.Option("--postgresql-programs", help="Where pg_dump and pg_restore are; default: by PATH.")
]


def backup(to: To = None, keys_to: KeysTo = None, postgresql_programs: Programs = None) -> None:
    """Copy the database while servers go on, or the keys, or both, each to a new directory.

    Either is there whole or not at all. Run it as the user of the service.
    """
    settings = settings_or_refuse()
    if to is None and keys_to is None:
        refuse(["say where to: --to DIR, --keys-to DIR, or both"])
    for place in filter(None, (to, keys_to)):
        if place.exists():
            refuse([f"{place} is there already"])
    if to is not None and keys_to is not None:
        one, other = to.resolve(), keys_to.resolve()
        if one == other or one in other.parents or other in one.parents:
            refuse(["keys are kept apart: --keys-to must be another directory than --to, and neither in the other"])
    try:
        if keys_to is not None:
            _copy_keys(settings, keys_to)
        if to is not None:
            _copy_database(settings, to, postgresql_programs)
    except OSError as error:
        refuse([f"{error.filename or to or keys_to}: {error.strerror}"])


def _copy_database(settings: Settings, to: Path, programs: Path | None) -> None:
    from hutong_server.sealed_store import check_keys
    from hutong_server.settings import SettingsError
    from hutong_server.store import database_copy
    from hutong_server.store.base import StoreUnavailable
    from hutong_server.store.engine import UnsafeSettings
    from hutong_server.trust.backup_manifest import Manifest, digest_of, write_manifest
    from hutong_server.trust.checkpoint import Checkpoint, note_of
    from hutong_server.trust.keys import UnsafeKey, read_key_file
    from hutong_server.trust.ledger import checkpoint_key
    from hutong_server.trust.wrapping import kek_id

    unfinished = to.with_name(f".{to.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    began = datetime.datetime.now(datetime.UTC)
    try:
        kind = database_copy.kind_of(settings.database_url)
        if database_copy.empty(settings.database_url):
            refuse(["HUTONG_DATABASE_URL: there is no database yet"])
        # A backup that its keys do not open is none.
        check_keys(settings)
        signer, kek = checkpoint_key(settings.registry_name, settings.ledger_key), read_key_file(settings.kek)
        to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished.mkdir(mode=0o700)
        name = database_copy.NAMES[kind]
        copied = database_copy.copy_database(settings.database_url, unfinished / name, programs)
        manifest = Manifest(
            registry=settings.registry_name,
            product=version("hutong"),
            taken_at=began.isoformat(timespec="seconds"),
            database=kind,
            schema=copied.schema,
            counts=copied.counts,
            ledger_key=signer.verifier.text,
            ledger=tuple(
                note_of(signer.name, Checkpoint(log, *tree[:2]), tree.signature) for log, tree in copied.trees
            ),
            files={each.name: digest_of(each) for each in database_copy.files_at(unfinished / name)},
            kek=kek_id(kek).hex(),
        )
        write_manifest(unfinished, manifest, kek)
        finish(unfinished, to)
    except SettingsError as error:
        refuse(error.problems)
    except UnsafeKey as error:
        refuse([str(error)])
    except (UnsafeSettings, StoreUnavailable, database_copy.CopyRefused) as error:
        refuse([f"HUTONG_DATABASE_URL: {error}"])
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    rows = sum(manifest.counts.values())
    print(f"{to}: {kind}, schema {manifest.schema}, {rows} rows, {len(manifest.ledger)} logs of the ledger")
    if not settings.ledger_export:
        print(
            "HUTONG_LEDGER_EXPORT is not set: what is withdrawn, withheld, revoked or suspended after this backup "
            "would be lost with the database",
            file=sys.stderr,
        )


def _copy_keys(settings: Settings, to: Path) -> None:
    for needed, path in (("HUTONG_KEK", settings.kek), ("HUTONG_LEDGER_KEY", settings.ledger_key)):
        if not path.exists():
            refuse([f"{needed}: there is no {path}: without it no backup opens"])
    unfinished = to.with_name(f".{to.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished.mkdir(mode=0o700)
    try:
        copied = 0
        for path in (settings.kek, settings.ledger_key, settings.token_key, settings.seal_key):
            if path.exists():
                if (unfinished / path.name).exists():
                    refuse([f"two keys have files called {path.name}: one would take the other's place"])
                _closed(str(path), str(unfinished / path.name))
                copied += 1
        if settings.ca_directory.is_dir():
            shutil.copytree(settings.ca_directory, unfinished / "ca", copy_function=_closed)
            (unfinished / "ca").chmod(0o700)
        finish(unfinished, to)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    print(f"{to}: {copied} keys" + (" and the authorities" if (to / "ca").is_dir() else ""))


def _closed(source: str, to: str) -> str:
    shutil.copyfile(source, to)
    Path(to).chmod(0o600)
    return to


def finish(unfinished: Path, place: Path) -> None:
    """Gives a directory its name once all of it is on the disk. Raises OSError."""
    from hutong_server.durable import sync

    for folder, _, names in os.walk(unfinished):
        for name in names:
            sync(Path(folder) / name)
        sync(Path(folder))
    unfinished.rename(place)
    sync(place.parent)
