"""Filled databases, each made once and copied for every group that asks for it."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from benchmarks.laboratory import NOW, lab, opened
from benchmarks.rows import unindexed
from benchmarks.workload import fill, fill_past
from bot.domain.cluster import Cluster
from bot.services.site import Site


class Sites:
    """Makes databases in `folder`; with `quick` they have a tenth of the bookings."""

    def __init__(self, folder: Path, *, quick: bool) -> None:
        self.folder = folder
        self._part = 10 if quick else 1
        self._copies = 0

    @property
    def large(self) -> int:
        """How many live bookings the large database has."""
        return 100_000 // self._part

    @property
    def history(self) -> int:
        """How many bookings have ended where there is a history."""
        return 1_000_000 // self._part

    def path(self, live: int, gpus: int = 1024, *, now: datetime = NOW, ended: int = 0) -> Path:
        """A database file of one's own with so many live bookings, and so many that ended."""
        name = f"{gpus}-{live}-{ended}-{int(now.timestamp())}"
        made = self.folder / f"{name}.db"
        if not made.exists():
            begun = self.folder / "begun.db"
            with opened(begun, lab(gpus), now) as site, unindexed(site):
                if ended:
                    fill_past(site, ended, now=now)
                fill(site, live, now=now)
            # Closing the last connection has moved everything into the file.
            begun.rename(made)
        self._copies += 1
        if ended:
            # Gigabytes, for one who asks; whoever asks next gets another.
            return made.rename(self.folder / f"{name}.{self._copies}.db")
        return Path(shutil.copy(made, self.folder / f"{name}.{self._copies}.db"))

    @contextmanager
    def site(
        self, live: int, gpus: int = 1024, *, ended: int = 0, cluster: Cluster | None = None
    ) -> Iterator[Site]:
        """A site over such a file, without what else the collector would have to look at."""
        path = self.path(live, gpus, ended=ended)
        with opened(path, cluster or lab(gpus)) as site:
            gc.collect()
            gc.freeze()  # As `gpubot serve` does when it has started.
            yield site
        gc.unfreeze()
        path.unlink()
