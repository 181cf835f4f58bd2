"""`/gpu report`, as people read it."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta

import builders
import pytest
from builders import ALICE, BOB, CHEN, NOW, actor, request
from PIL import Image
from talk import Talk, words

from bot.domain.cluster import Cluster
from bot.services.cancel import cancel
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.services.turn_over import turn_over
from bot.slack.commands.report import split_team

HOUR = timedelta(hours=1)


def lived(site: Site) -> None:
    """Yesterday nlp used 4 GPUs for 10 h, and vision cancelled two of its three bookings."""
    then = NOW.replace(minute=0) - 26 * HOUR
    reserve(site, actor(CHEN), request(4, then, 10, node="gpu-03"), now=then)
    made = [
        reserve(site, actor(BOB), request(2, then + n * HOUR, 2, node="gpu-01"), now=then)
        for n in (4, 6, 8)
    ]
    for booking in made[:2]:
        cancel(site, actor(BOB), booking.id, now=then + HOUR)
    for hours in range(11):
        turn_over(site, now=then + hours * HOUR)


def said(talk: Talk, text: str) -> str:
    reply = talk.types(text)
    return words(reply) or reply.text


def test_it_tells_of_the_cluster_and_ones_own_teams(site: Site, bob: Talk) -> None:
    lived(site)
    told = said(bob, "report")
    # 40 GPU-hours of nlp and 4 of vision.
    assert "*Report on Vision Lab, Thu 29 Oct – Wed 25 Nov*" in told
    assert "44 GPU-hours were booked and 44 used" in told
    assert "vision booked 4 GPU-hours" in told
    assert "nlp booked" not in told
    assert "cancelled: 67 %" in told
    assert "too few bookings" in told


def test_a_team_is_told_alone_wherever_it_is_named(site: Site, bob: Talk) -> None:
    lived(site)
    for text in ("report nlp", "report NLP week", "report week nlp"):
        told = said(bob, text)
        assert "nlp booked 40 GPU-hours, used 40" in told
        assert "vision" not in told


def test_a_period_without_anything_says_so(site: Site, bob: Talk) -> None:
    assert "Nothing was booked in this time." in said(bob, "report last month")


def test_what_is_neither_team_nor_period_is_answered_with_an_example(bob: Talk) -> None:
    told = said(bob, "report whenever")
    assert "whenever" in told
    assert "/gpu report last month" in told


def test_a_team_that_is_misspelt_is_answered_with_the_teams_there_are(bob: Talk) -> None:
    assert "no team called “visoin”. I know: vision, nlp" in said(bob, "report visoin last week")


def test_a_link_leads_to_the_same_report_on_the_page(site: Site) -> None:
    there = Site.open(site.database, site.cluster, lambda: "https://gpubot.example", open_id=True)
    told = said(Talk(there, ALICE), "report nlp last month")
    assert "<https://gpubot.example/report?period=last+month&of=team%3Anlp|The whole report" in told
    assert "signs you in" not in told


def test_without_open_id_the_link_signs_its_reader_in(site: Site) -> None:
    there = Site.open(site.database, site.cluster, lambda: "https://gpubot.example")
    told = said(Talk(there, ALICE), "report")
    assert "<https://gpubot.example/sign-in?link=" in told
    assert "next=%2Freport" in told
    assert "The link signs you in" in told


def test_nobody_is_named(site: Site, bob: Talk) -> None:
    lived(site)
    told = said(bob, "report")
    assert "<@" not in told
    assert all(user not in told for user in (ALICE, BOB, CHEN))


def test_the_heat_map_follows_with_its_essentials_in_words(site: Site, bob: Talk) -> None:
    lived(site)
    for text, name in (("report", "Vision Lab"), ("report nlp", "nlp")):
        picture = bob.types(text).picture
        assert picture is not None
        assert picture.title == f"When GPUs are held: {name}"
        # From 08:00 yesterday, a Tuesday: 8 of 16 GPUs at most, 4 of them nlp's.
        assert "The busiest hour is Tue " in picture.alt
        assert Image.open(io.BytesIO(picture.draw())).format == "PNG"


def test_the_same_report_has_the_same_picture_and_another_one_another(
    site: Site, bob: Talk
) -> None:
    lived(site)
    keys = [bob.types(text).picture.key for text in ("report", "report 28d", "report vision")]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    ("text", "team", "rest"),
    [
        ("", None, ""),
        ("week", None, "week"),
        ("nlp", "nlp", ""),
        ("nlp-2", "nlp-2", ""),
        ("nlp-2 last week", "nlp-2", "last week"),
        ("30d Big Vision", "big vision", "30d"),
        ("nlpx", None, "nlpx"),
    ],
)
def test_a_team_is_found_at_either_end(text: str, team: str | None, rest: str) -> None:
    names = ("nlp", "nlp-2", "big vision", "vision")
    of: Cluster = builders.cluster()
    of = replace(of, teams=tuple(replace(of.teams[0], name=name) for name in names))
    found, words_left = split_team(of, text)
    assert (found.name if found else None, words_left) == (team, rest)
