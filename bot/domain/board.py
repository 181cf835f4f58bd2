"""The tracks of all nodes side by side, so that one operation on an int treats every node at once.

Cell c of the node at place p is bit `c * stride + p`; a stride is whole bytes. A week's window on
128 nodes over a year is then seven shifts of one long int, instead of seven shifts for each node.

A board is brought up to date when it is asked: tracks are replaced, never changed, so what differs
since the last time is found by looking at which track objects are others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Protocol

from bot.domain.masks import ones

#: With more nodes changed than this, a level is made anew.
MANY = 16


class Shown(Protocol):
    """What a board needs to know of a track; see bot.domain.calendar.Track."""

    @property
    def capacity(self) -> int:
        """GPUs of the node."""

    def blocked(self, gpus: int) -> int:
        """The cells during which `gpus` GPUs are not free all the time."""


class Board:
    """One mask for each number of GPUs, over all nodes of a calendar and all `cells`.

    It may be shared by calendars that are forks of one another: each call says whose tracks are
    meant. Kept masks are replaced as a whole, so threads need no lock.
    """

    __slots__ = ("_levels", "cells", "places", "stride", "width")

    def __init__(self, nodes: Collection[str], cells: int) -> None:
        self.cells = cells
        self.places: Mapping[str, int] = {name: place for place, name in enumerate(nodes)}
        #: Bytes and bits of one cell.
        self.width = max(1, -(-len(nodes) // 8))
        self.stride = self.width * 8
        self._levels: dict[int, tuple[tuple[Shown, ...], int]] = {}

    def apart(self) -> Board:
        """A board that knows as much, for a fork that is about to change a lot."""
        board = Board(self.places, self.cells)
        board._levels.update(self._levels)
        return board

    def blocked(self, tracks: Iterable[Shown], gpus: int) -> int:
        """Where `gpus` GPUs of a node are not free; `tracks` in the order of the nodes.

        Nothing is said of nodes that have fewer GPUs at all: leave them out.
        """
        shown = tuple(tracks)
        before = self._levels.get(gpus)
        if before is None:
            mask = self._made(shown, gpus)
        else:
            others = [p for p, track in enumerate(shown) if track is not before[0][p]]
            if not others:
                return before[1]
            mask = (
                self._made(shown, gpus)
                if len(others) > MANY
                else self._changed(before, shown, others, gpus)
            )
        self._levels[gpus] = shown, mask
        return mask

    def _made(self, tracks: Sequence[Shown], gpus: int) -> int:
        mask = 0
        for bit in range(8):
            buffer = bytearray(self.cells * self.width)
            for place in range(bit, len(tracks), 8):
                row = _cells_as_bytes(_blocked(tracks[place], gpus), self.cells)
                buffer[place // 8 :: self.width] = row
            mask |= int.from_bytes(buffer, "little") << bit
        return mask

    def _changed(
        self,
        before: tuple[tuple[Shown, ...], int],
        tracks: Sequence[Shown],
        others: Iterable[int],
        gpus: int,
    ) -> int:
        old, mask = before
        for place in others:
            differs = _blocked(old[place], gpus) ^ _blocked(tracks[place], gpus)
            if differs:
                first = (differs & -differs).bit_length() - 1
                cells = differs.bit_length() - first
                buffer = bytearray(cells * self.width)
                buffer[place // 8 :: self.width] = _cells_as_bytes(differs >> first, cells)
                at = first * self.stride + place % 8
                mask ^= int.from_bytes(buffer, "little") << at
        return mask

    def bits(self, nodes: Iterable[str]) -> int:
        """Those nodes, as the bits of one cell."""
        return sum(1 << self.places[name] for name in nodes)

    def in_cell(self, mask: int, cell: int) -> int:
        """The nodes that `mask` has in `cell`, as the bits of one cell."""
        return (mask >> (cell * self.stride)) & ones(0, self.stride)

    def spread(self, starts: int, cells: int, bits: int) -> int:
        """`bits` in each of the first `cells` cells that is in the mask `starts`."""
        return _spread(starts, cells, bits, self.width)

    def counts(self, mask: int, cells: int) -> int:
        """How many nodes `mask` has in each of its first `cells` cells; see `at_least`."""
        if not mask:
            return 0
        buffer = mask.to_bytes(cells * self.width, "little").translate(_ONES)
        total = 0
        for byte in range(self.width):
            lane = bytearray(cells * LANE_BYTES)
            lane[::LANE_BYTES] = buffer[byte :: self.width]
            total += int.from_bytes(lane, "little")
        return total


#: `counts` keeps a cell's count in so many bytes, enough for thousands of GPUs, and one bit.
LANE_BYTES = 3
LANE = LANE_BYTES * 8


def at_least(counts: int, count: int, cells: int) -> int:
    """The cells whose count is `count` or more: cell c is bit `(c + 1) * LANE - 1`."""
    top = 1 << (LANE - 1)
    return (counts + _lanes(top - count, cells)) & _lanes(top, cells)


def lanes_of(cells: int) -> int:
    """Every cell, as `at_least` would find it."""
    return _lanes(1 << (LANE - 1), cells)


@lru_cache(maxsize=256)
def _lanes(value: int, cells: int) -> int:
    return int.from_bytes(value.to_bytes(LANE_BYTES, "little") * cells, "little")


#: How many bits a byte has.
_ONES = bytes(value.bit_count() for value in range(256))
_DIGITS = bytes.maketrans(b"01", b"\x00\x01")


def _blocked(track: Shown, gpus: int) -> int:
    return track.blocked(gpus) if gpus <= track.capacity else 0


def _cells_as_bytes(mask: int, cells: int) -> bytes:
    """A byte for each cell, 0 or 1, the first cell first."""
    return format(mask, f"0{cells}b").encode().translate(_DIGITS)[::-1]


@lru_cache(maxsize=64)
def _spread(starts: int, cells: int, bits: int, width: int) -> int:
    inside = bits.to_bytes(width, "little")
    if starts == ones(0, cells):
        return int.from_bytes(inside * cells, "little")
    digits = reversed(format(starts, f"0{cells}b"))
    return int.from_bytes(b"".join(inside if d == "1" else bytes(width) for d in digits), "little")
