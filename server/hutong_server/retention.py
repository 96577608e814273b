"""Forgets by rule, some rows a commit, while servers go on."""

import time
from typing import NamedTuple

from hutong_server.domain.report import Instant
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import Store
from hutong_server.store.base_housekeeping import Place
from hutong_server.usecases.housekeeping import Keep, due, forget, horizons, look
from hutong_server.usecases.statistics_counting import forget_months, months_end


class Forgotten(NamedTuple):
    """What was, or would be, forgotten of one kind."""

    what: str
    rows: int
    before: Instant
    """Older than this."""


def would_forget(store: Store, book: RuleBook, keep: Keep, now: Instant) -> list[Forgotten]:
    """Counts what retain would forget; changes nothing. Raises StoreUnavailable."""
    wanted = horizons(keep, now, now)["prompts"]
    old = horizons(keep, now, store.read(lambda reader: months_end(reader, book, wanted)))
    return [Forgotten(what, rows, old[what]) for what, rows in store.read(lambda reader: due(reader, old)).items()]


def retain(store: Store, book: RuleBook, keep: Keep, now: Instant) -> list[Forgotten]:
    """Forgets what is past its time. Broken off, the next run goes on. Raises StoreUnavailable."""
    wanted = horizons(keep, now, now)["prompts"]
    old = horizons(keep, now, store.submit(forget_months(book, wanted)).result())
    return [Forgotten(what, _forget(store, what, before, now), before) for what, before in old.items()]


def _forget(store: Store, what: str, before: Instant, now: Instant) -> int:
    rows = 0
    after: Place | None = None
    while True:
        began = time.perf_counter()
        places = store.read(look(what, before, after))
        if not places:
            return rows
        rows += store.submit(forget(what, before, places, now)).result()
        after = places[-1]
        # Half of the time at most: calls commit in between.
        time.sleep(time.perf_counter() - began)
