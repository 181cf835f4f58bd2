"""The walk along the audit chain of a gpubot that runs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import BOB, NOW, TONIGHT, actor, request
from sqlalchemy import text

from bot.services import audit_watch
from bot.services.audit import verify
from bot.services.audit_fault import acknowledge
from bot.services.audit_watch import AuditWatch
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.store.database import Busy


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


def test_what_was_found_is_told_after_a_restart_and_by_other_processes(
    watch: AuditWatch, site: Site
) -> None:
    edit(site, "UPDATE audit SET actor = 'U0MALLORY' WHERE seq = 6")
    assert not look(watch)
    after = AuditWatch(site)
    after.look(now=NOW, walks=False)
    assert not after.is_whole


def test_another_process_walks_from_the_beginning(watch: AuditWatch, site: Site) -> None:
    assert look(watch)
    edit(site, "UPDATE audit SET actor = 'U0MALLORY' WHERE seq = 2")
    # This one left the walk to another, and has it again since that one died.
    watch.look(now=NOW, walks=False)
    assert watch.is_whole
    assert not look(watch)


def test_a_walk_left_to_another_is_not_gone_on_with(watch: AuditWatch, site: Site) -> None:
    watch.look(now=NOW, walks=False)
    edit(site, "UPDATE audit SET actor = 'U0MALLORY' WHERE seq = 1")
    for _ in range(8):
        watch.look(now=NOW, walks=False)
    assert watch.is_whole


def test_a_fault_that_could_not_be_kept_is_told_and_kept_later(
    watch: AuditWatch, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_site: Site, _fault: object) -> None:
        raise Busy()

    edit(site, "UPDATE audit SET actor = 'U0MALLORY' WHERE seq = 2")
    with monkeypatch.context() as patched:
        patched.setattr(audit_watch, "keep_fault", busy)
        for _ in range(2):
            with pytest.raises(Busy):
                watch.look(now=NOW)
            assert not watch.is_whole
    watch.look(now=NOW)
    after = AuditWatch(site)
    after.look(now=NOW, walks=False)
    assert not after.is_whole


def test_an_end_that_is_missing_after_a_failover_can_be_acknowledged(
    watch: AuditWatch, site: Site
) -> None:
    assert look(watch)
    edit(site, "DELETE FROM audit WHERE seq = 7")
    assert not look(watch)
    reserve(site, actor(BOB), request(1, TONIGHT + timedelta(days=9)), now=NOW)
    fault = acknowledge(site, "the standby took over", now=NOW)
    assert fault is not None
    assert fault.seq == 7
    assert look(watch)
    assert verify(site).ok
    assert acknowledge(site, "again", now=NOW) is None


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit SET actor = 'U0MALLORY' WHERE seq = 3", "DELETE FROM audit WHERE seq = 3"],
)
def test_a_record_that_was_looked_into_hides_no_other(
    watch: AuditWatch, site: Site, statement: str
) -> None:
    edit(site, statement)
    assert not look(watch)
    acknowledge(site, "a disk", now=NOW)
    assert look(watch)
    assert look(AuditWatch(site))
    assert not verify(site).ok
    edit(site, "UPDATE audit SET actor = 'U0MALLORY' WHERE seq = 5")
    assert not look(AuditWatch(site))
    acknowledge(site, "the same disk", now=NOW)
    assert look(AuditWatch(site))
    edit(site, "UPDATE audit SET actor = 'U0EVE' WHERE seq = 5")
    assert not look(AuditWatch(site))


def test_an_empty_chain_is_whole(site: Site) -> None:
    assert look(AuditWatch(site))
