from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asking import CLUSTER, HOUR, NOW, SHANGHAI, at

from bot.domain.booking import Priority
from bot.domain.cluster import Policy
from bot.domain.errors import InputError, Missing, NotWholeNodes
from bot.domain.request import BookingRequest, build_request, parse_reserve
from bot.domain.shape_rules import check_shape
from bot.domain.window import Window

USUAL = Window(at("11-26 22:00"), at("11-27 18:00"))


def build(**settings: Any) -> BookingRequest:
    usual = {"gpus": 4, "start": at("11-26 22:00"), "now": NOW, "cluster": CLUSTER}
    return build_request(**usual | {"length": 20 * HOUR} | settings)


@pytest.mark.parametrize(
    ("gpus", "model", "size", "lower", "upper"),
    [(10, None, 8, 8, 12), (13, None, 8, 12, 16), (5, "V100", 4, 4, 8), (9, "A100", 8, 8, 16)],
)
def test_a_count_that_is_no_whole_nodes_names_the_next_ones(
    gpus: int, model: str | None, size: int, lower: int, upper: int
) -> None:
    with pytest.raises(NotWholeNodes) as caught:
        check_shape(CLUSTER, gpus, model=model)
    expected = {"gpus": gpus, "node_size": size, "lower": lower, "upper": upper}
    assert caught.value.fields == expected
    assert check_shape(CLUSTER, lower, model=model)
    assert check_shape(CLUSTER, upper, model=model)
    assert check_shape(CLUSTER, gpus, model=model, spread=True)


def test_a_form_gives_the_same_request_as_text() -> None:
    asked: dict[str, Any] = {"now": NOW, "zone": SHANGHAI, "cluster": CLUSTER}
    usual = parse_reserve("4 tomorrow 22:00 20h", **asked)
    assert build() == usual
    assert build(length=None, end=at("11-27 18:00")) == usual
    assert build(start=None, length=4 * HOUR) == parse_reserve("4 now 4h", **asked)


def test_a_form_without_a_length_is_asked_for_one() -> None:
    with pytest.raises(Missing) as caught:
        build(length=None)
    assert caught.value.form_field == "length"


def test_the_longest_length_depends_on_the_priority() -> None:
    longest = {Priority.P0: 24 * HOUR, Priority.P1: 48 * HOUR, Priority.P2: 72 * HOUR}
    cluster = replace(CLUSTER, policy=Policy(max_length=longest))
    for priority, length in longest.items():
        assert build(cluster=cluster, priority=priority, length=length)
        with pytest.raises(InputError) as caught:
            build(cluster=cluster, priority=priority, length=length + HOUR)
        assert caught.value.fields == {
            "length": length + HOUR,
            "longest": length,
            "priority": priority.name,
        }


def test_a_start_may_lie_up_to_the_horizon() -> None:
    latest = at("11-25 10:00") + timedelta(days=90)
    assert build(start=latest).window.start == latest
    with pytest.raises(InputError) as caught:
        build(start=latest + 2 * HOUR)
    assert caught.value.code == "past_horizon"
    assert caught.value.fields["latest"] == latest
    assert caught.value.fields["horizon"] == timedelta(days=90)


@pytest.mark.parametrize(
    ("start", "code"),
    [
        (datetime.min.replace(tzinfo=UTC), "in_the_past"),
        (datetime.max.replace(tzinfo=UTC), "past_horizon"),
    ],
)
def test_dates_at_the_ends_of_the_calendar_are_refused_like_others(
    start: datetime, code: str
) -> None:
    with pytest.raises(InputError) as caught:
        build(start=start)
    assert caught.value.code == code


def test_a_purpose_may_be_three_hundred_characters_long() -> None:
    assert build(purpose="训" * 300).purpose == "训" * 300
    with pytest.raises(InputError) as caught:
        build(purpose="训" * 301)
    known = caught.value.fields
    assert (known["what"], known["found"], known["longest"]) == ("purpose", 301, 300)
