"""Refusals that are kept before they leave."""

from collections.abc import Callable
from typing import TypeVar

from hutong_server.store.base import Store
from hutong_server.usecases.gate import RefusedOnRecord

T = TypeVar("T")


def keeping_refusals(store: Store, work: Callable[[], T]) -> Callable[[], T]:
    """Work whose refusals on record are durable before they are raised. Raises StoreUnavailable when they cannot be."""

    def run() -> T:
        try:
            return work()
        except RefusedOnRecord as refused:
            store.submit(refused.keep).result()
            raise

    return run
