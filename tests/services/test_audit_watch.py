"""The walk along the audit chain of a gpubot that runs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import BOB, NOW, TONIGHT, actor, request
from sqlalchemy import bindparam, text, update
from sqlmodel import col

from bot.services import audit_watch
from bot.services.audit import verify
from bot.services.audit_fault import Fault, acknowledge, keep_fault
from bot.services.audit_watch import AuditWatch
from bot.services.record import FIRST_HASH, record_hash
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.store import queries
from bot.store.errors import Busy
from bot.store.models import Audit

_RECORDS = queries.columns(Audit).where(col(Audit.seq) <= bindparam("to")).order_by(col(Audit.seq))


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


def is_whole(site: Site) -> bool:
    """What a walk from the beginning says, and so does `gpubot audit verify`."""
    whole = look(AuditWatch(site))
    assert verify(site).ok == whole
    return whole


def write_anew(site: Site, name: str, *, to: int) -> None:
    """Give the records up to the number `to` another actor, with hashes that hold."""
    previous = FIRST_HASH
    with site.database.transaction() as connection:
        rows = connection.execute(_RECORDS, {"to": to}).all()
        for row in rows:
            values = {**row._asdict(), "actor": name, "previous_hash": previous}
            values["hash"] = previous = record_hash(values)
            connection.execute(update(Audit).where(col(Audit.seq) == row.seq).values(values))


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
    assert is_whole(site)
    edit(site, "UPDATE audit SET actor = 'U0MALLORY' WHERE seq = 5")
    assert not is_whole(site)
    acknowledge(site, "the same disk", now=NOW)
    assert is_whole(site)
    assert [said for _seq, said in verify(site).acknowledged] == ["a disk", "the same disk"]
    edit(site, "UPDATE audit SET actor = 'U0EVE' WHERE seq = 5")
    assert not is_whole(site)


def test_a_record_that_was_looked_into_hides_none_that_went_before_it(
    watch: AuditWatch, site: Site
) -> None:
    edit(site, "DELETE FROM audit WHERE seq = 6")
    assert not look(watch)
    acknowledge(site, "a disk", now=NOW)
    assert is_whole(site)
    edit(site, "DELETE FROM audit WHERE seq IN (3, 4, 5)")
    assert not is_whole(site)


def test_a_record_that_was_looked_into_hides_no_chain_written_anew_before_it(
    watch: AuditWatch, site: Site
) -> None:
    write_anew(site, "U0MALLORY", to=5)
    assert not look(watch)
    acknowledge(site, "a disk", now=NOW)
    assert is_whole(site)
    write_anew(site, "U0EVE", to=5)
    assert not is_whole(site)


def test_a_fault_that_an_older_version_kept_is_told_once_more(
    watch: AuditWatch, site: Site
) -> None:
    edit(site, "UPDATE audit SET actor = 'U0MALLORY' WHERE seq = 6")
    keep_fault(site, Fault(6, "its content was changed after it was written", NOW.isoformat()))
    acknowledge(site, "a disk", now=NOW)
    assert not is_whole(site)
    acknowledge(site, "the same disk", now=NOW)
    assert is_whole(site)


def test_a_note_that_stands_where_nobody_walks_counts_for_nothing(
    watch: AuditWatch, site: Site
) -> None:
    edit(site, "UPDATE audit SET actor = 'U0MALLORY' WHERE seq = 6")
    assert not look(watch)
    acknowledge(site, "a disk", now=NOW)
    assert is_whole(site)
    edit(site, "UPDATE audit SET seq = -1 WHERE action = 'audit_acknowledged'")
    assert not is_whole(site)


def test_a_note_that_was_spoilt_hides_nothing(watch: AuditWatch, site: Site) -> None:
    edit(site, "UPDATE audit SET actor = 'U0MALLORY' WHERE seq = 3")
    assert not look(watch)
    acknowledge(site, "a disk", now=NOW)
    for after in ("{", "[1]", '{"seq": {}}', "[" * 100_000):
        with site.database.transaction() as connection:
            spoil = text("UPDATE audit SET after = :after WHERE action = 'audit_acknowledged'")
            connection.execute(spoil, {"after": after})
        assert not is_whole(site)


def test_an_empty_chain_is_whole(site: Site) -> None:
    assert look(AuditWatch(site))
