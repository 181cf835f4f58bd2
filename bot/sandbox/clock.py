"""The clock of the embedded workspace: it can run fast, stand still and jump.

The demo gives the bot this clock, so that a day of bookings can be watched in a few minutes.
"""

import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta


class SandboxClock:
    """A clock that maps real time to the workspace's time.

    Args:
        start: what `now` is at the beginning, aware; None means the real now.
        speed: workspace seconds a real second: 1 is real time, 60 a minute a second, 0 frozen.
        monotonic: the real time base in seconds; tests pass their own.

    """

    def __init__(
        self,
        start: datetime | None = None,
        speed: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lock = threading.Lock()
        #: Held on the way from one instant to another; whoever goes next waits for their turn.
        self._travelling = threading.Lock()
        self._standing = False
        self._stops: Callable[[datetime, datetime], Iterable[datetime]] = _no_stops
        self._at_stop: Callable[[], None] = _do_nothing
        self._monotonic = monotonic
        self._listeners: list[Callable[[], None]] = []
        self._speed = _checked_speed(speed)
        self._base = datetime.now(UTC) if start is None else _aware(start)
        self._since = monotonic()

    @property
    def speed(self) -> float:
        """Workspace seconds a real second."""
        return self._speed

    def now(self) -> datetime:
        """The workspace's time, aware UTC."""
        with self._lock:
            return self._now()

    def jump(self, to: datetime) -> None:
        """Go to an instant, forwards or backwards."""
        there = _aware(to)
        self._travel(lambda _here: there)

    def shift(self, by: timedelta | float) -> None:
        """Go forwards (or backwards) by an amount; a number is seconds."""
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        self._travel(lambda here: here + step)

    def stop_on_the_way(
        self,
        stops: Callable[[datetime, datetime], Iterable[datetime]],
        at_stop: Callable[[], None],
    ) -> None:
        """From now on, let every jump and shift stop at `stops(here, there)` and call `at_stop`.

        The clock stands still there until `at_stop` is back, and the jump is over when it has
        been everywhere. `at_stop` must not move the clock itself.
        """
        self._stops, self._at_stop = stops, at_stop

    def set_speed(self, factor: float) -> None:
        """Run `factor` times as fast as real time from now on; 0 freezes the clock."""
        with self._lock:
            self._rebase(self._now())
            self._speed = _checked_speed(factor)
        self._tell()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each jump, shift or change of speed."""
        self._listeners.append(listener)

    def _travel(self, destination: Callable[[datetime], datetime]) -> None:
        with self._travelling:
            here = self.now()
            there = destination(here)
            try:
                for stop in self._stops(here, there):
                    self._stand_at(stop)
                    self._tell()
                    self._at_stop()
            finally:
                with self._lock:
                    self._rebase(there)
                    self._standing = False
        self._tell()

    def _stand_at(self, stop: datetime) -> None:
        with self._lock:
            self._rebase(stop)
            self._standing = True

    def _now(self) -> datetime:
        if self._standing:
            return self._base
        elapsed = (self._monotonic() - self._since) * self._speed
        return self._base + timedelta(seconds=elapsed)

    def _rebase(self, base: datetime) -> None:
        self._base = base
        self._since = self._monotonic()

    def _tell(self) -> None:
        for listener in list(self._listeners):
            listener()


def _no_stops(_here: datetime, _there: datetime) -> Iterable[datetime]:
    return ()


def _do_nothing() -> None:
    """What is done at a stop where nothing is."""


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("the workspace's clock needs an instant with a time zone")
    return instant.astimezone(UTC)


def _checked_speed(speed: float) -> float:
    if not 0 <= speed <= 100_000:
        raise ValueError("the speed of the workspace's clock lies between 0 and 100000")
    return float(speed)
