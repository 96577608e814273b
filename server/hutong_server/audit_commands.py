"""hutong-server audit: verifies the access ledger, proves what stands in it, exports it, cuts off what is too old."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from hutong_server.opening import LONGEST_MS, now, opened, opened_ledger
from hutong_server.refusing import refuse, settings_or_refuse
from hutong_server.settings import Settings

if TYPE_CHECKING:
    from hutong_server.store.index_view import IndexView
    from hutong_server.store.ledger_view import SqlLedgerView
    from hutong_server.store.sql_store import SqlStore
    from hutong_server.trust.checkpoint import CheckpointKey
    from hutong_server.trust.key_ring import KeyRing
    from hutong_server.trust.ledger_check import Verified

T = TypeVar("T")

audit = typer.Typer(
    no_args_is_help=True,
    help="The access ledger: an append-only Merkle log for each committing thread, and a root log over them.",
)
_DAY = 24 * 3600 * 1000
_WRONG = 2
"""Exit status where nothing could be looked at; 1 is a fault that was found."""

ToFile = Annotated[Path, typer.Option("--to", help="New file to write; - for standard output.")]


@audit.command()
def verify(
    against: Annotated[
        list[Path] | None,
        typer.Option(help="Checkpoint that was kept elsewhere, or a directory of them; may be repeated."),
    ] = None,
    offline: Annotated[
        Path | None, typer.Option(help="A file of `audit dump` instead of the database; needs --key only.")
    ] = None,
    key: Annotated[str, typer.Option(help="Verifier key; default: that of HUTONG_LEDGER_KEY.")] = "",
) -> None:
    """Check every leaf, the index beside it and of reports, every checkpoint, and what was kept elsewhere.

    Exits 1 on any fault.
    """
    from hutong_server.trust import ledger_check
    from hutong_server.trust.checkpoint import CheckpointInvalid, CheckpointVerifier
    from hutong_server.trust.ledger_dump import DumpInvalid, DumpView

    try:
        verifier = CheckpointVerifier.of(key) if key else _key(settings_or_refuse(_WRONG)).verifier
    except CheckpointInvalid as error:
        refuse([f"--key: {error}"], _WRONG)
    notes = _notes(against or [])
    if offline is not None:
        try:
            with offline.open(encoding="ascii") as lines:
                found = ledger_check.verify(DumpView(lines), verifier, notes)
        except (OSError, UnicodeError) as error:
            refuse([f"{offline}: {getattr(error, 'strerror', None) or 'not a dump'}"], _WRONG)
        except DumpInvalid as error:
            refuse([f"{offline}: {error}"], _WRONG)
    else:
        with _opened(settings_or_refuse(_WRONG)) as (store, _):
            found, prepared = _look_both(
                store, lambda view, index: (ledger_check.verify(view, verifier, notes, index), view.prepared())
            )
        for log_id, first, leaves in prepared:
            print(
                f"log {log_id.hex()}: {leaves} leaves from {first} on were prepared, not committed: they do not count"
            )
    _tell(found, bool(notes))


@audit.command()
def checkpoint(
    show_key: Annotated[bool, typer.Option("--key", help="Print the verifier key instead.")] = False,
) -> None:
    """Print the newest signed checkpoint of each log, the root log first. Each ends with an empty line."""
    from hutong_server.store.base import ROOT_LOG
    from hutong_server.trust.ledger_proof import note

    settings = settings_or_refuse(_WRONG)
    signer = _key(settings)
    if show_key:
        print(signer.verifier.text)
        return

    def newest(view: "SqlLedgerView") -> list[str]:
        logs = (ROOT_LOG, *(log.log_id for log in view.logs()))
        return [note(signer.name, log_id, tree) for log_id in logs if (tree := view.newest(log_id)) is not None]

    with _opened(settings) as (store, _):
        for text in _look(store, newest):
            print(text)


@audit.command()
def prove(leaf: Annotated[str, typer.Argument(help="<log>/<number>, as `audit verify` and exports name it.")]) -> None:
    """Prove that a leaf stands in its log: JSON for `hutong verify-proof`."""
    from hutong_server.trust import ledger_proof

    log, _, number = leaf.partition("/")
    try:
        log_id, place = bytes.fromhex(log), int(number)
    except ValueError:
        refuse(["a leaf is named <log>/<number>"], _WRONG)
    settings = settings_or_refuse(_WRONG)
    name = _key(settings).name
    with _opened(settings) as (store, _):
        try:
            found = _look(store, lambda view: ledger_proof.prove(view, name, log_id, place))
        except ledger_proof.NoProof as error:
            refuse([str(error)], _WRONG)
    print(json.dumps(found.as_json(), indent=1, ensure_ascii=False))


@audit.command()
def consistency(
    old: Annotated[Path, typer.Argument(help="File of the older checkpoint.")],
    new: Annotated[Path, typer.Argument(help="File of the newer checkpoint of the same log.")],
) -> None:
    """Prove that nothing before the older checkpoint was changed: JSON for `hutong verify-proof`."""
    from hutong_server.trust import ledger_proof
    from hutong_server.trust.checkpoint import CheckpointInvalid

    settings = settings_or_refuse(_WRONG)
    signer, texts = _key(settings), [_text(path) for path in (old, new)]
    with _opened(settings) as (store, _):
        try:
            found = _look(store, lambda view: ledger_proof.consistent(view, signer, texts[0], texts[1]))
        except (ledger_proof.NoProof, CheckpointInvalid) as error:
            refuse([str(error)], _WRONG)
    print(json.dumps(found, indent=1, ensure_ascii=False))


@audit.command()
def export(to: ToFile) -> None:
    """Write all accesses as FHIR R4 AuditEvents (IHE BALP), one JSON object a line."""
    from hutong_server.fhir.audit_event import audit_event
    from hutong_server.store.leaves import access_of

    settings = settings_or_refuse(_WRONG)

    def events(view: "SqlLedgerView") -> Iterator[str]:
        for log in view.logs():
            for stored in view.leaves(log.log_id, log.cut):
                if stored.leaf is None:
                    refuse([f"leaf {log.log_id.hex()}/{stored.number} does not open; see `audit verify`"], _WRONG)
                name = f"{log.log_id.hex()}/{stored.number}"
                event = audit_event(access_of(stored.leaf), name, settings.registry_name)
                yield json.dumps(event, ensure_ascii=False, separators=(",", ":"))

    _write(settings, to, events)


@audit.command()
def dump(to: ToFile) -> None:
    """Write the whole ledger, leaves in clear, so that it verifies elsewhere: `audit verify --offline`."""
    from hutong_server.trust.ledger_dump import dump as lines

    _write(settings_or_refuse(_WRONG), to, lines)


@audit.command()
def retain() -> None:
    """Cut off what is older than HUTONG_LEDGER_RETENTION_DAYS, each log at a checkpoint; the rest still verifies."""
    from hutong_server.store.base import StoreUnavailable
    from hutong_server.trust.ledger import MerkleLedger
    from hutong_server.trust.ledger_retention import CutRefused, cut_before

    settings = settings_or_refuse(_WRONG)
    since = now() - settings.ledger_retention_days * _DAY
    ledger = MerkleLedger(_key(settings))
    with _opened(settings) as (store, _):
        cut: list[tuple[bytes, int]] = []
        try:
            while more := store.submit(lambda writer: cut_before(writer, ledger, since, now())).result():
                cut += more
        except CutRefused as error:
            refuse([str(error)], _WRONG)
        except StoreUnavailable as error:
            refuse([f"HUTONG_DATABASE_URL: {error}"], _WRONG)
    for log_id, leaves in cut:
        print(f"log {log_id.hex()}: {leaves} leaves cut off")
    print(
        f"{sum(leaves for _, leaves in cut)} leaves in {len(cut)} logs were past {settings.ledger_retention_days} days"
    )


def _tell(found: "Verified", elsewhere: bool) -> NoReturn:
    for fault in found.faults:
        print(f"FAULT {fault}")
    for what, count in found.strays:
        print(f"FAULT {count} {what}")
    print(f"{sum(found.sizes.values())} leaves in {len(found.sizes)} logs, the root log among them")
    for log_id, (first, size) in sorted(found.lost.items()):
        if log_id != bytes(16):
            print(
                f"log {log_id.hex()}: leaves {first} to {size - 1} were lost before a restore; the root log tells of it"
            )
    for log_id, first, count in found.unvouched():
        if elsewhere:
            print(f"log {log_id.hex()}: leaves {first} to {first + count - 1} are in no checkpoint that was given")
    if not elsewhere:
        print(
            "no checkpoint from elsewhere was given: who holds database and signing key could have rewritten all of it"
        )
    print("verified" if found.good else "NOT as it was written")
    raise typer.Exit(0 if found.good else 1)


def _notes(paths: list[Path]) -> list[str]:
    files = []
    for path in paths:
        files += sorted(path.glob("*.checkpoint")) if path.is_dir() else [path]
    return [_text(path) for path in files]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        refuse([f"{path}: {getattr(error, 'strerror', None) or 'not a checkpoint'}"], _WRONG)


def _write(settings: Settings, to: Path, lines: "Callable[[SqlLedgerView], Iterator[str]]") -> None:
    with _opened(settings) as (store, _):
        try:
            out = sys.stdout if str(to) == "-" else to.open("x", encoding="utf-8")
        except OSError as error:
            refuse([f"{to}: {error.strerror}"], _WRONG)

        def write(view: "SqlLedgerView") -> int:
            count = 0
            for line in lines(view):
                out.write(line + "\n")
                count += 1
            return count

        count = _look(store, write)
        out.flush()
        if out is not sys.stdout:
            out.close()
    print(f"{count} lines", file=sys.stderr)


def _look(store: "SqlStore", job: "Callable[[SqlLedgerView], T]") -> T:
    return _look_both(store, lambda view, _: job(view))


def _look_both(store: "SqlStore", job: "Callable[[SqlLedgerView, IndexView], T]") -> T:
    """At one state of the database throughout."""
    from hutong_server.store.base import StoreUnavailable
    from hutong_server.store.index_view import IndexView
    from hutong_server.store.ledger_view import SqlLedgerView, begin_whole, take_any_text

    def look(tx: Any) -> T:
        take_any_text(tx)
        begin_whole(tx)
        return job(SqlLedgerView(tx), IndexView(tx))

    try:
        return store.read(look)
    except StoreUnavailable as error:
        refuse([f"HUTONG_DATABASE_URL: {error}"], _WRONG)


def _opened(settings: Settings) -> "AbstractContextManager[tuple[SqlStore, KeyRing]]":
    return opened(settings, timeout_ms=LONGEST_MS, ledger=opened_ledger(settings, _WRONG), status=_WRONG)


def _key(settings: Settings) -> "CheckpointKey":
    from hutong_server.trust.checkpoint import CheckpointKey
    from hutong_server.trust.keys import UnsafeKey, read_key_file

    try:
        return CheckpointKey(settings.registry_name, read_key_file(settings.ledger_key))
    except UnsafeKey as error:
        refuse([f"HUTONG_LEDGER_KEY: {error}"], _WRONG)
