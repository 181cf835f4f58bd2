"""Whoever watches over the year sees what is wrong."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import builders
import pytest
from builders import ALICE, BOB, DANA, TONIGHT, actor, request
from databases import new_database
from simulation.books import Books
from simulation.watch import Watch
from sqlalchemy import text

from bot.domain.booking import Priority
from bot.services.answer_transfer import accept_transfer
from bot.services.cancel import cancel
from bot.services.keep_time import keep_time
from bot.services.nodes import sync_nodes
from bot.services.preempt import preempt
from bot.services.reclaim import book_again
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.services.transfer import offer_transfer
from bot.store.database import Database


def test_only_who_gave_some_of_it_away_may_have_less_back(tmp_path: Path) -> None:
    url, cluster = new_database(tmp_path), builders.cluster()
    with closing(Database(url)) as database, closing(Books(url)) as books:
        site = Site.open(database, cluster)
        sync_nodes(site, now=TONIGHT)
        again = given_away(site)
        watch = Watch(books, cluster)
        watch.look(TONIGHT)
        (row,) = books.rows("SELECT * FROM preemption")
        watch._check_given_back(row)
        with database.transaction() as connection:
            own = text("UPDATE booking SET owner = :owner WHERE id = :id")
            connection.execute(own, {"owner": BOB, "id": again})
        with pytest.raises(AssertionError, match="B1 ends at"):
            watch._check_given_back(row)


def given_away(site: Site) -> int:
    """Bob runs until Dana has what he booked again for fear of urgent work; return what that is."""
    running = reserve(site, actor(BOB), request(8, node="gpu-03"), now=TONIGHT)
    keep_time(site, now=TONIGHT)
    asked = request(8, hours=2, node="gpu-03", priority=Priority.P0)
    taken = preempt(site, actor(ALICE), asked, reason="demo", expected={running.id}, now=TONIGHT)
    again = book_again(site, actor(BOB), taken.preemptions[0].id, now=TONIGHT)
    transfer = offer_transfer(site, actor(BOB), again.id, DANA, now=TONIGHT)
    accept_transfer(site, actor(DANA), transfer.id, now=TONIGHT)
    cancel(site, actor(ALICE), taken.booking.id, now=TONIGHT)
    return again.id
