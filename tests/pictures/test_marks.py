"""What stands for what in a picture: marks, teams, words, and nodes that fill."""

from __future__ import annotations

from datetime import timedelta

import builders
import pytest
from builders import ADMIN, ALICE, BOB, CHEN, NOW, TONIGHT, actor, request, window
from seeing import Seen

from bot.domain.booking import Priority
from bot.domain.cluster import Node
from bot.domain.request import parse_wait
from bot.pictures.ink import Box, Canvas, color, mixed
from bot.pictures.lanes import taken_over_time
from bot.pictures.marks import Mark, draw_mark, draw_tail, mark_of, team_of
from bot.services.drain import drain
from bot.services.join_waitlist import join_waitlist
from bot.services.preempt import preempt
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.tracks import tracks
from bot.services.turn_over import turn_over

HOUR = timedelta(hours=1)
DAY = window(NOW - 3 * HOUR - timedelta(minutes=37), 24)
VISION, NLP = "#2563eb", "#16a34a"
UNTIL_NOON = 3 + 23 / 60


def colored(nodes=builders.NODES):
    """The sample cluster, with a colour for each team."""
    cluster = builders.cluster(nodes=nodes)
    vision, nlp = cluster.teams
    teams = (builders.replace(vision, color=VISION), builders.replace(nlp, color=NLP))
    return builders.replace(cluster, teams=teams)


@pytest.fixture
def lab(open_site):
    return open_site(colored())


@pytest.fixture
def written(monkeypatch):
    """All that is written into pictures."""
    texts = []
    write = Canvas.text

    def text(canvas, x, middle, shown, *more):
        texts.append(shown)
        write(canvas, x, middle, shown, *more)

    monkeypatch.setattr(Canvas, "text", text)
    return texts


def test_each_bar_is_marked_by_what_is_special_about_it_in_the_colour_of_whom_it_is_for(lab):
    for node, gpus in (("gpu-01", 4), ("gpu-03", 8)):
        reserve(lab, actor(CHEN), request(gpus, NOW, 9 + 23 / 60, node=node), now=NOW)
    turn_over(lab, now=NOW)
    asked = parse_wait(
        "4 2h by today 14:00 on gpu-01", now=NOW, zone=lab.cluster.zone, cluster=lab.cluster
    )
    join_waitlist(lab, actor(BOB), asked, now=NOW)
    release(lab, actor(CHEN), 1, now=NOW + HOUR / 2)
    urgent = request(8, NOW, UNTIL_NOON, node="gpu-03", priority=Priority.P0)
    preempt(lab, actor(ALICE), urgent, reason="demo", expected={2}, now=NOW)
    found = tracks(lab, DAY, now=NOW)
    bars = [bar for one in found.nodes for bar in one.bars]
    assert {(bar.kind, bar.holder, mark_of(found, bar), team_of(found, bar)) for bar in bars} == {
        ("booking", 1, Mark.ENDED, "nlp"),
        ("offer", 1, Mark.OFFER, "vision"),
        ("booking", 2, Mark.WARNED, "nlp"),
        ("booking", 3, Mark.RESERVED, "vision"),
        ("hold", 1, Mark.HOLD, "nlp"),
    }


def test_no_two_marks_look_alike():
    pictures = set()
    for mark in Mark:
        canvas, box = Canvas(140, 70), Box(10, 10, 130, 60)
        draw_mark(canvas, box, mark, color(VISION))
        if mark is Mark.OVERRUN:
            draw_tail(canvas, box)
        pictures.add(canvas.image.tobytes())
    assert len(pictures) == len(Mark)


def test_gpus_that_are_no_neighbours_are_drawn_apart(lab):
    first = reserve(lab, actor(BOB), request(1, NOW, UNTIL_NOON, node="gpu-01"), now=NOW)
    reserve(lab, actor(BOB), request(2, NOW, UNTIL_NOON, node="gpu-01"), now=NOW)
    turn_over(lab, now=NOW)
    later = NOW + HOUR
    release(lab, actor(BOB), first.id, now=later)
    reserve(lab, actor(CHEN), request(2, later, UNTIL_NOON - 1, node="gpu-01"), now=later)
    turn_over(lab, now=later)
    seen = Seen(lab, DAY, now=later)
    at = NOW + 3.1 * HOUR  # behind the words
    ours, theirs = mixed(color(VISION), 0.55), mixed(color(NLP), 0.55)
    rows = [seen.at(at, "gpu-01", gpu) for gpu in (0.2, 1.2, 2.2, 3.2)]
    assert rows == [theirs, ours, ours, theirs]


def test_a_bar_says_which_booking_it_is_and_the_legend_only_what_is_there(lab, written):
    reserve(lab, actor(BOB), request(4, TONIGHT, 6, node="gpu-01"), now=NOW)
    Seen(lab, DAY)
    assert [text for text in written if text.startswith("B1")]
    assert "vision" in written
    assert "nlp" not in written


def test_in_a_lane_that_fills_teams_lie_one_above_the_other(open_site):
    nodes = tuple(Node(f"gpu-{n:02}", 8, "A100") for n in range(12))
    site = open_site(colored(nodes))
    for user, gpus in ((CHEN, 3), (BOB, 2)):
        reserve(site, actor(user), request(gpus, TONIGHT, 6, node="gpu-05"), now=NOW)
    seen = Seen(site, DAY)
    levels = [seen.at(TONIGHT + 4.5 * HOUR, "gpu-05", gpu) for gpu in (7.5, 6.5, 5.5, 3.5)]
    ours, theirs = mixed(color(VISION), 0.62), mixed(color(NLP), 0.62)
    assert levels == [ours, ours, theirs, theirs]


def test_what_still_runs_on_a_node_out_of_service_counts_once(open_site):
    nodes = tuple(Node(f"gpu-{n:02}", 8, "A100") for n in range(12))
    site = open_site(colored(nodes))
    reserve(site, actor(BOB), request(2, NOW, UNTIL_NOON, node="gpu-05"), now=NOW)
    turn_over(site, now=NOW)
    drain(site, actor(ADMIN), "gpu-05", until=TONIGHT, reason="fan", now=NOW)
    seen = Seen(site, DAY)
    spans = taken_over_time(seen.lane("gpu-05"), seen.tracks, site.cluster)
    assert [(teams, out) for *_, teams, out in spans] == [({"vision": 2}, 6), ({}, 8)]
