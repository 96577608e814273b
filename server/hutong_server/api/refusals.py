"""Refusals that are kept before they leave."""

from collections.abc import Callable
from typing import Any, TypeVar

from hutong_server.store.base import Question, Reader, Store, Writer
from hutong_server.usecases.gate import RefusedOnRecord

T = TypeVar("T")


def refusal_kept(question: Question[T]) -> Question[T | RefusedOnRecord]:
    """A question whose refusal on record is an answer like another, with its record to be kept."""

    def ask(reader: Reader) -> tuple[T | RefusedOnRecord, Callable[[Writer], Any]]:
        try:
            return question(reader)
        except RefusedOnRecord as refused:
            return refused, refused.keep

    return ask


def keeping_refusals(store: Store, work: Callable[[], T]) -> Callable[[], T]:
    """Work whose refusals on record are durable before they are raised. Raises StoreUnavailable when they cannot be."""

    def run() -> T:
        try:
            return work()
        except RefusedOnRecord as refused:
            store.submit(refused.keep).result()
            raise

    return run
