"""The walk along the audit chain of a gpubot that runs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import BOB, NOW, TONIGHT, actor, request
from sqlalchemy import text

from bot.services import audit_watch
from bot.services.audit_watch import AuditWatch
from bot.services.reserve import reserve
from bot.services.site import Site


@pytest.fixture
def watch(site: Site, monkeypatch: pytest.MonkeyPatch) -> AuditWatch:
    """Of a site with seven records, three of which are looked at each time."""
    monkeypatch.setattr(audit_watch, "AT_ONCE", 3)
    few = audit_watch._NEXT.limit(3)
    monkeypatch.setattr(audit_watch, "_NEXT", few)
    for number in range(7):
        start = TONIGHT + timedelta(days=number)
        reserve(site, actor(BOB), request(1, start), now=NOW)
    return AuditWatch(site)


def look(watch: AuditWatch, times: int = 8) -> bool:
    for _ in range(times):
        watch.look(now=NOW)
    return watch.is_whole


def edit(site: Site, statement: str) -> None:
    with site.database.transaction() as connection:
        connection.execute(text(statement))


def test_a_chain_that_nobody_touched_is_whole(watch: AuditWatch, site: Site) -> None:
    assert look(watch)
    reserve(site, actor(BOB), request(1, TONIGHT + timedelta(days=9)), now=NOW)
    assert look(watch)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'U0MALLORY' WHERE seq = 6",
        "DELETE FROM audit WHERE seq = 4",
        "UPDATE audit SET seq = 70 WHERE seq = 7",
    ],
)
def test_an_edit_is_found_and_stays_found(watch: AuditWatch, site: Site, statement: str) -> None:
    edit(site, statement)
    assert not look(watch)
    assert not look(watch)


def test_an_edit_of_what_was_looked_at_is_found_a_day_later(watch: AuditWatch, site: Site) -> None:
    assert look(watch)
    edit(site, "UPDATE audit SET actor = 'U0MALLORY' WHERE seq = 2")
    assert look(watch)
    watch.look(now=NOW + timedelta(days=1))
    assert not look(watch)


def test_records_cut_off_at_the_end_are_missed(watch: AuditWatch, site: Site) -> None:
    assert look(watch)
    edit(site, "DELETE FROM audit WHERE seq = 7")
    assert not look(watch)


def test_an_empty_chain_is_whole(site: Site) -> None:
    assert look(AuditWatch(site))
