"""The calendar as a picture: what is where, in which colour, and told apart by more than colour."""

from __future__ import annotations

from datetime import timedelta

import builders
import pytest
from builders import ADMIN, ALICE, BOB, CHEN, NOW, TONIGHT, actor, request, window
from seeing import Seen

from bot.domain.booking import Priority
from bot.domain.cluster import Node
from bot.pictures import fonts
from bot.pictures.ink import LINE_STRONG, MUTED, SURFACE, color, mixed, text_width
from bot.pictures.ink import NOW as NOW_LINE
from bot.pictures.lanes import taken_over_time
from bot.pictures.tracks import WIDTH, day_name
from bot.services.activity import saw_use
from bot.services.drain import drain
from bot.services.preempt import preempt
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.turn_over import turn_over

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
DAY = window(NOW - 3 * HOUR - 37 * MINUTE, 24)
VISION, NLP = "#2563eb", "#16a34a"
UNTIL_NOON = 3 + 23 / 60


@pytest.fixture
def lab(open_site):
    """The sample cluster, with a colour for each team."""
    cluster = builders.cluster()
    vision, nlp = cluster.teams
    teams = (builders.replace(vision, color=VISION), builders.replace(nlp, color=NLP))
    return open_site(builders.replace(cluster, teams=teams))


def test_a_booking_lies_at_its_time_on_its_gpus_in_its_teams_colour(lab):
    reserve(lab, actor(BOB), request(2, TONIGHT, 6, node="gpu-03"), now=NOW)
    seen, free = Seen(lab, DAY), mixed((238, 240, 243), 0.6)
    reserved = mixed(color(VISION), 0.28)
    late = TONIGHT + 4.5 * HOUR
    assert seen.at(late, "gpu-03", 0.3) == seen.at(late, "gpu-03", 1.7) == reserved
    assert seen.at(late, "gpu-03", 2.5) == free, "the third GPU is free"
    assert seen.at(TONIGHT - 1.5 * HOUR, "gpu-03") == free, "and so is the time before"
    assert seen.at(TONIGHT + 6.7 * HOUR, "gpu-03") == free
    assert seen.at(late, "gpu-01") == free


def test_what_runs_is_stronger_than_what_is_reserved_and_what_is_over_paler(lab):
    booking = reserve(lab, actor(CHEN), request(2, NOW, UNTIL_NOON, node="gpu-03"), now=NOW)
    nlp = color(NLP)
    assert Seen(lab, DAY).at(NOW + 3 * HOUR, "gpu-03") == mixed(nlp, 0.28)
    turn_over(lab, now=NOW)
    assert Seen(lab, DAY).at(NOW + 3 * HOUR, "gpu-03") == mixed(nlp, 0.55)
    release(lab, actor(CHEN), booking.id, now=NOW + 2 * HOUR)
    assert Seen(lab, DAY).at(NOW + HOUR, "gpu-03", 0.2) == mixed(nlp, 0.14)


def test_now_is_a_line_through_everything(lab):
    seen = Seen(lab, DAY)
    for node in ("gpu-01", "gpu-02", "gpu-03"):
        assert seen.at(NOW, node) == NOW_LINE
    assert NOW_LINE not in Seen(lab, window(TONIGHT, 24)).colors


def test_a_warned_booking_and_what_is_kept_for_it_have_patterns(lab):
    reserve(lab, actor(CHEN), request(8, NOW, 9 + 23 / 60, node="gpu-03"), now=NOW)
    turn_over(lab, now=NOW)
    urgent = request(8, NOW, UNTIL_NOON, node="gpu-03", priority=Priority.P0)
    taken = preempt(lab, actor(ALICE), urgent, reason="demo", expected=range(1000), now=NOW).booking
    seen = Seen(lab, DAY, now=NOW - HOUR)  # without the line of now across them
    kept = taken.window.end + HOUR
    assert len(seen.around(NOW + 15 * MINUTE, "gpu-03", 2.5)) > 2
    assert SURFACE in seen.around(kept, "gpu-03", 2.5), "hatched over white"
    assert len(seen.around(kept, "gpu-03", 2.5)) >= 2
    assert len(seen.around(NOW + 2 * HOUR, "gpu-03", 7.5)) == 1, "the urgent one is plain"


def test_a_drained_node_is_hatched_as_long_as_it_is_out(lab):
    drain(lab, actor(ADMIN), "gpu-02", until=TONIGHT, reason="fan", now=NOW)
    seen = Seen(lab, DAY)
    assert mixed(MUTED, 0.35) in seen.around(TONIGHT - 2 * HOUR, "gpu-02")
    assert mixed(MUTED, 0.35) not in seen.around(TONIGHT + 2 * HOUR, "gpu-02")


def test_an_overrun_is_striped_from_the_promised_end_on(lab):
    booking = reserve(lab, actor(BOB), request(4, NOW, 9 + 23 / 60, node="gpu-01"), now=NOW)
    turn_over(lab, now=NOW)
    end = booking.window.end
    saw_use(lab, booking.id, now=end - MINUTE)
    turn_over(lab, now=end)
    seen = Seen(lab, DAY, now=end)
    assert len(seen.around(end + 30 * MINUTE, "gpu-01", 3.4)) > 1
    assert MUTED in seen.around(end + 30 * MINUTE, "gpu-01", 3.4)
    assert MUTED not in seen.around(end - HOUR, "gpu-01", 3.4)


def test_it_is_as_wide_as_a_telephone_needs_and_no_file_to_wait_for(lab):
    for number in range(6):
        start = TONIGHT + 2 * number * HOUR
        reserve(lab, actor(BOB), request(4, start, 2, node="gpu-01"), now=NOW)
    seen = Seen(lab, DAY)
    assert seen.image.width == WIDTH
    assert seen.image.height < 2 * WIDTH
    assert len(seen.content) < 200_000


def test_a_compact_picture_is_lower(lab):
    assert Seen(lab, DAY, compact=True).image.height < Seen(lab, DAY).image.height


def test_of_many_gpus_each_node_has_one_lane_that_fills(open_site):
    nodes = tuple(Node(f"gpu-{n:02}", 8, "A100") for n in range(12))
    site = open_site(builders.cluster(nodes=nodes))
    reserve(site, actor(BOB), request(2, TONIGHT, 6, node="gpu-05"), now=NOW)
    seen = Seen(site, DAY)
    assert [lane.row for lane in seen.lanes] == [0] * 12
    filled = mixed(color("#64748b"), 0.62)
    late = TONIGHT + 4.5 * HOUR
    assert [seen.at(late, "gpu-05", gpu) == filled for gpu in (7.5, 6.5, 5.5)] == [
        True,
        True,
        False,
    ]


def test_what_is_out_of_service_looks_as_the_legend_says_there_too(open_site):
    nodes = tuple(Node(f"gpu-{n:02}", 8, "A100") for n in range(12))
    site = open_site(builders.cluster(nodes=nodes))
    drain(site, actor(ADMIN), "gpu-05", until=TONIGHT, reason="fan", now=NOW)
    seen = Seen(site, DAY)
    assert mixed(MUTED, 0.35) in seen.around(TONIGHT - 2 * HOUR, "gpu-05", 3.5)
    assert mixed(MUTED, 0.35) not in seen.around(TONIGHT + 2 * HOUR, "gpu-05", 3.5)


def test_of_very_many_each_model_has_one(open_site):
    nodes = tuple(Node(f"gpu-{n:02}", 8, "A100" if n < 20 else "H100") for n in range(30))
    site = open_site(builders.cluster(nodes=nodes))
    reserve(site, actor(BOB), request(8, TONIGHT, 6, node="gpu-25"), now=NOW)
    drain(site, actor(ADMIN), "gpu-26", until=TONIGHT + 2 * HOUR, reason="fan", now=TONIGHT - HOUR)
    seen = Seen(site, DAY)
    assert [(lane.label, lane.gpus) for lane in seen.lanes] == [("A100", 160), ("H100", 80)]
    spans = list(taken_over_time(seen.lane("H100"), seen.tracks, site.cluster))
    hours = [(round((end - start) / 3600), teams, out) for start, end, teams, out in spans]
    assert hours == [(1, {}, 8), (2, {"vision": 8}, 8), (4, {"vision": 8}, 0)]


def test_nodes_of_a_model_stand_together(open_site):
    nodes = (Node("a", 4, "V100"), Node("b", 4, "A100"), Node("c", 4, "V100"))
    seen = Seen(open_site(builders.cluster(nodes=nodes)), DAY)
    assert [lane.label for lane in seen.lanes] == ["a", "c", "b"]


def test_chinese_readers_get_chinese_where_there_is_a_font(lab):
    if fonts.chinese_font(20) is None:
        pytest.skip("this system has no font with Chinese")
    assert Seen(lab, DAY, locale="zh-CN").content != Seen(lab, DAY).content


def test_without_such_a_font_they_get_english(lab, monkeypatch):
    monkeypatch.setattr(fonts, "chinese_font", lambda _size: None)
    assert Seen(lab, DAY, locale="zh-CN").content == Seen(lab, DAY).content


def test_without_any_font_of_the_system_it_is_drawn_all_the_same(lab, monkeypatch):
    monkeypatch.setattr(fonts, "chinese_font", lambda _size: None)
    monkeypatch.setattr(fonts, "european_font", lambda _size: None)
    reserve(lab, actor(BOB), request(2, TONIGHT, 6, node="gpu-03"), now=NOW)
    seen = Seen(lab, DAY)
    assert seen.at(TONIGHT + 5 * HOUR, "gpu-03", 0.3) == mixed(color(VISION), 0.28)


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_every_day_of_a_week_has_a_name_of_its_own_that_is_not_cut_off(lab, locale):
    seen = Seen(lab, window(NOW - 10 * HOUR - 37 * MINUTE, 7 * 24), locale=locale)
    days = list(seen.axis.days())
    room = (seen.axis.right - seen.axis.left) // len(days) - 12
    names = [day_name(day, room, seen.words) for day in days]
    assert len(set(names)) == len(days) == 7
    assert all(text_width(name, size) <= room for name, size in names)


def test_midnight_is_a_stronger_line(lab):
    seen = Seen(lab, DAY)
    midnight = TONIGHT + 2 * HOUR
    lane = seen.lane("gpu-01")
    assert seen.pixel(seen.axis.at(midnight), lane.top - 4) == LINE_STRONG
