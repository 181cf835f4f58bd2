"""What operators read of servers that gpubot no longer asks: nothing stands there for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import builders
import pytest
from builders import NODES, NOW, TONIGHT
from talk import Talk
from told import last, told

from bot.domain.gpu_health import Reading, Thresholds
from bot.domain.membership import Source
from bot.services import directory
from bot.services.gpu_alerts import note_outage as no_readings
from bot.services.gpu_watch import note_readings
from bot.services.nodes import sync_nodes
from bot.services.outages import CLOCK, TOLD_AFTER, is_noted, note_outage
from bot.services.site import Site
from bot.services.unwatched import settle_unwatched

OPS, MINUTE = "C0OPS", timedelta(minutes=1)
LATER = TONIGHT + 60 * MINUTE


@pytest.fixture
def operator(site: Site) -> Talk:
    return Talk(site, builders.ADMIN, now=LATER)


def start(site: Site, *servers: str, read: Source | None = None, monitored: bool = False) -> int:
    """gpubot starts with a configuration that names these alone; how much it settles."""
    directories = () if read is None else (read,)
    return settle_unwatched(
        site, servers=servers, directories=directories, monitored=monitored, now=LATER
    )


def away(site: Site, server: str) -> None:
    for instant in (NOW, NOW + TOLD_AFTER):
        note_outage(site, server, "cannot be reached", now=instant)


def hot(site: Site, *nodes: str) -> None:
    readings = [Reading(node, 3, utilisation=0.0, temperature=91.4) for node in nodes]
    note_readings(site, readings, Thresholds(), timedelta(seconds=30), now=TONIGHT)


def test_a_server_that_was_taken_out_is_watched_no_longer(site: Site, operator: Talk) -> None:
    away(site, "kubernetes")
    assert "see or do everything on *Kubernetes*" in last(site, operator, "outage", OPS).text
    assert start(site, "slurm") == 1
    message = last(site, operator, "outage", OPS)
    assert message.living
    assert "gpubot no longer watches *Kubernetes*" in message.text
    assert not is_noted(site, "kubernetes")
    assert start(site) == 0


def test_a_server_that_answers_and_does_not_end_one_run_is_not_said_to_be_away(
    site: Site, operator: Talk
) -> None:
    why = "Kubernetes refuses to have gpubot-b7-1 ended"
    for instant in (NOW, NOW + TOLD_AFTER):
        note_outage(site, "kubernetes", why, now=instant)
    said = last(site, operator, "outage", OPS).text
    note_outage(site, "kubernetes", None, now=LATER)
    over = last(site, operator, "outage", OPS).text
    assert f"to see or do everything on *Kubernetes*: {why}. It tries again." in said
    assert "see and do everything on *Kubernetes* again" in over
    assert [word for word in ("answer", "away", "reached") if word in said + over] == []


def test_a_server_that_is_still_asked_and_a_clock_are_left_alone(site: Site) -> None:
    away(site, "kubernetes")
    away(site, f"{CLOCK}lab-1")
    assert start(site, "kubernetes") == 0
    assert is_noted(site, "kubernetes")


def test_without_prometheus_nobody_sees_what_becomes_of_a_gpu(site: Site, operator: Talk) -> None:
    hot(site, "gpu-01")
    assert start(site, monitored=True) == 0
    assert start(site) == 1
    message = last(site, operator, "gpu_alert", OPS)
    assert message.text.startswith(":heavy_minus_sign: GPU 3 of *gpu-01* is hot")
    assert message.text.endswith("gpubot no longer watches this.")
    hot(site, "gpu-01")
    again = last(site, operator, "gpu_alert", OPS)
    assert again.text.startswith(":warning: GPU 3 of *gpu-01* is hot")


def test_nor_whether_there_are_readings_again(site: Site, operator: Talk) -> None:
    for minutes in (0, 1, 2):
        no_readings(site, "no answer within 10 s", now=TONIGHT + minutes * MINUTE)
    assert start(site) == 1
    said = last(site, operator, "gpu_alert", OPS).text
    assert "Prometheus gives no GPU readings" in said
    assert "no longer watches" in said


def test_a_node_that_is_gone_has_no_alerts(site: Site, operator: Talk) -> None:
    hot(site, "gpu-01", "gpu-02")
    site.adopt(replace(site.cluster, nodes=NODES[1:]))
    sync_nodes(site, now=LATER)
    assert start(site, monitored=True) == 1
    said = [m.text for topic, to, m in told(site, operator) if (topic, to) == ("gpu_alert", OPS)]
    assert ["no longer" in text for text in said] == ["gpu-01" in text for text in said]


def test_a_directory_that_was_taken_out_is_read_no_longer(site: Site, operator: Talk) -> None:
    directory.keep_problem(site, Source.LDAP, "cannot be reached", now=NOW)
    assert start(site, read=Source.LDAP) == 0
    assert start(site, read=Source.USERGROUPS) == 1
    said = last(site, operator, "directory", OPS).text
    assert said.startswith(":heavy_minus_sign: LDAP is read no longer")
    assert start(site) == 0
