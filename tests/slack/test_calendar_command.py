"""`/gpu calendar`, and what is said of its picture to those who do not see it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import builders
import pytest
from builders import ADMIN, ALICE, BOB, CHEN, NOW, TONIGHT, actor, request
from PIL import Image
from talk import Talk, find, words

from bot.domain.cluster import Node
from bot.domain.window import Window
from bot.services.drain import drain
from bot.services.reserve import reserve
from bot.services.turn_over import turn_over
from bot.slack.calendar_picture import NAMED, calendar_picture, day_from
from bot.slack.context import Picture, Reply
from bot.slack.reader import Reader

HOUR = timedelta(hours=1)
UNTIL_NOON = 3 + 23 / 60


def picture(reply: Reply) -> Picture:
    assert reply.picture is not None
    content = reply.picture.draw()
    assert Image.open(BytesIO(content)).format == "PNG"
    assert len(reply.picture.alt) <= 2000
    return reply.picture


def test_it_shows_a_day_around_now(bob):
    reply = bob.types("calendar")
    assert picture(reply).title == "Wed 25 Nov 08:00 – Thu 26 Nov 08:00"
    assert "16 of 16 GPUs are free now." in words(reply)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("calendar tomorrow", "Thu 26 Nov 00:00 – Fri 27 Nov 00:00"),
        ("calendar tomorrow 22:00", "Thu 26 Nov 22:00 – Fri 27 Nov 22:00"),
        ("calendar week", "Wed 25 Nov 00:00 – Wed 2 Dec 00:00"),
        ("calendar week next monday", "Mon 30 Nov 00:00 – Mon 7 Dec 00:00"),
        ("calendar 周 明天", "Thu 26 Nov 00:00 – Thu 3 Dec 00:00"),
    ],
)
def test_it_shows_the_day_or_week_that_is_asked_for(bob, text, title):
    assert picture(bob.types(text)).title == title


def test_words_that_are_no_time_are_named(bob):
    reply = bob.types("calendar whenever")
    assert "“whenever”. Try: `/gpu calendar tomorrow`" in words(reply)
    assert "Try: `/gpu calendar week next monday`" in words(bob.types("calendar week whenever"))
    assert reply.picture is None


def test_the_link_signs_in_the_one_who_asks_and_leads_to_that_time(open_site):
    site = open_site(builders.cluster())
    site.address = lambda: "https://gpubot.example.com"
    reply = Talk(site, ALICE).types("calendar tomorrow")
    link = find(reply, "Open the calendar")["url"]
    assert link.startswith("https://gpubot.example.com/sign-in?link=")
    assert "2026-11-25T16%3A00%3A00Z" in link or "2026-11-25T16:00:00Z" in link
    assert "keep it to yourself" in words(reply)
    assert Talk(site, ALICE).presses(reply, "Open the calendar") is None


def test_a_link_that_signs_nobody_in_is_no_secret(open_site):
    site = open_site(builders.cluster())
    site.address, site.open_id = lambda: "https://gpubot.example.com", True
    reply = Talk(site, ALICE).types("calendar tomorrow")
    link = find(reply, "Open the calendar")["url"]
    assert link == "https://gpubot.example.com/?at=2026-11-25T16:00:00Z"
    assert "keep it to yourself" not in words(reply)


def test_without_an_address_there_is_no_link(bob):
    assert not [block for block in bob.types("calendar").blocks if block["type"] == "actions"]


def test_status_has_a_picture_of_the_nodes_it_shows(bob, site):
    reserve(site, actor(CHEN), request(8, NOW, 9 + 23 / 60, node="gpu-03"), now=NOW)
    assert "gpu-03 is full until Wed 25 Nov 20:00." in picture(bob.types("status")).alt


def alt(site, *, at=None, **more) -> str:
    reader = Reader.of_channel(site.cluster, BOB)
    return calendar_picture(site, reader, day_from(site, at or NOW), now=NOW, **more).alt


def test_the_words_say_what_is_free_and_when_the_rest_is(site):
    reserve(site, actor(CHEN), request(8, NOW, UNTIL_NOON, node="gpu-03"), now=NOW)
    reserve(site, actor(BOB), request(4, NOW, UNTIL_NOON + 48, node="gpu-01"), now=NOW)
    drain(site, actor(ADMIN), "gpu-02", until=TONIGHT, reason="fan", now=NOW)
    assert alt(site) == (
        "0 of 16 GPUs are free now. gpu-01 is full until Thu 26 Nov 08:00 at least. "
        "gpu-02 is out of service until Wed 25 Nov 22:00. gpu-03 is full until Wed 25 Nov 14:00."
    )


def test_of_another_day_they_say_how_it_begins(site):
    tomorrow = TONIGHT + 24 * HOUR
    reserve(site, actor(BOB), request(4, TONIGHT, 48, node="gpu-01"), now=NOW)
    assert alt(site, at=tomorrow).startswith("Thu 26 Nov 20:00: 12 of 16 GPUs are free.")


def test_of_a_day_that_is_over_they_say_how_much_was_taken(site):
    reserve(site, actor(BOB), request(4, NOW, UNTIL_NOON, node="gpu-01"), now=NOW)
    turn_over(site, now=NOW)
    turn_over(site, now=NOW + 8 * HOUR)
    later = NOW + 24 * HOUR
    reader = Reader.of_channel(site.cluster, BOB)
    day = Window(NOW - 8 * HOUR, NOW + 8 * HOUR)
    # 4 of 16 GPUs for 3.4 of 16 hours.
    assert calendar_picture(site, reader, day, now=later).alt == "5 % of the GPU time was taken."


def test_a_booking_that_is_followed_by_another_keeps_the_node_full(site):
    reserve(site, actor(CHEN), request(8, NOW, UNTIL_NOON, node="gpu-03"), now=NOW)
    noon = NOW + timedelta(hours=3, minutes=23)
    reserve(site, actor(BOB), request(8, noon, 2, node="gpu-03"), now=NOW)
    assert "gpu-03 is full until Wed 25 Nov 16:00." in alt(site)


def test_they_name_only_so_many_nodes(open_site):
    nodes = tuple(Node(f"gpu-{n:03}", 4, "V100") for n in range(NAMED + 3))
    site = open_site(builders.cluster(nodes=nodes))
    for node in nodes:
        reserve(site, actor(BOB), request(4, NOW, UNTIL_NOON, node=node.name), now=NOW)
    assert alt(site).endswith(" 3 more nodes are full.")
    assert alt(site).count("is full until") == NAMED


def test_a_picture_is_another_one_once_something_changed(site):
    reader = Reader.of_channel(site.cluster, BOB)

    def key(now=NOW, of=reader):
        return calendar_picture(site, of, day_from(site, NOW), now=now, compact=True).key

    before = key()
    assert key(NOW + timedelta(minutes=10)) == before, "at home the line of now moves by the hour"
    assert key(NOW + HOUR) != before
    assert key(of=replace(reader, locale="zh-CN")) != before
    reserve(site, actor(BOB), request(1), now=NOW)
    assert key() != before
