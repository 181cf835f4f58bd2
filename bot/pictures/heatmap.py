"""A heat map of the week as a picture: a row a day, a column an hour, per cent in each cell.

Drawn at twice the size at which telephones show it, so that it is crisp there.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.report_heat import DAY_HOURS, WEEK_DAYS, HeatMap, shade
from bot.domain.report_reading import percent
from bot.pictures.ink import LINE_STRONG, MUTED, SUNKEN, SURFACE, TEXT, Box, Canvas, Color
from bot.pictures.ink import text_width as width_of

WIDTH = 1600
MARGIN, LEFT, TOP = 32, 120, 128
CELL_HEIGHT, GAP, FOOT = 64, 4, 76
TITLE_SIZE, LABEL_SIZE, CELL_SIZE = 38, 26, 25

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
    height = TOP + WEEK_DAYS * CELL_HEIGHT + FOOT
    canvas = Canvas(WIDTH, height)
    line = Box(MARGIN, MARGIN, WIDTH - MARGIN, MARGIN + TITLE_SIZE)
    canvas.text_within(line, words.title, TITLE_SIZE)
    for hour in range(DAY_HOURS):
        box = cell_box(0, hour)
        above = Box(box.left, TOP - 40, box.right, TOP - 4)
        _center(canvas, above, f"{hour:02}", LABEL_SIZE, MUTED)
    for day, name in enumerate(words.days):
        box = cell_box(day, 0)
        canvas.text_within(Box(MARGIN, box.top, LEFT - 8, box.bottom), name, LABEL_SIZE)
        for hour in range(DAY_HOURS):
            _draw_cell(canvas, cell_box(day, hour), heat.share(day, hour))
    foot = Box(MARGIN, height - FOOT, WIDTH - MARGIN, height)
    canvas.text_within(foot, words.legend, LABEL_SIZE, MUTED)
    stream = io.BytesIO()
    canvas.image.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def cell_box(day: int, hour: int) -> Box:
    """Where the cell of an hour of the week lies, in pixels."""
    step = (WIDTH - LEFT - MARGIN) / DAY_HOURS
    left, top = round(LEFT + hour * step), TOP + day * CELL_HEIGHT
    return Box(left, top, round(LEFT + (hour + 1) * step) - GAP, top + CELL_HEIGHT - GAP)


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
