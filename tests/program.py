"""`gpubot serve` as operators start it: a process of its own beside an embedded Slack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import builders
import httpx
from clients import client
from patience import PATIENCE_S

from bot.sandbox import Sandbox, SandboxChannel, SandboxUser

ROOT = Path(__file__).parents[1]
MANIFEST = ROOT / "manifest.yml"

CONFIG = f"""
[cluster]
name = "Lab"
timezone = "Asia/Shanghai"
[[nodes]]
name = "gpu-01"
gpus = 8
model = "A100"
[[teams]]
name = "vision"
channel = "C0VISION"
members = ["{builders.ALICE}", "{builders.BOB}"]
leads = ["{builders.ALICE}"]
[roles]
admins = ["{builders.ALICE}"]
[runner]
kind = "off"
"""

T = TypeVar("T")


def eventually(look: Callable[[], T], what: str) -> T:
    """What `look` gives as soon as it is something."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"it did not happen: {what}")
        time.sleep(0.02)
    return found


@dataclass
class Program:
    """A gpubot that runs."""

    process: subprocess.Popen[bytes]
    log: Path
    slack: Sandbox
    web: httpx.Client = field(default_factory=client)

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged so far, whole lines."""
        whole = self.log.read_text(encoding="utf-8").rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def line(self, look: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """The first line that `look` finds, as soon as it is there."""
        return eventually(lambda: next(filter(look, self.lines()), {}), what)

    def command(self, words: str, user: str = builders.ALICE) -> str:
        """What `/gpu words` answers to `user` alone."""
        result = self.slack.command(user, "C0VISION", f"/gpu {words}")
        assert result.ok, result
        private = [m for m in self.slack.messages("C0VISION", user) if m.ephemeral]
        return str(private[-1]["text"])

    def stop(self) -> int:
        """End it as init systems do; its exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE_S)


@contextmanager
def workspace() -> Iterator[Sandbox]:
    """A Slack with Alice and Bob in it."""
    people = [SandboxUser(user, user.lower(), user) for user in (builders.ALICE, builders.BOB)]
    channel = SandboxChannel("C0VISION", "vision", members=[one.id for one in people])
    made = Sandbox(manifest=MANIFEST, users=people, channels=[channel], ack_timeout=PATIENCE_S)
    with made as slack:
        yield slack


@contextmanager
def running(
    folder: Path, slack: Sandbox, *, inside: Sequence[str] = (), **variables: str
) -> Iterator[Program]:
    """`gpubot serve` in `folder`, over signed HTTP; more `variables` of its environment.

    `inside` is a command that it is run by.
    """
    folder.mkdir(exist_ok=True)
    (folder / "gpubot.toml").write_text(CONFIG, encoding="utf-8")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GPUBOT_")},
        "PYTHONPATH": str(ROOT),
        "GPUBOT_PORT": "0",
        "SLACK_API_URL": slack.api_url,
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_SIGNING_SECRET": slack.signing_secret,
        **variables,
    }
    log = folder / "log"
    with log.open("wb") as stream:
        command = [*inside, sys.executable, "-m", "bot", "serve"]
        process = subprocess.Popen(command, cwd=folder, env=environment, stderr=stream)
    made = Program(process, log, slack)
    try:
        words = "gpubot runs at "
        eventually(lambda: process.poll() is not None or words in log.read_text(), "it runs")
        assert process.poll() is None, log.read_text()
        address = log.read_text().partition(words)[2].partition(",")[0]
        made.web.base_url = httpx.URL(address)
        slack.request_url = f"{address}/slack/events"
        yield made
    finally:
        made.web.close()
        process.kill()
        process.wait()
