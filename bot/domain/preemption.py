"""Whose work goes for urgent work, and nothing more (design: "Preemption").

Who may be evicted at all is `may_be_preempted`; who of them is spared first is `preemption_cost`.
Choosing changes nothing: it answers with a plan, for a preview or for a service to carry out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from operator import itemgetter

from bot.domain.booking import Booking, Placement, Priority, Shape
from bot.domain.calendar import Calendar, Claim, span
from bot.domain.cluster import Node
from bot.domain.placement import NO_HINTS, Hints, place
from bot.domain.preemption_search import Cover, WholeNode, WholeNodes, at_least, joined, shortages
from bot.domain.starts import eligible
from bot.domain.window import Window, check_aware

#: The order in which bookings are spared: how many there are, how many of each priority but the
#: lowest, how many running, GPU-seconds done, creation (negated, the oldest first), ids.
Cost = tuple[int, tuple[int, ...], int, int, tuple[float, ...], tuple[int, ...]]

#: Among more bookings than this, those that are alike but for age and id are not told apart: one
#: number for each age and id would take as many digits as there are bookings.
MANY = 5_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A booking that the rules allow to be evicted, and the claims it would give back.

    It has one claim on a node, as it has one share.
    """

    booking: Booking
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Where urgent work would lie, and whose bookings have to go for it, by id (may be none)."""

    placement: Placement
    preemptees: tuple[Booking, ...]


def may_be_preempted(booking: Booking, by: Priority) -> bool:
    """Whether work of priority `by` may evict `booking`: preemptible, less urgent, and live."""
    return booking.preemptible and booking.priority > by and booking.state.is_live


def gpu_hours_done(booking: Booking, now: datetime) -> float:
    """GPU-hours since the start of `booking`: none before it, and none after its end."""
    return booking.gpus * _elapsed(booking, now) / timedelta(hours=1)


def _elapsed(booking: Booking, now: datetime) -> timedelta:
    until = min(check_aware(now), booking.window.end)
    return max(timedelta(), until - booking.window.start)


def _gpu_seconds_done(booking: Booking, now: datetime) -> int:
    return booking.gpus * (_elapsed(booking, now) // timedelta(seconds=1))


def reclaim_instant(asked: datetime | None, now: datetime, warning: timedelta) -> datetime:
    """When the GPUs of running work can be taken back, in UTC (design: `reclaim_at`).

    The asked start (None: now), but not before a warning of that length is over; that end is
    rounded up to a minute, so that the time of day shown for it is exact. Raises ValueError for a
    naive instant.
    """
    warned = check_aware(now) + warning
    full = warned.replace(second=0, microsecond=0)
    reclaim = full if full == warned else full + timedelta(minutes=1)
    return max(check_aware(asked or now), reclaim)


def preemption_cost(preemptees: Collection[Booking], now: datetime) -> Cost:
    """What evicting them costs; of two choices the lesser is better (design: "Preemption").

    As few bookings as possible; then lowest priority; then not yet started before running; then
    least GPU-hours lost, in whole GPU-seconds; then latest reserved: the choice whose oldest
    booking is younger; then the lesser ids, so that results repeat.
    """
    return (
        len(preemptees),
        tuple(sum(b.priority is p for b in preemptees) for p in _SPARED),
        sum(booking.is_running(now) for booking in preemptees),
        sum(_gpu_seconds_done(booking, now) for booking in preemptees),
        tuple(sorted((-b.created_at.timestamp() for b in preemptees), reverse=True)),
        tuple(sorted(booking.id for booking in preemptees)),
    )


#: The priorities that are spared for the sake of the lowest, the most urgent first.
_SPARED = sorted(Priority)[:-1]


def choose_preemptees(
    calendar: Calendar,
    shape: Shape,
    window: Window,
    candidates: Sequence[Candidate],
    *,
    now: datetime,
    hints: Hints = NO_HINTS,
) -> Plan | None:
    """The plan for `shape` during `window` with the least `preemption_cost`.

    `calendar` shows everything that is claimed, the candidates' claims included, and is not
    changed. None when the shape does not fit even if all candidates go. No preemptee of the plan
    can be spared. For one node the choice is the best there is; for whole nodes and `spread` it
    is so too, unless bookings that lie on several nodes make that too long a search.
    """
    if (placement := place(calendar, shape, window, hints)) is not None:
        return Plan(placement, ())
    if span(window)[1] > calendar.lattice.limit:
        return None
    search = _Search(calendar, shape, window, candidates, now, hints)
    chosen = search.choose()
    return None if chosen is None else search.plan(chosen)


def _id(candidate: Candidate) -> int:
    return candidate.booking.id


def _weights(candidates: Sequence[Candidate], now: datetime) -> tuple[list[int], int]:
    """One number for each; the sums of choices order them as `preemption_cost` does.

    Also how many of the lowest bits hold the last two rules, age and id: without these bits the
    numbers of different calls can be compared. In them each age and each id has digits of its
    own, the oldest and the lowest id being the most significant; past MANY there are none.
    """
    bookings = [candidate.booking for candidate in candidates]
    if len(bookings) > MANY:
        return [_coarse(booking, now) for booking in bookings], 0
    ages = Counter(booking.created_at for booking in bookings)
    width = max(ages.values(), default=1).bit_length()
    digit = {created: width * place for place, created in enumerate(sorted(ages, reverse=True))}
    ids = sorted((booking.id for booking in bookings), reverse=True)
    rank = {booking_id: place for place, booking_id in enumerate(ids)}
    low = len(ids) + len(ids).bit_length()
    bits = low + width * len(ages)
    weights = []
    for booking in bookings:
        fine = (1 << digit[booking.created_at] + low) + (1 << len(ids)) - (1 << rank[booking.id])
        weights.append(_coarse(booking, now) << bits | fine)
    return weights, bits


def _coarse(booking: Booking, now: datetime) -> int:
    """The rules of `preemption_cost` but the last two, as digits that no sum overflows."""
    number = _BY_PRIORITY[booking.priority]
    if booking.window.start > now:
        return number
    return number + (booking.is_running(now) << 64) + _gpu_seconds_done(booking, now)


#: Of `_coarse`: one booking, and one booking of each priority.
_ONE = 1 << 96 + 32 * len(_SPARED)
_BY_PRIORITY = dict.fromkeys(Priority, _ONE) | {
    priority: _ONE + (1 << 96 + 32 * place) for place, priority in enumerate(reversed(_SPARED))
}


#: Somebody who holds GPUs of a node, and the claim there.
_Holder = tuple[Candidate, Claim]


class _Search:
    """One question: who of `candidates` should go."""

    def __init__(
        self,
        calendar: Calendar,
        shape: Shape,
        window: Window,
        candidates: Iterable[Candidate],
        now: datetime,
        hints: Hints,
    ) -> None:
        self.calendar = calendar
        self.shape = shape
        self.window = window
        self.now = now
        self.hints = hints
        self.span = span(window)
        self.nodes = eligible(calendar, shape).nodes
        fits = any(node.gpus >= shape.gpus for node in self.nodes)
        self.is_for_one_node = fits and not shape.spread
        self._on_node = self._by_node(candidates)
        self._board = calendar.board.apart()

    def _by_node(self, candidates: Iterable[Candidate]) -> dict[str, list[_Holder]]:
        """Who holds what during the window, by node."""
        start, end = self.span
        found: dict[str, list[_Holder]] = {node.name: [] for node in self.nodes}
        for candidate in candidates:
            near = [k for k in candidate.claims if k.start < end and start < k.end]
            for claim in joined(near) if len(near) > 1 else near:
                if claim.node in found:
                    found[claim.node].append((candidate, claim))
        return found

    def holders(self, node: Node) -> list[_Holder]:
        """Who of the candidates holds what of `node` during the window."""
        return self._on_node[node.name]

    def at_least(self, node: Node, gpus: int, holders: Iterable[_Holder]) -> int | None:
        """How many of `holders` have to go at the very least; None when all are too few."""
        claims = [claim for _, claim in holders]
        return at_least(self.calendar.tracks[node.name], gpus, *self.span, claims)

    def cover(self, node: Node, gpus: int, holders: Iterable[_Holder]) -> Cover:
        """The question who of `holders` has to go so that `gpus` GPUs of `node` are free."""
        missing = shortages(self.calendar.tracks[node.name], gpus, *self.span)
        return Cover(missing, [claim for _, claim in holders])

    def choose(self) -> Sequence[Candidate] | None:
        """The best choice that the search finds; None when the shape fits in no way."""
        if self.shape.spread:
            return _spread(self)
        return _one_node(self) if self.is_for_one_node else _gang(self)

    def plan(self, chosen: Sequence[Candidate]) -> Plan | None:
        """The plan that evicts `chosen`, or fewer where not all of them are needed."""
        placement = self._placement(chosen)
        by_cost = sorted(chosen, key=lambda c: preemption_cost([c.booking], self.now), reverse=True)
        for candidate in by_cost:
            fewer = [other for other in chosen if other is not candidate]
            if (found := self._placement(fewer)) is not None:
                chosen, placement = fewer, found
        bookings = sorted((c.booking for c in chosen), key=lambda booking: booking.id)
        return None if placement is None else Plan(placement, tuple(bookings))

    def _placement(self, preemptees: Iterable[Candidate]) -> Placement | None:
        """Where the shape lies once `preemptees` are gone."""
        fork = self.calendar.fork()
        # Else the shared board would have to show what is gone, and then again what is there.
        fork.board = self._board
        for claim in chain.from_iterable(candidate.claims for candidate in preemptees):
            fork.remove(claim)
        return place(fork, self.shape, self.window, self.hints)


# -- one node -------------------------------------------------------------------------------------


def _one_node(search: _Search) -> list[Candidate] | None:
    """The best choice over all nodes; nodes on which more have to go are not looked into."""
    gpus = search.shape.gpus
    questions = []
    for node in search.nodes:
        if node.gpus >= gpus:
            holders = search.holders(node)
            if (least := search.at_least(node, gpus, holders)) is not None:
                questions.append((least, node, holders))
    best: _Best | None = None
    for least, node, holders in sorted(questions, key=itemgetter(0)):
        if best is not None and least > best.count:
            break
        best = _better(search, node, holders, best, least)
    return None if best is None else best.chosen


def _better(
    search: _Search, node: Node, holders: list[_Holder], best: _Best | None, least: int
) -> _Best | None:
    """The best choice for `node`, where at least `least` have to go; or `best` if that is better.

    Before the choice is worked out, a look at those who could be part of a better one may show
    that there is none.
    """
    if best is not None and least == best.count:
        holders = [holder for holder in holders if best.may_lose_to(holder[0])]
        if search.at_least(node, search.shape.gpus, holders) != least:
            return best
    return _cheapest(search, node, holders, best) or best


class _Best:
    """The best choice so far, and who could be part of a better one."""

    def __init__(self, chosen: list[Candidate], now: datetime) -> None:
        self.chosen = chosen
        self.count = len(chosen)
        self.coarse = sum(_coarse(candidate.booking, now) for candidate in chosen)
        self.cost = preemption_cost([candidate.booking for candidate in chosen], now)
        self._oldest = min(candidate.booking.created_at for candidate in chosen)
        self._now = now

    def may_lose_to(self, candidate: Candidate) -> bool:
        """Whether a choice of as many bookings with `candidate` among them may be better."""
        least = _coarse(candidate.booking, self._now) + (self.count - 1) * _ONE
        if least == self.coarse:
            return candidate.booking.created_at >= self._oldest
        return least < self.coarse


def _cheapest(
    search: _Search, node: Node, holders: Sequence[_Holder], best: _Best | None
) -> _Best | None:
    """The best choice of `holders` for `node`; None when there is none or it is not over `best`."""
    candidates = [candidate for candidate, _ in holders]
    weights, fine = _weights(candidates, search.now)
    below = None if best is None else best.coarse + 1 << fine
    chosen = search.cover(node, search.shape.gpus, holders).cheapest(weights, _ONE << fine, below)
    if chosen is None:
        return None
    found = _Best(_among(candidates, chosen), search.now)
    return found if best is None or found.cost < best.cost else None


def _among(candidates: Sequence[Candidate], mask: int) -> list[Candidate]:
    return [candidate for number, candidate in enumerate(candidates) if mask >> number & 1]


# -- whole nodes ----------------------------------------------------------------------------------


def _gang(search: _Search) -> list[Candidate] | None:
    """Whole nodes of one model that make up exactly the GPUs asked for."""
    models: dict[str, list[WholeNode]] = defaultdict(list)
    involved: dict[int, Candidate] = {}
    for node in search.nodes:
        holders = search.holders(node)
        if search.cover(node, node.gpus, holders).is_possible():
            here = {_id(candidate): candidate for candidate, _ in holders}
            involved |= here
            models[node.model].append(WholeNode(node.gpus, frozenset(here)))
    ordered = [involved[number] for number in sorted(involved)]
    weights = dict(zip(map(_id, ordered), _weights(ordered, search.now)[0], strict=True))
    choice = WholeNodes(weights)
    for nodes in models.values():
        choice.try_nodes(nodes, search.shape.gpus)
    return None if choice.best is None else [involved[number] for number in sorted(choice.best)]


# -- any mixture of nodes -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Gain:
    """`gpus` more GPUs of one node, when `leaving` go."""

    gpus: int
    leaving: tuple[Candidate, ...]


def _spread(search: _Search) -> list[Candidate] | None:
    """The cheapest gains, one a node at most, that add up to what is missing.

    A booking on several nodes is counted for each of them, so that it may be chosen for less than
    it gives back; the plan then spares whoever is not needed.
    """
    tracks, span_ = search.calendar.tracks, search.span
    free = {node: tracks[node.name].free(*span_) for node in search.nodes}
    needed = search.shape.gpus - sum(free.values())
    by_node = [list(_gains(search, node, count, needed)) for node, count in free.items()]
    involved = {_id(c): c for gains in by_node for gain in gains for c in gain.leaving}
    weights = dict(zip(involved, _weights(list(involved.values()), search.now)[0], strict=True))
    best: dict[int, tuple[int, frozenset[int]]] = {0: (0, frozenset())}
    for gains in by_node:
        before = list(best.items())
        for gain in gains:
            leaving = frozenset(map(_id, gain.leaving))
            added = sum(weights[number] for number in leaving)
            for gained, (weight, gone) in before:
                total = min(needed, gained + gain.gpus)
                if total not in best or weight + added < best[total][0]:
                    best[total] = (weight + added, gone | leaving)
    if needed not in best:
        return None
    return [involved[number] for number in sorted(best[needed][1])]


def _gains(search: _Search, node: Node, free: int, needed: int) -> Iterator[_Gain]:
    holders = search.holders(node)
    candidates = [candidate for candidate, _ in holders]
    weights, _ = _weights(candidates, search.now)
    for gpus in range(1, min(needed, node.gpus - free) + 1):
        found = search.cover(node, free + gpus, holders).cheapest(weights)
        if found is None:
            return
        yield _Gain(gpus, tuple(_among(candidates, found)))
