"""What PostgreSQL holds by itself, should gpubot's own lock and checks ever fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import timedelta
from typing import Any

import builders
import pytest
from databases import database_of
from patience import PATIENCE_S, soon_given_up
from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import col

from bot.services.nodes import sync_nodes
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.services.turn_over import turn_over
from bot.store import models
from bot.store.database import Database
from bot.store.errors import Busy
from bot.store.prepared import Prepared

pytestmark = pytest.mark.postgresql

HOUR = 3600


@pytest.fixture
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with (
        database_of("PostgreSQL", tmp_path_factory.mktemp("none")) as url,
        closing(Database(url)) as opened,
    ):
        with opened.transaction() as connection:
            connection.execute(
                insert(models.Node).values(
                    name="gpu-01", gpus=4, model="V100", position=0, revision=0, retired=False
                )
            )
        yield opened


def claim(
    connection: Connection, start: int, end: int, gpus: int, kind: str = "booking", **more: int
) -> int:
    """A claim in hours, without a look at what is free: what a mistake of ours would write."""
    values: dict[str, Any] = {"born": 1, "holder": 1, **more}
    statement = insert(models.Claim).values(
        node="gpu-01", start_s=start * HOUR, end_s=end * HOUR, gpus=gpus, kind=kind, **values
    )
    key = connection.execute(statement).inserted_primary_key
    assert key is not None
    return int(key[0])


def give_up(connection: Connection, claim_id: int, gone: int) -> None:
    connection.execute(
        update(models.Claim).where(col(models.Claim.id) == claim_id).values(gone=gone)
    )


def test_a_commit_that_promises_more_than_a_node_has_is_refused(database: Database) -> None:
    with database.transaction() as connection:
        claim(connection, 0, 10, 2)
        claim(connection, 5, 15, 2)
    with pytest.raises(Busy), database.transaction() as connection:
        claim(connection, 9, 20, 1, born=2)
    with database.transaction() as connection:
        claim(connection, 10, 20, 2, born=2)


def test_an_overlap_anywhere_in_the_window_counts(database: Database) -> None:
    with database.transaction() as connection:
        claim(connection, 10, 12, 4)
    with pytest.raises(Busy), database.transaction() as connection:
        claim(connection, 0, 100, 1, born=2)


def test_offers_and_holds_count_as_bookings_do(database: Database) -> None:
    with database.transaction() as connection:
        claim(connection, 0, 10, 3, "offer")
    with pytest.raises(Busy), database.transaction() as connection:
        claim(connection, 0, 10, 2, "hold", born=2)


def test_gpus_may_pass_from_one_to_the_next_in_one_transaction(database: Database) -> None:
    with database.transaction() as connection:
        before = claim(connection, 0, 10, 4)
    with database.transaction() as connection:
        claim(connection, 5, 15, 4, born=2)
        give_up(connection, before, 2)
        claim(connection, 0, 5, 4, born=2)


def test_what_was_promised_before_may_stay_on_a_node_that_shrank(database: Database) -> None:
    with database.transaction() as connection:
        before = claim(connection, 0, 10, 4)
    with database.transaction() as connection:
        connection.execute(update(models.Node).values(gpus=2))
    with database.transaction() as connection:
        give_up(connection, before, 2)
        claim(connection, 0, 5, 3, born=2)
    with pytest.raises(Busy), database.transaction() as connection:
        claim(connection, 0, 5, 1, born=3)


def test_a_drain_closes_what_is_booked_and_nothing_new_comes(database: Database) -> None:
    with database.transaction() as connection:
        before = claim(connection, 0, 10, 2)
    with database.transaction() as connection:
        claim(connection, 2, 100, 4, "drain", born=2)
        give_up(connection, before, 2)
        claim(connection, 0, 10, 2, born=2)
    with pytest.raises(Busy), database.transaction() as connection:
        claim(connection, 50, 60, 1, born=3)


def test_of_two_commits_at_once_without_the_lock_one_is_refused(database: Database) -> None:
    """Each sees the GPUs free, and neither sees the other's claim before it commits."""
    both_wrote, outcomes = threading.Barrier(2), []

    def write() -> None:
        try:
            with database.transaction(exclusive=False) as connection:
                claim(connection, 0, 10, 3)
                both_wrote.wait(timeout=PATIENCE_S)
            outcomes.append("committed")
        except Busy:
            outcomes.append("refused")

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["committed", "refused"]


@pytest.fixture
def active(database: Database) -> Callable[..., None]:
    """Write an active booking with certain GPUs, without a look at who has them."""
    now = builders.NOW

    def write(connection: Connection, ids: str, hours: tuple[int, int] = (0, 4)) -> None:
        start, end = (now + timedelta(hours=hour) for hour in hours)
        connection.execute(
            insert(models.Booking).values(
                owner="U0BOB", team="vision", start_at=start, end_at=end, gpus=1, shares="[]",
                priority=2, preemptible=True, state="active", created_at=now, created_by="U0BOB",
                gpu_ids=ids, spread=False, purpose="", revision=1, queued=False,
            )
        )  # fmt: skip

    return write


def test_no_gpu_is_held_by_two_active_bookings(
    database: Database, active: Callable[..., None]
) -> None:
    with database.transaction() as connection:
        active(connection, '[["gpu-01", [0, 1]], ["gpu-02", [3]]]')
        active(connection, '[["gpu-01", [2]]]')
        active(connection, '[["gpu-01", [0]]]', (4, 8))
    for ids in ('[["gpu-01", [1]]]', '[["gpu-02", [2, 3]]]'):
        with pytest.raises(Busy), database.transaction() as connection:
            active(connection, ids, (3, 5))
    with database.transaction() as connection:
        connection.execute(update(models.Booking).values(state="ended"))
        active(connection, '[["gpu-01", [1]]]', (3, 5))


def test_what_is_held_follows_the_bookings(database: Database) -> None:
    site = Site.open(database, builders.cluster())
    sync_nodes(site, now=builders.NOW)
    booking = reserve(
        site, builders.actor(builders.BOB), builders.request(2, node="gpu-01"), now=builders.NOW
    )

    def held() -> list[Any]:
        with database.snapshot() as connection:
            found = connection.execute(text("SELECT booking, node, gpu FROM held_gpu ORDER BY gpu"))
            return [tuple(row) for row in found]

    assert held() == []
    turn_over(site, now=builders.TONIGHT)
    assert held() == [(booking.id, "gpu-01", 0), (booking.id, "gpu-01", 1)]
    turn_over(site, now=booking.window.end)
    assert held() == []


def test_a_writer_that_hangs_keeps_others_waiting_no_longer_than_they_would(
    database: Database,
) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    with soon_given_up(), closing(Database(url)) as other:
        with database.transaction(), pytest.raises(Busy), other.transaction():
            pass
        with other.snapshot() as connection:
            assert connection.execute(select(col(models.Node.name))).scalar_one() == "gpu-01"


def test_a_snapshot_can_change_nothing(database: Database) -> None:
    with pytest.raises(DBAPIError), database.snapshot() as connection:
        connection.execute(update(models.Node).values(gpus=1))


def test_a_snapshot_is_of_one_instant(database: Database) -> None:
    count = text("SELECT count(*) FROM claim")
    with database.snapshot() as connection:
        assert connection.execute(count).scalar_one() == 0
        with database.transaction() as writer:
            claim(writer, 0, 1, 1)
        assert connection.execute(count).scalar_one() == 0


def test_what_is_prepared_stays_so_after_what_was_rolled_back(database: Database) -> None:
    prepared = text("SELECT count(*) FROM pg_prepared_statements")
    for _ in range(10):
        with database.snapshot() as connection:
            before = connection.execute(prepared).scalar_one()
    with suppress(ZeroDivisionError), database.transaction() as connection:
        claim(connection, 0, 10, 4)
        raise ZeroDivisionError
    with database.snapshot() as connection:
        assert connection.execute(prepared).scalar_one() == before > 0
        assert not connection.execute(select(models.Claim)).all()


def test_a_statement_whose_plan_no_longer_fits_fails_only_once(database: Database) -> None:
    """As when an update of another replica has changed the type of a column."""
    question = Prepared(text("SELECT many FROM counted"))

    def ask() -> None:
        with database.snapshot() as connection:
            question.rows(connection)

    with database.transaction() as connection:
        connection.execute(text("CREATE TABLE counted (many int)"))
    for _ in range(8):  # The driver prepares what is asked often.
        ask()
    url = database.engine.url.render_as_string(hide_password=False)
    with closing(Database(url)) as other, other.transaction() as connection:
        connection.execute(text("ALTER TABLE counted ALTER many TYPE bigint"))
    with pytest.raises(DBAPIError):
        ask()
    for _ in range(8):
        ask()
