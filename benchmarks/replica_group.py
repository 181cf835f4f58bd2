"""Several `gpubot serve` on one database, each a process that can be killed and started again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.ports import free_port
from benchmarks.served import END_S, READY_S, written
from bot.domain.cluster import Cluster


class Replica:
    """One process; its log is a file."""

    def __init__(self, number: int, folder: Path, environment: Mapping[str, str]) -> None:
        """`environment` is that of the program, besides what says where it listens."""
        self.port = free_port()
        self.log = folder / f"replica-{number}.log"
        self._environment = {**environment, "GPUBOT_PORT": str(self.port)}
        self._program: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process that runs now."""
        assert self._program is not None, "it was started"
        return self._program.pid

    def start(self) -> None:
        """Start it; it is not ready yet."""
        with self.log.open("ab") as log:
            self._program = subprocess.Popen(
                [sys.executable, "-m", "bot", "serve"],
                env=self._environment, stdout=log, stderr=log,
            )  # fmt: skip

    def wait_until_ready(self) -> None:
        """Return when a load balancer would send it requests."""
        deadline = time.monotonic() + READY_S
        while not self._is_ready():
            assert self._program is not None
            if self._program.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"gpubot did not become ready:\n{self.log.read_text()}")
            time.sleep(0.02)

    def kill(self) -> None:
        """End it by SIGKILL, in the middle of whatever it does."""
        self._end(subprocess.Popen.kill)

    def terminate(self) -> int:
        """End it by SIGTERM; return its exit code, which is negative when that was not enough."""
        return self._end(subprocess.Popen.terminate)

    def _end(self, how: Callable[[subprocess.Popen[bytes]], None]) -> int:
        program = self._program
        if program is None:
            return 0
        how(program)
        try:
            return program.wait(END_S)
        except subprocess.TimeoutExpired:
            program.kill()
            return program.wait()
        finally:
            self._program = None

    def _is_ready(self) -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5).close()
        except urllib.error.HTTPError as answer:
            answer.close()
            return False
        except OSError:
            return False
        return True


@contextmanager
def replicas(
    count: int, folder: Path, cluster: Cluster, environment: Mapping[str, str]
) -> Iterator[list[Replica]]:
    """So many processes over one cluster, started at the same moment and ready.

    `environment` names their database and their Slack.
    """
    config = folder / "gpubot.toml"
    config.write_text(written(cluster), encoding="utf-8")
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SLACK_", "GPUBOT_"))
    }
    common = {**clean, **environment, "GPUBOT_CONFIG": str(config)}
    group = [Replica(number, folder, common) for number in range(count)]
    try:
        for replica in group:
            replica.start()
        for replica in group:
            replica.wait_until_ready()
        yield group
    finally:
        for replica in group:
            replica.terminate()
