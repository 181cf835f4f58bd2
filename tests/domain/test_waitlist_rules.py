"""Wishes: their order, when they come too late, where they fit, and how long offers hold."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.domain.booking import Priority, Shape
from bot.domain.calendar import Calendar, Claim
from bot.domain.cluster import Node
from bot.domain.lattice import Lattice
from bot.domain.waitlist import (
    EntryKind,
    EntryState,
    Offer,
    OfferState,
    WaitlistEntry,
    answer_until,
    entry_label,
    find_room,
    parse_entry_id,
)
from bot.domain.window import Grid, Window

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
GRID = Grid(2 * HOUR, ZoneInfo("Asia/Shanghai"))
#: A line of the grid.
LINE = datetime(2026, 11, 25, 14, tzinfo=UTC)
EXPIRES = 15 * MINUTE


def entry(
    number: int = 1,
    *,
    kind: EntryKind = EntryKind.WINDOW,
    length: timedelta = 4 * HOUR,
    latest: datetime = LINE + 12 * HOUR,
    earliest: datetime = LINE,
    not_before: datetime | None = None,
    priority: Priority = Priority.P2,
    created_at: datetime = LINE - HOUR,
    gpus: int = 4,
) -> WaitlistEntry:
    return WaitlistEntry(
        id=number,
        owner="U0BOB",
        team="vision",
        kind=kind,
        shape=Shape(gpus),
        length=length,
        earliest=earliest,
        latest=latest,
        not_before=not_before or earliest,
        priority=priority,
        preemptible=True,
        purpose="",
        state=EntryState.WAITING,
        created_at=created_at,
    )


def calendar(*taken: tuple[datetime, datetime, int]) -> Calendar:
    """A node of four GPUs with what is taken of it."""
    lattice = Lattice.build(GRID, LINE - 24 * HOUR, LINE + 96 * HOUR)
    rows = (
        (n, "gpu-01", int(start.timestamp()), int(end.timestamp()), gpus)
        for n, (start, end, gpus) in enumerate(taken)
    )
    return Calendar.load([Node("gpu-01", 4, "V100")], rows, lattice)


@pytest.mark.parametrize(
    ("now", "not_before", "past"),
    [
        (LINE, LINE, False),
        (LINE + 8 * HOUR, LINE, False),
        (LINE + 8 * HOUR + 5 * MINUTE, LINE, False),
        (LINE + 8 * HOUR + 5 * MINUTE + SECOND, LINE, True),
        (LINE, LINE + 8 * HOUR, False),
        (LINE, LINE + 10 * HOUR, True),
    ],
)
def test_a_wish_is_past_when_nothing_could_end_in_time(now, not_before, past):
    assert entry(not_before=not_before).is_past(now) is past


@pytest.mark.parametrize(
    ("taken", "start"),
    [
        ((), LINE),
        (((LINE, LINE + 3 * HOUR, 1),), LINE + 4 * HOUR),
        (((LINE, LINE + 8 * HOUR, 4),), LINE + 8 * HOUR),
        (((LINE, LINE + 9 * HOUR, 1),), None),
        (((LINE + HOUR, LINE + 24 * HOUR, 1),), None),
    ],
)
def test_the_first_window_between_its_two_instants_is_found(taken, start):
    found = find_room(calendar(*taken), entry(), now=LINE)
    assert (found and found.window) == (start and Window(start, start + 4 * HOUR))


@pytest.mark.parametrize(
    ("earliest", "not_before", "now", "start"),
    [
        (LINE + 2 * HOUR, None, LINE, LINE + 2 * HOUR),
        (LINE, LINE + 4 * HOUR, LINE, LINE + 4 * HOUR),
        (LINE, None, LINE + 3 * HOUR, LINE + 3 * HOUR),
        (LINE, None, LINE + 8 * HOUR + 5 * MINUTE, LINE + 8 * HOUR + 5 * MINUTE),
        (LINE, None, LINE + 8 * HOUR + 6 * MINUTE, None),
    ],
)
def test_it_begins_neither_too_early_nor_too_late(earliest, not_before, now, start):
    found = find_room(calendar(), entry(earliest=earliest, not_before=not_before), now=now)
    assert (found and found.window.start) == start
    assert found is None or found.window.end <= entry().latest


@pytest.mark.parametrize(
    ("begins", "minutes", "fits"), [(60, 60, True), (60, 61, False), (0, 1, False)]
)
def test_a_gap_is_long_enough_when_it_ends_before_the_next_booking(begins, minutes, fits):
    now = LINE + 7 * MINUTE
    start = now + begins * MINUTE
    run = entry(kind=EntryKind.QUEUE, length=minutes * MINUTE)
    found = find_room(calendar((start, start + HOUR, 1)), run, now=now)
    assert (found is not None) is fits
    assert found is None or found.window == Window(now, now + minutes * MINUTE)


def test_who_did_not_want_a_gap_is_asked_again_later():
    run = entry(kind=EntryKind.QUEUE, length=HOUR, not_before=LINE + 30 * MINUTE)
    assert find_room(calendar(), run, now=LINE + 29 * MINUTE) is None
    assert find_room(calendar(), run, now=LINE + 30 * MINUTE) is not None


def test_looking_changes_nothing():
    before = calendar((LINE, LINE + 2 * HOUR, 4))
    find_room(before, entry(), now=LINE)
    assert before.free("gpu-01", Window(LINE + 2 * HOUR, LINE + 4 * HOUR)) == 4
    before.remove(Claim(0, "gpu-01", int(LINE.timestamp()), int(LINE.timestamp()) + 7200, 4))


@pytest.mark.parametrize(
    ("starts_in", "until"),
    [
        (0 * MINUTE, 15 * MINUTE),
        (5 * MINUTE, 15 * MINUTE),
        (6 * MINUTE, 6 * MINUTE),
        (14 * MINUTE, 14 * MINUTE),
        (16 * MINUTE, 15 * MINUTE),
        (24 * HOUR, 15 * MINUTE),
    ],
)
def test_an_offer_holds_a_quarter_of_an_hour_or_until_its_window_begins(starts_in, until):
    start = LINE + starts_in
    found = answer_until(entry(), Window(start, start + 4 * HOUR), LINE, EXPIRES)
    assert found == LINE + until


def test_an_offer_never_holds_beyond_its_window():
    window = Window(LINE, LINE + 10 * MINUTE)
    assert answer_until(entry(), window, LINE, EXPIRES) == window.end - SECOND


@pytest.mark.parametrize(("room", "until"), [(5, 5), (15, 15), (40, 15)])
def test_an_offer_of_a_gap_holds_while_the_whole_run_fits(room, until):
    run = entry(kind=EntryKind.QUEUE, length=HOUR)
    window = Window(LINE, LINE + HOUR + room * MINUTE)
    assert answer_until(run, window, LINE, EXPIRES) == LINE + until * MINUTE


@pytest.mark.parametrize(
    ("state", "after", "is_open"),
    [
        (OfferState.OPEN, -SECOND, True),
        (OfferState.OPEN, 0 * SECOND, False),
        (OfferState.ACCEPTED, -SECOND, False),
        (OfferState.DECLINED, -SECOND, False),
        (OfferState.WITHDRAWN, -SECOND, False),
    ],
)
def test_an_offer_can_be_answered_until_the_instant_it_expires(state, after, is_open):
    offer = Offer(
        1, 1, "U0BOB", "vision", Window(LINE, LINE + HOUR), (), LINE, LINE + EXPIRES, state
    )
    assert offer.is_open(offer.expires_at + after) is is_open


@pytest.mark.parametrize(
    ("state", "is_open"),
    [(state, state in (EntryState.WAITING, EntryState.OFFERED)) for state in EntryState],
)
def test_a_wish_waits_for_gpus_or_for_an_answer(state, is_open):
    assert replace(entry(), state=state).is_open is is_open


@pytest.mark.parametrize("text", ["W12", "w12", " #12 ", "12", "#W12", "＃W12", "w #12"])
def test_ids_are_read_as_people_write_them(text):
    assert parse_entry_id(text) == 12


@pytest.mark.parametrize("text", ["", "W", "B12", "W12x", "1.2", "-1", "W1234567890"])
def test_other_words_are_no_ids(text):
    assert parse_entry_id(text) is None


def test_an_id_is_said_as_it_is_read():
    assert (entry_label(12), parse_entry_id(entry_label(12))) == ("W12", 12)
