"""Handing a booking over: offered, accepted, declined, withdrawn, expired."""

from datetime import timedelta

import pytest
from builders import ADMIN, ALICE, BOB, CHEN, DANA, NOW, STRANGER, actor, request
from sqlalchemy import text

from bot.domain.booking import Priority
from bot.domain.errors import NotAllowed, ReasonNeeded, WrongState
from bot.domain.transfer import TransferState
from bot.services import look
from bot.services.answer_transfer import (
    accept_transfer,
    decline_transfer,
    expire_transfers,
    withdraw_transfer,
)
from bot.services.cancel import cancel
from bot.services.extend import extend
from bot.services.reserve import reserve
from bot.services.transfer import BadReceiver, offer_transfer

DAY = timedelta(days=1)


@pytest.fixture
def booking(site):
    return reserve(site, actor(BOB), request(4, NOW + timedelta(hours=51, minutes=23)), now=NOW)


@pytest.fixture
def transfer(site, booking):
    return offer_transfer(site, actor(BOB), booking.id, ALICE, now=NOW)


def recipients(site, topic):
    with site.database.snapshot() as connection:
        rows = connection.execute(
            text("SELECT recipient FROM outbox WHERE topic = :topic ORDER BY id"), {"topic": topic}
        )
        return [row.recipient for row in rows]


def test_the_receiver_gets_a_message_and_nothing_changes_yet(site, booking, transfer):
    assert recipients(site, "transfer") == [ALICE]
    assert look.get_booking(site, booking.id).owner == BOB
    assert look.open_transfer(site, booking.id) == transfer


def test_accepting_makes_the_receiver_the_owner_and_tells_the_giver(site, booking, transfer):
    after = accept_transfer(site, actor(ALICE), transfer.id, now=NOW)
    assert (after.owner, after.team, after.shares) == (ALICE, "vision", booking.shares)
    assert recipients(site, "notice") == [BOB]
    assert look.open_transfer(site, booking.id) is None


def test_accepting_twice_is_accepting_once(site, transfer):
    first = accept_transfer(site, actor(ALICE), transfer.id, now=NOW)
    assert accept_transfer(site, actor(ALICE), transfer.id, now=NOW) == first


def test_a_booking_follows_its_new_owner_to_their_team_and_both_channels_read_it(site, booking):
    transfer = offer_transfer(site, actor(BOB), booking.id, DANA, now=NOW)
    assert accept_transfer(site, actor(DANA), transfer.id, now=NOW).team == "nlp"
    assert recipients(site, "card")[-2:] == ["C0NLP", "C0VISION"]


def test_declining_leaves_it_with_its_owner_who_is_told(site, booking, transfer):
    assert decline_transfer(site, actor(ALICE), transfer.id, now=NOW).state == "declined"
    assert look.get_booking(site, booking.id).owner == BOB
    assert recipients(site, "notice") == [BOB]
    with pytest.raises(WrongState, match="declined"):
        accept_transfer(site, actor(ALICE), transfer.id, now=NOW)


@pytest.mark.parametrize("user", [BOB, CHEN, ADMIN])
def test_only_the_receiver_may_answer(site, transfer, user):
    with pytest.raises(NotAllowed):
        accept_transfer(site, actor(user), transfer.id, now=NOW)
    with pytest.raises(NotAllowed):
        decline_transfer(site, actor(user), transfer.id, now=NOW)


def test_it_expires_after_a_day_and_the_giver_is_told_once(site, booking, transfer):
    assert expire_transfers(site, now=NOW + DAY - timedelta(seconds=1)) == 0
    with pytest.raises(WrongState, match="expired"):
        accept_transfer(site, actor(ALICE), transfer.id, now=NOW + DAY)
    assert expire_transfers(site, now=NOW + DAY) == 1
    assert expire_transfers(site, now=NOW + DAY) == 0
    assert look.get_transfer(site, transfer.id).state is TransferState.EXPIRED
    assert recipients(site, "notice") == [BOB]


def test_it_expires_no_later_than_the_booking_ends(site):
    short = reserve(site, actor(BOB), request(1, NOW, 1 + 23 / 60), now=NOW)
    transfer = offer_transfer(site, actor(BOB), short.id, ALICE, now=NOW)
    assert transfer.expires_at == short.window.end


def test_a_second_offer_withdraws_the_first(site, booking, transfer):
    offer_transfer(site, actor(BOB), booking.id, DANA, now=NOW)
    assert look.get_transfer(site, transfer.id).state is TransferState.WITHDRAWN
    with pytest.raises(WrongState, match="withdrawn"):
        accept_transfer(site, actor(ALICE), transfer.id, now=NOW)


def test_cancelling_the_booking_withdraws_the_offer(site, booking, transfer):
    cancel(site, actor(BOB), booking.id, now=NOW)
    assert look.get_transfer(site, transfer.id).state is TransferState.WITHDRAWN


def test_the_receiver_sees_what_the_booking_has_become(site, booking, transfer):
    extend(site, actor(BOB), booking.id, timedelta(hours=2), now=NOW)
    assert recipients(site, "transfer") == [ALICE, ALICE]


def test_every_offer_has_its_end_in_the_audit(site, booking, transfer):
    offer_transfer(site, actor(BOB), booking.id, DANA, now=NOW)
    cancel(site, actor(BOB), booking.id, now=NOW)
    actions = [record.action for record in look.history(site, booking.id)]
    assert actions.count("transfer_offered") == actions.count("transfer_withdrawn") == 2


def test_withdrawing_what_somebody_else_offered_needs_a_reason(site, transfer):
    with pytest.raises(ReasonNeeded):
        withdraw_transfer(site, actor(ALICE), transfer.id, now=NOW)
    with pytest.raises(NotAllowed):
        withdraw_transfer(site, actor(CHEN), transfer.id, reason="no", now=NOW)
    withdraw_transfer(site, actor(ALICE), transfer.id, reason="bob stays", now=NOW)
    assert recipients(site, "notice") == [BOB]


def test_a_declined_offer_is_declined_by_its_receiver_only(site, transfer):
    decline_transfer(site, actor(ALICE), transfer.id, now=NOW)
    with pytest.raises(NotAllowed):
        decline_transfer(site, actor(CHEN), transfer.id, now=NOW)


def test_what_was_accepted_and_handed_on_is_not_said_to_be_theirs(site, booking, transfer):
    accept_transfer(site, actor(ALICE), transfer.id, now=NOW)
    onward = offer_transfer(site, actor(ALICE), booking.id, DANA, now=NOW)
    accept_transfer(site, actor(DANA), onward.id, now=NOW)
    with pytest.raises(WrongState, match="accepted already"):
        accept_transfer(site, actor(ALICE), transfer.id, now=NOW)


def test_the_giver_can_take_it_back(site, transfer):
    assert withdraw_transfer(site, actor(BOB), transfer.id, now=NOW).state == "withdrawn"
    with pytest.raises(WrongState, match="withdrawn"):
        decline_transfer(site, actor(ALICE), transfer.id, now=NOW)


@pytest.mark.parametrize("receiver", [BOB, STRANGER])
def test_it_cannot_go_to_its_owner_or_to_somebody_without_a_team(site, booking, receiver):
    with pytest.raises(BadReceiver):
        offer_transfer(site, actor(BOB), booking.id, receiver, now=NOW)


def test_p0_work_goes_only_to_people_who_may_hold_it(site):
    urgent = reserve(site, actor(ALICE), request(1, priority=Priority.P0), now=NOW)
    with pytest.raises(NotAllowed):
        offer_transfer(site, actor(ALICE), urgent.id, BOB, now=NOW)


def test_a_lead_needs_a_reason_to_give_away_a_members_booking(site, booking):
    with pytest.raises(ReasonNeeded):
        offer_transfer(site, actor(ALICE), booking.id, DANA, now=NOW)
    offer_transfer(site, actor(ALICE), booking.id, DANA, reason="bob is on leave", now=NOW)
    assert recipients(site, "notice") == [BOB]
