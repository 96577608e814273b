"""Changes by other processes, told at once: LISTEN on a connection of PostgreSQL's own, NOTIFY in the changing commit.

Nothing depends on it. Whoever is told also looks by himself every so often: what a lost connection or a pooler keeps
back is late then, not lost. A message names what changed and nothing of anybody.
"""

import random
import threading
from collections.abc import Callable

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from hutong_server.store.engine import UnsafeSettings, make_engine
from hutong_server.store.sessions import SESSION, Session
from hutong_server.store.transaction import Transaction

CHANNEL = "hutong_changes"
RULES, REVOCATIONS = "rules", "revocations"
EVERYTHING = (RULES, REVOCATIONS)

LONGEST_PAUSE = 30.0
"""Seconds between tries to connect, at most."""
_FIRST_PAUSE = 0.2
_ROUND = 0.5
"""Seconds until the thread looks whether it is to end."""
_SILENCE = 20
"""Rounds without a word after which the connection is asked whether it is there."""


def tell(tx: Transaction, what: str) -> None:
    """Tells every listening process of a change, when this transaction commits."""
    if tx.database == "postgresql":
        tx.command("SELECT pg_notify(%s, %s)", (CHANNEL, what))


class Listening:
    """A thread that listens. `heard` is called there with what changed; after each connect with everything, since
    nobody was listening before."""

    def __init__(
        self,
        url: str,
        heard: Callable[[str], None],
        listens: Callable[[bool], None] = lambda _: None,
        longest_pause: float = LONGEST_PAUSE,
    ) -> None:
        """`url`: of PostgreSQL itself, no pooler. `listens` is told whether there is a connection."""
        self._url = url
        self._heard = heard
        self._listens = listens
        self._longest_pause = longest_pause
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hutong-listen", daemon=True)

    def start(self) -> None:
        """Begins. The first connection is made in the thread: a database that is away keeps nobody waiting."""
        self._thread.start()

    def close(self) -> None:
        """Ends."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._end.is_set():
            try:
                with self._connected() as connection:
                    pause = _FIRST_PAUSE
                    self._listens(True)
                    for what in EVERYTHING:
                        self._heard(what)
                    self._listen(connection)
            except (psycopg.Error, SQLAlchemyError, UnsafeSettings):
                pass  # the looks go on; health tells when the database itself is away
            finally:
                if not self._end.is_set():
                    self._listens(False)
            # Servers that lost one database do not all come back in one moment.
            self._end.wait(pause * (0.5 + random.random()))  # noqa: S311  no secret
            pause = min(pause * 2, self._longest_pause)

    def _connected(self) -> "psycopg.Connection[tuple[object, ...]]":
        pooled = make_engine(self._url, pooled=False).raw_connection()
        connection: psycopg.Connection[tuple[object, ...]] = pooled.driver_connection  # type: ignore[assignment]
        session: Session = pooled.info[SESSION]
        pooled.detach()
        if session.begin_with:
            # The LISTEN would stay behind in a session of others, and its messages come to them.
            connection.close()
            raise UnsafeSettings("a pooler is between")
        connection.execute(f"LISTEN {CHANNEL}")
        return connection

    def _listen(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        silent = 0
        while not self._end.is_set():
            for note in connection.notifies(timeout=_ROUND, stop_after=1):
                silent = 0
                if note.payload in EVERYTHING:
                    self._heard(note.payload)
            silent += 1
            if silent >= _SILENCE:
                silent = 0
                connection.execute("SELECT 1")
