"""Looking at a picture: its pixels, and where an instant and a GPU lie in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO

from builders import BOB, NOW
from PIL import Image

from bot.domain.window import Window
from bot.pictures.axis import Axis
from bot.pictures.ink import Color
from bot.pictures.lanes import Lane, arrange
from bot.pictures.tracks import DAYS, HOURS, PAD, WIDTH, Words, draw_tracks, name_column
from bot.services.site import Site
from bot.services.tracks import Tracks, tracks


@dataclass
class Seen:
    """A picture of a window, and the tracks that it was drawn from."""

    site: Site
    window: Window
    now: datetime = NOW
    locale: str = "en-US"
    compact: bool = False
    tracks: Tracks = field(init=False)
    image: Image.Image = field(init=False)

    def __post_init__(self) -> None:
        cluster = self.site.cluster
        self.tracks = tracks(self.site, self.window, now=self.now)
        self.words = Words(self.locale, cluster.zone, cluster.zone_name, {BOB: "Bob"})
        content = draw_tracks(self.tracks, cluster, self.words, compact=self.compact)
        assert content.startswith(b"\x89PNG\r\n\x1a\n")
        self.content = content
        self.image = Image.open(BytesIO(content)).convert("RGB")

    @property
    def colors(self) -> set[object]:
        return {found for _, found in self.image.getcolors(1 << 24) or ()}

    @property
    def axis(self) -> Axis:
        left = PAD + name_column(self.tracks, self.words) + 16
        return Axis(self.window, left, WIDTH - PAD, self.words.zone)

    @property
    def lanes(self) -> list[Lane]:
        return arrange(self.tracks.nodes, PAD + DAYS + HOURS + 8, compact=self.compact)[0]

    def lane(self, label: str) -> Lane:
        return next(lane for lane in self.lanes if lane.label == label)

    def at(self, instant: datetime, node: str, gpu: float = 0.5) -> Color:
        """The colour there; `gpu` 1.5 is the middle of the second GPU's row."""
        lane = self.lane(node)
        row = lane.row or lane.height / lane.gpus
        return self.pixel(self.axis.at(instant), lane.top + int(gpu * row))

    def around(self, instant: datetime, node: str, gpu: float = 0.5) -> set[Color]:
        """The colours in the row around there: an even surface has one, a pattern several."""
        lane, x = self.lane(node), self.axis.at(instant)
        y = lane.top + int(gpu * (lane.row or lane.height / lane.gpus))
        return {self.pixel(x + step, y) for step in range(-14, 15)}

    def pixel(self, x: int, y: int) -> Color:
        found = self.image.getpixel((x, y))
        assert isinstance(found, tuple)
        return found[0], found[1], found[2]
