"""One look at the GPUs through a Prometheus that lies: what operators are told, and what is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import NOW, cluster
from databases import new_database
from exporters import Server, labels_of, saying, serving

from bot.check import monitoring_findings
from bot.monitoring.prometheus import LARGEST_ANSWER, Prometheus
from bot.monitoring.settings import MonitoringSettings
from bot.services.gpu_alert_rows import get_alert
from bot.services.nodes import sync_nodes
from bot.services.site import Site
from bot.store.database import Database
from bot.ticks.monitoring import watch_gpus

MINUTE = timedelta(minutes=1)
TOKEN = "s3cret-token"


def vector(*samples: tuple[dict[str, str], Any]) -> bytes:
    result = [{"metric": labels, "value": [1.0, value]} for labels, value in samples]
    data = {"resultType": "vector", "result": result}
    return json.dumps({"status": "success", "data": data}).encode()


def heat(value: Any, node: str = "gpu-01", gpu: int = 0) -> tuple[dict[str, str], Any]:
    return {**labels_of(node, gpu), "__name__": "DCGM_FI_DEV_GPU_TEMP"}, value


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site.open(Database(new_database(tmp_path)), cluster())
    sync_nodes(made, now=NOW)
    yield made
    made.database.close()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(saying(vector())) as made:
        yield made


def look(site: Site, server: Server, minutes: int = 0) -> bool:
    settings = MonitoringSettings(server.address)
    prometheus = Prometheus(server.address, timeout=settings.timeout, token=TOKEN)
    try:
        return watch_gpus(site, prometheus, settings, now=NOW + minutes * MINUTE)
    finally:
        prometheus.close()


def alerts(site: Site) -> list[tuple[str, str]]:
    """Kinds and states of all alerts."""
    with site.database.snapshot() as connection:
        rows = connection.exec_driver_sql("SELECT kind, state FROM gpualert ORDER BY id")
        return [tuple(row) for row in rows]


LIES = {
    "no GPU metrics: it scrapes no DCGM exporter": vector(),
    "no GPU metrics of the nodes, but of gpu-99": vector(heat("60", node="gpu-99")),
    "no sample that can be true; left out: 2": vector(heat("NaN"), heat("9223372036854775794")),
    "no sample that can be true; left out: 1": vector(heat("60", gpu=7)),
    "the answer is over 8 MB": b" " * (LARGEST_ANSWER + 1),
    "HTTP 200, and the answer is not JSON": b"<html>",
}


@pytest.mark.parametrize(("said", "body"), LIES.items(), ids=list(LIES))
def test_a_lie_is_told_for_what_it_is(site: Site, server: Server, said: str, body: bytes) -> None:
    server.answer = saying(body)
    for minutes in range(4):
        assert look(site, server, minutes) is False
    assert alerts(site) == [("outage", "open")]
    assert said in get_alert(site, 1).about.details["why"]


def test_one_lie_among_truths_spoils_nothing(site: Site, server: Server) -> None:
    server.answer = saying(vector(heat("NaN"), heat("95", gpu=1), heat("60", node="gpu-99")))
    assert look(site, server) is True
    assert alerts(site) == [("temperature", "open")]


def test_a_lie_ends_no_alert(site: Site, server: Server) -> None:
    server.answer = saying(vector(heat("95")))
    look(site, server)
    for minutes, body in enumerate([vector(), vector(heat("NaN")), vector(heat("-5")), b"{}"], 1):
        server.answer = saying(body)
        look(site, server, minutes)
    assert alerts(site)[0] == ("temperature", "open")
    server.answer = saying(vector(heat("50")))
    look(site, server, 9)
    assert alerts(site)[0] == ("temperature", "resolved")


def test_the_token_is_in_no_line_of_the_log(
    site: Site, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    for body in LIES.values():
        server.answer = saying(body)
        look(site, server)
    assert TOKEN not in caplog.text


def test_the_check_says_what_prometheus_knows(server: Server) -> None:
    def findings() -> list[str]:
        return [str(one) for one in monitoring_findings(asked, TOKEN, cluster())]

    asked = MonitoringSettings(server.address)
    shown = f"Prometheus {server.address}"
    assert findings() == [f"✗ {shown}: no GPU metrics: it scrapes no DCGM exporter"]
    server.answer = saying(b"no", 403)
    assert findings() == [f"✗ {shown}: HTTP 403, and the answer is not JSON"]
    server.answer = saying(vector(*(heat("50", node) for node in ("gpu-01", "gpu-02"))))
    assert findings() == [f"✗ {shown}: answers, with readings of 2 GPUs, but none of gpu-03"]
    server.answer = saying(vector(*(heat("50", node.name) for node in cluster().nodes)))
    assert findings() == [f"✓ {shown}: answers, with readings of 3 GPUs on all nodes"]
