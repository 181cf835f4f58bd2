"""The heat map as a picture: its cells lie where they should and have the colour of their share."""

from __future__ import annotations

import io
from itertools import pairwise

from PIL import Image

from bot.domain.report_heat import HeatMap, shade
from bot.pictures.heatmap import (
    CELL_SIZE,
    LABEL_SIZE,
    SHADES,
    WIDTH,
    HeatWords,
    cell_box,
    draw_heatmap,
)
from bot.pictures.ink import SURFACE, text_width

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WORDS = HeatWords("Vision Lab, 29 Oct – 25 Nov", DAYS, "Per cent of the GPU-hours that were held")


def heat(**held: float) -> HeatMap:
    """Shares by `day_hour`, such as `d1_10`; nothing else is held; Sunday is out of service."""
    shares, there = [0.0] * 168, [16.0] * 144 + [0.0] * 24
    for name, share in held.items():
        day, hour = name.removeprefix("d").split("_")
        shares[int(day) * 24 + int(hour)] = share * 16
    return HeatMap(tuple(shares), tuple(there))


def drawn(of: HeatMap, words: HeatWords = WORDS) -> Image.Image:
    image = Image.open(io.BytesIO(draw_heatmap(of, words)))
    image.load()
    return image


def corner(image: Image.Image, day: int, hour: int) -> object:
    """The colour of a cell where no number is in the way."""
    box = cell_box(day, hour)
    return image.getpixel((box.left + 2, box.top + 2))


def test_a_cell_has_the_colour_of_its_share() -> None:
    image = drawn(heat(d1_10=1.0, d1_11=0.5, d3_0=0.01))
    assert corner(image, 1, 10) == SHADES[10]
    assert corner(image, 1, 11) == SHADES[5]
    assert corner(image, 3, 0) == SHADES[1]
    assert corner(image, 0, 10) == SHADES[0]


def test_full_hours_have_light_numbers_and_others_dark_ones() -> None:
    image = drawn(heat(d1_10=1.0))
    full, empty = cell_box(1, 10), cell_box(1, 9)
    assert SURFACE in {color for _, color in image.crop(full).getcolors(10_000) or ()}
    assert SURFACE not in {color for _, color in image.crop(empty).getcolors(10_000) or ()}


def test_hours_out_of_service_are_hatched_and_have_no_colour_of_the_scale() -> None:
    image = drawn(heat())
    colors = {color for _, color in image.crop(cell_box(6, 5)).getcolors(10_000) or ()}
    assert SURFACE in colors
    assert len(colors) == 2
    assert not colors & set(SHADES)


def test_cells_lie_side_by_side_inside_the_picture() -> None:
    days, hours = [cell_box(day, 5) for day in range(7)], [cell_box(2, hour) for hour in range(24)]
    assert all(a.right < b.left for a, b in pairwise(days))
    assert all(a.bottom < b.top for a, b in pairwise(hours))
    assert days[-1].right < WIDTH
    assert hours[-1].bottom < drawn(heat()).height


def test_its_letters_are_readable_at_the_width_of_a_telephone() -> None:
    # Slack on a telephone shows pictures about 300 points wide; under 7 nobody can read.
    assert min(CELL_SIZE, LABEL_SIZE) * 300 / WIDTH >= 7
    assert cell_box(0, 0).height > CELL_SIZE
    assert text_width("100", CELL_SIZE) < cell_box(0, 0).width


def test_a_share_over_everything_is_as_dark_as_full() -> None:
    assert [shade(share) for share in (0, 0.001, 0.44, 0.96, 1.5)] == [0, 1, 4, 10, 10]


def test_any_words_can_be_drawn() -> None:
    words = HeatWords("占用 " * 60, ("周一", "", "Wed", "Thu", "Fri", "Sat", "Sun"), "")
    assert drawn(heat(), words).size == drawn(heat()).size
