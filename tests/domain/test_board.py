"""All tracks side by side, compared with each track by itself."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from recount import unhurried

from bot.domain.board import FEW, Board
from bot.domain.cluster import Node
from bot.domain.masks import each

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


def board_of(cluster: list[Row]) -> Board:
    nodes = [Node(f"gpu-{p}", row.capacity, "V100") for p, row in enumerate(cluster)]
    return Board(nodes, CELLS)


def check(board: Board, cluster: list[Row], gpus: int) -> None:
    for first, last in ((0, CELLS), (3, 4), (7, 20), (5, 5)):
        lacking = {
            place
            for place, row in enumerate(cluster)
            if any(row.capacity - taken < gpus for taken in row.taken[first:last])
        }
        assert set(each(board.lacking(tuple(cluster), gpus, first, last))) == lacking


@unhurried
@given(clusters, st.data())
def test_a_board_shows_what_each_track_does_also_after_changes(
    cluster: list[Row], data: st.DataObject
) -> None:
    board = board_of(cluster)
    check(board, cluster, 2)
    for _ in range(3):
        for place in data.draw(st.sets(st.integers(0, len(cluster) - 1))):
            cluster[place] = data.draw(
                rows.filter(lambda row, p=place: row.capacity == cluster[p].capacity)
            )
        check(board, cluster, data.draw(st.sampled_from((1, 2, 8))))


@unhurried
@given(clusters, clusters)
def test_what_a_board_apart_learns_is_nothing_that_the_first_one_shows(
    cluster: list[Row], others: list[Row]
) -> None:
    board = board_of(cluster)
    check(board, cluster, 1)
    apart = board.apart()
    changed = (others * len(cluster))[: len(cluster)]
    check(apart, changed, 1)
    # A few others are looked at by themselves, many are shown; nobody sees a difference.
    for many in (1, FEW, len(cluster)):
        check(apart, cluster[:many] + changed[many:], 1)
    check(board, cluster, 1)


def test_an_answer_is_kept_for_as_long_as_the_tracks_are_the_same() -> None:
    row, other = Row(4, (0,) * CELLS), Row(4, (0,) * CELLS)
    board = board_of([row, row])
    assert board.answer("room", (row, row), lambda: 1) == 1
    assert board.answer("room", (row, row), lambda: 2) == 1
    assert board.answer("more room", (row, row), lambda: 3) == 3
    assert board.answer("room", (row, other), lambda: 4) == 4
    assert board.answer("room", (row, row), lambda: 5) == 5


def test_the_nodes_of_a_name_and_a_model_are_in_the_order_of_the_configuration() -> None:
    nodes = [Node("a", 4, "V100"), Node("b", 8, "A100"), Node("c", 8, "V100")]
    board = Board(nodes, CELLS)
    found = board.eligible(None, "V100")
    assert (found.nodes, found.bits, found.largest) == ((nodes[0], nodes[2]), 0b101, 8)
    assert found.sizes == {"V100": {4: 0b001, 8: 0b100}}
    assert board.eligible("b", None).nodes == (nodes[1],)
    assert board.eligible(None, None).nodes == tuple(nodes)
    nobody = board.eligible("b", "V100")
    assert (nobody.nodes, nobody.bits, nobody.largest) == ((), 0, 0)
