"""A real PostgreSQL from a temporary folder, and databases of it, each for one test."""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path

import psycopg
import pytest

from bot.store.migrate import upgrade

#: Debian keeps the server's programs out of PATH.
_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
_START_S = 60
#: Words in an order as in dictionaries, which is not Python's: nothing may rest on either.
_ORDER = ("--locale-provider=icu", "--icu-locale=en-US")
_numbers = count(1)
_free: list[str] = []

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


class PostgresServer:
    """A server of its own at 127.0.0.1; it does not outlive this process."""

    def __init__(self, *, durable: bool = False) -> None:
        """`durable`: keeps what it has committed even when it is killed."""
        self._programs = _programs()
        self._folder = Path(tempfile.mkdtemp(prefix="gpubot-postgres-"))
        self._who: dict[str, int] = {}
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root.
            nobody = pwd.getpwnam("nobody")
            os.chown(self._folder, nobody.pw_uid, nobody.pw_gid)
            self._who = {"user": nobody.pw_uid, "group": nobody.pw_gid}
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._durable = durable
        self._run("initdb", "-D", self._data, "-U", "gpubot", "-A", "trust", "--no-sync",
                  "-E", "UTF8", "--locale=C.UTF-8", *_ORDER)  # fmt: skip
        self.start()

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def url(self, database: str) -> str:
        """The URL of one of its databases, as gpubot takes it."""
        return f"postgresql://gpubot@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "300",
            "fsync": "on" if self._durable else "off",
            "full_page_writes": "on" if self._durable else "off",
            "autovacuum": "off",
            "max_wal_size": "4GB",
        }
        options = [part for item in settings.items() for part in ("-c", "=".join(item))]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, "-p", str(self.port), *options],
                stdout=log, stderr=log, cwd=self._folder, **self._who,
            )  # fmt: skip
        deadline = time.monotonic() + _START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._folder / "log").read_text())
            time.sleep(0.02)

    def stop(self) -> None:
        """End it at once, as if by `pg_ctl stop -m fast`: sessions are ended, not waited for."""
        if self._process is not None:
            self._process.send_signal(2)
            self._process.wait(timeout=_START_S)
            self._process = None

    def remove(self) -> None:
        """End it, and everything it kept."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def execute(self, *statements: str) -> None:
        """Run statements on the database "postgres", each on its own."""
        with psycopg.connect(self._maintenance, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    @property
    def _maintenance(self) -> str:
        return self.url("postgres")

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._maintenance, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, *arguments],
            check=True, capture_output=True, cwd=self._folder, **self._who,
        )  # fmt: skip


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """A server for one test."""
    server = PostgresServer(durable=durable)
    try:
        yield server
    finally:
        server.remove()


@cache
def shared_server() -> PostgresServer:
    """The server of all tests that need no more of it than a database."""
    server = PostgresServer()
    atexit.register(server.remove)
    server.execute("CREATE DATABASE gpubot_template")
    upgrade(server.url("gpubot_template"))
    return server


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


def _programs() -> Path:
    found = shutil.which("initdb", path=os.pathsep.join(map(str, _FOLDERS)))
    if found is None:
        if "CI" in os.environ:
            pytest.fail("PostgreSQL is not installed (Debian: postgresql)")
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    return Path(found).parent


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
