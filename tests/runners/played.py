"""Power over runs that are real processes of `runners.program`, through files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from runners.contract import Program
from runners.waiting import eventually

from bot.domain.job import Job

PROGRAM = Path(__file__).with_name("played_program.py")


class Played:
    """Folders in which runs find what to do, and leave what they saw."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def job(self, key: str, program: Program, grace: timedelta) -> Job:
        """A job that behaves like that."""
        own = self._of(key)
        own.mkdir(parents=True)
        command = (sys.executable, "-S", str(PROGRAM), str(own), program.value)
        if program is Program.MISSING:
            command = ("no-such-program-of-ours",)
        checkpoints = str(own / "checkpoints")
        return Job(
            command, checkpoints=checkpoints, checkpoint="{checkpoints}/last.pt", grace=grace
        )

    def finish(self, key: str, code: int, worker: int = 0) -> None:
        """Have a worker end by itself."""
        self._write(key, f"finish-{worker}", str(code))

    def say(self, key: str, line: str) -> None:
        """Have the first worker write a line."""
        with (self._of(key) / "say-0").open("a") as file:
            file.write(f"{line}\n")

    def save(self, key: str) -> None:
        """Write the run's checkpoint in its place."""
        (self._of(key) / "checkpoints").mkdir(exist_ok=True)
        self._write(key, "checkpoints/last.pt", "weights")

    def times_started(self, key: str) -> int:
        """How often the first worker was started."""
        return len((self._of(key) / "started-0").read_text().splitlines())

    def secret_of(self, key: str, variable: str) -> str:
        """What the first worker finds in that variable."""
        return self.environment(key)[variable]

    def environment(self, key: str, worker: int = 0) -> dict[str, str]:
        """The variables that a worker was started with."""
        path = self._of(key) / f"environ-{worker}"
        eventually(path.exists)
        pairs = path.read_bytes().decode().rstrip("\0").split("\0")
        return dict(pair.split("=", 1) for pair in pairs)

    def pids(self, key: str) -> Sequence[int]:
        """The process numbers that the first worker had."""
        return [int(line) for line in (self._of(key) / "started-0").read_text().split()]

    def _of(self, key: str) -> Path:
        return self.folder / key

    def _write(self, key: str, name: str, text: str) -> None:
        made = self._of(key) / f".{Path(name).name}"
        made.write_text(text)
        made.replace(self._of(key) / name)
