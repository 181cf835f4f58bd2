"""Death by SIGKILL, at the N-th thing of a kind that the process does to the world."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from typing import Any

from slack_sdk import WebClient
from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import Pool

from bot.store.database import Database

#: What is counted: a statement that writes, a commit before and after it, a call of Slack before
#: it is sent and after its answer has come.
KINDS = ("write", "commit", "committed", "send", "sent")
_WRITES = ("INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP",
           "WITH _0")  # fmt: skip


class Killer:
    """Counts what happens of `kind`, and kills this process at the `number`-th.

    `note` is told, before the end, whether Slack has taken something that nobody noted.
    """

    def __init__(self, kind: str, number: int, note: Callable[[dict[str, object]], None]) -> None:
        self._kind = kind
        self._left = number
        self._note = note
        #: The method of a call that Slack has answered, until that is committed.
        self._in_flight: str | None = None

    def install(self) -> None:
        """Watch every database and every client of this process from now on."""
        event.listen(Engine, "before_cursor_execute", self._statement)
        event.listen(Engine, "commit", self._commit)
        event.listen(Pool, "checkout", _do_not_sync)
        told, called = Database._tell_listeners, WebClient.api_call
        killer = self

        def tell_listeners(database: Database) -> None:
            killer._in_flight = None
            killer._count("committed")
            told(database)

        def api_call(client: WebClient, method: str, **arguments: Any) -> Any:
            killer._count("send")
            answer = called(client, method, **arguments)
            killer._in_flight = method if method.startswith("chat.") else None
            killer._count("sent")
            return answer

        Database._tell_listeners = tell_listeners
        WebClient.api_call = api_call

    def _statement(
        self, _connection: Connection, _cursor: object, sql: str, *_rest: object
    ) -> None:
        if sql.lstrip().upper().startswith(_WRITES):
            self._count("write")

    def _commit(self, _connection: Connection) -> None:
        self._count("commit")

    def _count(self, kind: str) -> None:
        self._left -= kind == self._kind
        if self._left == 0:
            self._note({"killed": kind, "in_flight": self._in_flight})
            os.kill(os.getpid(), signal.SIGKILL)


def _do_not_sync(connection: Any, *_rest: object) -> None:
    """A killed process loses nothing that it gave to the system; only a power cut would."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=OFF").close()
