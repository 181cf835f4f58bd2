"""All tracks side by side, compared with each track by itself."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from recount import unhurried

from bot.domain.board import LANE, Board, at_least

CELLS = 30


@dataclass(frozen=True, eq=False)
class Row:
    """A node as the board sees it: how many GPUs are taken in each cell."""

    capacity: int
    taken: tuple[int, ...]

    def blocked(self, gpus: int) -> int:
        assert gpus <= self.capacity
        over = self.capacity - gpus
        return sum(1 << cell for cell, count in enumerate(self.taken) if count > over)


rows = st.builds(
    Row, st.sampled_from((4, 8)), st.tuples(*[st.integers(0, 9) for _ in range(CELLS)])
)
clusters = st.lists(rows, min_size=1, max_size=40)


def names(count: int) -> list[str]:
    return [f"gpu-{number}" for number in range(count)]


def check(board: Board, cluster: list[Row], gpus: int) -> None:
    mask = board.blocked(cluster, gpus)
    for place, row in enumerate(cluster):
        if row.capacity >= gpus:
            bits = [mask >> (cell * board.stride + place) & 1 for cell in range(CELLS)]
            assert sum(bit << cell for cell, bit in enumerate(bits)) == row.blocked(gpus)


@unhurried
@given(clusters, st.data())
def test_a_board_shows_what_each_track_does_also_after_changes(
    cluster: list[Row], data: st.DataObject
) -> None:
    board = Board(names(len(cluster)), CELLS)
    check(board, cluster, 2)
    for _ in range(3):
        for place in data.draw(st.sets(st.integers(0, len(cluster) - 1))):
            cluster[place] = data.draw(rows)
        check(board, cluster, data.draw(st.sampled_from((1, 2, 8))))


@unhurried
@given(clusters, clusters)
def test_what_a_board_apart_learns_is_nothing_that_the_first_one_shows(
    cluster: list[Row], others: list[Row]
) -> None:
    board = Board(names(len(cluster)), CELLS)
    check(board, cluster, 1)
    apart = board.apart()
    changed = (others * len(cluster))[: len(cluster)]
    check(apart, changed, 1)
    check(board, cluster, 1)


@unhurried
@given(
    st.lists(st.sets(st.integers(0, 19)), min_size=1, max_size=CELLS),
    st.integers(0, 21),
)
def test_the_nodes_of_each_cell_are_counted(cells: list[set[int]], count: int) -> None:
    board = Board(names(20), CELLS)
    mask = sum(1 << (cell * board.stride + p) for cell, held in enumerate(cells) for p in held)
    found = at_least(board.counts(mask, len(cells)), count, len(cells))
    enough = {cell for cell, held in enumerate(cells) if len(held) >= count}
    assert {cell for cell in range(len(cells)) if found >> ((cell + 1) * LANE - 1) & 1} == enough


@unhurried
@given(st.integers(0, (1 << CELLS) - 1), st.sets(st.integers(0, 19)))
def test_some_nodes_are_spread_over_some_cells(starts: int, places: set[int]) -> None:
    board = Board(names(20), CELLS)
    bits = board.bits(f"gpu-{place}" for place in places)
    mask = board.spread(starts, CELLS, bits)
    for cell in range(CELLS):
        assert board.in_cell(mask, cell) == (bits if starts >> cell & 1 else 0)
