"""The command line: what each command prints, and its exit code."""

from __future__ import annotations

import csv
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import builders
import pytest
from sqlalchemy import text

from bot import cli
from bot.config.example import EXAMPLE
from bot.config.problems import load_cluster
from bot.services import audit_fault
from bot.services.audit_watch import AuditWatch
from bot.services.nodes import sync_nodes
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.store.database import Database
from bot.store.migrate import newest_revision

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A working folder and an environment of one's own; logging as it was afterwards."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("SLACK_", "GPUBOT_")):
            monkeypatch.delenv(name)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def audited() -> Site:
    """A migrated database with a booking in it, and the configuration beside it."""
    Path("gpubot.toml").write_text(EXAMPLE)
    assert cli.main(["migrate"]) == 0
    site = Site.open(Database("sqlite:///gpubot.db"), load_cluster(Path("gpubot.toml")))
    sync_nodes(site, now=builders.NOW)
    reserve(site, builders.actor(builders.ALICE), builders.request(2), now=builders.NOW)
    site.database.close()
    return site


def test_the_example_is_printed_as_it_can_be_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["config", "example"]) == 0
    assert tomllib.loads(capsys.readouterr().out)["nodes"][0]["name"] == "gpu-01"


def test_the_schema_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["config", "schema"]) == 0
    assert "cluster" in json.loads(capsys.readouterr().out)["properties"]


def test_migrate_says_what_it_brought_where(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["migrate"]) == 0
    assert capsys.readouterr().out == f"sqlite:///gpubot.db: at revision {newest_revision()}\n"


def test_check_ends_with_1_when_something_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check"]) == 1
    out = capsys.readouterr().out
    assert "✗ gpubot.toml: there is no such file" in out
    assert "✗ SLACK_BOT_TOKEN is not set" in out


def test_serve_without_tokens_ends_with_1_and_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["serve"]) == 1
    assert "gpubot: SLACK_BOT_TOKEN is not set" in capsys.readouterr().err


def test_a_bad_variable_ends_with_1_and_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPUBOT_PORT", "http")
    assert cli.main(["migrate"]) == 1
    assert "gpubot: GPUBOT_PORT: found 'http'" in capsys.readouterr().err


def test_the_audit_log_is_verified(audited: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["audit", "verify"]) == 0
    assert "✓ the audit log is whole: 1 records" in capsys.readouterr().out


def test_an_edited_audit_log_ends_with_1(audited: Site, capsys: pytest.CaptureFixture[str]) -> None:
    with audited.database.transaction() as connection:
        connection.execute(text("UPDATE audit SET actor = 'U0MALLORY'"))
    audited.database.close()
    assert cli.main(["audit", "verify"]) == 1
    assert "✗ the audit log was tampered with: record 1" in capsys.readouterr().out


def test_a_fault_of_the_audit_log_is_acknowledged_with_what_it_was(
    audited: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getlogin", lambda: "carol")
    audit_fault.keep_fault(audited, audit_fault.Fault(1, "it is gone", "2026-11-25T02:37:00+00:00"))
    audited.database.close()
    assert cli.main(["audit", "acknowledge", "the", "standby took over"]) == 0
    assert "acknowledged: record 1: it is gone" in capsys.readouterr().out
    assert cli.main(["audit", "acknowledge", "again"]) == 1
    assert cli.main(["audit", "export"]) == 0
    said = capsys.readouterr().out
    assert '"said": "the standby took over"' in said
    assert '"by": "carol"' in said


def test_what_was_looked_into_is_passed_by_and_named(
    audited: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    with audited.database.transaction() as connection:
        connection.execute(text("UPDATE audit SET actor = 'U0MALLORY'"))
    AuditWatch(audited).look(now=builders.NOW)
    audited.database.close()
    assert cli.main(["audit", "acknowledge", "a disk"]) == 0
    assert cli.main(["audit", "verify"]) == 0
    said = capsys.readouterr().out
    assert "! record 1 does not hold, but was looked into: a disk" in said
    assert "✓ the audit log is whole but for that: 2 records" in said


def test_the_audit_log_is_exported_as_json_lines_by_default(
    audited: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["audit", "export"]) == 0
    assert json.loads(capsys.readouterr().out)["action"] == "reserved"


def test_the_audit_log_is_exported_as_csv_to_a_file(audited: Site) -> None:
    assert cli.main(["audit", "export", "--format", "csv", "--output", "log.csv"]) == 0
    (row,) = csv.DictReader(StringIO(Path("log.csv").read_text()))
    assert row["actor"] == builders.ALICE


def test_an_export_can_begin_later(audited: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["audit", "export", "--since", "2026-11-26"]) == 0
    assert capsys.readouterr().out == ""


def test_without_a_migrated_database_the_audit_says_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["audit", "verify"]) == 1
    assert "does not exist yet" in capsys.readouterr().err
    assert not Path("gpubot.db").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["audit"],
        ["srve"],
        ["audit", "export", "--since", "soon"],
        ["demo", "--port", "99999"],
        ["db", "copy", "mysql://h/d", "sqlite:///new.db"],
        ["db", "copy", "sqlite:///old.db", "postgresql://u:p@x:y@h/d"],
    ],
)
def test_what_cannot_be_read_ends_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "usage: gpubot" in capsys.readouterr().err


@pytest.mark.parametrize("program", [["-m", "bot"], ["-c", "from bot.cli import main; main()"]])
def test_the_module_is_the_same_program(program: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *program, "--version"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0
    assert done.stdout.startswith("gpubot ")


@pytest.mark.parametrize(("options", "number"), [([], signal.SIGINT), (["--http"], signal.SIGTERM)])
def test_the_demo_runs_until_a_signal_and_ends_cleanly(
    options: list[str], number: signal.Signals, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "demo", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert process.stdout is not None
    assert "gpubot's demo is open at http://127.0.0.1:" in process.stdout.readline()
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert errors == ""
    assert list(tmp_path.iterdir()) == []


def test_serve_starts_without_slack_says_so_and_ends_cleanly(tmp_path: Path) -> None:
    Path("gpubot.toml").write_text(EXAMPLE)
    nobody = "http://127.0.0.1:9/api/"
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "serve"],
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "GPUBOT_PORT": "0",
            "GPUBOT_LOG_FORMAT": "text",
            "SLACK_API_URL": nobody,
            "SLACK_BOT_TOKEN": "xoxb-1",
            "SLACK_APP_TOKEN": "xapp-1",
        },
    )
    assert process.stderr is not None
    log = ""
    while "Slack cannot be reached" not in log:
        log += process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "gpubot runs at http://127.0.0.1:" in log + rest
    assert rest.endswith("INFO bot.main gpubot has ended\n")
    assert all(line[:4].isdigit() for line in (log + rest).splitlines())
    assert "unused" not in log


def test_a_taken_port_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("gpubot.toml").write_text(EXAMPLE)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for name, value in {
            "GPUBOT_PORT": str(port),
            "SLACK_API_URL": "http://127.0.0.1:9/api/",
            "SLACK_BOT_TOKEN": "xoxb-1",
            "SLACK_SIGNING_SECRET": "1",
        }.items():
            monkeypatch.setenv(name, value)
        assert cli.main(["serve"]) == 1
    assert f"gpubot: cannot listen at 127.0.0.1:{port}: " in capsys.readouterr().err
