"""A directory that never answers does not keep gpubot from starting, or from ending."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONFIG = """
[cluster]
timezone = "UTC"
[[nodes]]
name = "gpu-01"
gpus = 4
model = "V100"
[[teams]]
name = "vision"
channel = "C0VISION"
ldap_group = "cn=vision,dc=lab"
[ldap]
url = "ldap://127.0.0.1:{port}"
base = "dc=lab"
timeout = 30
"""


def test_gpubot_ends_at_once_while_a_directory_is_waited_for(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        (tmp_path / "gpubot.toml").write_text(CONFIG.format(port=silent.getsockname()[1]))
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", "serve"],
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "GPUBOT_PORT": "0",
                "SLACK_API_URL": "http://127.0.0.1:9/api/",
                "SLACK_BOT_TOKEN": "xoxb-1",
                "SLACK_SIGNING_SECRET": "1",
            },
        )
        try:
            waited_for, _ = silent.accept()
            with waited_for:
                process.send_signal(signal.SIGTERM)
                # Half as long as the directory would be waited for.
                _, log = process.communicate(timeout=15)
        finally:
            process.kill()
            process.communicate()
    assert process.returncode == 0
    assert "gpubot has ended" in log
