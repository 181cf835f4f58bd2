"""A heat map of the week as a picture: a column a day, a row an hour, per cent in each cell.

The page has it the other way round. Upright, the numbers are still readable at the width of a
telephone; drawn at several times the size at which that shows it, it is crisp there.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.report_heat import DAY_HOURS, WEEK_DAYS, HeatMap, shade
from bot.domain.report_reading import percent
from bot.pictures.ink import LINE_STRONG, MUTED, SUNKEN, SURFACE, TEXT, Box, Canvas, Color
from bot.pictures.ink import text_width as width_of

WIDTH = 1200
MARGIN, LEFT, TOP = 24, 124, 132
CELL_HEIGHT, GAP, FOOT = 46, 4, 72
TITLE_SIZE, LABEL_SIZE, CELL_SIZE = 36, 30, 30

#: By `shade`, from nothing to full; the same colours as on the page.
SHADES: tuple[Color, ...] = (
    SUNKEN, (232, 240, 254), (215, 229, 253), (195, 216, 252), (171, 200, 250),
    (147, 183, 247), (120, 164, 243), (47, 107, 224), (36, 91, 203), (27, 75, 176), (19, 58, 144),
)  # fmt: skip
#: From this shade on, letters are light.
DARK = 7


@dataclass(frozen=True, slots=True)
class HeatWords:
    """What is written on the picture, in the reader's language."""

    title: str
    #: From Monday.
    days: Sequence[str]
    #: What the numbers are.
    legend: str


def draw_heatmap(heat: HeatMap, words: HeatWords) -> bytes:
    """The heat map as a PNG."""
    height = TOP + DAY_HOURS * CELL_HEIGHT + FOOT
    canvas = Canvas(WIDTH, height)
    line = Box(MARGIN, MARGIN, WIDTH - MARGIN, MARGIN + TITLE_SIZE)
    canvas.text_within(line, words.title, TITLE_SIZE)
    for hour in range(DAY_HOURS):
        box = cell_box(0, hour)
        beside = Box(MARGIN, box.top, LEFT - 8, box.bottom)
        canvas.text_within(beside, f"{hour:02}:00", LABEL_SIZE, MUTED)
    for day, name in enumerate(words.days):
        box = cell_box(day, 0)
        _center(canvas, Box(box.left, TOP - 48, box.right, TOP - 4), name, LABEL_SIZE, TEXT)
        for hour in range(DAY_HOURS):
            _draw_cell(canvas, cell_box(day, hour), heat.share(day, hour))
    foot = Box(MARGIN, height - FOOT, WIDTH - MARGIN, height)
    canvas.text_within(foot, words.legend, LABEL_SIZE, MUTED)
    stream = io.BytesIO()
    canvas.image.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def cell_box(day: int, hour: int) -> Box:
    """Where the cell of an hour of the week lies, in pixels."""
    step = (WIDTH - LEFT - MARGIN) / WEEK_DAYS
    left, top = round(LEFT + day * step), TOP + hour * CELL_HEIGHT
    return Box(left, top, round(LEFT + (day + 1) * step) - GAP, top + CELL_HEIGHT - GAP)


def _draw_cell(canvas: Canvas, box: Box, share: float | None) -> None:
    """Its colour and its number; lines and no number where nothing was in service."""
    if share is None:
        canvas.hatch(box, LINE_STRONG, 2)
        return
    found = shade(share)
    canvas.fill(box, SHADES[found])
    color = SURFACE if found >= DARK else TEXT if found else MUTED
    _center(canvas, box, str(percent(share)), CELL_SIZE, color)


def _center(canvas: Canvas, box: Box, text: str, size: int, color: Color) -> None:
    left = (box.left + box.right - width_of(text, size)) / 2
    canvas.text(left, (box.top + box.bottom) / 2, text, size, color)
