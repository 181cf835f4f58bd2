"""What owners read of their runs: a living message each, and a line wherever the booking stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from bot.domain.booking import Booking, BookingState, booking_label
from bot.domain.errors import N_
from bot.domain.run import Run, RunState
from bot.services.look import get_booking
from bot.services.look_runs import get_run, latest_run
from bot.services.site import Site
from bot.slack import phrases
from bot.slack.blocks.bookings import give_up_form_button
from bot.slack.blocks.build import actions, button, link_button, message
from bot.slack.blocks.run_history import SHORTEST_S, log_link, note
from bot.slack.context import Block, Message
from bot.slack.ids import ActionId
from bot.slack.payload import pack
from bot.slack.reader import Mrkdwn, Reader

if TYPE_CHECKING:
    from bot.slack.announcements import Row


def told_to_owner(row: Row, site: Site, now: datetime, reader: Reader) -> Message:
    """How a run ended, or why it does not begin, with what its owner can do about it."""
    run = get_run(site, int(row.subject.partition(":")[2]))
    booking = get_booking(site, run.booking)
    again = _can_run_again(booking, run, now) and latest_run(site, booking.id) == run
    lines = [
        _headline(reader, booking, run),
        *_what_next(reader, booking, run, again=again),
        *([log_link(reader, run.log)] if run.log and not _is_address(run.log) else []),
    ]
    reply = message("\n".join(lines), actions(*_buttons(reader, booking, run, now, again=again)))
    return Message(reply.text, reply.blocks, living=True)


def _headline(reader: Reader, booking: Booking, run: Run) -> Mrkdwn:
    template = _HEADLINES.get(run.state, N_(":hourglass_flowing_sand: *{label}*: its run goes on."))
    if run.is_trouble and not run.state.is_over:
        template = N_(":warning: *{label}*: its run cannot begin yet: {note}")
    if run.state is RunState.STOPPED and booking.state is not BookingState.ENDED:
        template = N_(":black_square_for_stop: *{label}*: its run was stopped{after}.")
    if run.state is RunState.FAILED and run.exit_code is None:
        template = N_(":x: *{label}*: its run failed{after}: {note}")
    return reader.text(
        template,
        label=booking_label(booking.id),
        after=_how_long(reader, run),
        code=run.exit_code,
        note=note(reader, run.note) or reader.plain(N_("no reason is known")),
    )


_HEADLINES: Mapping[RunState, str] = {
    RunState.SUCCEEDED: N_(":white_check_mark: *{label}*: its run finished{after}."),
    RunState.FAILED: N_(":x: *{label}*: its run failed{after}, with exit status {code}: {note}"),
    RunState.STOPPED: N_(
        ":alarm_clock: *{label}*: its time was over before its run was done; it was stopped{after}."
    ),
    RunState.LOST: N_(":x: *{label}*: its run was lost{after}: {note}"),
}


def _how_long(reader: Reader, run: Run) -> Mrkdwn:
    if run.started_at is None or run.ended_at is None:
        return Mrkdwn("")
    length = run.ended_at - run.started_at
    if length.total_seconds() < SHORTEST_S:
        return Mrkdwn("")
    return reader.text(N_(" after {length}"), length=length)


def _what_next(reader: Reader, booking: Booking, run: Run, *, again: bool) -> list[Mrkdwn]:
    said = []
    if run.state is RunState.SUCCEEDED and booking.state is BookingState.ENDED:
        said.append(reader.text(N_("Its GPUs were given back.")))
    if again:
        end = phrases.promised(booking).end
        said.append(reader.text(N_("The GPUs stay yours until {end}."), end=end))
    if run.saved_at is not None and run.state in (RunState.FAILED, RunState.STOPPED, RunState.LOST):
        said.append(reader.text(N_("The last checkpoint is of {at}."), at=run.saved_at))
    return [reader.sentences(*said)] if said else []


def _can_run_again(booking: Booking, run: Run, now: datetime) -> bool:
    return run.state in (RunState.FAILED, RunState.LOST) and booking.is_running(now)


def _needs_more_time(booking: Booking, run: Run, now: datetime) -> bool:
    """Whether its job is not done and its booking is over; a preemptee has the warning's button."""
    is_done = run.state is RunState.SUCCEEDED or not run.state.is_over
    return booking.state is BookingState.ENDED and booking.is_over(now) and not is_done


def _buttons(
    reader: Reader, booking: Booking, run: Run, now: datetime, *, again: bool
) -> list[Block]:
    value = pack(booking.id)
    buttons = []
    if again:
        caption = reader.plain(N_("Run it again"))
        buttons.append(button(caption, ActionId.RUN_AGAIN, value, style="primary"))
    if _needs_more_time(booking, run, now):
        caption = reader.plain(N_("Book more time"))
        buttons.append(button(caption, ActionId.MORE_TIME_FOR_JOB, value, style="primary"))
    if _is_address(run.log):
        buttons.append(link_button(reader.plain("Log"), ActionId.OPEN_PAGE, run.log))
    buttons.append(button(reader.plain("Show"), ActionId.SHOW, value))
    if not booking.is_over(now):
        buttons.append(give_up_form_button(reader, booking, now))
    return buttons


def _is_address(log: str) -> bool:
    return log.startswith(("http://", "https://"))


def run_line(reader: Reader, site: Site, run: Run) -> Mrkdwn:
    """How far a run has come, and where to read what it writes, from its start on."""
    said = state_line(reader, run)
    where = run.log or (_page(site, run) if run.started_at is not None else "")
    return phrases.joined(said, log_link(reader, where)) if where else said


def _page(site: Site, run: Run) -> str:
    """Where the pages show what a run writes; empty where there are none."""
    return f"{address}/runs/{run.key}/log" if (address := site.address()) else ""


def state_line(reader: Reader, run: Run) -> Mrkdwn:
    """How far a run has come, in a few words."""
    return _LINES[run.state](reader, run)


def _line(template: str) -> Callable[[Reader, Run], Mrkdwn]:
    def say(reader: Reader, run: Run) -> Mrkdwn:
        return reader.text(template, at=run.ended_at, note=run.note, since=run.started_at)

    return say


def _pending(reader: Reader, run: Run) -> Mrkdwn:
    if not run.note:
        return reader.text(N_("its run is about to begin"))
    return reader.text(N_("its run waits: {note}"), note=note(reader, run.note))


def _running(reader: Reader, run: Run) -> Mrkdwn:
    said = reader.text(N_("its run began {since}"), since=run.started_at)
    if run.saved_at is not None:
        saved = reader.text(N_("last checkpoint {at}"), at=run.saved_at)
        said = phrases.joined(said, saved)
    if run.is_trouble and run.note:
        said = phrases.joined(said, reader.text("{note}", note=run.note))
    return said


def _failed(reader: Reader, run: Run) -> Mrkdwn:
    if run.exit_code is None and not run.note:
        return reader.text(N_("its run failed {at}"), at=run.ended_at)
    if run.exit_code is None:
        return reader.text(N_("its run failed {at}: {note}"), at=run.ended_at, note=run.note)
    return reader.text(
        N_("its run failed {at}, with exit status {code}"), at=run.ended_at, code=run.exit_code
    )


_LINES: Mapping[RunState, Callable[[Reader, Run], Mrkdwn]] = {
    RunState.WANTED: _pending,
    RunState.PENDING: _pending,
    RunState.RUNNING: _running,
    RunState.STOPPING: _line(N_("its run was asked to end")),
    RunState.SUCCEEDED: _line(N_("its run finished {at}")),
    RunState.FAILED: _failed,
    RunState.STOPPED: _line(N_("its run was stopped {at}")),
    RunState.LOST: _line(N_("its run was lost {at}")),
}
