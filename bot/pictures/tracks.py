"""The calendar as a PNG: the same tracks as on the page, for reading in Slack on a telephone.

Drawn at twice the size at which Slack shows it, so that it is crisp; letters are so large that
they are still readable at the width of a telephone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, tzinfo
from io import BytesIO
from itertools import pairwise

from bot.domain.booking import booking_label
from bot.domain.cluster import Cluster
from bot.domain.errors import N_
from bot.locale import dates, translator
from bot.pictures.axis import Axis
from bot.pictures.fonts import fitted, locale_for
from bot.pictures.ink import (
    LINE,
    LINE_STRONG,
    MUTED,
    NOW,
    SUNKEN,
    SURFACE,
    TEXT,
    Box,
    Canvas,
    Color,
    mixed,
    text_width,
)
from bot.pictures.lanes import Lane, arrange, taken_over_time
from bot.pictures.marks import (
    ORDINARY,
    OVER,
    Mark,
    color_of,
    cross,
    draw_mark,
    draw_tail,
    mark_of,
    team_of,
)
from bot.services.tracks import Bar, NodeTracks, Tracks

WIDTH = 1200
PAD, SIZE, SMALL = 24, 34, 30
#: The height of the axis: a line of days and one of hours.
DAYS, HOURS = 52, 44
#: What a name's column may take, and the least for a label of the axis.
MOST_NAME, TICK = 300, 104
#: A bar of less height has no text.
FOR_TEXT = 36
LEGEND_LINE, SWATCH = 52, 60
NOW_WORD = N_("now")


@dataclass(frozen=True, slots=True)
class Words:
    """In whose language and zone a picture is."""

    locale: str
    zone: tzinfo
    zone_name: str
    #: What people are called, by user id.
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Whose clock it is, in short: "Shanghai"."""
        return self.zone_name.rpartition("/")[2].replace("_", " ")

    def say(self, text: str) -> str:
        """`text` in the picture's language."""
        return translator(locale_for(self.locale)).gettext(text)


def draw_tracks(tracks: Tracks, cluster: Cluster, words: Words, *, compact: bool = False) -> bytes:
    """The picture of `tracks` as PNG; `compact` is for a small place, such as the App Home."""
    column = name_column(tracks, words)
    axis = Axis(tracks.window, PAD + column + 16, WIDTH - PAD, words.zone)
    lanes, headings, bottom = arrange(tracks.nodes, PAD + DAYS + HOURS + 8, compact=compact)
    legend = _Legend(tracks, cluster, words, one_by_one=any(lane.row for lane in lanes))
    canvas = Canvas(WIDTH, bottom + legend.height + PAD)
    for heading in headings:
        canvas.text(PAD, heading.middle, heading.text, SMALL, MUTED)
    for lane in lanes:
        _draw_ground(canvas, axis, lane)
    tag = _now_tag(axis, tracks, words)
    _draw_axis(canvas, axis, words, bottom, tag)
    for lane in lanes:
        name = Box(PAD, lane.top, PAD + column, lane.top + lane.height)
        canvas.text_within(name, lane.label, SIZE)
        _draw_lane(canvas, axis, lane, tracks, cluster, words)
    _draw_now(canvas, axis, tracks, words, tag, bottom)
    legend.draw(canvas, bottom)
    content = BytesIO()
    canvas.image.save(content, "PNG")
    return content.getvalue()


def name_column(tracks: Tracks, words: Words) -> int:
    """How wide the names at the left are."""
    names = [name for one in tracks.nodes for name in (one.node.name, one.node.model)]
    widths = [text_width(words.place, SMALL), *(text_width(name, SIZE) for name in names)]
    return min(max(widths), MOST_NAME)


def _draw_ground(canvas: Canvas, axis: Axis, lane: Lane) -> None:
    canvas.fill(Box(axis.left, lane.top, axis.right, lane.top + lane.height), mixed(SUNKEN, 0.6))
    for index in range(1, lane.gpus if lane.row else 0):
        at = lane.top + index * lane.row
        canvas.line(Box(axis.left, at, axis.right, at), SURFACE)


def _draw_axis(canvas: Canvas, axis: Axis, words: Words, bottom: int, tag: Box) -> None:
    """Days above, hours below them, a line down from each; none under the `tag` of now."""
    canvas.text_within(Box(PAD, PAD, axis.left - 12, PAD + DAYS), words.place, SMALL, MUTED)
    foot = PAD + DAYS + HOURS
    for instant in axis.ticks(TICK):
        x = axis.at(instant)
        local = instant.astimezone(words.zone)
        canvas.line(Box(x, foot, x, bottom), LINE if local.hour else LINE_STRONG, 2)
        label = f"{local:%H:%M}"
        right = x + 6 + text_width(label, SMALL)
        if local.hour and right <= axis.right and not (tag.left < right and x < tag.right):
            canvas.text(x + 6, foot - HOURS / 2, label, SMALL, MUTED)
    _draw_days(canvas, axis, words)


def _draw_days(canvas: Canvas, axis: Axis, words: Words) -> None:
    """Each day's name from its beginning on, as long as it fits before the next."""
    days = list(axis.days())
    starts = [axis.at(axis.midnight(day)) for day in days]
    for day, (left, right) in zip(days, pairwise([*starts, axis.right]), strict=True):
        canvas.line(Box(left, PAD, left, PAD + DAYS + HOURS), LINE_STRONG, 2)
        box = Box(left + 6, PAD, right - 6, PAD + DAYS)
        canvas.text_within(box, *day_name(day, box.width, words))


def day_name(day: date, room: int, words: Words) -> tuple[str, int]:
    """What a day is called in so many pixels, and in which size."""
    locale = locale_for(words.locale)
    whole = dates.day(day, locale)
    # Cut off, neighbouring days would look the same.
    if text_width(whole, SIZE) > room:
        return dates.short_day(day, locale), SMALL
    return whole, SIZE


def _now_tag(axis: Axis, tracks: Tracks, words: Words) -> Box:
    """Where the word for now stands on the axis; empty when now is not in the picture."""
    foot = PAD + DAYS + HOURS
    if tracks.now not in tracks.window:
        return Box(0, foot, 0, foot)
    width = text_width(words.say(NOW_WORD), SMALL) + 20
    left = min(max(axis.at(tracks.now) - width // 2, axis.left), axis.right - width)
    return Box(left, foot - HOURS, left + width, foot)


def _draw_now(
    canvas: Canvas, axis: Axis, tracks: Tracks, words: Words, tag: Box, bottom: int
) -> None:
    if tag.is_empty:
        return
    x = axis.at(tracks.now)
    canvas.fill(tag, NOW)
    canvas.text(tag.left + 10, (tag.top + tag.bottom) / 2, words.say(NOW_WORD), SMALL, SURFACE)
    canvas.fill(Box(x - 2, tag.bottom, x + 2, bottom), NOW)


def _draw_lane(
    canvas: Canvas, axis: Axis, lane: Lane, tracks: Tracks, cluster: Cluster, words: Words
) -> None:
    if not lane.row:
        _draw_taken(canvas, axis, lane, tracks, cluster)
        return
    (one,) = lane.nodes
    _draw_drain(canvas, axis, lane, one, tracks)
    for bar in one.bars:
        mark, team = mark_of(tracks, bar), color_of(cluster, team_of(tracks, bar))
        boxes = [_box(axis, lane, bar, rows) for rows in _stretches(bar.gpus)]
        for box in boxes:
            draw_mark(canvas, box, mark, team)
            if mark is Mark.OVERRUN:
                _draw_overrun(canvas, axis, box, tracks, bar)
        if boxes:
            _write_on(canvas, max(boxes, key=lambda box: box.height), tracks, bar, mark, words)


def _draw_drain(canvas: Canvas, axis: Axis, lane: Lane, one: NodeTracks, tracks: Tracks) -> None:
    if one.drain is None:
        return
    left = axis.at(one.drain.start)
    right = axis.at(one.drain.end or tracks.window.end)
    draw_mark(canvas, Box(left, lane.top, right, lane.top + lane.height), Mark.DRAIN, MUTED)


def _box(axis: Axis, lane: Lane, bar: Bar, rows: tuple[int, int]) -> Box:
    """Where neighbouring GPUs of a bar lie, with a little room around."""
    left, right = axis.x(bar.start) + 1, axis.x(bar.end) - 1
    top = lane.top + rows[0] * lane.row + 1
    return Box(left, top, max(right, left + 2), lane.top + rows[1] * lane.row - 1)


def _draw_overrun(canvas: Canvas, axis: Axis, box: Box, tracks: Tracks, bar: Bar) -> None:
    since = tracks.bookings[bar.holder].overrun_from
    if since is not None and since < bar.end:
        left = max(axis.x(since), box.left)
        draw_tail(canvas, Box(left, box.top + 2, box.right - 2, box.bottom - 2))


def _write_on(canvas: Canvas, box: Box, tracks: Tracks, bar: Bar, mark: Mark, words: Words) -> None:
    """Which booking it is and whose, where there is room for it."""
    booking = tracks.bookings.get(bar.holder) if bar.kind == "booking" else None
    if booking is None or box.height < FOR_TEXT:
        return
    label = booking_label(booking.id)
    inside = Box(box.left + 14, box.top, box.right - 6, box.bottom)
    whole = f"{label} {words.names.get(booking.owner, '')}".rstrip()
    shown = fitted(whole, SMALL, inside.width)
    # Half a name says less than none.
    shown = shown if len(shown) > len(label) + 3 or shown == whole else label
    if text_width(shown, SMALL) <= inside.width:
        middle = (inside.top + inside.bottom) / 2
        canvas.text(inside.left, middle, shown, SMALL, MUTED if mark in OVER else TEXT)


def _draw_taken(canvas: Canvas, axis: Axis, lane: Lane, tracks: Tracks, cluster: Cluster) -> None:
    """A lane filled from below by what each team holds."""
    bottom = lane.top + lane.height
    for since, until, teams, out in taken_over_time(lane, tracks, cluster):
        left, right, filled = axis.x(since), axis.x(until), 0
        for team, gpus in teams.items():
            low, high = (_level(lane, bottom, n) for n in (filled, filled + gpus))
            canvas.fill(Box(left, high, right, low), mixed(color_of(cluster, team), 0.62))
            filled += gpus
        box = Box(left, _level(lane, bottom, filled + out), right, _level(lane, bottom, filled))
        cross(canvas, box)
    canvas.frame(Box(axis.left, lane.top, axis.right, bottom), LINE_STRONG, 2)


def _level(lane: Lane, bottom: int, gpus: int) -> int:
    return bottom - round(lane.height * min(gpus / lane.gpus, 1.0))


def _stretches(gpus: tuple[int, ...]) -> list[tuple[int, int]]:
    """Neighbouring indices as first and one past the last."""
    found: list[tuple[int, int]] = []
    for index in gpus:
        if found and found[-1][1] == index:
            found[-1] = found[-1][0], index + 1
        else:
            found.append((index, index + 1))
    return found


class _Legend:
    """What the colours and patterns mean, as far as they are in the picture."""

    def __init__(self, tracks: Tracks, cluster: Cluster, words: Words, *, one_by_one: bool) -> None:
        bars = [bar for one in tracks.nodes for bar in one.bars]
        here = {team_of(tracks, bar) for bar in bars}
        marks = {mark_of(tracks, bar) for bar in bars if one_by_one} - ORDINARY
        if any(one.drain is not None for one in tracks.nodes):
            marks.add(Mark.DRAIN)
        entries: list[tuple[Mark, Color, str]] = [
            (Mark.RUNNING, color_of(cluster, team.name), team.name)
            for team in cluster.teams
            if team.name in here
        ]
        entries += [(mark, MUTED, words.say(mark)) for mark in Mark if mark in marks]
        self._placed = self._place(entries)

    @property
    def height(self) -> int:
        """What it needs below the lanes."""
        return (self._placed[-1][1] + 1) * LEGEND_LINE + 8 if self._placed else 0

    @staticmethod
    def _place(
        entries: list[tuple[Mark, Color, str]],
    ) -> list[tuple[int, int, Mark, Color, str]]:
        """Each entry with its left edge and its line."""
        placed, left, line = [], PAD, 0
        for mark, team, text in entries:
            needed = SWATCH + 12 + text_width(text, SMALL) + 32
            if left > PAD and left + needed > WIDTH - PAD:
                left, line = PAD, line + 1
            placed.append((left, line, mark, team, text))
            left += needed
        return placed

    def draw(self, canvas: Canvas, top: int) -> None:
        """Write it from `top` on."""
        for left, line, mark, team, text in self._placed:
            middle = top + 8 + line * LEGEND_LINE + LEGEND_LINE // 2
            box = Box(left, middle - 14, left + SWATCH, middle + 14)
            draw_mark(canvas, box, mark, team)
            if mark is Mark.OVERRUN:
                draw_tail(canvas, Box(left + SWATCH // 2, middle - 12, box.right - 2, middle + 12))
            canvas.text(left + SWATCH + 12, middle, text, SMALL, TEXT)
