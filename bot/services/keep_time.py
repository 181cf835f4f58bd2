"""Everything that is due, in the order in which it has to happen at one instant.

Each step is a transaction of its own and finds what is due by looking at rows: it may run twice,
late, or after a crash (design: "Restart safety").
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from bot.services.answer_offer import expire_offers
from bot.services.answer_transfer import expire_transfers
from bot.services.edit_waitlist import expire_entries
from bot.services.no_show import ask_idle, release_unused
from bot.services.reclaim import postpone_unwarned
from bot.services.remind import remind
from bot.services.resume import expire_drains
from bot.services.serve_again import serve_again
from bot.services.serve_queue import serve_queue
from bot.services.site import Site
from bot.services.turn_over import turn_over

log = logging.getLogger(__name__)

#: Notices before an end, then ends and starts, then what they leave for others.
STEPS: tuple[Callable[..., int], ...] = (
    remind,
    expire_drains,
    postpone_unwarned,
    turn_over,
    expire_offers,
    release_unused,
    ask_idle,
    expire_transfers,
    expire_entries,
    serve_again,
    serve_queue,
)


def keep_time(site: Site, *, now: datetime) -> int:
    """Do what is due at `now`; return how many things were done.

    A step that fails holds up no other; the first failure is raised at the end.
    """
    done, failures = 0, []
    for step in STEPS:
        try:
            done += step(site, now=now)
        except Exception as error:  # noqa: BLE001 - reported below, after the other steps
            log.warning("%s failed: %s", step.__name__, error)
            failures.append(error)
    if failures:
        raise failures[0]
    return done
