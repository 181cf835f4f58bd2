"""What a run has written, wherever it is now: at its runner while that has it, else archived."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from bot.runners.archive import Archive
from bot.runners.protocol import Runner
from bot.runners.redact import redacted
from bot.runners.tails import read_file


def _nothing(_key: str) -> Collection[str]:
    return ()


@dataclass(frozen=True, slots=True)
class RunLogs:
    """Finds logs by the run's key."""

    runner: Runner | None
    archive: Archive | None
    #: The values of a run's secrets, which nobody is shown.
    hidden: Callable[[str], Collection[str]] = _nothing

    def read(self, key: str, worker: int, last: int | None = None) -> Iterator[bytes] | None:
        """A worker's log in pieces, perhaps only its last bytes; None: there is none.

        Raises ArchiveError, and RunnerError where the values of secrets cannot be told.
        """
        live = self._live(key, worker, last)
        if live is None and self.archive is not None:
            return self.archive.read(key, worker, last)
        return live

    def _live(self, key: str, worker: int, last: int | None) -> Iterator[bytes] | None:
        files = self.runner.logs(key) if self.runner is not None else ()
        if worker >= len(files):
            return None
        hidden = self.hidden(key)
        try:
            return redacted(read_file(files[worker], last), hidden)
        except FileNotFoundError:
            return None
