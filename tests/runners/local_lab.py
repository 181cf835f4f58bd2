"""The local runner over a temporary folder."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from runners.contract import SECRET_NAME, SECRET_VALUE
from runners.played import Played
from runners.waiting import eventually

from bot.runners.local.processes import members, tell
from bot.runners.local.runner import LocalRunner, local_runner
from bot.runners.local.settings import LocalSettings

#: What gpubot itself is started with, and no run may see.
AROUND = {**os.environ, "SLACK_BOT_TOKEN": "xoxb-of-the-bot", "GPUBOT_CONFIG": "/etc/gpubot.toml"}


class LocalLab(Played):
    """See `contract.Lab`."""

    nodes = ("gpu-01", "gpu-02")
    can_be_cut = False
    sees_checkpoints = True

    def __init__(self, folder: Path, run_as: str = "") -> None:
        super().__init__(folder / "played")
        self.kept, self.secrets = folder / "runs" / "local", folder / "secrets"
        # As after the first run that ever was.
        self.kept.mkdir(0o700, parents=True)
        self.settings = LocalSettings(self.nodes, run_as)
        secret = self.secrets / SECRET_NAME
        secret.parent.mkdir(parents=True)
        secret.write_text(f"{SECRET_VALUE}\n")
        secret.chmod(0o600)
        self.runner = self._new()

    def restart(self) -> None:
        self.runner.close()
        self.runner = self._new()

    def exposed(self, text: str) -> Sequence[str]:
        files = [path for path in self.kept.rglob("*") if path.is_file()]
        found = [str(path) for path in files if text.encode() in path.read_bytes()]
        return found + [pid for pid, words in _commands().items() if text.encode() in words]

    def left_of(self, key: str) -> Sequence[str]:
        left = [str(path) for path in self.kept.rglob("*") if key in str(path)]
        return left + [str(process) for process in members(key, -1)]

    def cut(self) -> None:
        raise NotImplementedError

    def mend(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """End what still runs."""
        keys = [path.name for path in self.kept.glob("gpubot-*")]
        for key in keys:
            for process in members(key, -1):
                tell(process, signal.SIGKILL)
        eventually(lambda: all(seen.state.is_over for seen in self.runner.observe(keys).values()))

    def _new(self) -> LocalRunner:
        return local_runner(self.settings, self.kept.parent, self.secrets, self.nodes, AROUND)


@contextmanager
def local_lab(folder: Path, run_as: str = "") -> Iterator[LocalLab]:
    """A lab whose runs are ended with the block."""
    lab = LocalLab(folder, run_as)
    try:
        yield lab
    finally:
        lab.close()


def _commands() -> dict[str, bytes]:
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found[path.parent.name] = path.read_bytes()
        except OSError:
            continue
    return found
