"""From a GPU's metrics to Slack and back, through a real Prometheus and a real Alertmanager."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from clients import client
from exporters import Server, exposition, labels_of, saying, serving
from patience import PATIENCE_S
from prometheus_client.parser import text_string_to_metric_families
from servers import Program, alertmanager, eventually, prometheus, running

from benchmarks.ports import free_port
from bot.check import monitoring_findings
from bot.config.edges import Edges
from bot.config.settings import Settings
from bot.demo import CHANNELS, MANIFEST, USERS, cluster
from bot.domain.actor import Actor
from bot.domain.request import parse_reserve
from bot.main import Bot
from bot.monitoring.settings import MonitoringSettings
from bot.sandbox import Sandbox, SandboxClock
from bot.services.reserve import reserve
from bot.services.turn_over import turn_over

ALICE, BOB, OPS = "U0ALICE", "U0BOB", "C0OPS"
TOKEN = "what only Alertmanager knows"
HEALTHY = {"GPU_UTIL": 90, "GPU_TEMP": 60, "FB_USED": 1000, "FB_FREE": 9000, "XID_ERRORS": 0,
           "ECC_DBE_VOL_TOTAL": 0}  # fmt: skip


@dataclass
class Exporter:
    """What the GPUs of gpu-01 say, as an exporter shows it."""

    said: dict[int, dict[str, float]] = field(
        default_factory=lambda: {gpu: dict(HEALTHY) for gpu in range(4)}
    )
    users: dict[int, str] = field(default_factory=dict)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        gpus = [
            (labels_of("gpu-01.lab.example.org", gpu, user=self.users.get(gpu, "")), values)
            for gpu, values in self.said.items()
        ]
        body = exposition(*gpus).encode()
        saying(body, Content_Type="text/plain; version=0.0.4")(request)


@dataclass
class Lab:
    """A bot in a workspace, and the GPUs that it watches."""

    bot: Bot
    slack: Sandbox
    clock: SandboxClock
    exporter: Exporter
    prometheus: Program

    def ops(self) -> list[str]:
        """What the operators' channel shows, oldest first."""
        return [message.text for message in self.slack.messages(OPS, "U0GRACE")]

    def direct(self, user: str) -> list[str]:
        """What somebody was told about GPUs."""
        found = [message.text for message in self.slack.direct_messages(user)]
        return [text for text in found if "GPU " in text and "gpu-01" in text]

    def sees(self, look: Callable[[], list[str]], *words: str) -> str:
        """Wait for a message with all of these words; it."""

        def found() -> str:
            return next((t for t in look() if all(word in t for word in words)), "")

        return eventually(found, f"{words} in {look()}")


def settings_of(slack: Sandbox, folder: Path, port: int) -> Settings:
    return Settings(
        bot_token=slack.bot_token,
        signing_secret=slack.signing_secret,
        slack_api_url=slack.api_url,
        database_url=f"sqlite:///{folder / 'gpubot.db'}",
        port=port,
        base_url="",
        alerts_token=TOKEN,
    )


@contextmanager
def lab_in(folder: Path, *, queries: bool) -> Iterator[Lab]:
    """A lab whose bot asks Prometheus itself, or hears of it from Alertmanager alone."""
    exporter, port = Exporter(), free_port()
    clock = SandboxClock()
    slack = Sandbox(
        manifest=MANIFEST, users=USERS, channels=CHANNELS, clock=clock, ack_timeout=PATIENCE_S
    )
    with serving(exporter.answer) as gpus:
        alerts = alertmanager(folder, f"http://127.0.0.1:{port}/alerts", TOKEN)
        source = prometheus(folder, targets_of(gpus, port), alerts.address)
        asked = MonitoringSettings(source.address, timedelta(seconds=1), timedelta(seconds=5))
        with running(alerts, source), slack.start():
            bot = Bot(
                settings_of(slack, folder, port), cluster(), clock,
                edges=Edges(monitoring=asked if queries else None), pace=timedelta(0),
            )  # fmt: skip
            slack.request_url = f"{bot.address}/slack/events"
            bot.start()
            try:
                yield Lab(bot, slack, clock, exporter, source)
            finally:
                bot.stop()


def targets_of(gpus: Server, port: int) -> dict[str, str]:
    return {"dcgm-exporter": gpus.address, "gpubot": f"http://127.0.0.1:{port}"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab_in(tmp_path_factory.mktemp("watching"), queries=True) as made:
        yield made


def book(lab: Lab, user: str, text: str) -> Any:
    now = lab.clock.now().replace(microsecond=0)
    site = lab.bot.site
    request = parse_reserve(text, now=now, zone=site.cluster.zone, cluster=site.cluster)
    booked = reserve(site, Actor(user), request, now=now)
    turn_over(site, now=now)
    return booked


def test_a_hot_gpu_is_told_once_by_both_ways_and_resolved_in_place(lab: Lab) -> None:
    booked = book(lab, BOB, "2 now 20h on gpu-01")
    lab.exporter.said[1]["GPU_TEMP"] = 93
    lab.exporter.said[1]["XID_ERRORS"] = 79
    ops = lab.sees(lab.ops, "GPU 1 of *gpu-01*", "XID error 79")
    assert f"*B{booked.id}* of <@{BOB}>" in ops
    lab.sees(lambda: lab.direct(BOB), "is hot: 93 °C")
    lab.sees(lambda: lab.direct(BOB), "XID error 79", "your booking")
    eventually(lambda: notified(lab, "gpu-01/1/xid"), "Alertmanager told of it as well")
    lab.exporter.said[1] = dict(HEALTHY)
    lab.sees(lab.ops, "white_check_mark", "reported an XID error")
    lab.sees(lambda: lab.direct(BOB), "white_check_mark", "was hot from")
    assert len([text for text in lab.ops() if "XID error" in text]) == 1
    assert len([text for text in lab.direct(BOB) if "XID error" in text]) == 1


def notified(lab: Lab, key: str) -> bool:
    with lab.bot.site.database.snapshot() as connection:
        query = "SELECT notified FROM gpualert WHERE key = ?"
        return any(row[0] for row in connection.exec_driver_sql(query, (key,)))


def test_work_without_a_booking_is_told_to_who_does_it(lab: Lab) -> None:
    lab.exporter.users[3] = ALICE
    lab.slack.command(ALICE, "C0VISION", "/gpu mine")
    keys = "SELECT key FROM gpualert WHERE state = 'pending'"
    wanted = f"unbooked:gpu-01:{ALICE}"

    def pending() -> bool:
        with lab.bot.site.database.snapshot() as connection:
            return wanted in connection.exec_driver_sql(keys).scalars().all()

    eventually(pending, "it is noticed")
    for _ in range(3):
        lab.clock.shift(timedelta(minutes=4))
        eventually(lambda: seen_since(lab, wanted), "it is seen again")
    lab.sees(lambda: lab.direct(ALICE), "Work without a booking on GPU 3 of *gpu-01*")
    lab.sees(lab.ops, "GPU 3 of *gpu-01*", f"<@{ALICE}>")
    book(lab, ALICE, "2 now 4h on gpu-01")
    lab.sees(lambda: lab.direct(ALICE), "There was work without a booking")


def seen_since(lab: Lab, key: str) -> bool:
    """Whether an alert was seen within the last minute of the bot's clock."""
    with lab.bot.site.database.snapshot() as connection:
        query = "SELECT max(seen_at) FROM gpualert WHERE key = ?"
        last = connection.exec_driver_sql(query, (key,)).scalar_one()
    return str(last) > f"{lab.clock.now() - timedelta(minutes=1):%Y-%m-%d %H:%M:%S}"


def test_gpubots_own_metrics_are_scraped_by_prometheus(lab: Lab) -> None:
    with client(lab.prometheus.address) as made:

        def connected() -> Any:
            answer = made.get("/api/v1/query", params={"query": "gpubot_slack_connected == 1"})
            return answer.json()["data"]["result"]

        eventually(connected, "Prometheus knows that Slack is connected")
        up = made.get("/api/v1/query", params={"query": "gpubot_monitoring_up"}).json()
        assert [one["value"][1] for one in up["data"]["result"]] == ["1"]
    with client(lab.bot.address) as made:
        families = list(text_string_to_metric_families(made.get("/metrics").text))
    ticks = {s.labels["tick"] for f in families for s in f.samples if "tick" in s.labels}
    assert {"due", "outbox", "monitoring"} <= ticks


def test_check_says_which_nodes_have_metrics(lab: Lab) -> None:
    asked = MonitoringSettings(lab.prometheus.address)
    (said,) = monitoring_findings(asked, "", cluster())
    assert (said.ok, "gpu-01" in said.text) == (False, False)
    assert "answers" in said.text
    assert "gpu-02" in said.text, "it has none"


def test_a_prometheus_that_is_away_is_told_once_and_ends_nothing(lab: Lab) -> None:
    lab.exporter.said[0]["GPU_TEMP"] = 95
    lab.sees(lab.ops, "GPU 0 of *gpu-01* is hot")
    lab.prometheus.stop()
    eventually(lambda: rows_of(lab, "outage"), "it is noticed")
    lab.clock.shift(timedelta(minutes=3))
    lab.sees(lab.ops, "Prometheus gives no GPU readings", "cannot be reached")
    lab.exporter.said[0]["GPU_TEMP"] = 50
    assert "is hot" in next(text for text in lab.ops() if "GPU 0 of *gpu-01*" in text)
    lab.prometheus.start()
    lab.sees(lab.ops, "white_check_mark", "Prometheus gives GPU readings again")
    lab.sees(lab.ops, "white_check_mark", "GPU 0 of *gpu-01* was hot")
    assert len([text for text in lab.ops() if "Prometheus" in text]) == 1


def rows_of(lab: Lab, key: str) -> list[Any]:
    with lab.bot.site.database.snapshot() as connection:
        return list(connection.exec_driver_sql("SELECT id FROM gpualert WHERE key = ?", (key,)))


def test_alertmanager_alone_is_enough(tmp_path: Path) -> None:
    with lab_in(tmp_path, queries=False) as lab:
        booked = book(lab, BOB, "2 now 20h on gpu-01")
        lab.exporter.said[0]["XID_ERRORS"] = 79
        lab.sees(lab.ops, "GPU 0 of *gpu-01*", "XID error 79", f"*B{booked.id}*")
        lab.sees(lambda: lab.direct(BOB), "XID error 79")
        lab.exporter.said[0]["XID_ERRORS"] = 0
        lab.sees(lab.ops, "white_check_mark", "reported an XID error")
        lab.sees(lambda: lab.direct(BOB), "white_check_mark", "reported an XID error")
