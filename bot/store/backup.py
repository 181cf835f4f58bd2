"""A copy of a SQLite database while it is in use: `gpubot db backup`.

The copy is of one instant, and writers do not wait for it: in WAL mode a reader of the whole file
holds up nobody. (Copying the file itself would miss what stands in the write-ahead log.)
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

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
    source = _file_of(url)
    if target.exists():
        raise CannotBackUp(f"{target} is there already, and no backup is written over another")
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    try:
        _copy(source, part)
        yield part
        _make_durable(part)
        part.rename(target)
        _make_durable(target.parent)
    finally:
        for name in (part.name, f"{part.name}-wal", f"{part.name}-shm"):
            part.with_name(name).unlink(missing_ok=True)


def _file_of(url: str) -> Path:
    made = make_url(url)
    if made.get_backend_name() != "sqlite":
        raise CannotBackUp("this is for SQLite; a PostgreSQL is backed up with `pg_dump -Fc`")
    path = Path(made.database or "")
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


def _make_durable(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
