"""What pictures are drawn with: the page's colours, mixed, and patterns that need no colour.

All lengths are pixels of a picture that is shown at half its size.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from PIL import Image, ImageColor, ImageDraw

from bot.pictures.fonts import drawable, fitted, font_for

Color = tuple[int, int, int]

#: The page's light colours (see bot/web/static/base.css); Slack shows pictures on either ground.
SURFACE: Color = (255, 255, 255)
SUNKEN: Color = (238, 240, 243)
TEXT: Color = (22, 32, 44)
MUTED: Color = (86, 98, 112)
LINE: Color = (225, 229, 234)
LINE_STRONG: Color = (195, 202, 211)
WARN: Color = (161, 74, 0)
NOW: Color = (213, 33, 59)
UNKNOWN_TEAM: Color = (100, 116, 139)

#: Distance of a pattern's lines, and of dashes.
STEP, DASH = 14, 10


class Box(NamedTuple):
    """A rectangle; right and bottom are the first pixels outside it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """From left to right."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """From top to bottom."""
        return self.bottom - self.top

    @property
    def is_empty(self) -> bool:
        """Whether nothing lies in it."""
        return self.width <= 0 or self.height <= 0


@lru_cache(maxsize=256)
def color(name: str) -> Color:
    """A team's colour as the configuration has it, such as "#2563eb"."""
    try:
        return ImageColor.getrgb(name)[:3]
    except ValueError:
        return UNKNOWN_TEAM


def mixed(one: Color, share: float, other: Color = SURFACE) -> Color:
    """`share` of one colour with the rest of another."""
    red, green, blue = (round(a * share + b * (1 - share)) for a, b in zip(one, other, strict=True))
    return red, green, blue


class Canvas:
    """A picture that is being drawn."""

    def __init__(self, width: int, height: int) -> None:
        self.image = Image.new("RGB", (width, height), SURFACE)
        self.draw = ImageDraw.Draw(self.image)

    def fill(self, box: Box, fill: Color) -> None:
        """An even surface."""
        if not box.is_empty:
            self.draw.rectangle((box.left, box.top, box.right - 1, box.bottom - 1), fill)

    def line(self, box: Box, fill: Color, width: int = 2) -> None:
        """A line between two corners of `box`."""
        self.draw.line((box.left, box.top, box.right, box.bottom), fill, width)

    def frame(self, box: Box, fill: Color, width: int = 2, *, dash: int = 0) -> None:
        """The edges of `box`, inside it; dashed where `dash` is the length of a dash."""
        inside = Box(box.left, box.top, box.right - 1, box.bottom - 1)
        if box.is_empty:
            return
        if not dash:
            self.draw.rectangle(inside, outline=fill, width=width)
            return
        for at in range(inside.left, inside.right, 2 * dash):
            end = min(at + dash, inside.right)
            self.draw.rectangle((at, inside.top, end, inside.top + width - 1), fill)
            self.draw.rectangle((at, inside.bottom - width + 1, end, inside.bottom), fill)
        for at in range(inside.top, inside.bottom, 2 * dash):
            end = min(at + dash, inside.bottom)
            self.draw.rectangle((inside.left, at, inside.left + width - 1, end), fill)
            self.draw.rectangle((inside.right - width + 1, at, inside.right, end), fill)

    def hatch(self, box: Box, fill: Color, width: int = 4, *, rising: bool = True) -> None:
        """Slanting lines over `box`, which go on from one box to the next."""
        if box.is_empty:
            return
        mask = Image.new("1", (box.width, box.height))
        draw, height = ImageDraw.Draw(mask), box.height
        # Counted from the picture's corner, so that neighbours match.
        lean = box.left + box.bottom if rising else box.left - box.top
        for at in range(-height - lean % STEP, box.width + height, STEP):
            ends = (at, height, at + height, 0) if rising else (at, 0, at + height, height)
            draw.line(ends, 1, width)
        self.image.paste(fill, (box.left, box.top), mask)

    def stripes(self, box: Box, fill: Color, width: int = 4) -> None:
        """Upright lines over `box`."""
        for left in range(box.left, box.right, STEP):
            self.fill(Box(left, box.top, min(left + width, box.right), box.bottom), fill)

    def text(self, x: float, middle: float, text: str, size: int, fill: Color = TEXT) -> None:
        """`text` from `x` on, its height centred at `middle`."""
        text = drawable(text)
        self.draw.text((x, middle), text, fill, font_for(text, size), anchor="lm")

    def text_within(self, box: Box, text: str, size: int, fill: Color = TEXT) -> None:
        """As much of `text` as fits into `box`; nothing where that is hardly a word."""
        shown = fitted(text, size, box.width)
        if len(shown) >= min(len(text), 3):
            self.text(box.left, (box.top + box.bottom) / 2, shown, size, fill)


def text_width(text: str, size: int) -> int:
    """How wide `text` is, in whole pixels."""
    text = drawable(text)
    return int(font_for(text, size).getlength(text)) + 1
