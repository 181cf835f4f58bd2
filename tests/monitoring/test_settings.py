"""The table `[monitoring]`: what is good is read, what is bad is named."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.config.edges import to_edges
from bot.config.problems import read_text
from bot.config.settings import ConfigError
from bot.domain.gpu_health import Thresholds
from bot.monitoring.settings import MonitoringSettings

GOOD = """
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
ADDRESS = 'prometheus = "http://prometheus:9090/prefix/"'


def settings_of(table: str) -> MonitoringSettings | None:
    return to_edges(read_text(GOOD + table, "gpubot.toml")).monitoring


def test_without_the_table_nobody_is_asked() -> None:
    assert settings_of("") is None


def test_an_address_is_enough() -> None:
    assert settings_of(f"[monitoring]\n{ADDRESS}") == MonitoringSettings(
        "http://prometheus:9090/prefix"
    )


def test_every_key_is_read() -> None:
    table = f"""
[monitoring]
{ADDRESS}
interval = "1m"
timeout = "3s"
node_label = "machine"
user_label = "slack"
temperature = 80
memory = 0.9
idle_below = 2
active_above = 20.5
unbooked_after = "1h"
"""
    assert settings_of(table) == MonitoringSettings(
        prometheus="http://prometheus:9090/prefix",
        interval=timedelta(minutes=1),
        timeout=timedelta(seconds=3),
        node_label="machine",
        user_label="slack",
        thresholds=Thresholds(80, 0.9, 2, 20.5, timedelta(hours=1)),
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('prometheus = "prometheus:9090"', "monitoring.prometheus"),
        ('prometheus = "http://u:s3cret@prometheus"', "without user or password"),
        ('prometheus = "http://prometheus/?x=1"', "monitoring.prometheus"),
        ("prometheus = 9090", "monitoring.prometheus"),
        (f'{ADDRESS}\ninterval = "1s"', 'from "5s" to "10m"'),
        (f'{ADDRESS}\ninterval = "30"', "monitoring.interval"),
        (f'{ADDRESS}\ntimeout = "2m"', 'from "1s" to "1m"'),
        (f'{ADDRESS}\nnode_label = "a-b"', "monitoring.node_label"),
        (f'{ADDRESS}\nuser_label = ""', "monitoring.user_label"),
        (f"{ADDRESS}\ntemperature = 20", "from 40 to 120"),
        (f"{ADDRESS}\nmemory = 97", "from 0.5 to 1"),
        (f"{ADDRESS}\nidle_below = 40", "active_above: found 10; allowed: at least idle_below, 40"),
        (f'{ADDRESS}\nunbooked_after = "0m"', "monitoring.unbooked_after"),
        (f"{ADDRESS}\nintervall = 3", "did you mean interval?"),
        ("interval = '30s'", "prometheus"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(line: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_of(f"[monitoring]\n{line}")
    assert said in str(caught.value)
    assert "s3cret" not in str(caught.value)
