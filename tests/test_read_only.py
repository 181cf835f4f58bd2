"""gpubot where it may write to its data alone, as in the image and under systemd."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from program import eventually, running, workspace

#: Makes everything read-only but for `data` here.
LOCKED = """
    mount --make-rprivate / && mount --bind data data && mount -o remount,bind,ro / &&
    ! touch written 2> /dev/null && exec "$@"
"""
INSIDE = ("unshare", "--mount", "sh", "-c", LOCKED, "sh")


def test_it_needs_no_home_and_writes_to_its_data_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    if subprocess.run([*INSIDE, "true"], cwd=tmp_path, check=False).returncode:
        pytest.skip("nobody but root may mount, and not in every container")
    url = f"sqlite:///{tmp_path}/data/gpubot.db"
    variables = {"HOME": "/nonexistent", "GPUBOT_DATABASE_URL": url}
    with (
        workspace() as slack,
        running(tmp_path, slack, inside=INSIDE, **variables) as bot,
    ):
        assert "Booked" in bot.command("reserve 2 now 4h")
        bot.command("calendar")
        eventually(lambda: slack.calls("files.completeUploadExternal"), "the calendar's picture")
        assert bot.stop() == 0
        bad = [line for line in bot.lines() if line["level"] in ("WARNING", "ERROR")]
    assert bad == []
    assert {path.name for path in tmp_path.iterdir()} == {"data", "gpubot.toml", "log"}
