"""Which GPU each claim is drawn on."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.tracks import Drawn, Piece, joined, lay_out


def piece(
    holder: int, start: int, end: int, gpus: int = 1, *pinned: int, kind: str = "booking"
) -> Piece:
    return Piece(kind, holder, start, end, gpus, pinned)


def indices(drawn: list[Drawn]) -> dict[int, tuple[int, ...]]:
    return {one.holder: gpus for one, gpus in drawn}


def test_those_at_one_time_lie_on_different_gpus():
    drawn = lay_out(4, [piece(1, 0, 10, 2), piece(2, 5, 15, 2)])
    assert indices(drawn) == {1: (0, 1), 2: (2, 3)}


def test_one_after_another_may_lie_on_the_same():
    assert indices(lay_out(2, [piece(1, 0, 10, 2), piece(2, 10, 20, 2)])) == {1: (0, 1), 2: (0, 1)}


def test_settled_gpus_are_kept():
    drawn = lay_out(4, [piece(1, 0, 10, 2), piece(2, 0, 10, 2, 1, 3)])
    assert indices(drawn) == {1: (0, 2), 2: (1, 3)}


def test_neighbours_are_taken_where_there_are_some():
    drawn = lay_out(8, [piece(1, 0, 10, 1, 2), piece(2, 1, 10, 4)])
    assert indices(drawn)[2] == (3, 4, 5, 6)


def test_a_short_stretch_is_filled_before_a_long_one_is_broken():
    drawn = lay_out(8, [piece(1, 0, 10, 1, 2), piece(2, 1, 10, 2)])
    assert indices(drawn)[2] == (0, 1)


def test_it_changes_over_where_something_settled_begins_later():
    """GPU 0 is settled from 5 on for one booking, GPU 1 until 5 for another."""
    pieces = [piece(1, 5, 10, 1, 0), piece(2, 0, 5, 1, 1), piece(3, 2, 8)]
    assert lay_out(2, pieces) == [
        (piece(2, 0, 5, 1, 1), (1,)),
        (piece(3, 2, 5), (0,)),
        (piece(1, 5, 10, 1, 0), (0,)),
        (piece(3, 5, 8), (1,)),
    ]


def test_what_is_over_the_capacity_gets_no_gpu():
    drawn = lay_out(2, [piece(1, 0, 10, 2), piece(2, 5, 15, 2)])
    assert indices(drawn) == {1: (0, 1), 2: ()}


def test_a_node_that_lost_gpus_shows_what_is_left_of_a_settled_booking():
    assert indices(lay_out(2, [piece(1, 0, 10, 4, 0, 1, 2, 3)])) == {1: (0, 1)}


def test_a_part_that_was_released_leaves_the_settled_gpus_to_the_rest():
    """The booking had four until 5, of which it kept two, which are all that is still settled."""
    pieces = [piece(1, 0, 5, 4, 0, 1), piece(1, 5, 10, 2, 0, 1), piece(2, 5, 10, 2)]
    assert lay_out(4, joined(pieces)) == [
        (piece(1, 0, 5, 4, 0, 1), (0, 1, 2, 3)),
        (piece(1, 5, 10, 2, 0, 1), (0, 1)),
        (piece(2, 5, 10, 2), (2, 3)),
    ]


def test_an_extension_is_one_piece_with_what_it_extends():
    assert joined([piece(1, 10, 20), piece(1, 0, 10)]) == [piece(1, 0, 20)]


def test_pieces_of_different_holders_stay_apart():
    apart = [piece(1, 0, 10), piece(2, 10, 20), piece(1, 10, 20, kind="hold"), piece(1, 30, 40)]
    assert sorted(joined(apart)) == sorted(apart)


pieces_of_a_node = st.lists(
    st.builds(
        lambda holder, start, length, gpus: piece(holder, start, start + length, gpus),
        st.integers(1, 40),
        st.integers(0, 30),
        st.integers(1, 15),
        st.integers(1, 5),
    ),
    max_size=25,
    unique_by=lambda one: one.holder,
)


def taken_at(pieces: list[Piece], instant: int) -> int:
    return sum(one.gpus for one in pieces if one.start <= instant < one.end)


def that_fit(pieces: list[Piece], gpus: int) -> list[Piece]:
    """As many of them as fit, as bookings are taken one after another."""
    found: list[Piece] = []
    for one in pieces:
        if all(taken_at([*found, one], i) <= gpus for i in range(one.start, one.end)):
            found.append(one)
    return found


def settle(drawn: list[Drawn], now: int) -> list[Piece]:
    """The pieces as they are when those that began by `now` have their GPUs."""
    return [one._replace(pinned=gpus if one.start <= now else ()) for one, gpus in drawn]


def check(drawn: list[Drawn], gpus: int) -> None:
    """No GPU twice, and each piece on as many as it holds."""
    for one, on in drawn:
        assert len(set(on)) == len(on) == one.gpus
        assert set(on) <= set(range(gpus))
    for index in range(gpus):
        spans = sorted((one.start, one.end) for one, on in drawn if index in on)
        assert all(before[1] <= after[0] for before, after in pairwise(spans))


@given(pieces_of_a_node)
def test_what_fits_by_count_is_drawn_whole_and_without_overlap(pieces):
    fitting = that_fit(pieces, 8)
    drawn = lay_out(8, fitting)
    check(drawn, 8)
    assert sorted(one for one, _ in drawn) == sorted(fitting), "nothing is settled, nothing moves"


@given(pieces_of_a_node, st.integers(0, 45), st.randoms(use_true_random=False))
def test_settled_gpus_stay_whatever_else_comes(pieces, now, random):
    fitting = that_fit(pieces, 8)
    settled = settle(lay_out(8, fitting), now)
    # Some were never seen to begin, such as offers: their GPUs are not settled.
    settled = [p if random.random() < 0.8 else p._replace(pinned=()) for p in settled]
    drawn = lay_out(8, settled)
    check(drawn, 8)
    assert {(p, on) for p, on in drawn if p.pinned} == {(p, p.pinned) for p in settled if p.pinned}
    for holder in {one.holder for one in settled}:
        parts = [one for one, _ in drawn if one.holder == holder]
        whole = next(one for one in settled if one.holder == holder)
        assert sum(p.end - p.start for p in parts) == whole.end - whole.start


@given(pieces_of_a_node, st.integers(1, 4))
def test_a_node_that_is_too_small_overlaps_nothing(pieces, gpus):
    for index in range(gpus):
        drawn = lay_out(gpus, pieces)
        spans = sorted((one.start, one.end) for one, on in drawn if index in on)
        assert all(before[1] <= after[0] for before, after in pairwise(spans))


@given(pieces_of_a_node)
def test_the_order_in_which_they_are_read_does_not_matter(pieces):
    assert lay_out(8, pieces) == lay_out(8, list(reversed(pieces)))
