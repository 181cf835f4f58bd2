"""A copy of a database while it is in use: `gpubot db backup`.

The copy is of one instant, and writers do not wait for it. SQLite: in WAL mode a reader of the
whole file holds up nobody. (Copying the file itself would miss what stands in the write-ahead log.)
PostgreSQL: `pg_dump` makes it, and finds the password in its environment: arguments can be read by
everybody on the machine.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy.engine import URL, make_url

#: Seconds that a step of the copy waits for a lock.
PATIENCE_S = 60.0


class CannotBackUp(Exception):
    """There is no copy; the message says why."""


@contextmanager
def backed_up(url: str, target: Path) -> Iterator[Path]:
    """A copy of the database at `url`, for the block to look at; it becomes `target` at its end.

    It is durable then, and for gpubot's own account alone. Raises CannotBackUp, and OSError where
    the file cannot be written; there is no `target` then, nor when the block raises.
    """
    source = make_url(url)
    is_file = source.get_backend_name() == "sqlite"
    file = _file_of(source) if is_file else None
    if target.exists():
        raise CannotBackUp(f"{target} is there already, and no backup is written over another")
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    try:
        if file is None:
            _dump(source, part)
        else:
            _copy(file, part)
        yield part
        _make_durable(part)
        part.rename(target)
        _make_durable(target.parent)
    finally:
        for name in (part.name, f"{part.name}-wal", f"{part.name}-shm"):
            part.with_name(name).unlink(missing_ok=True)


def _file_of(url: URL) -> Path:
    path = Path(url.database or "")
    if not path.is_file():
        raise CannotBackUp(f"there is no file {path}")
    return path


def _copy(source: Path, part: Path) -> None:
    with (
        closing(
            sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", PATIENCE_S, uri=True)
        ) as a,
        closing(sqlite3.connect(part, PATIENCE_S)) as b,
    ):
        try:
            a.backup(b)
            found = b.execute("PRAGMA integrity_check(1)").fetchone()[0]
        except sqlite3.Error as error:
            raise CannotBackUp(f"{source} cannot be copied: {error}") from error
    if found != "ok":
        raise CannotBackUp(f"{source} is damaged: {found}")


def _dump(url: URL, part: Path) -> None:
    address, password = _address(url)
    environment = {**os.environ, **({"PGPASSWORD": password} if password else {})}
    _run(environment, "pg_dump", "-Fc", "--no-password", "--file", str(part), "--dbname", address)
    # What cannot be listed cannot be restored.
    _run(environment, "pg_restore", "--list", str(part))


def _address(url: URL) -> tuple[str, str]:
    """What gpubot itself connects to, as libpq writes it, and the password apart."""
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415 - not needed with SQLite

    dialect = url.set(drivername="postgresql+psycopg").get_dialect()()
    _, given = dialect.create_connect_args(url)
    password = str(given.pop("password", "") or "")
    return make_conninfo("", **given), password


def _run(environment: dict[str, str], name: str, *arguments: str) -> None:
    program = shutil.which(name)
    if program is None:
        advice = "install PostgreSQL's client programs, as new as its server or newer"
        raise CannotBackUp(f"there is no {name} on this machine: {advice}")
    done = subprocess.run(  # noqa: S603 - a program of PostgreSQL's, and no shell
        [program, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise CannotBackUp(f"{name}: {done.stderr.strip()[-1000:]}")


def _make_durable(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
