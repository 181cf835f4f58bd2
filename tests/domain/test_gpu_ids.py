"""Which GPUs of a node: neighbours where possible, and large stretches stay whole."""

import pytest

from bot.domain.booking import Share
from bot.domain.gpu_ids import choose_ids, kept_ids


@pytest.mark.parametrize(
    ("taken", "count", "chosen"),
    [
        ((), 4, (0, 1, 2, 3)),
        ((0, 1), 4, (2, 3, 4, 5)),
        ((2,), 2, (0, 1)),
        ((2, 3), 2, (0, 1)),
        ((0, 3, 4), 2, (1, 2)),
        ((1, 4), 1, (0,)),
        ((1, 3, 5), 2, (6, 7)),
        ((1, 3, 5, 7), 3, (0, 2, 4)),
        ((0, 1, 2, 3, 4, 5), 2, (6, 7)),
    ],
)
def test_the_shortest_stretch_that_does_is_taken(taken, count, chosen):
    assert choose_ids(8, taken, count) == chosen


@pytest.mark.parametrize(
    ("wanted", "shunned", "count", "chosen"),
    [
        ({2, 3}, set(), 2, (2, 3)),
        ({3}, set(), 2, (0, 3)),
        ({1, 2, 3}, set(), 2, (1, 2)),
        (set(), {0}, 2, (1, 2)),
        (set(), {0, 1, 2}, 2, (0, 3)),
        ({0}, {1, 2, 3}, 4, (0, 1, 2, 3)),
    ],
)
def test_what_one_works_on_comes_first_and_what_others_work_on_last(wanted, shunned, count, chosen):
    assert choose_ids(4, (), count, wanted=wanted, shunned=shunned) == chosen


def test_all_of_a_node_are_all_of_its_indices():
    assert choose_ids(8, (), 8) == tuple(range(8))


def test_when_there_are_too_few_those_there_are_are_given():
    assert choose_ids(4, (0, 1, 3), 3) == (2,)
    assert choose_ids(4, range(4), 1) == ()


def test_indices_that_a_node_no_longer_has_are_not_given():
    assert choose_ids(2, (7,), 2) == (0, 1)


@pytest.mark.parametrize(
    ("shares", "kept"),
    [
        ([("a", 4), ("b", 2)], (("a", (0, 1, 2, 3)), ("b", (4, 6)))),
        ([("a", 1), ("b", 1)], (("a", (0,)), ("b", (4,)))),
        ([("b", 2)], (("b", (4, 6)),)),
    ],
)
def test_who_gives_some_back_keeps_the_first_of_each_node(shares, kept):
    ids = (("a", (0, 1, 2, 3)), ("b", (4, 6)))
    assert kept_ids(ids, [Share(*share) for share in shares]) == kept


def test_before_a_booking_begins_there_are_none_to_keep():
    assert kept_ids((), [Share("a", 1)]) == ()
