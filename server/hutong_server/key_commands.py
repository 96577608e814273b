"""`hutong-server keys`: the key files, and the keys that they guard in the database."""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from hutong_server.opening import LONGEST_MS, now, opened, opened_ledger
from hutong_server.refusing import refuse, settings_or_refuse
from hutong_server.settings import Settings

if TYPE_CHECKING:
    from hutong_server.trust.rotation import Rotation

keys = typer.Typer(no_args_is_help=True, help="Key files, and the keys of the store.")


@keys.command("init")
def keys_init() -> None:
    """Make the key files. Keys that are there are kept. Back them up apart from the database: without them the
    store cannot be read.
    """
    from hutong_server.trust.keys import UnsafeKey, create_key_file, read_key_file

    settings = settings_or_refuse()
    for path in (settings.token_key, settings.seal_key, settings.kek, settings.ledger_key):
        try:
            create_key_file(path)
            print(f"made {path}")
        except FileExistsError:
            try:
                read_key_file(path)
            except UnsafeKey as error:
                refuse([str(error)])
            print(f"kept {path}")
        except OSError as error:
            refuse([f"{path}: {error.strerror}"])


@keys.command("list")
def keys_list() -> None:
    """Show the keys of the store, and what stands under each. Looks through the whole database."""
    from hutong_server.trust.rotation import key_uses

    with _rotation(settings_or_refuse(), settle=0) as rotation:
        for use in key_uses(rotation.store):
            key = use.key
            made = datetime.datetime.fromtimestamp(key.made / 1000, datetime.UTC)
            under = ",".join(kek.hex() for kek, _ in key.wraps)
            print(f"{key.number}  {key.purpose:6}  {key.suite:16}  {key.state:8}  made {made:%Y-%m-%d}  under {under}")
            for place, count in sorted(use.uses.items()):
                print(f"     {place}: {count}")
            if use.stuck:
                print(f"     {use.stuck} of the tokens are made again when their patient's next report comes")


@keys.command("rotate")
def keys_rotate(
    seal: Annotated[bool, typer.Option("--seal", help="A new data key; everything is sealed anew.")] = False,
    tokens: Annotated[bool, typer.Option("--tokens", help="A new token key; patient tokens are made anew.")] = False,
    kek: Annotated[bool, typer.Option("--kek", help="A new key-encryption key; the keys are wrapped anew.")] = False,
    settle: Annotated[
        float, typer.Option(min=0, max=3600, help="Seconds until every server has seen a change; 0 when none runs.")
    ] = 15.0,
) -> None:
    """Exchange keys while servers go on. Can be broken off at any point: run it again. Without options: all three.

    New keys are of the suite of HUTONG_CRYPTO_SUITE. Ids that were handed out open for 30 days more.
    """
    everything = not (seal or tokens or kek)
    with _rotation(settings_or_refuse(), settle) as rotation:
        rotation.drop_former_wraps()
        if kek or everything:
            rotation.wrap_anew()
        if seal or everything:
            rotation.seal()
        if tokens or everything:
            rotation.tokens()
        rotation.destroy_old()
    print("done")


@contextmanager
def _rotation(settings: Settings, settle: float) -> "Iterator[Rotation]":
    from hutong_server.trust.keys import UnsafeKey
    from hutong_server.trust.rotation import Rotation
    from hutong_server.trust.suites import SUITES

    ledger = opened_ledger(settings)
    with opened(settings, timeout_ms=LONGEST_MS, pool_size=4, ledger=ledger, fresh=True) as (store, ring):
        try:
            yield Rotation(store, ring, settings.kek, SUITES[settings.crypto_suite], now, _say, settle=settle)
        except UnsafeKey as error:
            refuse([str(error)])


def _say(text: str) -> None:
    print(text, flush=True)
