"""What a run looks like, by what the controller says of its job and what the job wrote. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.domain.run import Observation, RunState
from bot.runners.exit_status import exit_words
from bot.runners.slurm.commands import JobRow
from bot.runners.slurm.traces import Outcome, Trace

#: States in which a job still has its GPUs, or is about to get them.
_RUNNING = {
    "RUNNING",
    "COMPLETING",
    "CONFIGURING",
    "RESIZING",
    "SUSPENDED",
    "STOPPED",
    "SIGNALING",
    "STAGE_OUT",
}
_WAITING = {"PENDING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT", "REQUEUE_FED", "RESV_DEL_HOLD"}
#: Among them those in which its script may not have begun: nodes boot, prologs run.
_BEGINNING = {"RUNNING", "CONFIGURING"}
#: What a job's last state says, unless gpubot ended it.
_ENDS = {
    "COMPLETED": (RunState.SUCCEEDED, ""),
    "FAILED": (RunState.FAILED, ""),
    "OUT_OF_MEMORY": (RunState.FAILED, "out of memory on the node"),
    "TIMEOUT": (RunState.STOPPED, "ended by Slurm at its time limit"),
    "DEADLINE": (RunState.STOPPED, "ended by Slurm at its deadline"),
    "CANCELLED": (RunState.LOST, "cancelled in Slurm"),
    "PREEMPTED": (RunState.LOST, "ended by Slurm for other work"),
    "NODE_FAIL": (RunState.LOST, "its node failed"),
    "BOOT_FAIL": (RunState.LOST, "its node did not boot"),
}
_GONE = "Slurm does not know it any more"
#: Reasons for waiting that have a plain word; others are told in Slurm's.
_WAITS = {
    "None": "waiting to be scheduled",
    "Resources": "waiting for its GPUs to become free",
    "Priority": "waiting behind other jobs in Slurm",
    "Reservation": "waiting for its reservation to begin",
    "BeginTime": "waiting to be started again",
    "Prolog": "waiting for the node to be prepared",
}
#: Reasons that do not go away by themselves.
_TROUBLES = (
    "ReqNodeNotAvail", "PartitionDown", "PartitionInactive", "PartitionNodeLimit",
    "PartitionTimeLimit", "JobHeld", "launch failed", "BadConstraints", "Invalid", "NodeDown",
    "ReservationDeleted", "Assoc", "QOS", "DependencyNeverSatisfied", "AccountNotAllowed",
)  # fmt: skip


def outcome_of(row: JobRow | None, trace: Trace) -> Outcome | None:
    """How the run ended; None: it has not, or nobody knows."""
    if row is None:
        if trace.exit_code is None:
            return None
        own = "FAILED" if trace.exit_code else "COMPLETED"
        state = "CANCELLED" if trace.asked else own
        return Outcome(state, "None", trace.exit_code, trace.started, trace.ended)
    if not is_over(row):
        return None
    code = row.exit_code if row.state in ("COMPLETED", "FAILED") else None
    return Outcome(
        state=row.state,
        reason=row.reason,
        exit_code=trace.exit_code if trace.exit_code is not None else code,
        started=trace.started or row.start,
        ended=trace.ended or row.end,
    )


def observation(row: JobRow | None, trace: Trace) -> Observation | None:
    """What is seen of a run, by its outcome if it has one; None: there is no such run."""
    if trace.outcome:
        return _of_end(trace.outcome, stopped=trace.stopped)
    if row:
        return _of_job(row, trace)
    if trace.job is None:
        return None
    if trace.stopped:
        return Observation(RunState.STOPPED, started_at=_instant(trace.started))
    return Observation(RunState.LOST, _GONE, is_trouble=True, started_at=_instant(trace.started))


def is_over(row: JobRow) -> bool:
    """Whether the job uses no GPU any more, and will use none."""
    return row.state not in _RUNNING and row.state not in _WAITING


def is_waiting(row: JobRow) -> bool:
    """Whether the job has no GPU yet."""
    return row.state in _WAITING


def is_beginning(row: JobRow, trace: Trace) -> bool:
    """Whether its script has not begun yet, or not anew where Slurm has started it again."""
    return row.state in _BEGINNING and trace.begun != f"{row.id}.{row.restarts}"


def _of_job(row: JobRow, trace: Trace) -> Observation:
    stopped = trace.stopped
    if is_beginning(row, trace) and not stopped:
        return Observation(RunState.PENDING, _WAITS["Prolog"])
    if is_waiting(row):
        state = RunState.STOPPING if stopped else RunState.PENDING
        trouble = row.reason.startswith(_TROUBLES) and not stopped
        return Observation(state, _waiting_note(row), is_trouble=trouble)
    state = RunState.STOPPING if stopped else RunState.RUNNING
    return Observation(state, _running_note(row), started_at=_instant(row.start))


def _of_end(outcome: Outcome, *, stopped: bool) -> Observation:
    state, note = _end(outcome)
    if stopped:
        state, note = RunState.STOPPED, ""
    return Observation(
        state,
        note,
        is_trouble=state in (RunState.FAILED, RunState.LOST),
        exit_code=outcome.exit_code,
        started_at=_instant(outcome.started),
        ended_at=_instant(outcome.ended),
    )


def _end(outcome: Outcome) -> tuple[RunState, str]:
    state, note = _ENDS.get(outcome.state, (RunState.LOST, f"ended in Slurm: {outcome.state}"))
    if outcome.state != "FAILED":
        return state, note
    if outcome.exit_code:
        return state, exit_words(outcome.exit_code)
    return state, f"failed in Slurm: {outcome.reason}"


def _waiting_note(row: JobRow) -> str:
    again = "put back in the queue by Slurm; " if row.restarts else ""
    return again + _WAITS.get(row.reason, f"waiting in Slurm: {row.reason}")


def _running_note(row: JobRow) -> str:
    if row.state == "SUSPENDED":
        return "suspended in Slurm"
    if row.restarts == 1:
        return "started again by Slurm"
    return f"started again by Slurm, {row.restarts} times so far" if row.restarts else ""


def _instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
