"""Reading runs for those who look at their booking."""

from __future__ import annotations

from collections.abc import Collection

from bot.domain.errors import N_, NotFound
from bot.domain.notes import Note
from bot.domain.run import Run, RunState
from bot.services.site import Site
from bot.store import run_queries


def get_run(site: Site, run_id: int) -> Run:
    """The run with that id; raise NotFound when there is none."""
    with site.database.snapshot() as connection:
        run = run_queries.find_run(connection, run_id)
    if run is None:
        raise NotFound(what=Note(N_("such run")))
    return run


def run_with_key(site: Site, key: str) -> Run | None:
    """The run with that key; None when there is none."""
    with site.database.snapshot() as connection:
        return run_queries.run_by_key(connection, key)


def latest_run(site: Site, booking_id: int) -> Run | None:
    """The last run of a booking; None when nothing was ever started there."""
    with site.database.snapshot() as connection:
        return run_queries.latest_run(connection, booking_id)


def runs_its_job(site: Site, booking_id: int) -> bool:
    """Whether it is too late to give the booking another job: a runner has this one."""
    run = latest_run(site, booking_id)
    return run is not None and not run.state.is_over and run.state is not RunState.WANTED


def settled_runs(site: Site, keys: Collection[str]) -> list[str]:
    """Those of the runs with these keys about which nothing is to be done any more."""
    if not keys:
        return []
    with site.database.snapshot() as connection:
        return run_queries.settled_among(connection, keys)
