"""Questions side by side: what several of them ask of the database at once goes there in one round trip.

Each question runs in a greenlet of its own, all of them in one thread and one read transaction, and rests at each
statement. When all rest, a statement that several wait for is sent once for each, one behind the other, so that each
is still routed to the one machine that has its rows. Nothing is shared but the way: a question is given its own
rows, as if it had been alone.
"""

from collections.abc import Callable, Sequence
from itertools import islice
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

    def rest(text: str, many: Sequence[Any]) -> list[list[Row]]:
        """What a question comes to instead of the database."""
        rows: list[list[Row]] = hub.switch((text, many))
        return rows

    def go_on(number: int, question: greenlet, given: Any) -> None:
        with tx.resting_by(rest):
            told = question.switch(given)
        if question.dead:
            answers[number] = told
        else:
            text, many = told
            resting.setdefault(text, []).append(_Resting(number, question, many))

    for number, each in enumerate(questions):
        go_on(number, greenlet(answer_of, hub), each)
    while resting:
        # The statement that was come to first: who is behind catches up, and goes on with the others.
        text = next(iter(resting))
        together = resting.pop(text)
        found = iter(tx.rows_of_each(text, [values for each in together for values in each.many]))
        for waited in together:
            go_on(waited.number, waited.question, list(islice(found, len(waited.many))))
    return answers


class _Resting(NamedTuple):
    """A question that waits for rows."""

    number: int
    question: greenlet
    many: Sequence[Any]
    """Values of the statement, once for each of its runs."""
