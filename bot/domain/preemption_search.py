"""The cheapest work whose going gives one node enough free GPUs, and the cheapest whole nodes.

Where a node lacks GPUs is cut into shortages, in order of time. They are covered from left to
right: wherever one is still open, somebody who holds GPUs then has to go, so only those are tried.
What was chosen matters later only through those who would still hold GPUs then, so of all choices
that agree on these the cheapest is kept. The number of choices kept is bounded, not the time: the
result is exact as long as the bound is not reached, always a cover, and always the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, chain, pairwise
from math import lcm
from operator import attrgetter
from typing import NamedTuple

from bot.domain.calendar import Claim, Piece, Track
from bot.domain.masks import lowest, ones

#: How many choices are kept at once. Eight GPUs held one by one have at most 70 of four.
WIDTH = 512

#: How many nodes a search for whole nodes weighs up before it is content with the best so far.
BUDGET = 40_000

#: Bits of one GPU count where several stand side by side in an int; the top one stays free.
_DIGIT = 16


class Shortage(NamedTuple):
    """`[start, end)`, in epoch seconds, during which `gpus` more GPUs would have to be free."""

    start: int
    end: int
    gpus: int


def shortages(track: Track, gpus: int, start: int, end: int) -> Iterator[Shortage]:
    """What keeps `gpus` GPUs of a node from being free during all of `[start, end)`, in order.

    `gpus` is from 1 to the node's size. A claim covers each shortage entirely or not at all.
    Time outside the lattice has none.
    """
    first, rows = _lacking(track, gpus, start, end)
    left = rows[0] if rows else 0
    while left:
        offset = lowest(left)
        left &= left - 1
        yield from _in_cell(track, first + offset, _depth(rows, offset), start, end)


def at_least(track: Track, gpus: int, start: int, end: int, claims: Sequence[Claim]) -> int | None:
    """How many of `claims` at the very least have to go so that `gpus` GPUs are free.

    None when it shows that all of them are too few. It adds up some shortages that no claim has in
    common, so it is quick, and often right.
    """
    first, rows = _lacking(track, gpus, start, end)
    left = rows[0] if rows else 0
    total = 0
    while left:
        offset = lowest(left)
        left &= left - 1
        for begin, until, missing in _in_cell(
            track, first + offset, _depth(rows, offset), start, end
        ):
            counts, past = [], until
            for claim in claims:
                if claim.start <= begin and until <= claim.end:
                    counts.append(claim.gpus)
                    past = max(past, claim.end)
            if (needed := _fewest(counts, missing)) is None:
                return None
            total += needed
            skip = track.lattice.line_from(past) - first
            left = left >> skip << skip
            break
    return total


def _lacking(track: Track, gpus: int, start: int, end: int) -> tuple[int, list[int]]:
    """The first cell of `[start, end)`, and masks of the cells from there on that lack GPUs.

    The mask with index n has those that lack more than n.
    """
    lattice = track.lattice
    first = max(lattice.line_until(start), 0)
    every = ones(0, lattice.line_from(end) - first)
    rows = []
    for level in track.taken[track.capacity - gpus :]:
        if not (row := level >> first & every):
            break
        rows.append(row)
    return first, rows


def _depth(rows: Sequence[int], offset: int) -> int:
    """How many of `rows` have the bit at `offset`; each row has the bits of the next."""
    bit = 1 << offset
    depth = 0
    for row in rows:
        if not row & bit:
            break
        depth += 1
    return depth


def _in_cell(track: Track, cell: int, missing: int, start: int, end: int) -> Iterable[Shortage]:
    """The shortages in the part of `[start, end)` that lies in a cell that lacks `missing` GPUs."""
    lines = track.lattice.lines
    begin, until = max(lines[cell], start), min(lines[cell + 1], end)
    if (pieces := track.ragged.get(cell)) is None:
        return (Shortage(begin, until, missing),)
    return _ragged(pieces, missing, begin, until)


def _ragged(pieces: Sequence[Piece], missing: int, begin: int, until: int) -> Iterator[Shortage]:
    """The shortages in `[begin, until)` of a cell that lacks `missing` GPUs at its worst."""
    cuts = {cut for piece in pieces for cut in (piece.start, piece.end)}
    filling = missing - max(_held(pieces, cut) for cut in cuts)
    inside = sorted({begin, until, *(cut for cut in cuts if begin < cut < until)})
    for start, end in pairwise(inside):
        if (gpus := filling + _held(pieces, start)) > 0:
            yield Shortage(start, end, gpus)


def _held(pieces: Iterable[Piece], instant: int) -> int:
    return sum(piece.gpus for piece in pieces if piece.start <= instant < piece.end)


class _Choice(NamedTuple):
    """Some who would go, as a mask, and what all of them cost."""

    cost: int
    chosen: int


def joined(claims: Iterable[Claim]) -> list[Claim]:
    """Claims of one booking, with those joined that an extension put behind one another."""
    found: list[Claim] = []
    for claim in sorted(claims, key=attrgetter("node", "start")):
        last = found[-1] if found else None
        touches = last is not None and (last.node, last.end) == (claim.node, claim.start)
        if last is not None and touches and last.gpus == claim.gpus:
            found[-1] = replace(last, end=claim.end)
        else:
            found.append(claim)
    return found


class Cover:
    """The question which of `claims`, all on one node, should go so that no shortage is left."""

    def __init__(self, open_spans: Iterable[Shortage], claims: Sequence[Claim]) -> None:
        #: For each shortage how much is missing, and what each claim would give back then.
        self._columns: list[tuple[int, dict[int, int]]] = []
        for start, end, missing in open_spans:
            column = {
                number: claim.gpus
                for number, claim in enumerate(claims)
                if claim.start <= start and end <= claim.end
            }
            # Of neighbours that the same claims could end in the same way the worst is enough.
            same = self._columns and self._columns[-1][1] == column
            worst = max(missing, self._columns.pop()[0]) if same else missing
            self._columns.append((worst, column))

    def is_possible(self) -> bool:
        """Whether nothing is missing once all claims are gone."""
        return all(sum(column.values()) >= missing for missing, column in self._columns)

    def cheapest(self, costs: Sequence[int], unit: int = 0, below: int | None = None) -> int | None:
        """Which claims should go, as a mask; None when even all are too few.

        `costs` are theirs, none under `unit`; choices are compared by the sums of their costs.
        With `below`, None too when no choice costs less than that.
        """
        if not self.is_possible():
            return None
        choices = {0: _Choice(0, 0)}
        for at, later in enumerate(self._later()):
            limit = None if below is None else below - later * unit
            choices = self._settle(at, choices, costs, limit)
            if not choices:
                return None
        return min(choices.values()).chosen

    def _later(self) -> list[int]:
        """For each shortage, how many have to go at least for shortages after its claims end."""
        last = {number: at for at, (_, column) in enumerate(self._columns) for number in column}
        least = [0] * (len(self._columns) + 1)
        later = []
        for at, (missing, column) in reversed(list(enumerate(self._columns))):
            later.append(least[max(last[number] for number in column) + 1])
            needed = _fewest(list(column.values()), missing) or 0
            least[at] = max(least[at + 1], needed + later[-1])
        return later[::-1]

    @cached_property
    def _gains(self) -> dict[int, int]:
        """What each holder would give back at every shortage: digits side by side in one int."""
        gains: dict[int, int] = {}
        for at, (_, column) in enumerate(self._columns):
            for number, gpus in column.items():
                gains[number] = gains.get(number, 0) | gpus << at * _DIGIT
        return gains

    def _settle(
        self, at: int, choices: Mapping[int, _Choice], costs: Sequence[int], below: int | None
    ) -> dict[int, _Choice]:
        """`choices`, extended until nothing is missing at shortage `at`.

        The keys are those of the chosen that give something back there or later.
        """
        missing, column = self._columns[at]
        staying = sum(1 << number for number, gains in self._gains.items() if gains >> at * _DIGIT)
        better = self._better(at, column, costs)
        settled: dict[int, _Choice] = {}
        unsettled = _kept((key & staying, choice) for key, choice in choices.items())
        while unsettled:
            longer = []
            for key, choice in unsettled.items():
                if sum(gpus for number, gpus in column.items() if key >> number & 1) >= missing:
                    if key not in settled or choice < settled[key]:
                        settled[key] = choice
                    continue
                for number, before in better.items():
                    bit = 1 << number
                    cost = choice.cost + costs[number]
                    # What is better in every way goes before.
                    if not key & bit and before & key == before and (below is None or cost < below):
                        longer.append((key | bit, _Choice(cost, choice.chosen | bit)))
            unsettled = _kept(longer)
        return settled

    def _better(self, at: int, column: Mapping[int, int], costs: Sequence[int]) -> dict[int, int]:
        """For each claim at shortage `at`: those who cost less and give no less from then on."""
        guard = sum(1 << (digit + 1) * _DIGIT - 1 for digit in range(len(self._columns) - at))
        gains = {number: self._gains[number] >> at * _DIGIT for number in column}
        return {
            number: sum(
                1 << other
                for other in column
                if costs[other] < costs[number]
                # The guard of a digit survives where the subtraction did not borrow from it.
                and ((gains[other] | guard) - gains[number]) & guard == guard
            )
            for number in column
        }


def _fewest(counts: list[int], missing: int) -> int | None:
    """How many of `counts`, the largest first, make up `missing`; None when all do not."""
    counts.sort(reverse=True)
    for number, count in enumerate(counts, 1):
        missing -= count
        if missing <= 0:
            return number
    return None


def _kept(choices: Iterable[tuple[int, _Choice]]) -> dict[int, _Choice]:
    """The cheapest choice of each key, and of these no more than WIDTH, the cheapest."""
    best: dict[int, _Choice] = {}
    for key, choice in choices:
        if key not in best or choice < best[key]:
            best[key] = choice
    if len(best) > WIDTH:
        return dict(sorted(best.items(), key=lambda item: item[1])[:WIDTH])
    return best


@dataclass(frozen=True, slots=True)
class WholeNode:
    """A node that becomes free altogether when all of `leaving` go."""

    gpus: int
    leaving: frozenset[int]


class WholeNodes:
    """A search for the whole nodes on which the least work has to go.

    It tries the cheapest nodes first and gives up what cannot become better than the best so far.
    That is quick where nobody lies on several nodes; else a budget bounds it.
    """

    def __init__(self, weights: dict[int, int]) -> None:
        self.best: frozenset[int] | None = None
        self._weights = weights
        self._least = 0
        self._budget = BUDGET
        #: Of each booking, the part that counts on each of its nodes.
        self._parts: dict[int, int] = {}
        self._scale = 1

    def try_nodes(self, nodes: Sequence[WholeNode], gpus: int) -> None:
        """Look for a better choice among `nodes`, all of one model."""
        lying_on = Counter(chain.from_iterable(node.leaving for node in nodes))
        self._parts = {i: self._weights[i] // count for i, count in lying_on.items()}
        self._scale = lcm(*(node.gpus for node in nodes))
        self._extend(frozenset(), 0, nodes, gpus)

    def _extend(
        self, gone: frozenset[int], weight: int, nodes: Sequence[WholeNode], gpus: int
    ) -> None:
        """Look at each way to add `gpus` GPUs of `nodes` to a choice in which `gone` go."""
        if not gpus:
            if self.best is None or weight < self._least:
                self.best, self._least = gone, weight
            return
        ranked = sorted(((self._rate(node, gone), i) for i, node in enumerate(nodes)))
        self._budget -= len(ranked)
        nodes = [nodes[i] for _, i in ranked]
        sums = _sums_from(nodes)
        for at, node in enumerate(nodes):
            least = weight + self._rest(ranked[at:], nodes[at:], gpus)
            if not sums[at] >> gpus & 1 or self._is_over(least):
                return
            if node.gpus <= gpus and sums[at + 1] >> (gpus - node.gpus) & 1:
                more = node.leaving - gone
                added = sum(self._weights[number] for number in more)
                self._extend(gone | more, weight + added, nodes[at + 1 :], gpus - node.gpus)

    def _is_over(self, least: int) -> bool:
        """Whether to stop where `least` is the least that can come of going on."""
        return self.best is not None and (least >= self._least or self._budget < 0)

    def _rate(self, node: WholeNode, gone: frozenset[int]) -> int:
        """What a GPU of `node` costs at the least, times a common factor of all sizes.

        A booking on several nodes counts in equal parts on each, as if all were to be taken; so
        whichever are, the parts never add up to more than the whole.
        """
        parts = sum(self._parts[number] for number in node.leaving - gone)
        return parts * (self._scale // node.gpus)

    def _rest(self, rates: Sequence[tuple[int, int]], nodes: Sequence[WholeNode], gpus: int) -> int:
        """The least that `gpus` more GPUs can cost, were parts of nodes to be had."""
        total = 0
        for (rate, _), node in zip(rates, nodes, strict=True):
            take = min(gpus, node.gpus)
            total += rate * take
            gpus -= take
            if not gpus:
                break
        return total // self._scale


def _sums_from(nodes: Sequence[WholeNode]) -> list[int]:
    """For each place in `nodes` the sums of GPUs that can be made up from there on, as bits."""
    backwards = accumulate((n.gpus for n in reversed(nodes)), lambda s, n: s | s << n, initial=1)
    return list(backwards)[::-1]
