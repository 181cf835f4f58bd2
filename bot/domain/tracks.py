"""Which GPU of a node each claim is drawn on.

A booking holds a count; which GPUs it gets is settled when it becomes active (see gpu_ids). Until
then indices are only a drawing, made here: pieces are coloured in the order in which they begin,
so that whatever fits by count is drawn without overlap.

A week of a large cluster has ten thousand pieces, and a page waits for them: hence the plain
tuples and the few steps for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from operator import itemgetter
from typing import NamedTuple

from bot.domain.gpu_ids import choose_among

#: Later than any instant that is drawn.
NEVER = 1 << 62


class Piece(NamedTuple):
    """GPUs of one node that something holds from `start` to `end`, in epoch seconds."""

    #: "booking", "offer" or "hold".
    kind: str
    #: The id of the booking, offer or preemption.
    holder: int
    start: int
    end: int
    gpus: int
    #: The indices that are settled, of an active booking or one that was.
    pinned: tuple[int, ...] = ()


#: A piece and the indices it is drawn on.
Drawn = tuple[Piece, tuple[int, ...]]

_BY_HOLDER, _BY_START = itemgetter(0, 1, 2), itemgetter(2, 0, 1)


def joined(pieces: Iterable[Piece]) -> list[Piece]:
    """The pieces, with those in one that follow one another at the same holder.

    An extension or an overrun adds a claim; a part that was released ends one and begins a
    smaller one, which stays a piece of its own.
    """
    found: list[Piece] = []
    last = Piece("", 0, 0, 0, 0)
    for piece in sorted(pieces, key=_BY_HOLDER):
        follows = last.end == piece.start and last.holder == piece.holder
        if follows and last.kind == piece.kind and last.gpus == piece.gpus:
            found[-1] = last = last._replace(end=piece.end)
        else:
            found.append(piece)
            last = piece
    return found


def lay_out(gpus: int, pieces: Iterable[Piece]) -> list[Drawn]:
    """The indices, of a node with `gpus` GPUs, that each piece is drawn on; by start.

    Settled indices are kept. While the counts fit, nothing overlaps and everything has as many
    indices as it holds GPUs; what is beyond the node's capacity, such as after it lost GPUs, gets
    fewer, or none. Neighbours are taken where possible. In the rare case that a piece lies in the
    way of one that is settled and begins later, it changes over to other GPUs there: it is given
    in two parts then.
    """
    drawn, rest, in_parts = _settle(gpus, sorted(pieces, key=_BY_START))
    board = _Board(gpus, drawn)
    changing: list[tuple[int, str, int, int, Piece]] = []
    for piece in rest:
        while changing and changing[0][0] <= piece.start:
            _put(board, heappop(changing)[-1], drawn, changing)
        _put(board, piece, drawn, changing)
    while changing:
        _put(board, heappop(changing)[-1], drawn, changing)
    drawn.sort(key=lambda one: _BY_START(one[0]))
    return _together(drawn) if in_parts else drawn


def _put(
    board: _Board,
    piece: Piece,
    drawn: list[Drawn],
    changing: list[tuple[int, str, int, int, Piece]],
) -> None:
    """Draw a piece as far as one choice holds, and leave the rest to be drawn from there on."""
    indices, until = board.put(piece)
    if until < piece.end:
        later = piece._replace(start=until)
        heappush(changing, (until, piece.kind, piece.holder, piece.end, later))
        piece = piece._replace(end=until)
    drawn.append((piece, indices))


def _settle(gpus: int, pieces: Iterable[Piece]) -> tuple[list[Drawn], list[Piece], bool]:
    """The pieces on their settled indices, as far as these exist and are free, and the rest.

    `pieces` are in the order of starts. Also whether any piece is in both.
    """
    busy = [0] * gpus
    drawn: list[Drawn] = []
    rest: list[Piece] = []
    in_parts = False
    for piece in pieces:
        if not piece.pinned:
            rest.append(piece)
            continue
        first = piece.pinned[: piece.gpus]
        kept = tuple([i for i in first if i < gpus and busy[i] <= piece.start])
        for index in kept:
            busy[index] = piece.end
        missing = piece.gpus - len(kept)
        if not missing:
            drawn.append((piece, kept))
        elif not kept:
            rest.append(piece)
        else:
            in_parts = True
            drawn.append((piece._replace(gpus=len(kept)), kept))
            rest.append(piece._replace(gpus=missing))
    return drawn, rest, in_parts


class _Board:
    """Until when each GPU of a node is taken by what was put there."""

    def __init__(self, gpus: int, settled: Iterable[Drawn]) -> None:
        self._busy = [0] * gpus
        #: What is settled and begins later: start, end and index; the next one last.
        self._ahead = [(piece.start, piece.end, i) for piece, kept in settled for i in kept]
        self._ahead.sort(reverse=True)

    def put(self, piece: Piece) -> tuple[tuple[int, ...], int]:
        """Take indices for a piece, and say until when it can have them.

        Called in the order of starts, so that an index that is free at the start is free until
        something settled begins there.
        """
        start, end, busy, ahead = piece.start, piece.end, self._busy, self._ahead
        while ahead and ahead[-1][0] <= start:
            _, until, index = ahead.pop()
            busy[index] = max(busy[index], until)
        free = [index for index, until in enumerate(busy) if until <= start]
        if ahead:
            free, end = self._before_the_settled(free, piece)
        taken = choose_among(free, piece.gpus)
        for index in taken:
            busy[index] = end
        return taken, end

    def _before_the_settled(self, free: list[int], piece: Piece) -> tuple[list[int], int]:
        """Those of `free` to choose from, and the end of the time for which the choice holds."""
        limits = {index: start for start, _, index in self._ahead}
        whole = [index for index in free if limits.get(index, NEVER) >= piece.end]
        if len(whole) >= piece.gpus or len(whole) == len(free):
            return whole, piece.end
        longest = sorted(free, key=lambda index: (-limits.get(index, NEVER), index))
        taken = longest[: piece.gpus]
        return sorted(taken), min(limits.get(index, NEVER) for index in taken)


def _together(drawn: Sequence[Drawn]) -> list[Drawn]:
    """The parts of one piece, on its settled indices and on others, as one; the order stays."""
    found: dict[tuple[str, int, int, int], Drawn] = {}
    for piece, indices in drawn:
        known = found.setdefault(piece[:4], (piece, indices))
        if known[1] is not indices:
            whole = known[0]._replace(gpus=known[0].gpus + piece.gpus)
            found[piece[:4]] = whole, tuple(sorted((*known[1], *indices)))
    return list(found.values())
