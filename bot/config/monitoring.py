"""The table `[monitoring]`: where Prometheus is, and from when on a reading is worth telling."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, WithJsonSchema

from bot.config.tables import Table
from bot.config.values import AnswerTime, parse_duration
from bot.domain.gpu_health import Thresholds
from bot.monitoring.settings import MonitoringSettings

LABEL = r"^[a-zA-Z_][a-zA-Z0-9_]{0,99}$"


def _address(value: object) -> str:
    """A web address without a password in it, which would be shown."""
    if not isinstance(value, str):
        raise ValueError("not an address")
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError("not an address")
    if parts.query or parts.fragment:
        raise ValueError("not a base address")
    return value.rstrip("/")


def _brief(value: object, lowest: timedelta, highest: timedelta) -> timedelta:
    """Seconds such as `30s`, or what is a duration elsewhere."""
    seconds = re.fullmatch(r"([0-9]{1,5})s", value) if isinstance(value, str) else None
    length = timedelta(seconds=int(seconds[1])) if seconds else parse_duration(value)
    if not lowest <= length <= highest:
        raise ValueError("out of bounds")
    return length


def _between(lowest: int, highest: int) -> BeforeValidator:
    bounds = (timedelta(seconds=lowest), timedelta(seconds=highest))
    return BeforeValidator(partial(_brief, lowest=bounds[0], highest=bounds[1]))


_WRITTEN = WithJsonSchema(
    {"type": "string", "pattern": "^([0-9]+s|([0-9]+[wdhm])+)$", "examples": ["30s", "1m"]}
)
Address = Annotated[
    str, BeforeValidator(_address), WithJsonSchema({"type": "string", "format": "uri"})
]
Interval = Annotated[timedelta, _between(5, 600), _WRITTEN]
Timeout = Annotated[timedelta, _between(1, 60), _WRITTEN]


class MonitoringTable(Table):
    """The table `[monitoring]`; without it gpubot asks no Prometheus."""

    prometheus: Address = Field(
        description='the http or https address of Prometheus, such as "http://prometheus:9090", '
        "without user or password"
    )
    interval: Interval = Field(
        default=timedelta(seconds=30), description='a duration from "5s" to "10m"'
    )
    timeout: Timeout = Field(
        default=timedelta(seconds=10), description='a duration from "1s" to "1m"'
    )
    node_label: str = Field(
        default="", pattern=rf"^$|{LABEL}", description='the name of a label such as "node"'
    )
    user_label: str = Field(
        default="user", pattern=LABEL, description='the name of a label such as "user"'
    )
    temperature: float = Field(default=88.0, ge=40, le=120, description="a number from 40 to 120")
    memory: float = Field(default=0.97, ge=0.5, le=1, description="a number from 0.5 to 1")
    idle_below: float = Field(default=5.0, gt=0, le=50, description="a number up to 50")
    active_above: float = Field(
        default=10.0, gt=0, le=100, description="a number up to 100, not below idle_below"
    )
    unbooked_after: AnswerTime = Field(
        default=timedelta(minutes=10), description='a duration from "1m" to "1d"'
    )


def to_monitoring(table: MonitoringTable) -> MonitoringSettings:
    """The settings that the table describes."""
    return MonitoringSettings(
        prometheus=table.prometheus,
        interval=table.interval,
        timeout=table.timeout,
        node_label=table.node_label,
        user_label=table.user_label,
        thresholds=Thresholds(
            temperature=table.temperature,
            memory=table.memory,
            idle_below=table.idle_below,
            active_above=table.active_above,
            unbooked_after=table.unbooked_after,
        ),
    )
