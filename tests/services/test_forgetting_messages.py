"""What was sent is forgotten when nothing that it told of can still be ahead; receipts, too."""

from __future__ import annotations

from datetime import timedelta

from builders import BOB, NOW, TONIGHT, actor, request
from delivering import deliver
from sqlalchemy import text

from bot.services import delivery, receipts
from bot.services.forget_sent import forget_sent
from bot.services.reserve import reserve

#: The policy's horizon, its longest booking, and 90 days.
KEPT = timedelta(days=90 + 7 + 90)
SECOND = timedelta(seconds=1)


def book(site, now=NOW, hours=2):
    reserve(site, actor(BOB), request(1, TONIGHT, hours), now=now)


def rows(site):
    with site.database.snapshot() as connection:
        return connection.execute(text("SELECT count(*) FROM outbox")).scalar_one()


def test_what_was_sent_long_ago_is_dropped_and_no_day_sooner(site):
    book(site)
    deliver(site, NOW)
    written = rows(site)
    assert forget_sent(site, now=NOW + KEPT) == 0
    assert forget_sent(site, now=NOW + KEPT + SECOND) == written > 0
    assert rows(site) == 0


def test_what_waits_for_slack_is_kept_however_old(site):
    book(site)
    assert forget_sent(site, now=NOW + 2 * KEPT) == 0
    assert delivery.heads(site, now=NOW)


def test_more_than_one_batch_is_dropped_and_what_is_newer_stays(site, monkeypatch):
    monkeypatch.setattr("bot.services.forget_sent.BATCH", 2)
    for hours in (2, 4, 6):
        book(site, hours=hours)
    old = rows(site)
    book(site, now=NOW + SECOND)
    deliver(site, NOW)
    newer = rows(site) - old
    assert forget_sent(site, now=NOW + KEPT + SECOND) == old > 2
    assert rows(site) == newer > 0


def test_a_receipt_is_dropped_after_thirty_days_and_no_day_sooner(site):
    def booking(now):
        return reserve(site, actor(BOB), request(1, TONIGHT, 2), now=now, key="the same").id

    first = booking(NOW)
    assert receipts.forget(site, now=NOW + timedelta(days=30)) == 0
    assert booking(NOW) == first
    assert receipts.forget(site, now=NOW + timedelta(days=30) + SECOND) == 1
    assert booking(NOW) > first
