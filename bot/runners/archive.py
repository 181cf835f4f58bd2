"""Where the logs of runs are kept once they are over: a folder, or a bucket (`s3_archive`).

A runner's own copy is removed once the archive has one, so `keep` either has everything or raises,
and may be called again.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from bot.runners.redact import redacted
from bot.runners.tails import read_file

FOLDER_MODE, FILE_MODE = 0o700, 0o600
#: What a run's folder is called, and one that was being made when gpubot was ended.
_KEPT = re.compile(r"gpubot-b[0-9]+-[0-9]+|\.gpubot-b[0-9]+-[0-9]+\..+")


class ArchiveError(Exception):
    """The archive cannot be used at present; the text is for people, and holds no secrets."""


@dataclass(frozen=True, slots=True)
class S3Settings:
    """The table `[logs.s3]`. Credentials come from where the AWS libraries look for them."""

    bucket: str
    #: Address of a server that speaks S3; empty: Amazon's own.
    endpoint: str = ""
    region: str = ""
    #: What the names of objects begin with.
    prefix: str = ""
    #: What people are given to open, with `{key}` for the run; empty: gpubot's own page.
    link: str = ""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """The table `[logs]`."""

    #: Used when there is no bucket.
    folder: Path = Path("logs")
    s3: S3Settings | None = None
    #: How long logs are kept in the folder; a bucket has rules of its own for that.
    keep: timedelta = timedelta(days=90)


class Archive(Protocol):
    """Keeps logs. Methods may be called from any thread; all of them raise ArchiveError."""

    def keep(self, key: str, files: Sequence[Path], hidden: Collection[str] = ()) -> str:
        """Keep a run's logs, without the values `hidden`; the address to read them at.

        Again changes nothing for the worse.
        """

    def read(self, key: str, worker: int, last: int | None = None) -> Iterator[bytes] | None:
        """A worker's log in pieces, perhaps only its last bytes; None: there is none."""

    def expire(self, before: datetime) -> int:
        """Remove what was kept before an instant; how many runs that were."""

    def problem(self) -> str | None:
        """Why nothing can be kept at present, in a line; None when all is well."""


def make_archive(settings: LogSettings, address: Callable[[], str]) -> Archive:
    """The archive that the settings describe; `address` is gpubot's public address.

    Raises ArchiveError when a bucket is asked for and boto3 is not installed.
    """
    if settings.s3 is None:
        return FolderArchive(settings.folder, address)
    try:
        from bot.runners.s3_archive import S3Archive  # noqa: PLC0415 - boto3 is optional
    except ImportError:
        problem = "logs.s3 needs the package boto3: pip install 'gpubot[s3]'"
        raise ArchiveError(problem) from None
    return S3Archive(settings.s3, address)


class FolderArchive:
    """Logs in a folder of this host: `<folder>/<key>/worker-0.log`."""

    def __init__(self, folder: Path, address: Callable[[], str]) -> None:
        """`address` is gpubot's public address, where people read them."""
        self._folder, self._address = folder.absolute(), address

    def keep(self, key: str, files: Sequence[Path], hidden: Collection[str] = ()) -> str:
        """See Archive.keep."""
        target = self._folder / key
        try:
            if not _is_kept(target, files):
                self._copy(target, files, hidden)
        except OSError as error:
            raise ArchiveError(f"the logs cannot be kept: {said(error)}") from error
        return page_of(self._address(), key)

    def read(self, key: str, worker: int, last: int | None = None) -> Iterator[bytes] | None:
        """See Archive.read."""
        try:
            return read_file(self._folder / key / file_name(worker), last)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ArchiveError(f"the logs cannot be read: {said(error)}") from error

    def expire(self, before: datetime) -> int:
        """See Archive.expire."""
        try:
            kept = list(self._folder.iterdir()) if self._folder.exists() else []
            old = [
                path for path in kept if _is_log(path) and path.stat().st_mtime < before.timestamp()
            ]
            for path in old:
                shutil.rmtree(path)
        except OSError as error:
            raise ArchiveError(f"old logs cannot be removed: {said(error)}") from error
        return len(old)

    def problem(self) -> str | None:
        """See Archive.problem."""
        # It is made when there is something to keep.
        there = next(one for one in (self._folder, *self._folder.parents) if one.exists())
        if not there.is_dir():
            return f"logs: {there}: Not a directory"
        writable = os.access(there, os.W_OK | os.X_OK)
        return None if writable else f"logs: {there} cannot be written to"

    def _copy(self, target: Path, files: Sequence[Path], hidden: Collection[str]) -> None:
        """Copy all of them aside, and name the copy in one step."""
        self._folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=self._folder))
        try:
            for worker, file in enumerate(files):
                _copy_file(file, made / file_name(worker), hidden)
            earlier = made.with_name(f"{made.name}.earlier")
            if target.exists() and not _is_kept(target, files):
                target.rename(earlier)
            made.rename(target)
            shutil.rmtree(earlier, ignore_errors=True)
        except OSError:
            shutil.rmtree(made, ignore_errors=True)
            # Somebody else may have kept them meanwhile.
            if not target.exists():
                raise


def _is_kept(target: Path, files: Sequence[Path]) -> bool:
    """Whether these logs are kept there.

    What is older than they are is of another run: a restore of the database gives numbers again.
    """
    if not target.exists():
        return False
    kept_at = target.stat().st_mtime
    return all(file.stat().st_mtime <= kept_at for file in files)


def _is_log(path: Path) -> bool:
    """Whether it is a run's, or what was left of one; the folder may hold other people's too."""
    return _KEPT.fullmatch(path.name) is not None and path.is_dir() and not path.is_symlink()


def _copy_file(source: Path, target: Path, hidden: Collection[str]) -> None:
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(handle, "wb") as file:
        for chunk in redacted(read_file(source), hidden):
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def file_name(worker: int) -> str:
    """What a worker's log is called in an archive."""
    return f"worker-{worker}.log"


def page_of(address: str, key: str) -> str:
    """The page on which gpubot shows a run's log."""
    return f"{address}/runs/{key}/log"


def said(error: OSError) -> str:
    """What went wrong, in a line."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"
