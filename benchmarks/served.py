"""The whole program, started as operators start it, beside a Slack that says yes to everything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.laboratory import ZONE
from benchmarks.ports import free_port
from bot.domain.cluster import Cluster

SECRET = "5ecret-of-the-benchmarks"  # noqa: S105 - of nothing
#: Seconds to wait for the program to be ready, and to end.
READY_S, END_S = 60, 15


@dataclass(frozen=True, slots=True)
class Served:
    """The program, once it was ready."""

    port: int
    pid: int
    #: Seconds from its start until it said that it was ready.
    ready_s: float


@contextmanager
def served(database: Path, cluster: Cluster) -> Iterator[Served]:
    """`gpubot serve` over a database file, for as long as the block runs."""
    config = database.with_suffix(".toml")
    config.write_text(written(cluster), encoding="utf-8")
    port = free_port()
    with yes_slack() as api:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SLACK_")},
            "SLACK_BOT_TOKEN": "xoxb-benchmarks",
            "SLACK_SIGNING_SECRET": SECRET,
            "SLACK_API_URL": api,
            "GPUBOT_DATABASE_URL": f"sqlite:///{database}",
            "GPUBOT_CONFIG": str(config),
            "GPUBOT_PORT": str(port),
            "GPUBOT_LOG_LEVEL": "ERROR",
        }
        began = time.perf_counter()
        program = subprocess.Popen([sys.executable, "-m", "bot", "serve"], env=environment)
        try:
            _wait_until_ready(program, port, began + READY_S)
            yield Served(port, program.pid, time.perf_counter() - began)
        finally:
            program.terminate()
            try:
                program.wait(END_S)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()


def written(cluster: Cluster) -> str:
    """The cluster as a configuration file; JSON's strings and lists are TOML's too."""
    days = cluster.policy.horizon.days
    parts = [
        f'[cluster]\nname = "{cluster.name}"\ntimezone = "{ZONE}"\n\n[policy]\nhorizon = "{days}d"'
    ]
    parts += [
        f'[[nodes]]\nname = "{node.name}"\ngpus = {node.gpus}\nmodel = "{node.model}"'
        for node in cluster.nodes
    ]
    parts += [
        f'[[teams]]\nname = "{team.name}"\nchannel = "{team.channel}"\n'
        f"members = {json.dumps(sorted(team.members))}\nleads = {json.dumps(sorted(team.leads))}"
        for team in cluster.teams
    ]
    roles = f"admins = {json.dumps(sorted(cluster.admins))}\nurgent = "
    parts.append(f"[roles]\n{roles}{json.dumps(sorted(cluster.urgent))}")
    return "\n\n".join(parts) + "\n"


def _wait_until_ready(program: subprocess.Popen[bytes], port: int, deadline: float) -> None:
    while time.perf_counter() < deadline and program.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
        except urllib.error.HTTPError as answer:
            answer.close()
        except OSError:
            pass
        else:
            return
        time.sleep(0.01)
    raise RuntimeError("gpubot did not become ready")


@contextmanager
def yes_slack() -> Iterator[str]:
    """The base of a Web API at which every method succeeds."""
    with beside("benchmarks.slack_api") as port:
        yield f"http://127.0.0.1:{port}/api/"


@contextmanager
def beside(module: str, *arguments: str) -> Iterator[int]:
    """The port of a module's server in a process of its own, which ends when the block does.

    A server in this process would share its interpreter with the clients that take the time.
    """
    command = [sys.executable, "-m", module, *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as server:  # noqa: S603
        assert server.stdout is not None
        yield int(server.stdout.readline())
