"""hutong-server: serve, migrate, check-config, doctor, keys, health. Settings come from HUTONG_*; see check-config."""

import asyncio
import datetime
import gc
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated

import typer

from hutong_server import settings as configuration
from hutong_server.audit_commands import audit
from hutong_server.backup_commands import backup
from hutong_server.ca_commands import ca
from hutong_server.handshakes import HandshakeWatch
from hutong_server.housekeeping_commands import housekeeping, unmapped_report
from hutong_server.key_commands import keys
from hutong_server.refusing import refuse, settings_or_refuse
from hutong_server.restore_commands import restore
from hutong_server.settings import Settings, SettingsError
from hutong_server.statistics_commands import statistics
from hutong_server.telemetry import log, start_logging

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    # A pretty traceback shows the values of variables.
    pretty_exceptions_enable=False,
    help="The Hutong registry. Settings come from HUTONG_*.",
)
cli.add_typer(keys, name="keys")
cli.add_typer(ca, name="ca")
cli.add_typer(audit, name="audit")
cli.command()(backup)
cli.command()(restore)
cli.add_typer(statistics, name="statistics")
cli.command()(housekeeping)
cli.command("unmapped-report")(unmapped_report)


@cli.command()
def serve(
    workers: Annotated[int, typer.Option(min=0, max=64, help="Server processes; default: HUTONG_WORKERS.")] = 0,
    watched: Annotated[bool, typer.Option(hidden=True, help="Drain when standard input ends.")] = False,
) -> None:
    """Serve until SIGTERM or SIGINT; then finish the calls in flight and exit 0. Unsafe settings exit 1."""
    settings = settings_or_refuse()
    if (workers or settings.workers) > 1:
        _watch(settings, workers or settings.workers)
        return
    with HandshakeWatch() as watch:
        start_logging(settings.log_level, watch.stream)
        try:
            _run(_serve(settings, watch, watched=watched))
        except SettingsError as error:
            problems = error.problems
        else:
            return
    refuse(problems)


def _watch(settings: Settings, count: int) -> None:
    from hutong_server import safety
    from hutong_server.workers import watch

    start_logging(settings.log_level)
    if found := safety.problems(settings, datetime.datetime.now(datetime.UTC)):
        refuse(found)
    try:
        in_order = asyncio.run(watch(settings, count))
    except SettingsError as error:
        refuse(error.problems)
    if not in_order:
        raise typer.Exit(1)


@cli.command()
def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; say what is missing, and exit 1 then.")
    ] = False,
    distributed: Annotated[
        bool, typer.Option("--distributed", help="Distribute the tables over the nodes of Citus; once, for good.")
    ] = False,
) -> None:
    """Bring the schema of HUTONG_DATABASE_URL up to date. Servers of the version before go on meanwhile.

    Of a database in the distributed form, new tables are distributed as well.
    """
    from hutong_server import app
    from hutong_server.store.base import StoreUnavailable
    from hutong_server.store.distributing import NoCitus, distribute, is_distributed
    from hutong_server.store.engine import UnsafeSettings
    from hutong_server.store.migrations import migrate as run
    from hutong_server.store.migrations import migrations_pending, revisions

    settings = settings_or_refuse()
    url = settings.database_direct_url or settings.database_url
    try:
        if check:
            # Looking at a file that is not there would make it.
            pending = revisions() if app.is_new_file(url) else migrations_pending(url)
        else:
            applied = [f"applied {revision}" for revision in run(url)]
            if distributed or is_distributed(url):
                applied += [f"distributed {table}" for table in distribute(url)]
    except NoCitus as error:
        refuse([str(error)])
    except (UnsafeSettings, StoreUnavailable) as error:
        refuse([f"HUTONG_DATABASE_URL: {error}"])
    if not check:
        print("\n".join(applied) or "up to date")
        return
    print("\n".join(f"pending {revision}" for revision in pending) or "up to date")
    if pending:
        raise typer.Exit(1)


@cli.command("check-config")
def check_config() -> None:
    """Print every setting, and what is wrong. Exits 1 when anything is."""
    from hutong_server import app, safety

    settings = settings_or_refuse()
    for variable, value, meaning in configuration.shown(settings):
        print(f"{variable}={value}\n    {meaning}")
    found = safety.problems(settings, datetime.datetime.now(datetime.UTC)) or app.database_problems(settings)
    if found:
        refuse(found)
    print("safe to start")


@cli.command()
def doctor(
    least_free: Annotated[float, typer.Option(min=0, help="GiB that each disk should have free.")] = 10.0,
) -> None:
    """Look for what is wrong: settings, certificates, keys, disk, database, clock; and say how to mend it.

    Changes nothing. Run it as the user of the service. Exits 1 when anything is wrong.
    """
    from hutong_server.doctor import examine

    found = examine(
        settings_or_refuse(), datetime.datetime.now(datetime.UTC), least_free, os.environ.get("HUTONG_CERT", "")
    )
    for each in found:
        print(f"{'WRONG' if each.mend else 'ok':<6} {each.subject:<13} {each.text}")
        if each.mend:
            print(f"{'':<6} {'mend:':<13} {each.mend}")
    wrong = sum(bool(each.mend) for each in found)
    print(f"{wrong} of {len(found)} are wrong" if wrong else "nothing is wrong")
    if wrong:
        raise typer.Exit(1)


@cli.command()
def health(
    ca: Annotated[Path, typer.Option(envvar="HUTONG_CA", help="Authority of the server, PEM.")] = Path("certs/ca.pem"),
    cert: Annotated[Path, typer.Option(envvar="HUTONG_CERT", help="Client certificate, PEM.")] = Path(
        "certs/registry.monitor.pem"
    ),
    key: Annotated[Path, typer.Option(envvar="HUTONG_KEY", help="Its key, PEM.")] = Path("certs/registry.monitor.key"),
    target: Annotated[str, typer.Option(help="host:port; default: HUTONG_LISTEN.")] = "",
    service: Annotated[str, typer.Option(help="One service; default: the server as a whole.")] = "",
    timeout: Annotated[float, typer.Option(min=0.1, max=60, help="Seconds.")] = 2.0,
    alive: Annotated[
        bool, typer.Option("--alive", help="Any answer will do, also that the database is away: for liveness probes.")
    ] = False,
) -> None:
    """Ask a running server whether it serves. Exits 0 when it does, 1 when not."""
    from hutong_server.api.health_probe import probe

    try:
        material = [path.read_bytes() for path in (ca, cert, key)]
    except OSError as error:
        refuse([f"{error.filename}: {error.strerror}"])
    answer = probe(target or settings_or_refuse().listen, service, timeout, *material)
    print(answer)
    if answer != "SERVING" and not (alive and answer == "NOT_SERVING"):
        raise typer.Exit(1)


async def _serve(settings: Settings, watch: HandshakeWatch, *, watched: bool) -> None:
    from hutong_server import app

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    if watched:
        loop.add_reader(sys.stdin.fileno(), stop.set)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    registry = await app.start(settings)
    watch.tell(lambda reason: loop.call_soon_threadsafe(registry.handshake_failed, reason))
    # What is there now stays for good, and calls leave next to no cycles: looking at it all again and again costs a
    # twelfth of the time of a chart. A round stops everything for a millisecond a thousand objects: many short ones.
    gc.freeze()
    gc.set_threshold(5_000, 50, 200)
    # For people and scripts that took a free port; the log has it too.
    line = f"listening on port {registry.port}, metrics on {registry.metrics_port or 'none'}"
    print(f"{line}, enrolment on {registry.enrollment_port}" if registry.enrollment_port else line, flush=True)
    await stop.wait()
    log().info("draining")
    await registry.drain()
    watch.tell(None)
    log().info("ended")


def _run(main: Coroutine[None, None, None]) -> None:
    if sys.platform == "win32":
        asyncio.run(main)
    else:
        import uvloop

        uvloop.run(main)


def main() -> None:
    """The program."""
    cli()


if __name__ == "__main__":
    main()
