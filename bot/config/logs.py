"""The table `[logs]`: where the logs of runs are kept once they are over."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from bot.config.tables import Table
from bot.config.values import Longest
from bot.runners.archive import LogSettings, S3Settings


class S3Table(Table):
    """The table `[logs.s3]`."""

    bucket: str = Field(
        pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", description='a bucket such as "gpu-logs"'
    )
    endpoint: str = Field(
        default="",
        pattern=r"^(https?://[^\s@]+)?$",
        description="an http or https address of a server that speaks S3",
    )
    region: str = Field(
        default="", pattern=r"^[a-z0-9-]*$", description='a region such as "eu-central-1"'
    )
    prefix: str = Field(
        default="",
        pattern=r"^([^/\s][^\s]*/)?$",
        description='what names of objects begin with, such as "gpubot/"',
    )
    link: str = Field(
        default="",
        pattern=r"^(https?://[^\s<>|]*\{key\}[^\s<>|]*)?$",
        description='an address with {key} in it, such as "https://minio.lab/gpu-logs/{key}"',
    )


class LogsTable(Table):
    """The table `[logs]`."""

    folder: str = Field(
        default="logs", min_length=1, description='a folder such as "/var/lib/gpubot/logs"'
    )
    keep: Longest = Field(default=timedelta(days=90), description='a duration from "1m" to "366d"')
    s3: S3Table | None = Field(default=None, description="a table")


def to_log_settings(table: LogsTable) -> LogSettings:
    """Where logs are kept."""
    s3 = None if table.s3 is None else S3Settings(**table.s3.model_dump())
    return LogSettings(Path(table.folder).absolute(), s3, table.keep)
