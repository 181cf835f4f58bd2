"""How long tests wait, at most, for what should come soon.

A test does not depend on how quick the machine is: nobody waits so long on one that is idle, and
what does not come is a failure a little later. What Slack gives three seconds for has this long as
well, wherever the three seconds are not what is tested.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bot.store import database

PATIENCE_S = 60.0


@contextmanager
def soon_given_up(after_ms: int = 300) -> Iterator[None]:
    """As long as this lasts nobody waits for the database for more than a moment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "LOCK_WAIT_MS", after_ms)
        yield
