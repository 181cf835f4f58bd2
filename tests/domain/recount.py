"""The plainest possible answers about capacity: every claim is looked at for every instant.

The calendar and the search are compared with these, so nothing here shares code with them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import combinations
from zoneinfo import ZoneInfo

from hypothesis import settings
from hypothesis import strategies as st

from bot.domain.booking import Shape
from bot.domain.calendar import Calendar, Claim
from bot.domain.cluster import Node
from bot.domain.lattice import Lattice
from bot.domain.window import Grid, Window

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

#: How long an example takes says something about the machine, not about the rules.
unhurried = settings(deadline=None)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def second(instant: datetime) -> int:
    return int(instant.timestamp())


@dataclass(frozen=True, eq=False)
class Days:
    """Some days and the grid over them."""

    grid: Grid
    origin: datetime
    limit: datetime

    @cached_property
    def lattice(self) -> Lattice:
        return Lattice.build(self.grid, self.origin, self.limit)

    @cached_property
    def lines(self) -> list[datetime]:
        """Every distinct grid line between the first and the last, found minute by minute."""
        minutes = int((self.limit - self.origin) / MINUTE)
        instants = (self.origin + n * MINUTE for n in range(minutes + 1))
        return [instant for instant in instants if self.grid.is_on(instant)]


@dataclass(frozen=True, eq=False)
class World:
    """A cluster's nodes during some days, and what is claimed of them."""

    days: Days
    nodes: Sequence[Node]
    claims: Sequence[Claim] = ()

    @property
    def grid(self) -> Grid:
        return self.days.grid

    @property
    def origin(self) -> datetime:
        return self.days.origin

    @property
    def limit(self) -> datetime:
        return self.days.limit

    @property
    def lattice(self) -> Lattice:
        return self.days.lattice

    @property
    def lines(self) -> list[datetime]:
        return self.days.lines

    @cached_property
    def calendar(self) -> Calendar:
        rows = ((c.id, c.node, c.start, c.end, c.gpus) for c in self.claims)
        return Calendar.load(self.nodes, rows, self.lattice)

    def window(self, start: datetime, length: timedelta) -> Window:
        return Window(start, self.grid.round_end(start + length))

    def free(self, node: Node, window: Window) -> int:
        claims = [claim for claim in self.claims if claim.node == node.name]
        return max(0, node.gpus - highest_overlap(claims, second(window.start), second(window.end)))

    def fits(self, shape: Shape, window: Window) -> bool:
        if window.end > self.limit:
            return False
        nodes = [n for n in self.nodes if shape.node in (None, n.name)]
        nodes = [n for n in nodes if shape.model in (None, n.model)]
        free = {node: self.free(node, window) for node in nodes}
        if shape.spread:
            return sum(free.values()) >= shape.gpus
        if any(node.gpus >= shape.gpus for node in nodes):
            return any(count >= shape.gpus for count in free.values())
        whole = [node for node in nodes if free[node] == node.gpus]
        return any(
            len({node.model for node in group}) == 1 and sum(n.gpus for n in group) == shape.gpus
            for size in range(1, len(whole) + 1)
            for group in combinations(whole, size)
        )

    def starts(self, now: datetime) -> Iterator[datetime]:
        """Every start that is possible from `now` on, in order."""
        yield from sorted({now, *(line for line in self.lines if line >= now)})


def highest_overlap(claims: Iterable[Claim], start: int, end: int) -> int:
    """The most GPUs claimed at any one instant of `[start, end)`."""
    touching = [claim for claim in claims if claim.start < end and claim.end > start]
    instants = {start, *(claim.start for claim in touching if claim.start >= start)}
    return max(sum(c.gpus for c in touching if c.start <= i < c.end) for i in instants)


SPAN = timedelta(hours=40)


def some_days(slot: timedelta, zone: str, begin: str) -> Days:
    grid = Grid(slot, ZoneInfo(zone))
    origin = grid.floor(utc(begin))
    return Days(grid, origin, grid.ceil(origin + SPAN))


#: Days with and without a clock change, for several slots.
DAYS = (
    some_days(2 * HOUR, "Asia/Shanghai", "2026-11-24T16:00"),
    some_days(2 * HOUR, "Europe/Paris", "2027-03-27T11:00"),
    some_days(2 * HOUR, "Europe/Paris", "2026-10-24T10:00"),
    some_days(1 * HOUR, "Europe/Paris", "2027-03-27T17:00"),
    some_days(1 * HOUR, "Europe/Paris", "2026-10-24T16:00"),
    some_days(6 * HOUR, "America/New_York", "2026-10-31T04:00"),
    some_days(1 * HOUR, "Australia/Lord_Howe", "2026-10-03T08:00"),
    some_days(1 * HOUR, "Australia/Lord_Howe", "2027-04-03T08:00"),
)


@st.composite
def worlds(draw: st.DrawFn, max_nodes: int = 3, max_claims: int = 14) -> World:
    """Worlds of some forty hours whose claims lie on and off the grid, and may be too many."""
    days = draw(st.sampled_from(DAYS))
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=max_nodes))
    models = draw(st.lists(st.sampled_from("AB"), min_size=len(sizes), max_size=len(sizes)))
    nodes = [Node(f"n{i}", sizes[i], models[i]) for i in range(len(sizes))]
    claims = draw(st.lists(claims_of(World(days, nodes)), max_size=max_claims))
    numbered = [Claim(i, c.node, c.start, c.end, c.gpus) for i, c in enumerate(claims)]
    return World(days, nodes, numbered)


@st.composite
def claims_of(draw: st.DrawFn, world: World) -> Claim:
    """A claim on any node, for whole cells or not, also beyond both ends of the world."""
    node = draw(st.sampled_from(world.nodes))
    start = draw(instants_of(world))
    length = draw(st.one_of(st.integers(1, 12).map(lambda n: n * 3600), st.integers(1, 40_000)))
    return Claim(0, node.name, start, start + length, draw(st.integers(1, node.gpus)))


@st.composite
def instants_of(draw: st.DrawFn, world: World) -> int:
    """An epoch second in or near the world: often on the hour, often just beside it."""
    hour = draw(st.integers(-5, SPAN // HOUR + 3))
    off = draw(
        st.one_of(st.just(0), st.sampled_from((1, 299, 300, 301, 3599)), st.integers(0, 3599))
    )
    return second(world.origin) + hour * 3600 + off


@st.composite
def windows_of(draw: st.DrawFn, world: World) -> Window:
    """A window within the world, on or off the grid."""
    first, last = second(world.origin), second(world.limit)
    inside = instants_of(world).filter(lambda instant: first <= instant < last)
    start = draw(inside)
    length = draw(st.one_of(st.integers(1, 12).map(lambda n: n * 3600), st.integers(1, 40_000)))
    end = min(start + length, last)
    return Window(datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC))


@st.composite
def shapes_of(draw: st.DrawFn, world: World) -> Shape:
    """A shape that the cluster may or may not have room for."""
    gpus = draw(st.integers(1, sum(node.gpus for node in world.nodes) + 1))
    model = draw(st.sampled_from((None, None, "A", "B")))
    node = draw(st.sampled_from((None, None, None, *(n.name for n in world.nodes))))
    return Shape(gpus, node=node, model=model, spread=draw(st.booleans()))
