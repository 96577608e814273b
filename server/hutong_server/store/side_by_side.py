"""Questions side by side: what several of them ask of the database at once goes there in one round trip.

Each question runs in a greenlet of its own, all of them in one thread and one read transaction, and rests at each
statement. When all rest, a statement that several wait for is sent once for each, one behind the other, so that each
is still routed to the one machine that has its rows. Nothing is shared but the way: a question is given its own
rows, as if it had been alone.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from greenlet import getcurrent, greenlet

from hutong_server.store.transaction import Row, Transaction


class Answer(NamedTuple):
    """What a question came to."""

    value: Any = None
    error: Exception | None = None


def answer_of(question: Callable[[], Any]) -> Answer:
    """What it gives, or raises."""
    try:
        return Answer(question())
    except Exception as error:
        return Answer(error=error)


def side_by_side(tx: Transaction, questions: Sequence[Callable[[], Any]]) -> list[Answer]:
    """What questions come to that read in `tx`. Raises what the database raises."""
    hub = getcurrent()
    answers = [Answer()] * len(questions)
    resting: dict[str, list[_Resting]] = {}

    def rest(text: str, values: Sequence[Any]) -> list[Row]:
        """What a question comes to instead of the database."""
        rows: list[Row] = hub.switch((text, values))
        return rows

    def go_on(number: int, question: greenlet, given: Any) -> None:
        with tx.resting_by(rest):
            told = question.switch(given)
        if question.dead:
            answers[number] = told
        else:
            text, values = told
            resting.setdefault(text, []).append(_Resting(number, question, values))

    for number, each in enumerate(questions):
        go_on(number, greenlet(answer_of, hub), each)
    while resting:
        # The statement that was come to first: who is behind catches up, and goes on with the others.
        text = next(iter(resting))
        together = resting.pop(text)
        found = tx.rows_of_each(text, [each.values for each in together])
        for waited, rows in zip(together, found, strict=True):
            go_on(waited.number, waited.question, rows)
    return answers


class _Resting(NamedTuple):
    """A question that waits for rows."""

    number: int
    question: greenlet
    values: Sequence[Any]
