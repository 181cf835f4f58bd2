"""The audit chain: one record a change, and any later edit shows."""

import csv
import io
import json
from zoneinfo import ZoneInfo

import pytest
from builders import ALICE, BOB, NOW, actor, request
from sqlalchemy import text

from bot.services.audit import FIELDS, export, verify
from bot.services.cancel import cancel
from bot.services.reserve import reserve


@pytest.fixture
def history(site):
    for _ in range(3):
        booking = reserve(site, actor(BOB), request(1, purpose="=cmd|' /C calc'!A0"), now=NOW)
    cancel(site, actor(ALICE), booking.id, reason="=1+1", now=NOW)
    return site


def test_an_untouched_chain_is_whole(history):
    assert verify(history).ok
    assert verify(history).records == 4


def test_an_empty_chain_is_whole(site):
    assert verify(site).ok


@pytest.mark.parametrize(
    ("edit", "first_bad"),
    [
        ("UPDATE audit SET actor = 'U0MALLORY' WHERE seq = 2", 2),
        ("UPDATE audit SET reason = '' WHERE seq = 4", 4),
        ("UPDATE audit SET after = NULL WHERE seq = 1", 1),
        ("UPDATE audit SET at = '2020-01-01 00:00:00' WHERE seq = 3", 3),
        ("UPDATE audit SET hash = previous_hash WHERE seq = 2", 2),
        ("DELETE FROM audit WHERE seq = 2", 3),
        ("DELETE FROM audit WHERE seq = 1", 2),
    ],
)
def test_any_later_edit_shows(history, edit, first_bad):
    with history.database.transaction() as connection:
        connection.execute(text(edit))
    verdict = verify(history)
    assert (verdict.ok, verdict.first_bad) == (False, first_bad)


def test_a_record_says_who_did_what_when_and_why(history):
    stream = io.StringIO()
    assert export(history, "jsonl", stream) == 4
    last = [json.loads(line) for line in stream.getvalue().splitlines()][-1]
    assert (last["actor"], last["action"], last["reason"]) == (ALICE, "cancelled", "=1+1")
    assert (last["before"]["state"], last["after"]["state"]) == ("reserved", "cancelled")
    assert last["at"] == NOW.isoformat()


def test_a_spreadsheet_never_sees_a_formula(history):
    stream = io.StringIO()
    export(history, "csv", stream)
    header, *rows = csv.reader(io.StringIO(stream.getvalue()))
    assert tuple(header) == FIELDS
    assert rows[-1][FIELDS.index("reason")] == "'=1+1"


def test_a_clock_in_another_zone_with_fractions_leaves_a_whole_chain(site):
    now = NOW.astimezone(ZoneInfo("Asia/Shanghai")).replace(microsecond=123456)
    reserve(site, actor(BOB), request(1), now=now)
    assert verify(site).ok
