"""`[runner.local]` and `[logs]` of the configuration file: what they become, and what is wrong."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.config.edges import Edges, to_edges
from bot.config.problems import read_text
from bot.config.settings import ConfigError
from bot.runners.archive import LogSettings, S3Settings
from bot.runners.local.settings import LocalSettings

LAB = """
[cluster]
timezone = "Asia/Shanghai"
[[nodes]]
name = "gpu-01"
gpus = 4
model = "V100"
[[teams]]
name = "vision"
channel = "C0VISION"
"""


def edges(text: str) -> Edges:
    return to_edges(read_text(LAB + text, "lab.toml"))


def test_nothing_need_be_said() -> None:
    found = edges("")
    assert found.logs == LogSettings(Path.cwd() / "logs", None, timedelta(days=90))
    assert found.runner.local == LocalSettings()


def test_everything_can_be_said() -> None:
    found = edges("""
[runner.local]
nodes = ["gpu-01"]
run_as = "owner"
[logs]
folder = "/var/lib/gpubot/logs"
keep = "30d"
[logs.s3]
bucket = "gpu-logs"
endpoint = "https://minio.lab:9000"
region = "eu-central-1"
prefix = "gpubot/"
link = "https://minio.lab/gpu-logs/{key}/worker-0.log"
""")
    assert found.runner.local == LocalSettings(("gpu-01",), "owner")
    assert found.logs.folder == Path("/var/lib/gpubot/logs")
    assert found.logs.keep == timedelta(days=30)
    assert found.logs.s3 == S3Settings(
        bucket="gpu-logs",
        endpoint="https://minio.lab:9000",
        region="eu-central-1",
        prefix="gpubot/",
        link="https://minio.lab/gpu-logs/{key}/worker-0.log",
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[runner.local]\nrun_as = "-x"', 'runner.local.run_as: found "-x"'),
        ('[runner.local]\nrunas = "x"', "did you mean run_as?"),
        ('[runner.local]\nnodes = "gpu-01"', "runner.local.nodes: found"),
        ('[logs]\nfolder = ""', "logs.folder: found an empty text"),
        ('[logs]\nkeep = "ever"', 'logs.keep: found "ever"; allowed: a duration'),
        ("[logs.s3]", "logs.s3.bucket is missing"),
        ('[logs.s3]\nbucket = "No Bucket"', 'logs.s3.bucket: found "No Bucket"'),
        ('[logs.s3]\nbucket = "logs"\nendpoint = "minio"', 'logs.s3.endpoint: found "minio"'),
        ('[logs.s3]\nbucket = "logs"\nendpoint = "https://a:b@minio"', "logs.s3.endpoint: found"),
        ('[logs.s3]\nbucket = "logs"\nprefix = "gpubot"', 'logs.s3.prefix: found "gpubot"'),
        ('[logs.s3]\nbucket = "logs"\nlink = "https://x/"', "an address with {key} in it"),
        ('[logs.s3]\nbucket = "logs"\nlink = "http://x/<|>{key}"', "an address with {key} in it"),
    ],
)
def test_what_is_wrong_is_told(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        edges(text)
    assert problem in str(caught.value)
