"""The axis of time: where an instant lies, and which hours and days are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from bot.domain.window import Window, on_wall_clock

#: Hours between ticks, and days where hours would be too narrow.
HOURS = (1, 2, 3, 4, 6, 12, 24)


@dataclass(frozen=True, slots=True)
class Axis:
    """`window` drawn from pixel `left` to pixel `right`, with the hours of `zone`."""

    window: Window
    left: int
    right: int
    zone: tzinfo

    def x(self, epoch_s: float) -> int:
        """Where an instant lies, in epoch seconds; what lies outside is at the edge."""
        start, end = self.window.start.timestamp(), self.window.end.timestamp()
        share = (min(max(epoch_s, start), end) - start) / (end - start)
        return self.left + round(share * (self.right - self.left))

    def at(self, instant: datetime) -> int:
        """The same for an instant."""
        return self.x(instant.timestamp())

    def ticks(self, least: int) -> Iterator[datetime]:
        """Full hours in the window, in `zone`, whose labels of `least` pixels do not touch."""
        hour = (self.right - self.left) / (self.window.length / timedelta(hours=1))
        step = next((hours for hours in HOURS if hours * hour >= least), HOURS[-1])
        for day in self.days():
            for of_day in range(0, 24, step):
                instant = on_wall_clock(day, self.zone, time(of_day))
                if instant in self.window:
                    yield instant

    def days(self) -> Iterator[date]:
        """The days that the window touches, in `zone`."""
        day = self.window.start.astimezone(self.zone).date()
        last = (self.window.end - timedelta(seconds=1)).astimezone(self.zone).date()
        while day <= last:
            yield day
            day += timedelta(days=1)

    def midnight(self, day: date) -> datetime:
        """When that day begins in `zone`."""
        return on_wall_clock(day, self.zone)
