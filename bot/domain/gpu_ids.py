"""Which GPUs of a node: indices, settled when a booking becomes active.

Until then a booking holds a count. Windows that fit by count can always be given indices, because
bookings that are active at one instant overlap one another (design: "Placement").
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bot.domain.booking import Share

#: Indices by node, as a booking has them.
GpuIds = tuple[tuple[str, tuple[int, ...]], ...]


def choose_ids(
    size: int,
    taken: Collection[int],
    count: int,
    *,
    wanted: Collection[int] = (),
    shunned: Collection[int] = (),
) -> tuple[int, ...]:
    """`count` indices of a node of `size` GPUs that are not `taken`; fewer when there are fewer.

    Those that are `wanted` first, and those that are `shunned` only when there are no others.
    Neighbours where possible, since they are often wired to one another; of several stretches the
    shortest that does, so that long ones stay whole.
    """
    free = [index for index in range(size) if index not in taken]
    first = choose_among([index for index in free if index in wanted], count)
    others = [index for index in free if index not in wanted]
    clean = [index for index in others if index not in shunned]
    rest = choose_among(clean, count - len(first))
    left = [index for index in others if index in shunned]
    last = choose_among(left, count - len(first) - len(rest))
    return tuple(sorted((*first, *rest, *last)))


def choose_among(free: Sequence[int], count: int) -> tuple[int, ...]:
    """The same, of the indices `free`, which are in order."""
    if len(free) <= count:
        return tuple(free)
    fitting = [stretch for stretch in _stretches(free) if len(stretch) >= count]
    if fitting:
        return tuple(min(fitting, key=len)[:count])
    return tuple(free[:count])


def _stretches(free: Sequence[int]) -> list[list[int]]:
    found: list[list[int]] = []
    for index in free:
        if found and found[-1][-1] == index - 1:
            found[-1].append(index)
        else:
            found.append([index])
    return found


def kept_ids(ids: GpuIds, shares: Sequence[Share]) -> GpuIds:
    """The indices that stay when only `shares` are kept: the first of each node."""
    left = {share.node: share.gpus for share in shares}
    return tuple((node, numbers[: left[node]]) for node, numbers in ids if node in left)
