"""A database that tells whether anything in it has changed, and is put back to what it was."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from pathlib import Path
from typing import Protocol

import psycopg

#: What is written without anything having changed: who was seen, what was refused.
SEEN = frozenset({"person", "memory", "refusal", "receipt", "alembic_version"})


class PutBack(Protocol):
    """What both kinds of database offer to the tests of rights; nobody else is to write in it."""

    def put_back(self) -> str:
        """The URL at which it stands as it was."""

    def has_changed(self) -> bool:
        """Whether anything has since, but what merely notes that somebody was here."""

    def close(self) -> None:
        """Be done with it."""


def keep(url: str) -> PutBack:
    """Keep what stands in the database at `url`, to which nobody is connected, as it is."""
    return PutBackSqlite(url) if url.startswith("sqlite") else PutBackPostgres(url)


#: A file that was replaced would be read with what its write-ahead log still has.
_numbers = itertools.count(1)


class PutBackSqlite:
    """A new copy of the file each time."""

    def __init__(self, url: str) -> None:
        self._pristine = Path(url.removeprefix("sqlite:///"))
        with sqlite3.connect(self._pristine) as whole:
            whole.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        whole.close()
        self._watch = whole

    def put_back(self) -> str:
        """See PutBack."""
        self._watch.close()
        path = self._pristine.with_name(f"tried-{next(_numbers)}.db")
        shutil.copy(self._pristine, path)
        self._watch = sqlite3.connect(path)
        self._version, self._before = self._look(), self._rows()
        return f"sqlite:///{path}"

    def has_changed(self) -> bool:
        """See PutBack."""
        # Mostly nothing was written at all.
        return self._look() != self._version and self._rows() != self._before

    def close(self) -> None:
        """See PutBack."""
        self._watch.close()

    def _look(self) -> int:
        (version,) = self._watch.execute("PRAGMA data_version").fetchone()
        return int(version)

    def _rows(self) -> dict[str, list[tuple[object, ...]]]:
        tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
        names = [name for (name,) in self._watch.execute(tables)]
        return {
            name: self._watch.execute(f"SELECT * FROM {name}").fetchall()
            for name in names
            if name not in SEEN and not name.startswith("sqlite_")
        }


_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
_SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'"


class PutBackPostgres:
    """A copy of each table in a schema of its own: a database more would take ten times as long."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = psycopg.connect(url, autocommit=True)
        # Triggers stay silent while rows are put back: what they write is put back as well.
        self._connection.execute("SET session_replication_role = replica")
        self._connection.execute("CREATE SCHEMA pristine")
        self._tables = [name for (name,) in self._connection.execute(_TABLES).fetchall()]
        for name in self._tables:
            self._connection.execute(f"CREATE TABLE pristine.{name} AS TABLE public.{name}")
        sequences = self._connection.execute(_SEQUENCES).fetchall()
        self._put_back = ";".join(
            [f"DELETE FROM public.{n}; INSERT INTO public.{n} TABLE pristine.{n}"
             for n in self._tables]
            + [f"SELECT setval('{name}', {last or 1}, {last is not None})"
               for name, last in sequences]
        )  # fmt: skip
        self._differ = " UNION ALL ".join(
            f"SELECT 1 FROM (TABLE {one} EXCEPT ALL TABLE {other}) AS {name}"
            for name in self._tables if name not in SEEN
            for one, other in (
                (f"public.{name}", f"pristine.{name}"), (f"pristine.{name}", f"public.{name}"),
            )
        )  # fmt: skip

    def put_back(self) -> str:
        """See PutBack."""
        self._connection.execute(self._put_back)
        self._version = self._look()
        return self._url

    def has_changed(self) -> bool:
        """See PutBack."""
        if self._look() == self._version:
            return False
        return self._connection.execute(f"SELECT EXISTS ({self._differ})").fetchone() == (True,)

    def close(self) -> None:
        """See PutBack."""
        self._connection.execute("DROP SCHEMA pristine CASCADE")
        self._connection.close()

    def _look(self) -> str:
        # Every transaction of the server that writes gets a number; what reads gets none.
        found = self._connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")
        return str(found.fetchone())
