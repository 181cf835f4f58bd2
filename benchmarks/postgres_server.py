"""A real PostgreSQL of one's own, from a temporary folder at 127.0.0.1."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg

from benchmarks.ports import free_port

#: Debian keeps the server's programs out of PATH.
_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
_START_S = 60
#: Words in an order as in dictionaries, which is not Python's: nothing may rest on either.
_ORDER = ("--locale-provider=icu", "--icu-locale=en-US")


class NotInstalled(Exception):
    """PostgreSQL's programs are not on this machine."""


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
        self.port = free_port()
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
            # After a crash it syncs its file system once, not its thousand files one by one.
            "recovery_init_sync_method": "syncfs" if sys.platform == "linux" else "fsync",
        }
        options = [part for item in settings.items() for part in ("-c", "=".join(item))]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - its own programs
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
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """End it as if by `pg_ctl stop -m immediate`: its next start recovers from its log."""
        self._end(signal.SIGQUIT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
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
        subprocess.run(  # noqa: S603 - its own programs
            [self._programs / program, *arguments],
            check=True, capture_output=True, cwd=self._folder, **self._who,
        )  # fmt: skip


def _programs() -> Path:
    found = shutil.which("initdb", path=os.pathsep.join(map(str, _FOLDERS)))
    if found is None:
        raise NotInstalled("PostgreSQL is not installed (Debian: postgresql)")
    return Path(found).parent
