"""The same tick in three processes at the same moment: everything due is done once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from builders import ADMIN, CHEN, DANA, actor, request
from delivering import deliver
from promises import check_promises
from restart import story
from restart.ending import ONCE
from restart.story import CLUSTER, HOUR, MINUTE, STORY
from sqlalchemy import text

from bot.domain.errors import BookingError
from bot.services import keep_time
from bot.services.audit import verify
from bot.services.drain import drain
from bot.services.keep_time import STEPS
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.services.transfer import offer_transfer
from bot.store.errors import Busy

pytestmark = [pytest.mark.postgresql, pytest.mark.timeout(300)]

AGAIN = timedelta(minutes=20)
PROCESSES = 3
#: While Slack takes nothing, whoever is to give up GPUs has not been warned.
SILENT_FROM = datetime(2026, 11, 25, 8, 30, tzinfo=UTC)
SILENT_UNTIL = SILENT_FROM + timedelta(minutes=45)
#: Quotas would keep people from what they do in the story.
NEEDS_QUOTAS = {"serve_again"}


def _drains(site: Site, now: datetime) -> None:
    drain(site, actor(ADMIN), "gpu-02", until=now + 2 * HOUR, reason="fans", now=now)


def _offers_in_vain(site: Site, now: datetime) -> None:
    start = site.cluster.grid.ceil(now) + 24 * HOUR
    booked = reserve(site, actor(DANA), request(1, start, 2), now=now)
    offer_transfer(site, actor(DANA), booked.id, CHEN, now=now)


MORNING = datetime(2026, 11, 26, 1, 10, tzinfo=UTC)
STEPS_OF_ALL = (
    *STORY,
    story.Step(MORNING, "gpu-02 goes out of service for a while", _drains),
    story.Step(MORNING + MINUTE, "dana offers hers to chen, who does not answer", _offers_in_vain),
    story.Step(MORNING + 30 * HOUR, "nothing", lambda _site, _now: None),
)


class Ticks:
    """The ticks of several processes; `done` counts what each step has done."""

    def __init__(self, sites: list[Site]) -> None:
        self._sites = sites
        self.done: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.failures: list[BaseException] = []

    def run(self, now: datetime) -> None:
        """Each step in all processes at once."""
        self._deliver(now)
        for step in STEPS:
            together = threading.Barrier(len(self._sites))
            threads = [
                threading.Thread(target=self._step, args=(step, site, now, together))
                for site in self._sites
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self._deliver(now)

    def _deliver(self, now: datetime) -> None:
        if not SILENT_FROM <= now < SILENT_UNTIL:
            deliver(self._sites[0], now)

    def _step(
        self, step: keep_time.Step, site: Site, now: datetime, together: threading.Barrier
    ) -> None:
        together.wait(60)
        try:
            with site.database.snapshot() as snapshot:
                is_due = step.is_due(site, snapshot, now)
            done = step.run(site, now=now) if is_due else 0
            with self._lock:
                self.done[step.run.__name__] += done
        except Busy:
            # Its next turn comes.
            pass
        except Exception as error:  # noqa: BLE001 - the test reports it
            self.failures.append(error)


@pytest.mark.parametrize("database_url", ["PostgreSQL"], indirect=True)
def test_every_step_of_a_tick_may_be_taken_by_several_processes_at_once(
    open_site: Callable[..., Site],
) -> None:
    sites = [open_site(CLUSTER) for _ in range(PROCESSES)]
    ticks, now = Ticks(sites), STORY[0].at
    for number, step in enumerate(STEPS_OF_ALL):
        again = AGAIN if step.at <= MORNING else 6 * AGAIN
        while now + again < step.at:
            now += again
            ticks.run(now)
        now = step.at
        ticks.run(now)
        with suppress(BookingError):
            step.act(sites[number % PROCESSES], now)
    assert ticks.failures == []
    site = sites[0]
    with site.database.snapshot() as connection:
        rows = connection.execute(text("SELECT action, booking FROM audit")).all()
    counts = Counter((row.action, row.booking) for row in rows)
    assert {key: n for key, n in counts.items() if n > 1 and key[0] in ONCE} == {}
    assert verify(site).ok
    check_promises(site)
    assert {step.run.__name__ for step in STEPS} - set(+ticks.done) == NEEDS_QUOTAS
