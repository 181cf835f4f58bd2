"""Everything that is due, in the order in which it has to happen at one instant.

Each step is a transaction of its own and finds what is due by looking at rows: it may run twice,
late, or after a crash (design: "Restart safety"). Mostly nothing is due: then all of them together
cost one snapshot and a question each.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from bot.services.answer_offer import expire_offers, offers_expire
from bot.services.answer_transfer import expire_transfers, transfers_expire
from bot.services.edit_waitlist import entries_expire, expire_entries
from bot.services.no_show import ask_idle, release_unused, seem_unused, stay_unanswered
from bot.services.reclaim import postpone_unwarned, reclaims_are_due
from bot.services.remind import remind, reminders_are_due
from bot.services.resume import drains_expire, expire_drains
from bot.services.serve_again import quotas_may_have_room, serve_again
from bot.services.serve_queue import gaps_have_come, serve_queue
from bot.services.site import Site
from bot.services.turn_over import turn_over, turn_over_is_due
from bot.store.errors import Busy, Full, Unreachable

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """Something that time does.

    `run(site, now=…)` does it and tells how much that was. `is_due(site, snapshot, now)` tells
    whether there may be anything to do: True without need costs a transaction, False without
    need would lose what is due.
    """

    is_due: Callable[[Site, Connection, datetime], bool]
    run: Callable[..., int]


#: Notices before an end, then ends and starts, then what they leave for others.
STEPS = (
    Step(reminders_are_due, remind),
    Step(drains_expire, expire_drains),
    Step(reclaims_are_due, postpone_unwarned),
    Step(turn_over_is_due, turn_over),
    Step(offers_expire, expire_offers),
    Step(stay_unanswered, release_unused),
    Step(seem_unused, ask_idle),
    Step(transfers_expire, expire_transfers),
    Step(entries_expire, expire_entries),
    Step(quotas_may_have_room, serve_again),
    Step(gaps_have_come, serve_queue),
)


def keep_time(site: Site, *, now: datetime) -> int:
    """Do what is due at `now`; return how many things were done.

    A step that fails holds up no other; the first failure is raised at the end. While the database
    is away, or full, the others would fail of it as well: they have their turn next time.
    """
    done, failures = 0, []
    for step in _from_the_first_due(site, now):
        try:
            done += _do(step, site, now)
        except (Unreachable, Full):
            raise
        except Exception as error:  # noqa: BLE001 - reported below, after the other steps
            # Its own log tells what keeps the database busy.
            level = logging.DEBUG if isinstance(error, Busy) else logging.WARNING
            log.log(level, "%s failed: %s", step.run.__name__, error)
            failures.append(error)
    if failures:
        raise failures[0]
    return done


def _from_the_first_due(site: Site, now: datetime) -> tuple[Step, ...]:
    """The steps from the first that is due; what it does may make later ones due as well."""
    with site.database.snapshot() as connection:
        for place, step in enumerate(STEPS):
            try:
                if step.is_due(site, connection, now):
                    return STEPS[place:]
            except Exception:  # noqa: BLE001 - it fails again when its turn comes
                return STEPS[place:]
    return ()


def _do(step: Step, site: Site, now: datetime) -> int:
    with site.database.snapshot() as connection:
        if not step.is_due(site, connection, now):
            return 0
    return step.run(site, now=now)
