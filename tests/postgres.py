"""A real PostgreSQL from a temporary folder, and databases of it, each for one test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count

import psycopg
import pytest

from benchmarks.postgres_server import NotInstalled, PostgresServer
from bot.store.migrate import upgrade

__all__ = ["PostgresServer"]

_numbers = count(1)
_free: list[str] = []
_shared: list[PostgresServer] = []

_END_SESSIONS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_EMPTY = """
    DO $$ DECLARE it text; BEGIN
        FOR it IN SELECT tablename FROM pg_tables
            WHERE schemaname = 'public' AND tablename <> 'alembic_version'
        LOOP EXECUTE format('DELETE FROM %I', it); END LOOP;
        FOR it IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'
        LOOP EXECUTE format('ALTER SEQUENCE %I RESTART', it); END LOOP;
    END $$
"""


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """A server for one test."""
    server = _server(durable=durable)
    try:
        yield server
    finally:
        server.remove()


@cache
def shared_server() -> PostgresServer:
    """The server of all tests that need no more of it than a database."""
    server = _server(durable=False)
    _shared.append(server)
    server.execute("CREATE DATABASE gpubot_template")
    upgrade(server.url("gpubot_template"))
    return server


def remove_shared_server() -> None:
    """End it, where a test has needed it; by the session: who runs it may be killed after that."""
    while _shared:
        _shared.pop().remove()


def new_postgres_database() -> str:
    """The URL of a database that has every table and no row; `give_back` it at the end."""
    return _free.pop() if _free else empty_postgres_database("TEMPLATE gpubot_template")


def give_back(url: str) -> None:
    """Empty a database for the next test: that is ten times as fast as making one."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_END_SESSIONS)
        connection.execute(_EMPTY)
    _free.append(url)


def empty_postgres_database(how: str = "") -> str:
    """The URL of a new database; without tables, unless `how` gives it some."""
    server = shared_server()
    name = f"gpubot_{next(_numbers)}"
    server.execute(f"CREATE DATABASE {name} {how}")
    return server.url(name)


def drop(url: str) -> None:
    """Remove a database of the shared server, with the sessions that are left in it."""
    shared_server().execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")


def _server(*, durable: bool) -> PostgresServer:
    try:
        return PostgresServer(durable=durable)
    except NotInstalled as error:
        if "CI" in os.environ:
            pytest.fail(str(error))
        pytest.skip(str(error))
