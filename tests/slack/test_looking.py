"""Looking for free GPUs, and at who has what."""

from __future__ import annotations

from collections.abc import Callable

import builders
import pytest
from talk import Talk, captions, words

from bot.domain.cluster import Cluster
from bot.services.site import Site
from bot.slack.home import home_view


def test_a_window_from_now_says_why_it_is_longer_than_asked(alice: Talk) -> None:
    text = words(alice.types("free 4 4h"))
    assert "4 h or longer" in text
    assert "(5 h 23 min)" in text
    assert "What begins now is rounded to the end of its slot" in text


def test_windows_as_long_as_asked_need_no_such_word(alice: Talk) -> None:
    text = words(alice.types("free 4 4h tomorrow"))
    assert "(4 h)" in text
    assert "rounded" not in text


@pytest.mark.parametrize("text", ["2020-01-01 10:00", "yesterday", "today 9:00"])
def test_the_status_of_the_past_is_refused(alice: Talk, text: str) -> None:
    assert "is in the past." in words(alice.types(f"status {text}"))


@pytest.mark.parametrize("text", ["", "now", "today", "today 10:35"])
def test_the_status_of_today_is_that_of_now(alice: Talk, text: str) -> None:
    assert "16 of 16 GPUs are free now." in words(alice.types(f"status {text}"))


@pytest.mark.parametrize(
    "text", ["move B1 yesterday", "reserve 4 yesterday 8h", "node drain gpu-01 until yesterday x"]
)
def test_a_day_that_is_over_is_called_past_and_not_asked_for_its_time(
    admin: Talk, text: str
) -> None:
    assert "is in the past." in words(admin.types(text))


@pytest.fixture
def early(open_site: Callable[[Cluster], Site]) -> Talk:
    """Somebody of a cluster whose nodes have not been read from Kubernetes yet."""
    return Talk(open_site(builders.cluster(nodes=())), builders.ADMIN)


def test_before_any_node_is_known_one_can_look(early: Talk) -> None:
    page = early.types("status")
    assert "0 of 0 GPUs are free now." in words(page)
    assert page.picture is not None
    assert page.picture.draw()
    assert captions(page) == ["Refresh", "Reserve…"]
    assert early.presses(page, "Refresh") is not None
    assert "0 nodes" in words(early.types("node"))
    assert home_view(early.site, early.call().reader, early.now)["blocks"]


@pytest.mark.parametrize(
    "text", ["reserve 4 now 4h", "reserve 4 now 4h spread", "free", "wait 4 4h", "queue 1 45m"]
)
def test_before_any_node_is_known_that_is_why_nothing_can_be_booked(early: Talk, text: str) -> None:
    assert "No node with GPUs is known yet" in words(early.types(text))


@pytest.mark.parametrize("verb", ["reserve", "wait", "queue"])
def test_before_any_node_is_known_forms_open_all_the_same(early: Talk, verb: str) -> None:
    early.opens(verb)
    answer = early.submits(length="45m" if verb == "queue" else "4h")
    assert "No node with GPUs is known yet" in str(answer)
