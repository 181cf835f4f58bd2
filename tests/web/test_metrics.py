"""What `/metrics` tells, and whom."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from api_lab import ApiLab, api_lab
from builders import BOB, CHEN, NOW, TONIGHT, actor, request
from clients import client
from databases import new_database
from patience import PATIENCE_S
from prometheus_client.parser import text_string_to_metric_families
from serving import served

from bot.services.reserve import reserve
from bot.services.site import Site
from bot.services.turn_over import turn_over
from bot.ticks.scheduler import Tick, Ticks
from bot.web.metrics import (
    Metrics,
    Sources,
    TickFigures,
    by_label,
    is_private,
    metric_routes,
)  # fmt: skip
from bot.web.own_metrics import disk_metrics

Numbers = dict[tuple[str, ...], float]


def numbers(text: str) -> Numbers:
    """Values by name and label values."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def lab(database_url: str) -> Iterator[ApiLab]:
    with api_lab(database_url) as made:
        yield made


def scrape(lab: ApiLab, **headers: str) -> Numbers:
    with client(lab.address, headers=headers) as made:
        answer = made.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain")
    return numbers(answer.text)


def test_bookings_and_gpus_are_counted(lab: ApiLab) -> None:
    reserve(lab.site, actor(BOB), request(4, node="gpu-01"), now=NOW)
    reserve(lab.site, actor(CHEN), request(2, TONIGHT + timedelta(hours=10)), now=NOW)
    turn_over(lab.site, now=TONIGHT)
    lab.now = TONIGHT
    found = scrape(lab)
    assert found["gpubot_bookings", "active"] == 1
    assert found["gpubot_bookings", "reserved"] == 1
    assert found["gpubot_bookings_over", "no_show"] == 0
    assert (found["gpubot_gpus",], found["gpubot_gpus_booked",]) == (16, 4)
    assert found["gpubot_offers_total", "accepted"] == 0
    assert found["gpubot_preemptions_total", "reclaimed"] == 0
    assert found["gpubot_waitlist_entries", "waiting"] == 0
    assert found["gpubot_alerts", "xid"] == 0
    assert found["gpubot_runs", "running"] == 0
    assert found["gpubot_outbox_pending",] > 0
    assert found["gpubot_outbox_oldest_seconds",] == (TONIGHT - NOW).total_seconds()


def test_decisions_of_the_api_are_timed_and_reading_is_none(lab: ApiLab) -> None:
    lab.by(BOB).get("/bookings")
    assert ("gpubot_decision_seconds_count", "api") not in scrape(lab)
    lab.by(BOB).post("/bookings", json={"gpus": 1, "start": "now", "length": "2h"})
    assert scrape(lab)["gpubot_decision_seconds_count", "api"] == 1


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_nobody_who_comes_through_a_proxy_is_answered(lab: ApiLab, header: str) -> None:
    with client(lab.address, headers={header: "203.0.113.9"}) as made:
        answer = made.get("/metrics")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_from_here")


@pytest.mark.parametrize(
    ("host", "is_near"),
    [("127.0.0.1", True), ("10.42.0.7", True), ("192.168.1.5", True), ("::1", True),
     ("fd00::7", True), ("::ffff:10.0.0.7", True), ("8.8.8.8", False), ("::ffff:8.8.8.8", False),
     ("2606:4700::1111", False), ("", False), ("testclient", False)],
)  # fmt: skip
def test_only_machines_of_the_own_network_are_near(host: str, is_near: bool) -> None:
    assert is_private(host) is is_near


def test_nobody_is_named(lab: ApiLab) -> None:
    reserve(lab.site, actor(BOB), request(4, purpose="secret plan"), now=NOW)
    with client(lab.address) as made:
        text = made.get("/metrics").text
    assert not any(word in text for word in (BOB, "vision", "secret", "gpu-01"))


def test_two_bots_in_one_process_have_metrics_of_their_own(tmp_path: Path) -> None:
    urls = [new_database(tmp_path, name) for name in ("a.db", "b.db")]
    with api_lab(urls[0]) as one, api_lab(urls[1]) as other:
        one.by(BOB).post("/bookings", json={"gpus": 1, "start": "now", "length": "2h"})
        assert ("gpubot_decision_seconds_count", "api") in scrape(one)
        assert ("gpubot_decision_seconds_count", "api") not in scrape(other)


def test_what_the_process_knows_is_told(tmp_path: Path) -> None:
    sources = Sources(
        ticks=lambda: [TickFigures("due", 7.5, 2)],
        connected=lambda: False,
        monitored=lambda: True,
        more=[lambda: [by_label("gpubot_guests", "Guests.", "kind", {"tea": 3})]],
    )

    def routes(site: Site, now):
        return metric_routes(Metrics(site, now, sources))

    with served(new_database(tmp_path), routes) as made:
        found = numbers(made.web.get("/metrics").text)
    assert found["gpubot_tick_lag_seconds", "due"] == 7.5
    assert found["gpubot_tick_failures_total", "due"] == 2
    assert found["gpubot_slack_connected",] == 0
    assert found["gpubot_monitoring_up",] == 1
    assert found["gpubot_guests", "tea"] == 3
    assert any(name == "gpubot_build_info" for name, *_ in found)


def test_a_tick_that_fails_is_late_and_counted() -> None:
    clock = [100.0]

    def fail() -> None:
        raise RuntimeError("a mistake")

    tick = Tick("due", timedelta(seconds=5), fail)
    ticks = Ticks([tick], monotonic=lambda: clock[0])
    ticks.start()
    ticks.stop(PATIENCE_S)
    before = ticks.states()[0].failures
    clock[0] = 120.0
    ticks.run(tick)
    (state,) = ticks.states()
    assert (state.name, state.lag_s, state.failures - before) == ("due", 15.0, 1)


def test_the_web_side_alone_tells_of_its_tables(tmp_path: Path) -> None:
    with served(
        new_database(tmp_path), lambda site, now: metric_routes(Metrics(site, now, Sources()))
    ) as made:
        found = numbers(made.web.get("/metrics").text)
    assert ("gpubot_slack_connected",) not in found
    assert found["gpubot_database_up",] == 1
    assert found["gpubot_gpus",] == 16


def test_without_its_database_it_tells_what_it_can(tmp_path: Path) -> None:
    sources = Sources(
        ticks=lambda: [TickFigures("due", 7.5, 2)], more=[disk_metrics({"x": tmp_path})]
    )

    def routes(site: Site, now):
        with site.database.transaction() as connection:
            connection.exec_driver_sql("DROP TABLE outbox")
        return metric_routes(Metrics(site, now, sources))

    with served(new_database(tmp_path), routes) as made:
        answer = made.web.get("/metrics")
    assert answer.status_code == 200
    found = numbers(answer.text)
    assert found["gpubot_database_up",] == 0
    assert found["gpubot_tick_lag_seconds", "due"] == 7.5
    assert 0 <= found["gpubot_disk_free_ratio", "x"] <= 1
    assert ("gpubot_outbox_pending",) not in found


def test_a_folder_that_is_not_there_has_no_room_to_tell_of(tmp_path: Path) -> None:
    (metric,) = disk_metrics({"logs": tmp_path / "none", "runs": tmp_path})()
    assert [sample.labels["place"] for sample in metric.samples] == ["runs"]
