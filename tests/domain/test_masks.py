"""Sets of cells as bits, compared with lists of counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recount import unhurried

from bot.domain.masks import (
    at_least,
    doubling,
    folded,
    highest,
    levels,
    lowered,
    lowest,
    ones,
    raised,
    reaching,
    tally,
)

CELLS = 40
masks = st.integers(0, (1 << CELLS) - 1)
counts = st.lists(st.integers(0, 9), min_size=CELLS, max_size=CELLS)


def cells_of(mask: int) -> set[int]:
    return {cell for cell in range(CELLS) if mask >> cell & 1}


def test_a_range_of_cells_leaves_out_its_end_and_may_be_void() -> None:
    assert cells_of(ones(3, 6)) == {3, 4, 5}
    assert ones(4, 4) == 0
    assert ones(5, 4) == 0


@unhurried
@given(masks.filter(bool))
def test_the_lowest_and_the_highest_cell_are_the_ends_of_the_mask(mask: int) -> None:
    assert (lowest(mask), highest(mask)) == (min(cells_of(mask)), max(cells_of(mask)))


@unhurried
@given(masks, st.integers(1, 12))
def test_a_run_reaches_a_blocked_cell_when_any_of_its_cells_is_blocked(
    mask: int, length: int
) -> None:
    blocked = cells_of(mask)
    expected = {c for c in range(CELLS) if blocked & set(range(c, c + length))}
    assert cells_of(reaching(mask, doubling(length))) == expected


def test_a_week_of_slots_takes_seven_shifts() -> None:
    assert len(doubling(84)) == 7
    assert doubling(1) == ()


@unhurried
@given(st.lists(masks, max_size=20), st.integers(1, 22))
def test_a_tally_says_which_cells_are_in_so_many_masks(found: list[int], count: int) -> None:
    enough = {c for c in range(CELLS) if sum(mask >> c & 1 for mask in found) >= count}
    assert cells_of(at_least(tally(found), count)) == enough


@unhurried
@given(st.lists(st.integers(0, 15), max_size=20))
def test_folding_finds_the_bits_that_any_field_has(fields: list[int]) -> None:
    mask = sum(field << 4 * place for place, field in enumerate(fields))
    bits = {bit for field in fields for bit in cells_of(field)}
    assert cells_of(folded(mask, 4, len(fields))) == bits


@unhurried
@given(counts)
def test_a_thermometer_has_one_level_for_each_count_up_to_the_highest(count: list[int]) -> None:
    thermometer = levels(count)
    assert len(thermometer) == max(count)
    for level, mask in enumerate(thermometer):
        assert cells_of(mask) == {cell for cell in range(CELLS) if count[cell] > level}


def test_counts_that_no_byte_holds_have_all_their_levels() -> None:
    thermometer = levels([0, 255, 256, 700])
    heights = [sum(mask >> cell & 1 for mask in thermometer) for cell in range(4)]
    assert heights == [0, 255, 256, 700]


@unhurried
@given(counts, masks, st.integers(0, 5))
def test_raising_adds_to_the_counts_of_the_cells_only(count: list[int], mask: int, by: int) -> None:
    expected = [n + by * (mask >> cell & 1) for cell, n in enumerate(count)]
    assert raised(levels(count), mask, by) == levels(expected)


@unhurried
@given(counts, masks, st.integers(0, 5))
def test_lowering_takes_back_what_raising_added(count: list[int], mask: int, by: int) -> None:
    assert lowered(raised(levels(count), mask, by), mask, by) == levels(count)


def test_lowering_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="less than the 2"):
        lowered(levels([2, 1, 3]), 0b011, 2)
    with pytest.raises(ValueError, match="less than the 4"):
        lowered(levels([2, 1, 3]), 0b100, 4)
