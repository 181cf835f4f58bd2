"""From every revision that a database may be at, with data in it, to the newest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import builders
import pytest
from builders import BOB, CHEN, NOW, TONIGHT, actor, request
from databases import BOTH, empty_database
from rows import made_up
from sqlalchemy import Connection, MetaData, Table, insert, select

from bot.domain.booking import BookingState
from bot.domain.conflict import Conflict
from bot.services import look
from bot.services.audit import verify
from bot.services.cancel import cancel
from bot.services.nodes import sync_nodes
from bot.services.record import FIRST_HASH, record_hash
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.services.turn_over import turn_over
from bot.store.database import Database
from bot.store.migrate import newest_revision, revision, upgrade

OLDER = [f"{number:04}" for number in range(1, int(newest_revision()))]
#: The first booking after those that are made up.
BOOKING = 5
END = TONIGHT + timedelta(hours=8)


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with empty_database(request.param, tmp_path) as made:
        yield made


def tables_of(connection: Connection) -> dict[str, Table]:
    """The tables as they are now, whatever the models say."""
    found = MetaData()
    found.reflect(connection)
    return {
        name: t for name, t in found.tables.items() if name not in ("alembic_version", "held_gpu")
    }


def everything(connection: Connection, columns: dict[str, list[str]]) -> dict[str, list[Any]]:
    """What stands in those columns, by table."""
    tables = tables_of(connection)
    return {
        name: sorted(
            map(repr, connection.execute(select(*(tables[name].c[c] for c in wanted)))),
        )
        for name, wanted in columns.items()
    }


def fill(connection: Connection) -> dict[str, list[str]]:
    """Made-up rows in every table, and one promise that holds; return all columns by table."""
    tables = tables_of(connection)
    for name, table in tables.items():
        if name != "audit":
            rows = [made_up(table, number) for number in range(1, BOOKING)]
            for row in rows:
                row.pop("id", None)
            connection.execute(insert(table), rows)
    _promise(connection, tables)
    return {name: list(table.columns.keys()) for name, table in tables.items()}


def _promise(connection: Connection, tables: dict[str, Table]) -> None:
    """All four GPUs of gpu-01 tonight, as any version has written it."""
    node = {"name": "gpu-01", "gpus": 4, "model": "V100", "position": 9, "revision": 1}
    connection.execute(insert(tables["node"]).values(**node, retired=False))
    booking = {
        "owner": BOB, "team": "vision", "start_at": TONIGHT, "end_at": END,
        "gpus": 4, "spread": False, "shares": '[["gpu-01", 4]]', "priority": 2,
        "preemptible": True, "purpose": "", "state": "reserved", "created_at": NOW,
        "created_by": BOB, "revision": 1,
    }  # fmt: skip
    made = connection.execute(insert(tables["booking"]).values(**booking))
    assert made.inserted_primary_key == (BOOKING,)
    claim = {"node": "gpu-01", "gpus": 4, "kind": "booking", "holder": BOOKING, "born": 1}
    start_s, end_s = int(TONIGHT.timestamp()), int(END.timestamp())
    connection.execute(insert(tables["claim"]).values(**claim, start_s=start_s, end_s=end_s))
    previous = FIRST_HASH
    for seq in (1, 2):
        record = {
            "seq": seq, "at": NOW, "actor": BOB, "action": "reserved", "booking": BOOKING,
            "node": None, "reason": "", "before": None, "after": "{}", "previous_hash": previous,
        }  # fmt: skip
        previous = record_hash(record)
        connection.execute(insert(tables["audit"]).values(**record, hash=previous))


@pytest.mark.parametrize("older", OLDER)
def test_nothing_is_lost_and_the_bot_goes_on(url: str, older: str) -> None:
    upgrade(url, older)
    with closing(Database(url)) as database:
        with database.transaction() as connection:
            assert revision(connection) == older
            columns = fill(connection)
        with database.snapshot() as connection:
            before = everything(connection, columns)
    upgrade(url)
    with closing(Database(url)) as database:
        with database.snapshot() as connection:
            assert revision(connection) == newest_revision()
            assert everything(connection, columns) == before
        _goes_on(Site.open(database, builders.cluster()))


def _goes_on(site: Site) -> None:
    sync_nodes(site, now=NOW)
    with pytest.raises(Conflict):
        reserve(site, actor(CHEN), request(1, node="gpu-01"), now=NOW)
    while turn_over(site, now=TONIGHT):
        pass
    booking = look.get_booking(site, BOOKING)
    assert (booking.state, booking.gpu_ids) == (BookingState.ACTIVE, (("gpu-01", (0, 1, 2, 3)),))
    new = reserve(site, actor(CHEN), request(1, END, node="gpu-01"), now=TONIGHT)
    assert new.id == BOOKING + 1
    cancel(site, actor(CHEN), new.id, now=TONIGHT)
    assert verify(site).ok
