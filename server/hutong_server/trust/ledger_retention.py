"""Retention of the ledger: what is cut off, and that nothing is cut that does not verify."""

from hutong_server.domain.report import Instant
from hutong_server.store.base import AccessRecord, Ledger, Writer
from hutong_server.store.ledger_retention import Cut, cut_off, cut_point, forget_cut
from hutong_server.store.ledger_view import SqlLedgerView
from hutong_server.trust.merkle import Frontier

METHOD = "RetainLedger"


class CutRefused(Exception):
    """What would be cut off does not verify: cutting would hide it. Names the log."""


def cut_before(writer: Writer, ledger: Ledger, since: Instant, at: Instant) -> list[tuple[bytes, int]]:
    """The write job: cuts off leaves of before `since` from one log, the first that has any: (log, leaves cut off).

    One at a time, so that other writers wait for no more than the length of a log. Raises CutRefused.
    """
    tx = writer
    view = SqlLedgerView(tx)  # type: ignore[arg-type]  # the store's writers are transactions
    logs = view.logs()
    forget_cut(tx, logs)  # type: ignore[arg-type]  # see above
    cuts: list[Cut] = []
    done: list[tuple[bytes, int]] = []
    for log in logs:
        tree = cut_point(tx, log, since)  # type: ignore[arg-type]  # see above
        if tree is None:
            continue
        frontier = Frontier(log.cut, log.cut_nodes)
        for hashed in view.hashes(log.log_id, tree.size):
            frontier.append(hashed)
        if frontier.size != tree.size or frontier.root() != tree.root:
            raise CutRefused(f"log {log.log_id.hex()} does not verify; see `audit verify`")
        cuts.append(Cut(log.log_id, tree, tuple(frontier.nodes)))
        done.append((log.log_id, tree.size - log.cut))
        break
    if not cuts:
        return []
    cut_off(tx, ledger, cuts, since, at)  # type: ignore[arg-type]  # see above
    detail = tuple(f"{log_id.hex()}:{leaves}" for log_id, leaves in done)
    writer.record(AccessRecord(at, METHOD, "registry", "registry", "", "", "done", detail=detail))
    return done
