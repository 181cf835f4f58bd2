"""What became of a run: each fact is written once, told in its booking's thread, and acted upon.

Facts come from a runner, by way of the reconciler; they may come twice, or late.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from bot.domain.actor import GPUBOT
from bot.domain.booking import Booking, BookingState
from bot.domain.errors import N_
from bot.domain.run import Checkpoint, Observation, Run, RunState
from bot.domain.run_course import cannot_begin, is_lost, is_news, is_trouble, state_seen
from bot.services.activity import saw_use
from bot.services.change import Change
from bot.services.changing import changing
from bot.services.record import record_booking, tell_owner
from bot.services.release import end_now
from bot.services.rows import load_booking
from bot.services.run_rows import load_run, update_run
from bot.services.site import Site
from bot.services.withdraw import let_go
from bot.store import models, queries, run_queries

#: Checkpoints that come more often are not written down.
CHECKPOINT_EVERY = timedelta(minutes=1)
#: A note is cut to this many characters.
LONGEST_NOTE = 300

#: Notes of our own, which are translated where they are shown; others come from the servers.
GONE = N_("the servers do not know it any more")
STILL_USED = N_("its GPUs are still in use by the run before it")
NO_RUNNER = N_("gpubot does not run jobs any more: nobody watches it")
OWN_NOTES = frozenset({GONE, STILL_USED, NO_RUNNER})

#: How the audit calls each end of a run.
ENDS = {
    RunState.SUCCEEDED: "run_succeeded",
    RunState.FAILED: "run_failed",
    RunState.STOPPED: "run_stopped",
    RunState.LOST: "run_lost",
}


def begins(site: Site, run: Run, *, now: datetime) -> Booking | None:
    """The runner is about to be asked for the run: from now on nobody changes what it runs.

    The booking as it is at that moment; None when the run is not to begin any more.
    """
    with changing(site, now) as change:
        run = load_run(change, run.id)
        booking = load_booking(change, run.booking)
        if run.state is not RunState.WANTED or not booking.state.is_live:
            return None
        if run.submitted_at is None:
            update_run(change, run, submitted_at=change.now, job=booking.job)
        return booking


def submitted(site: Site, run: Run, *, now: datetime) -> None:
    """The runner has taken the run."""
    with changing(site, now) as change:
        run = load_run(change, run.id)
        if run.state is RunState.WANTED:
            since = run.submitted_at or change.now
            update_run(change, run, state=RunState.PENDING, submitted_at=since, note="")


def cannot_start(site: Site, run: Run, why: str, *, now: datetime) -> None:
    """The runner will never take it: it has failed before it began."""
    with changing(site, now) as change:
        run = load_run(change, run.id)
        if run.state is RunState.WANTED:
            seen = Observation(RunState.FAILED, note=why, is_trouble=True)
            _end(change, run, RunState.FAILED, seen)


def waits(site: Site, run: Run, why: str, *, now: datetime) -> None:
    """It is to begin, and cannot yet; told when that takes long."""
    seen = Observation(RunState.PENDING, note=why)
    if not is_news(run, seen, now) and run.note == _cut(why):
        return
    with changing(site, now) as change:
        run = load_run(change, run.id)
        if run.state is RunState.WANTED:
            _note(change, run, seen)


def saw(site: Site, run: Run, seen: Observation, *, now: datetime) -> bool:
    """What the runner sees of the run, which the caller read just now; whether it is at work.

    That it is at work is a sign of use; the caller notes it, for all of its runs at once.
    """
    if _is_change(run, seen, now):
        with changing(site, now) as change:
            run = load_run(change, run.id)
            if not run.state.is_over:
                run = _follow(change, run, seen)
    return run.state is RunState.RUNNING


def missed(site: Site, run: Run, *, now: datetime) -> None:
    """The runner answers, and does not know the run."""
    if run.state.is_over or (run.missing_since is not None and not is_lost(run, now)):
        return
    with changing(site, now) as change:
        run = load_run(change, run.id)
        if run.state.is_over:
            return
        if run.missing_since is None:
            update_run(change, run, missing_since=change.now)
        elif is_lost(run, change.now):
            gone = Observation(RunState.STOPPED, note=GONE)
            _end(change, run, state_seen(run, gone), gone)


def stop_asked(site: Site, run: Run, *, now: datetime) -> None:
    """The runner was asked to end the run; one that nobody ever started has ended with that."""
    with changing(site, now) as change:
        run = load_run(change, run.id)
        if run.state.is_over or run.stop_asked_at is not None:
            return
        never_began = run.submitted_at is None
        run = update_run(change, run, state=RunState.STOPPING, stop_asked_at=change.now)
        if never_began:
            _end(change, run, RunState.STOPPED, Observation(RunState.STOPPED), quiet=True)


def was_warned(
    site: Site, run: Run, about: datetime, last: Checkpoint | None, *, now: datetime
) -> None:
    """The run was told that it loses its GPUs at `about`; `last` is what it had saved before."""
    with changing(site, now) as change:
        run = load_run(change, run.id)
        if run.warned_for == about:
            return
        run = update_run(
            change, run, warned_for=about, warned_at=change.now, answered_at=None,
            checkpoint=last or run.checkpoint,
        )  # fmt: skip
        _record(change, run, "run_warned", at=about.isoformat())


def checkpoint_reported(site: Site, booking_id: int, path: str, *, now: datetime) -> None:
    """The run itself says that it has saved a checkpoint, which is a sign of use as well."""
    with changing(site, now) as change:
        run = run_queries.latest_runs(change.connection, [booking_id]).get(booking_id)
        if run is not None and not run.state.is_over:
            _saved(change, run, Checkpoint(path, change.now))
    saw_use(site, booking_id, now=now)


def log_kept(site: Site, run: Run, link: str, *, now: datetime) -> None:
    """Its log is kept at `link`."""
    with changing(site, now) as change:
        run = load_run(change, run.id)
        if run.log:
            return
        run = update_run(change, run, log=link)
        _record(change, run, "log_kept", log=link)
        if _was_told(change, run):
            _tell(change, run)


def settled(site: Site, run: Run, *, now: datetime) -> None:
    """Nothing more is to be done about the run: its runner has forgotten it."""
    with changing(site, now) as change:
        run = load_run(change, run.id)
        if run.settled_at is None:
            update_run(change, run, settled_at=change.now)


def leave_all(site: Site, *, now: datetime) -> int:
    """Give up every run that is open: the runner was turned off. Return how many were not over.

    What runs may go on, unseen; nobody waits for it, and its owner is told.
    """
    with site.database.snapshot() as connection:
        runs = run_queries.unsettled_runs(connection)
    left = 0
    for known in runs:
        with changing(site, now) as change:
            run = load_run(change, known.id)
            if not run.state.is_over:
                left += 1
                run = _end(change, run, RunState.LOST, Observation(RunState.LOST, note=NO_RUNNER))
            update_run(change, run, settled_at=run.settled_at or change.now)
    return left


def given_up(site: Site, run: Run, seen: Observation, *, now: datetime) -> bool:
    """Give a run up that cannot begin, after as long as a booking nobody uses; whether it was."""
    patience = site.cluster.policy.no_show_after
    if not cannot_begin(run, seen, patience, now):
        return False
    with changing(site, now) as change:
        run = load_run(change, run.id)
        if not run.state.is_over:
            _end(change, run, RunState.FAILED, seen)
    return True


def _is_change(run: Run, seen: Observation, now: datetime) -> bool:
    if run.state.is_over:
        return False
    same = state_seen(run, seen) is run.state and _cut(seen.note) == run.note
    return (
        not same
        or run.missing_since is not None
        or is_news(run, seen, now)
        or _is_new_checkpoint(run, seen)
    )


def _is_new_checkpoint(run: Run, seen: Observation) -> bool:
    if seen.checkpoint is None:
        return False
    if run.checkpoint is None:
        return True
    newer = seen.checkpoint.at - run.checkpoint.at
    return newer >= CHECKPOINT_EVERY or (newer > timedelta() and _is_awaited(run))


def _is_awaited(run: Run) -> bool:
    """Whether somebody waits for the run to save its work: it was warned."""
    return run.warned_at is not None and run.answered_at is None


def _follow(change: Change, run: Run, seen: Observation) -> Run:
    if seen.checkpoint is not None and _is_new_checkpoint(run, seen):
        run = _saved(change, run, seen.checkpoint)
    state = state_seen(run, seen)
    if state.is_over:
        return _end(change, run, state, seen)
    begins = state is RunState.RUNNING and run.started_at is None
    run = _note(change, run, seen)
    run = update_run(
        change,
        run,
        state=state,
        missing_since=None,
        submitted_at=run.submitted_at or change.now,
        started_at=_plausible(seen.started_at, run, change.now) if begins else run.started_at,
    )
    if begins:
        _record_start(change, run)
    return run


def _record_start(change: Change, run: Run) -> None:
    """Whose work it goes on with is told where it is an earlier booking's."""
    booking = load_booking(change, run.booking)
    earlier = booking.continues
    details = {} if earlier is None else {"continues": str(earlier)}
    _record(change, run, "run_started", **details)


def _saved(change: Change, run: Run, checkpoint: Checkpoint) -> Run:
    at = _saved_at(checkpoint, run, change.now)
    if not _is_awaited(run):
        return update_run(change, run, checkpoint=checkpoint, saved_at=at)
    run = update_run(change, run, checkpoint=checkpoint, saved_at=at, answered_at=at)
    _record(change, run, "checkpoint_seen", at=at.isoformat())
    return run


def _saved_at(checkpoint: Checkpoint, run: Run, now: datetime) -> datetime:
    """When that was; what is there from the first is of the work that the run goes on with."""
    is_before = run.checkpoint is None and checkpoint.at < run.created_at
    return (
        checkpoint.at if is_before and not _is_awaited(run) else _plausible(checkpoint.at, run, now)
    )


def _plausible(at: datetime | None, run: Run, now: datetime) -> datetime:
    """An instant by a server's clock, unless that clock and gpubot's are not of one mind."""
    return at if at is not None and run.created_at <= at <= now else now


def _note(change: Change, run: Run, seen: Observation) -> Run:
    is_told = is_news(run, seen, change.now)
    trouble = is_trouble(run, seen, change.now)
    run = update_run(change, run, note=_cut(seen.note), is_trouble=trouble)
    if is_told:
        _record(change, run, "run_trouble", note=run.note)
        if seen.is_trouble:
            _tell(change, run)
    return run


def _end(
    change: Change, run: Run, state: RunState, seen: Observation, *, quiet: bool = False
) -> Run:
    """The run is over: its booking gives the GPUs back if it is done, its owner is told."""
    started = run.started_at
    if started is None and seen.started_at is not None:
        started = _plausible(seen.started_at, run, change.now)
    run = update_run(
        change,
        run,
        state=state,
        note=_cut(seen.note),
        is_trouble=False,
        exit_code=seen.exit_code,
        started_at=started,
        ended_at=_plausible(seen.ended_at, run, change.now),
        missing_since=None,
    )
    booking = load_booking(change, run.booking)
    after = booking
    if state is RunState.SUCCEEDED and booking.state is BookingState.ACTIVE:
        after = end_now(change, booking, BookingState.ENDED)
    if not quiet:
        _record_end(change, run, booking, after)
    if after is not booking:
        let_go(change, GPUBOT, after, booking)
    if state is not RunState.STOPPED or _ended_by_time(change, booking) or _was_told(change, run):
        _tell(change, run)
    return run


def _ended_by_time(change: Change, booking: Booking) -> bool:
    """Whether the run was stopped because its booking came to its end.

    Whoever gives GPUs back or up knows it; a preemptee has the warning's message.
    """
    audit = models.Audit
    ended = select(col(audit.seq)).where(
        col(audit.booking) == booking.id, col(audit.action) == "ended"
    )
    return change.connection.execute(ended.limit(1)).first() is not None


def _record_end(change: Change, run: Run, before: Booking, after: Booking) -> None:
    details: dict[str, Any] = {"run": run.number, "note": run.note}
    if run.exit_code is not None:
        details["exit_code"] = run.exit_code
    if run.started_at is not None and run.ended_at is not None:
        details["ran_s"] = int((run.ended_at - run.started_at).total_seconds())
    if run.saved_at is not None:
        details["saved_at"] = run.saved_at.isoformat()
    record_booking(
        change, GPUBOT, ENDS[run.state], before=before, after=after, details=details, told=True
    )


def _record(change: Change, run: Run, action: str, **details: str) -> None:
    booking = load_booking(change, run.booking)
    record_booking(
        change, GPUBOT, action, before=booking, after=booking,
        details={"run": run.number, **details}, told=True,
    )  # fmt: skip


def _was_told(change: Change, run: Run) -> bool:
    """Whether the owner has a message about the run, which is to show the present."""
    box = models.Outbox
    told = select(col(box.id)).where(queries.told(f"run:{run.id}", topic="run"))
    return change.connection.execute(told.limit(1)).first() is not None


def _tell(change: Change, run: Run) -> None:
    """Bring the owner's message about the run up to date."""
    booking = load_booking(change, run.booking)
    state = f"{run.state.value}:{run.note}:{bool(run.log)}"
    tell_owner(change, "run", f"run:{run.id}", state, booking.team, booking.owner)


def _cut(note: str) -> str:
    return note if len(note) <= LONGEST_NOTE else note[: LONGEST_NOTE - 1] + "…"
