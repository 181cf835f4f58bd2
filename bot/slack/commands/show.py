"""`/gpu show ID`: one booking whole, with its history."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.booking import Booking
from bot.domain.errors import N_, UserId
from bot.domain.request import parse_id_and_rest
from bot.domain.waitlist import parse_entry_id
from bot.services.look import drained_nodes, get_booking, history, may_change, open_transfer
from bot.services.look_runs import latest_run, runs_its_job
from bot.services.measured import measured_use
from bot.services.notice import notice_token
from bot.services.team_only import as_read_by, may_read_output
from bot.slack import phrases
from bot.slack.blocks.bookings import row_buttons
from bot.slack.blocks.build import actions, button, context, divider, message, sections
from bot.slack.blocks.history import dated
from bot.slack.commands.waitlist import one_wish
from bot.slack.context import Block, Call, Press, Reply
from bot.slack.ids import ActionId
from bot.slack.payload import unpack_id
from bot.slack.preemptions import warnings_of
from bot.slack.reader import Mrkdwn
from bot.slack.registry import Group, action, verb
from bot.slack.runs import run_line

#: Longest purpose that is shown here; the domain keeps no longer one.
WHOLE_PURPOSE = 300


@verb(
    "show",
    group=Group.YOURS,
    usage=["show ID"],
    summary=N_("one booking whole, with its history"),
    examples=["show B142"],
)
def show(call: Call, text: str) -> Reply:
    """Everything about the booking named, or a wish with its place in the line."""
    if "w" in text.casefold() and (entry_id := parse_entry_id(text)) is not None:
        return one_wish(call, entry_id)
    booking_id, _rest = parse_id_and_rest(text, "/gpu show B142")
    return whole(call, booking_id)


@action(ActionId.SHOW)
def press_show(press: Press) -> Reply:
    """Everything about the button's booking."""
    return whole(press, unpack_id(press.value))


def whole(call: Call, booking_id: int) -> Reply:
    """The booking, what happened to it, and what the asker can do with it."""
    booking = get_booking(call.site, booking_id)
    cluster, user = call.site.cluster, call.actor.name
    past = [
        dated(call.reader, as_read_by(cluster, user, record), named=False)
        for record in history(call.site, booking_id)
    ]
    return message(
        _about(call, booking),
        *_run_line(call, booking),
        *_buttons(call, booking),
        *_script_line(call, booking),
        divider(),
        *sections([call.reader.text(N_("*History*")), *past]),
        title=phrases.label(booking),
    )


def _about(call: Call, booking: Booking) -> Mrkdwn:
    reader, cluster = call.reader, call.site.cluster
    warned = warnings_of(call.site, [booking], call.now)
    lines = [
        phrases.line(reader, cluster, booking),
        phrases.joined(
            reader.text(N_("{owner}"), owner=UserId(booking.owner)),
            phrases.team(reader, booking.team),
            phrases.kind(reader, booking),
            phrases.state(reader, booking, call.now, warned.get(booking.id)),
            phrases.out_of_service(reader, booking, drained_nodes(call.site), call.now),
        ),
        phrases.job(reader, booking.job),
        phrases.purpose(reader, booking.purpose, WHOLE_PURPOSE),
        *_measured_line(call, booking),
        *_transfer_line(call, booking),
    ]
    return Mrkdwn("\n".join(line for line in lines if line))


def _measured_line(call: Call, booking: Booking) -> list[Mrkdwn]:
    """How its GPUs worked, where that was measured."""
    use = measured_use(call.site, booking.id)
    if use is None:
        return []
    said = N_("Its GPUs worked {share} % of the {hours} GPU-hours that were measured.")
    share = round(100 * use.busy / use.watched)
    return [call.reader.text(said, share=share, hours=round(use.watched, 1))]


def _transfer_line(call: Call, booking: Booking) -> list[Mrkdwn]:
    transfer = open_transfer(call.site, booking.id)
    if transfer is None:
        return []
    return [
        call.reader.text(
            N_("Offered to {receiver}, who can accept until {expires}."),
            receiver=UserId(transfer.receiver),
            expires=transfer.expires_at,
        )
    ]


def _run_line(call: Call, booking: Booking) -> list[Block]:
    """How far what runs on it has come."""
    run = latest_run(call.site, booking.id)
    if run is None:
        return []
    owner, team, user = booking.owner, booking.team, call.actor.name
    may = may_read_output(call.site.cluster, user, owner=owner, team=team)
    if run.state.is_over and not may:
        run = replace(run, note="")
    return [context(run_line(call.reader, call.site, run))]


def _buttons(call: Call, booking: Booking) -> list[Block]:
    """What the asker may do with it; without the button that led here."""
    if booking.is_over(call.now) or not may_change(call.site, call.actor, booking):
        return []
    buttons = row_buttons(call.reader, booking, call.now, in_list=False)
    if call.site.cluster.jobs and not runs_its_job(call.site, booking.id):
        buttons.append(button(call.reader.plain("Job…"), ActionId.JOB, str(booking.id)))
    transfer = open_transfer(call.site, booking.id)
    if transfer is not None:
        caption = call.reader.plain("Withdraw the offer")
        buttons.append(button(caption, ActionId.TRANSFER_WITHDRAW, str(transfer.id)))
    return [actions(*buttons)]


def _script_line(call: Call, booking: Booking) -> list[Block]:
    """How a training script asks when to save its checkpoint; for those who may stop it anyway."""
    address = call.site.address()
    is_over = booking.is_over(call.now)
    if not address or is_over or not may_change(call.site, call.actor, booking):
        return []
    token = notice_token(call.site, booking.id)
    url = f"{address}/api/v1/bookings/{phrases.label(booking)}/notice"
    command = f"curl -sH 'Authorization: Bearer {token}' {url}"
    said = N_("A script can ask when to save its checkpoint: `{command}`")
    return [context(call.reader.text(said, command=command))]
