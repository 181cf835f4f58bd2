"""The tick writes nothing in vain for those who wait: what it takes for due can be served."""

from __future__ import annotations

from datetime import datetime

from builders import ALICE, BOB, NOW, actor, cluster, request
from wanting import HOUR, MINUTE, short, wish

from bot.domain.booking import Booking
from bot.domain.cluster import Quota
from bot.services.join_waitlist import join_queue, join_waitlist
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.serve_again import quotas_may_have_room
from bot.services.serve_queue import gaps_have_come, serve_queue
from bot.services.site import Site

#: The next line of the grid is 83 minutes away.
TO_THE_LINE = 83 / 60
LINE = NOW + 83 * MINUTE


def taken(site: Site, start: datetime = NOW, hours: float = TO_THE_LINE) -> Booking:
    """Alice has all of gpu-01."""
    return reserve(site, actor(ALICE), request(4, start, hours, node="gpu-01"), now=NOW)


def test_a_gap_is_none_that_leaves_no_time_for_the_answer(site: Site) -> None:
    first = taken(site)
    taken(site, LINE, 2)
    join_queue(site, actor(BOB), short(minutes=80, command=""), now=NOW)
    release(site, actor(ALICE), first.id, now=NOW + MINUTE)
    with site.database.snapshot() as connection:
        assert not gaps_have_come(site, connection, NOW + MINUTE)
    assert serve_queue(site, now=NOW + MINUTE) == 0


def test_a_gap_is_none_for_somebody_whose_quota_is_used_up(open_site) -> None:
    site = open_site(cluster(user_quota=Quota(open_bookings=1)))
    first = taken(site)
    join_queue(site, actor(BOB), short(), now=NOW)
    reserve(site, actor(BOB), request(4, NOW, TO_THE_LINE, node="gpu-02"), now=NOW)
    release(site, actor(ALICE), first.id, now=NOW + MINUTE)
    with site.database.snapshot() as connection:
        assert not gaps_have_come(site, connection, NOW + MINUTE)
        # By then Bob's own booking is over, and nothing but the tick has to tell.
        assert gaps_have_come(site, connection, NOW + HOUR + 23 * MINUTE)


def test_what_is_free_is_not_for_somebody_whose_quota_is_used_up(open_site) -> None:
    site = open_site(cluster(user_quota=Quota(open_bookings=1)))
    first = taken(site, hours=24 + TO_THE_LINE)
    reserve(site, actor(BOB), request(4, NOW, TO_THE_LINE, node="gpu-02"), now=NOW)
    join_waitlist(site, actor(BOB), wish(), now=NOW)
    release(site, actor(ALICE), first.id, now=NOW + MINUTE)
    with site.database.snapshot() as connection:
        assert not quotas_may_have_room(site, connection, NOW + MINUTE)
