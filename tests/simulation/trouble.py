"""Trouble on demand: a transaction that dies after so many statements, by error or with all."""

from __future__ import annotations

import sqlite3

import psycopg
from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from bot.store.database import Database


class Killed(BaseException):
    """The process is gone: nothing catches it."""


class Fuse:
    """Blows in a writing transaction; `light` says after how many of its statements."""

    def __init__(self, database: Database) -> None:
        is_sqlite = database.engine.dialect.name == "sqlite"
        bad = sqlite3.OperationalError if is_sqlite else psycopg.errors.IoError
        self._error = bad("disk I/O error")
        self._left = 0
        self._at_commit = False
        self._kill = False
        self.has_blown = False
        event.listen(database.engine, "before_cursor_execute", self._statement)
        event.listen(database.engine, "commit", self._commit)

    def light(self, statements: int | None, *, kill: bool) -> None:
        """Blow after `statements` more, None: at the commit.

        With `kill` it is a process that ends, else a bad disk.
        """
        self._left, self._kill, self.has_blown = statements or 0, kill, False
        self._at_commit = statements is None

    def put_out(self) -> None:
        """It does not blow any more."""
        self._left, self._at_commit = 0, False

    def _statement(self, connection: Connection, _cursor: object, sql: str, *_rest: object) -> None:
        if sql.startswith("BEGIN"):
            is_writing = sql == "BEGIN IMMEDIATE" or "READ COMMITTED" in sql
            connection.info["is writing"] = is_writing
        else:
            self._burn(connection)

    def _commit(self, connection: Connection) -> None:
        if self._at_commit:
            self._left = 1
        self._burn(connection)

    def _burn(self, connection: Connection) -> None:
        if not self._left or not connection.info.get("is writing"):
            return
        self._left -= 1
        if self._left == 0:
            self._at_commit, self.has_blown = False, True
            if self._kill:
                raise Killed
            raise OperationalError("a statement", {}, self._error)
