"""Prometheus and Alertmanager themselves, as Debian packages them, on free ports."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from clients import client
from patience import PATIENCE_S

from benchmarks.ports import free_port

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "gpubot-alerts.yml"
ROUTES = ROOT / "deploy" / "prometheus" / "alertmanager.yml"


def needed(program: str, package: str) -> str:
    """Where a program is; without it the test is skipped, or fails where CI has to install it."""
    found = shutil.which(program)
    if found is None:
        if "CI" in os.environ:
            pytest.fail(f"no {program}, and CI has to install {package}")
        pytest.skip(f"no {program} on this machine: apt-get install {package}")
    return found


def eventually(look: Callable[[], Any], what: str) -> Any:
    """What `look` gives as soon as it is something."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := look()):
        if time.monotonic() > deadline:
            pytest.fail(f"it did not happen: {what}")
        time.sleep(0.05)
    return found


@dataclass
class Program:
    """A server that runs until it is stopped, and can be started again at its place."""

    command: list[str]
    address: str
    log: Path
    _process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self.command, stdout=log, stderr=log)
        eventually(self._is_ready, f"{self.command[0]} is ready")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        with client(self.address) as made:
            try:
                return bool(made.get("/-/ready").status_code == 200)
            except OSError:
                return False
            except Exception as error:  # httpx's own kinds
                if type(error).__module__.startswith("httpx"):
                    return False
                raise


def prometheus(folder: Path, targets: dict[str, str], alertmanager: str = "") -> Program:
    """Prometheus over those jobs' addresses, with the rules that are shipped."""
    program = needed("prometheus", "prometheus")
    scrapes = "".join(
        f"  - job_name: {job}\n    static_configs: [{{targets: ['{at.removeprefix('http://')}']}}]\n"
        for job, at in targets.items()
    )
    alerting = alertmanager.removeprefix("http://")
    told = f"\nalerting:\n  alertmanagers:\n  - static_configs: [{{targets: ['{alerting}']}}]\n"
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 500ms, evaluation_interval: 500ms, scrape_timeout: 400ms}\n"
        f"rule_files: ['{RULES}']\n"
        f"scrape_configs:\n{scrapes}{told if alertmanager else ''}"
    )
    port = free_port()
    command = [
        program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
    ]  # fmt: skip
    return Program(command, f"http://127.0.0.1:{port}", folder / "prometheus.log")


def alertmanager(folder: Path, webhook: str, token: str) -> Program:
    """Alertmanager with the routes that are shipped, only quicker, and to that webhook."""
    program = needed("prometheus-alertmanager", "prometheus-alertmanager")
    secret, config = folder / "token", folder / "alertmanager.yml"
    secret.write_text(token)
    text = ROUTES.read_text()
    for shipped, here in {
        "http://127.0.0.1:8080/alerts": webhook,
        "/etc/alertmanager/gpubot-token\n": f"{secret}\n",
        "group_wait: 10s": "group_wait: 0s",
        "group_interval: 1m": "group_interval: 500ms",
    }.items():
        assert shipped in text
        text = text.replace(shipped, here)
    config.write_text(text)
    port = free_port()
    command = [
        program, f"--config.file={config}", f"--storage.path={folder / 'alerts'}",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
        f"--web.external-url=http://127.0.0.1:{port}", "--log.level=warn",
    ]  # fmt: skip
    return Program(command, f"http://127.0.0.1:{port}", folder / "alertmanager.log")


@contextmanager
def running(*programs: Program) -> Iterator[None]:
    """Those programs for as long as the block runs."""
    try:
        for program in programs:
            program.start()
        yield
    finally:
        for program in programs:
            program.stop()
