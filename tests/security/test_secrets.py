"""A gpubot with marked secrets, around which everything fails: they stand nowhere."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import httpx
import pytest
from builders import ALICE
from program import CONFIG, ROOT, Program, eventually, running, workspace

from bot.config.problems import load_config
from bot.config.settings import Settings

MARK = "mArKeD"
SECRETS = {
    "SLACK_APP_TOKEN": f"xapp-1-{MARK}1",
    "SLACK_CLIENT_SECRET": f"client-{MARK}-2-secret",
    "GPUBOT_GITHUB_SECRET": f"github-{MARK}-3-secret",
    "GPUBOT_PROMETHEUS_TOKEN": f"prometheus-{MARK}-4",
    "GPUBOT_ALERTS_TOKEN": f"alerts-{MARK}-5-and-more",
    "GPUBOT_LDAP_PASSWORD": f"ldap-{MARK}-6",
    "AWS_ACCESS_KEY_ID": f"AKIA{MARK}7",
    "AWS_SECRET_ACCESS_KEY": f"aws-{MARK}-8",
}
#: What is in the environment besides and is no secret.
OTHERS = {
    "SLACK_CLIENT_ID": "1.2",
    "GPUBOT_LOG_LEVEL": "DEBUG",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def nobody_listens() -> int:
    """A port of this machine at which nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def config(folder: Path) -> Path:
    """A cluster whose servers are all away."""
    port = nobody_listens()
    path = folder / "marked.toml"
    path.write_text(
        CONFIG.replace('kind = "off"', f'kind = "local"\nfolder = "{folder}/runs"')
        + f"""
[monitoring]
prometheus = "http://127.0.0.1:{port}"
interval = "10s"
[ldap]
url = "ldap://127.0.0.1:{port}"
base = "dc=lab"
bind_dn = "cn=gpubot,dc=lab"
start_tls = false
admins_group = "cn=admins,dc=lab"
[logs.s3]
bucket = "logs"
endpoint = "http://127.0.0.1:{port}"
"""
    )
    return path


def url_of_nowhere() -> str:
    """A database that cannot be reached."""
    return f"postgresql://gpubot:pg-{MARK}-9@127.0.0.1:{nobody_listens()}/gpubot"


@dataclass
class Lab:
    """A gpubot that runs, and everything that it has answered so far."""

    program: Program
    folder: Path
    answers: list[str]

    def asks(self, method: str, path: str, **more: object) -> httpx.Response:
        """A request, whose answer is kept."""
        answer = self.program.web.request(method, path, **more)
        self.answers.append(f"{answer.headers} {answer.text}")
        return answer


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("marked")
    secrets = {name: value for name, value in SECRETS.items() if name != "SLACK_APP_TOKEN"}
    more = {**secrets, **OTHERS, "GPUBOT_CONFIG": str(config(folder))}
    with workspace() as slack, running(folder, slack, **more) as program:
        yield Lab(program, folder, [])


def begin(*words: str, folder: Path, **variables: str) -> subprocess.Popen[str]:
    """Begin a command, with all the secrets in its environment."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GPUBOT_")},
        "PYTHONPATH": str(ROOT),
        "SLACK_API_URL": f"http://127.0.0.1:{nobody_listens()}/api/",
        "SLACK_BOT_TOKEN": f"xoxb-{MARK}0",
        **SECRETS,
        **OTHERS,
        "GPUBOT_CONFIG": str(config(folder)),
        **variables,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "bot", *words], cwd=folder, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def run(*words: str, folder: Path, **variables: str) -> str:
    """What a command prints, on both streams."""
    with begin(*words, folder=folder, **variables) as process:
        return process.communicate(timeout=100)[0]


def trouble(lab: Lab) -> None:
    """Everything that can go wrong for whoever asks."""
    bad = {"Authorization": "Bearer gpubot_guessed"}
    for path in ("/api/v1/me", "/api/v1/bookings", "/api/v1/audit", "/api/docs", "/"):
        lab.asks("GET", path)
        lab.asks("GET", path, headers=bad)
    lab.asks("POST", "/hooks/github", content="{", headers={"X-Hub-Signature-256": "sha256=0"})
    lab.asks("POST", "/alerts", content="{", headers=bad)
    lab.asks("POST", "/slack/events", content="payload=%7B")
    lab.asks("GET", "/sign-in")
    lab.asks("GET", "/sign-in/callback", params={"code": "x", "state": "y"})
    lab.asks("GET", "/calendar.ics", params={"token": "gpubot_guessed"})
    lab.asks("GET", "/runs/gpubot-b1-1/log")
    lab.asks("GET", "/metrics")
    lab.asks("GET", "/readyz")


def test_no_secret_of_a_running_gpubot_is_logged_answered_or_kept(lab: Lab) -> None:
    program = lab.program
    token = program.command("token new nightly read book audit").partition("`")[2]
    token = token.partition("`")[0]
    assert token.startswith("gpubot_")
    program.command("reserve 1 now 2h")
    good = {"Authorization": f"Bearer {token}"}
    shown = [lab.asks("GET", path, headers=good).text for path in ("/api/v1/me", "/api/v1/audit")]
    lab.asks("POST", "/api/v1/bookings", headers=good, json={"gpus": 99, "length": "2h"})
    trouble(lab)
    for name in ("ldap", "prometheus"):
        eventually(partial(_is_told_of, program, name), f"{name} failed")
    assert program.stop() == 0
    kept = {
        "log": program.log.read_text(errors="replace"),
        "answers": "\n".join(lab.answers),
        "audit": run("audit", "export", folder=lab.folder),
        **{path.name: path.read_text("latin-1") for path in lab.folder.glob("gpubot.db*")},
    }
    assert len(shown) == 2
    assert "token_made" in kept["audit"]
    for where, text in kept.items():
        for secret in (MARK, token, program.slack.bot_token, program.slack.signing_secret):
            assert secret not in text, f"{secret} stands in {where}"


def _is_told_of(program: Program, name: str) -> bool:
    return name in program.log.read_text().lower()


COMMANDS = ["check", "serve", "migrate", "audit verify", "audit export",
            "db copy sqlite:///gpubot.db", "config schema"]  # fmt: skip


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What each command says; all are tried at the same time, for most of it they wait."""
    tried = {
        command: begin(
            *command.split(),
            folder=tmp_path_factory.mktemp("command"),
            GPUBOT_DATABASE_URL=url_of_nowhere(),
        )
        for command in COMMANDS
    }
    try:
        yield {command: process.communicate(timeout=100)[0] for command, process in tried.items()}
    finally:
        for process in tried.values():
            process.kill()
            process.communicate()


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_prints_a_secret_when_nothing_can_be_reached(
    said: dict[str, str], command: str
) -> None:
    assert MARK not in said[command]
    assert said[command].strip()


def test_a_misspelt_secret_is_not_repeated(tmp_path: Path) -> None:
    wrong = {
        "SLACK_BOT_TOKEN": f"bot-{MARK}", "GPUBOT_GITHUB_SECRET": MARK, "SLACK_APP_TOKEN": MARK,
        "GPUBOT_PROMETHEUS_TOKEN": f"{MARK} in two words", "GPUBOT_ALERTS_TOKEN": MARK,
        "GPUBOT_DATABASE_URL": f"mysql://gpubot:{MARK}@db/x",
    }  # fmt: skip
    said = run("check", folder=tmp_path, **wrong)
    assert MARK not in said
    assert all(name in said for name in wrong)


def test_no_object_shows_a_secret_in_its_repr(tmp_path: Path) -> None:
    settings = Settings.from_environment({
        **SECRETS, **OTHERS, "SLACK_BOT_TOKEN": f"xoxb-{MARK}0",
        "SLACK_SIGNING_SECRET": f"signing-{MARK}", "GPUBOT_DATABASE_URL": url_of_nowhere(),
    } | {"AWS_EC2_METADATA_DISABLED": ""})  # fmt: skip
    marked = {
        field.name for field in fields(settings) if MARK in str(getattr(settings, field.name))
    }
    assert len(marked) == 9, marked
    assert MARK not in repr(settings)
    assert MARK not in settings.shown_database_url
    cluster, edges = load_config(config(tmp_path))
    assert MARK not in f"{cluster!r}{edges!r}"
    assert cluster.team("vision") is not None
    assert ALICE in cluster.teams[0].leads
