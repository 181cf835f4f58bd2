"""Whose work goes, compared with a look at every choice of candidates."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import combinations
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from recount import DAYS, HOUR, World, claims_of, unhurried, windows_of

from bot.domain import preemption, preemption_search
from bot.domain.booking import Booking, BookingState, Priority, Shape, Share
from bot.domain.calendar import Claim
from bot.domain.cluster import Node
from bot.domain.preemption import Candidate, Plan, choose_preemptees, preemption_cost
from bot.domain.window import Window


@dataclass(frozen=True, eq=False)
class Question:
    """A world in which firm work and candidates lie, and what urgent work asks for."""

    world: World
    candidates: Sequence[Candidate]
    shape: Shape
    window: Window
    now: datetime

    def ask(self, candidates: Sequence[Candidate] | None = None) -> Plan | None:
        return choose_preemptees(
            self.world.calendar,
            self.shape,
            self.window,
            self.candidates if candidates is None else candidates,
            now=self.now,
        )

    def fits_without(self, preemptees: Sequence[Booking]) -> bool:
        gone = {booking.id for booking in preemptees}
        return self._left(gone).fits(self.shape, self.window)

    def _left(self, gone: set[int]) -> World:
        claims = [claim for claim in self.world.claims if claim.id not in gone]
        return World(self.world.days, self.world.nodes, claims)

    @cached_property
    def choices(self) -> list[list[Booking]]:
        """Every choice of candidates without which the shape fits."""
        return [choice for choice in self._all_choices() if self.fits_without(choice)]

    def _all_choices(self) -> Iterator[list[Booking]]:
        bookings = [candidate.booking for candidate in self.candidates]
        for size in range(len(bookings) + 1):
            yield from (list(choice) for choice in combinations(bookings, size))

    def best(self) -> list[Booking] | None:
        cheapest = min(self.choices, key=lambda c: preemption_cost(c, self.now), default=None)
        return None if cheapest is None else sorted(cheapest, key=lambda booking: booking.id)


@st.composite
def questions(
    draw: st.DrawFn, kinds: Sequence[str], max_lying_on: int = 1, max_nodes: int = 3
) -> Question:
    days = draw(st.sampled_from(DAYS))
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=max_nodes))
    models = draw(st.lists(st.sampled_from("AAB"), min_size=len(sizes), max_size=len(sizes)))
    nodes = [Node(f"n{i}", sizes[i], models[i]) for i in range(len(sizes))]
    empty = World(days, nodes)
    window = draw(windows_of(empty))
    now = draw(st.sampled_from((window.start, window.start - 3 * HOUR, window.end)))
    firm = draw(st.lists(claims_of(empty), max_size=2))
    numbers = draw(st.permutations(range(1, 8)))[: draw(st.integers(0, 7))]
    candidates = [draw(candidates_of(empty, n, window, max_lying_on)) for n in numbers]
    given_back = [claim for candidate in candidates for claim in candidate.claims]
    kept = [Claim(100 + i, c.node, c.start, c.end, c.gpus) for i, c in enumerate(firm)]
    shape = draw(shapes_of_kind(empty, draw(st.sampled_from(kinds))))
    return Question(World(days, nodes, [*kept, *given_back]), candidates, shape, window, now)


@st.composite
def candidates_of(
    draw: st.DrawFn, world: World, number: int, window: Window, max_lying_on: int
) -> Candidate:
    """A candidate that often overlaps the window, whose fate depends on every rule."""
    count = min(len(world.nodes), draw(st.integers(1, max_lying_on)))
    nodes = draw(st.permutations(world.nodes))[:count]
    shares = [Share(node.name, draw(st.integers(1, node.gpus))) for node in nodes]
    claim = draw(claims_of(world))
    if draw(st.booleans()):
        around = draw(st.integers(-2, 2)), draw(st.integers(-2, 2))
        start, end = (int(i.timestamp()) for i in (window.start, window.end))
        start, end = start + around[0] * 3600, end + around[1] * 3600
    else:
        start, end = claim.start, claim.end
    held = Window(*(datetime.fromtimestamp(i, UTC) for i in (start, max(end, start + 60))))
    claims = [
        Claim(number, s.node, int(held.start.timestamp()), int(held.end.timestamp()), s.gpus)
        for s in shares
    ]
    return Candidate(draw(bookings_of(number, held, shares)), tuple(claims))


@st.composite
def bookings_of(draw: st.DrawFn, number: int, window: Window, shares: Sequence[Share]) -> Booking:
    return Booking(
        id=number,
        owner="U0BOB",
        team="vision",
        window=window,
        shares=tuple(shares),
        shape=Shape(sum(share.gpus for share in shares), spread=True),
        priority=draw(st.sampled_from((Priority.P2, Priority.P2, Priority.P1))),
        preemptible=True,
        purpose="",
        state=draw(st.sampled_from((BookingState.RESERVED, BookingState.ACTIVE))),
        created_at=datetime(2026, 1, 1, tzinfo=UTC) + draw(st.integers(0, 3)) * timedelta(days=1),
        created_by="U0BOB",
    )


@st.composite
def shapes_of_kind(draw: st.DrawFn, world: World, kind: str) -> Shape:
    largest = max(node.gpus for node in world.nodes)
    total = sum(node.gpus for node in world.nodes)
    if kind == "gang":
        return Shape(draw(st.integers(min(largest + 1, total), total)))
    if kind == "spread":
        return Shape(draw(st.integers(1, total)), spread=True)
    node = draw(st.sampled_from(world.nodes))
    gpus = draw(st.integers(1, largest if kind == "single" else node.gpus))
    name = node.name if kind == "node" else None
    model = node.model if kind == "model" else None
    return Shape(gpus, node=name, model=model)


def assert_best(question: Question) -> None:
    plan, best = question.ask(), question.best()
    assert (plan and list(plan.preemptees)) == best
    assert_plan(question, plan)


def assert_plan(question: Question, plan: Plan | None) -> None:
    """The plan exists if it can, lies where nobody else is left, and evicts nobody in vain."""
    assert (plan is not None) is bool(question.choices)
    if plan is not None:
        left = {booking.id for booking in plan.preemptees}
        assert question._left(left).calendar.fits(plan.placement)
        assert plan.placement.gpus == question.shape.gpus
        assert plan.placement.window == question.window
        for spared in plan.preemptees:
            fewer = [booking for booking in plan.preemptees if booking is not spared]
            assert not question.fits_without(fewer)


@unhurried
@given(questions(("single", "node", "model"), max_lying_on=3))
def test_the_choice_for_one_node_is_the_best_of_all(question: Question) -> None:
    assert_best(question)


@unhurried
@given(questions(("gang",), max_lying_on=3, max_nodes=5))
def test_the_choice_for_whole_nodes_is_the_best_of_all(question: Question) -> None:
    assert_best(question)


@unhurried
@given(questions(("spread",)))
def test_the_choice_for_any_nodes_is_the_best_when_nobody_lies_on_several(
    question: Question,
) -> None:
    assert_best(question)


@unhurried
@given(questions(("spread",), max_lying_on=3))
def test_the_choice_for_any_nodes_evicts_nobody_in_vain(question: Question) -> None:
    assert_plan(question, question.ask())


@unhurried
@given(questions(("single", "gang", "spread"), max_lying_on=3))
def test_a_search_that_had_to_be_cut_short_evicts_nobody_in_vain_either(
    question: Question,
) -> None:
    with (
        patch.object(preemption_search, "WIDTH", 1),
        patch.object(preemption_search, "BUDGET", 0),
        patch.object(preemption, "MANY", 0),
    ):
        assert_plan(question, question.ask())


@unhurried
@given(questions(("single", "gang", "spread"), max_lying_on=3), st.randoms())
def test_the_order_of_the_candidates_does_not_matter(
    question: Question, chance: random.Random
) -> None:
    shuffled = list(question.candidates)
    chance.shuffle(shuffled)
    assert question.ask(shuffled) == question.ask()
