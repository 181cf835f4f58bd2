"""Sets of grid cells as the bits of a Python int: bit c stands for cell c.

One operation on such an int treats thousands of cells at once, which is what makes searching a
year of slots cheap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

#: For each count n: a table that turns a byte into the digit "1" when it is at least n, else "0".
_AT_LEAST = tuple(b"0" * count + b"1" * (256 - count) for count in range(256))


def ones(first: int, last: int) -> int:
    """The cells from `first` up to but not including `last`; no cells when that is a void range."""
    return ((1 << (last - first)) - 1) << first if first < last else 0


def lowest(mask: int) -> int:
    """The first cell of `mask`, which is not empty."""
    return (mask & -mask).bit_length() - 1


def highest(mask: int) -> int:
    """The last cell of `mask`, which is not empty."""
    return mask.bit_length() - 1


def each(mask: int) -> Iterator[int]:
    """The cells of `mask`, in order; what else has bits, such as the nodes of a board, as well."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def doubling(cells: int) -> tuple[int, ...]:
    """The shifts that lengthen a run from one cell to `cells`: a week takes seven, not 83."""
    steps = []
    covered = 1
    while covered < cells:
        steps.append(min(covered, cells - covered))
        covered += steps[-1]
    return tuple(steps)


def reaching(blocked: int, steps: Iterable[int]) -> int:
    """The starts from which a run, lengthened by `steps` of `doubling`, meets `blocked`."""
    for step in steps:
        blocked |= blocked >> step
    return blocked


def folded(fields: int, width: int, count: int) -> int:
    """The bits that any of the `count` lowest fields of `fields` has, `width` bits each."""
    while count > 1:
        half = -(-count // 2)
        fields = fields >> half * width | fields & ones(0, half * width)
        count = half
    return fields


def tally(masks: Iterable[int]) -> list[int]:
    """How many of `masks` have each cell, in binary: item j holds the cells whose count has bit j.

    Three masks at a time become their sum and its carries, as full adders do it.
    """
    column, digits = list(masks), []
    while column:
        carries = []
        while len(column) > 1:
            one, other = column.pop(), column.pop()
            third = column.pop() if column else 0
            differs = one ^ other
            column.append(differs ^ third)
            carries.append(one & other | differs & third)
        digits += column
        column = [carry for carry in carries if carry]
    return digits


def at_least(digits: Sequence[int], count: int) -> int:
    """The cells whose count, as `tally` gives it, is `count` or more; `count` is 1 or more."""
    if count >> len(digits):
        return 0
    more, equal = 0, -1
    for place in reversed(range(len(digits))):
        if count >> place & 1:
            equal &= digits[place]
        else:
            more |= equal & digits[place]
            equal &= ~digits[place]
    return more | equal


def levels(counts: Sequence[int]) -> tuple[int, ...]:
    """A thermometer of `counts`: item j holds the cells whose count is over j.

    Counts are zero or more. The last item is never empty, so all zeros give no items.
    """
    top = max(counts, default=0)
    # The last cell is the most significant digit; a byte holds the counts up to 255.
    row = bytes(reversed(counts if top <= 255 else [min(count, 255) for count in counts]))
    low = tuple(int(row.translate(_AT_LEAST[n]), 2) for n in range(1, min(top, 255) + 1))
    return low + levels([max(0, count - 255) for count in counts]) if top > 255 else low


def raised(thermometer: tuple[int, ...], cells: int, by: int) -> tuple[int, ...]:
    """`thermometer` with the counts in `cells` raised by `by`."""
    if not cells or not by:
        return thermometer
    padded = thermometer + (0,) * by
    below = (cells,) * by + tuple(level & cells for level in thermometer)
    return _trimmed([level | shifted for level, shifted in zip(padded, below, strict=True)])


def lowered(thermometer: tuple[int, ...], cells: int, by: int) -> tuple[int, ...]:
    """`thermometer` with the counts in `cells` lowered by `by`.

    Raises ValueError when a count there is less than `by`: something is taken out that was never
    put in, and counting on would hand out capacity that somebody holds.
    """
    if not cells or not by:
        return thermometer
    if by > len(thermometer) or cells & ~thermometer[by - 1]:
        raise ValueError(f"cells hold less than the {by} to be taken out")
    above = thermometer[by:] + (0,) * by
    pairs = zip(thermometer, above, strict=True)
    return _trimmed([(level & ~cells) | (shifted & cells) for level, shifted in pairs])


def _trimmed(thermometer: list[int]) -> tuple[int, ...]:
    while thermometer and not thermometer[-1]:
        thermometer.pop()
    return tuple(thermometer)
