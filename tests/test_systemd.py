"""The units in deploy/systemd: what gpubot needs of systemd, and what it gives up."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from bot import main
from bot.cli import _parser
from bot.config.settings import VARIABLES, Settings

FOLDER = Path(__file__).parents[1] / "deploy" / "systemd"
README = (FOLDER.parent / "README.md").read_text(encoding="utf-8")
SERVICES = sorted(FOLDER.glob("*.service"))
each_service = pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)


def read(path: Path) -> dict[str, list[str]]:
    """The values of each setting, in order."""
    found = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        name, sign, value = line.partition("=")
        if sign and not name.startswith("#"):
            found[name].append(value)
    return found


def one(path: Path, name: str) -> str:
    (value,) = read(path)[name]
    return value


GPUBOT = FOLDER / "gpubot.service"


def test_runs_outlive_a_restart_of_gpubot() -> None:
    assert one(GPUBOT, "KillMode") == "process"
    assert one(GPUBOT, "OOMPolicy") == "continue"
    # Each would take away from runs what they need, or from under those that go on.
    for name in ("PrivateDevices", "PrivateTmp", "MemoryMax", "MemoryDenyWriteExecute"):
        assert name not in read(GPUBOT)
        assert name in read(FOLDER / "no-local-runs.conf")


def test_gpubot_is_started_again_and_has_time_to_end() -> None:
    assert one(GPUBOT, "Restart") == "on-failure"
    assert one(GPUBOT, "StartLimitIntervalSec") == "0"
    stops = [value for name, value in vars(main).items() if name.startswith("STOP_")]
    assert float(one(GPUBOT, "TimeoutStopSec")) > sum(stops) + 5


@each_service
def test_it_has_no_more_rights_than_it_needs(path: Path) -> None:
    for name in ("NoNewPrivileges", "ProtectKernelModules", "RestrictNamespaces", "ProtectHome"):
        assert one(path, name) == "yes"
    assert one(path, "ProtectSystem") == "strict"
    assert one(path, "CapabilityBoundingSet") == ""
    assert one(path, "User") == "gpubot"
    assert one(path, "UMask") == "0077"


@each_service
def test_its_command_can_be_read(path: Path) -> None:
    program, *arguments = one(path, "ExecStart").split()
    assert program == "/opt/gpubot/bin/gpubot"
    assert callable(_parser().parse_args(arguments).run)


def test_the_environment_can_be_used_and_is_roots_alone() -> None:
    given = {name: value[-1] for name, value in read(FOLDER / "gpubot.env").items()}
    assert set(given) <= set(VARIABLES)
    settings = Settings.from_environment(given)
    assert not settings.missing_for_slack()
    # All of it is in the file, so that what is run by hand has the same.
    assert one(GPUBOT, "Environment") == "PYTHONUNBUFFERED=1"
    for path in SERVICES:
        assert one(path, "EnvironmentFile") == "/etc/gpubot/gpubot.env"
        folder = one(path, "WorkingDirectory")
        assert settings.database_url == f"sqlite:///{folder}/gpubot.db"
    assert "install -m 600 -o root -g root deploy/systemd/gpubot.env /etc/gpubot/" in README


def test_a_backup_may_write_where_it_is_told_to() -> None:
    path = FOLDER / "gpubot-backup.service"
    target = one(path, "ExecStart").split()[-1]
    assert target in one(path, "ReadWritePaths").split()
    assert f"-o gpubot -g gpubot {target}" in README


@each_service
def test_systemd_understands_it(path: Path, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze on this machine: apt-get install systemd")
    text = path.read_text(encoding="utf-8").replace("/opt/gpubot/bin/gpubot", "/bin/true")
    unit = tmp_path / path.name
    unit.write_text(text, encoding="utf-8")
    command = [analyze, "verify", "--recursive-errors=no", unit]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60,
                          env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"})  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    command = [analyze, "security", "--offline=true", "--threshold=30", unit]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout[-300:]
