"""The clock. Only the edges of the program read it; everything below gets `now` as an argument."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Something that knows what time it is."""

    def now(self) -> datetime:
        """The present instant, aware UTC; may have fractions of a second."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The present instant, aware UTC; may have fractions of a second."""
        return datetime.now(UTC)
