"""What a run has come to, from what its runner sees: pure decisions of the reconciler."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from bot.domain.run import Observation, Run, RunState

#: A run that its runner does not know has to be missing for so long before it counts as lost:
#: servers that just came back may not know everything yet.
MISSING_FOR = timedelta(minutes=1)
#: A run that is to start and waits for GPUs which another run still uses says so after this time.
PATIENCE = timedelta(minutes=2)
#: How long the logs of a run that is over are tried to be kept before that is given up.
KEEP_TRYING = timedelta(days=2)

_DIGITS = re.compile(r"\d+")


def is_lost(run: Run, now: datetime) -> bool:
    """Whether the runner, which answers, has not known the run for long enough."""
    return run.missing_since is not None and now - run.missing_since >= MISSING_FOR


def state_seen(run: Run, seen: Observation) -> RunState:
    """The state that `run` is in, given what its runner sees.

    What was asked to end counts as stopped, whatever it made of it: a training that saves its
    checkpoint at SIGTERM and exits with 0 has not finished. Ended by somebody else is lost.
    """
    if run.stop_asked_at is not None:
        return RunState.STOPPED if seen.state.is_over else RunState.STOPPING
    return RunState.LOST if seen.state is RunState.STOPPED else seen.state


def must_warn(run: Run, about: datetime | None) -> bool:
    """Whether the run has to hear that it loses its GPUs at `about` (None: it does not)."""
    if about is None or run.state not in (RunState.PENDING, RunState.RUNNING):
        return False
    return run.warned_for != about


def is_news(run: Run, seen: Observation, now: datetime) -> bool:
    """Whether the observation tells of a trouble, or of a long wait, that was not told yet.

    Numbers alone are no news: "2 of 4 pods wait" goes on with "1 of 4 pods waits".
    """
    if not is_trouble(run, seen, now):
        return False
    return not run.is_trouble or _DIGITS.sub("", seen.note) != _DIGITS.sub("", run.note)


def is_trouble(run: Run, seen: Observation, now: datetime) -> bool:
    """Whether somebody should know of the observation's note."""
    if seen.is_trouble:
        return True
    since = run.submitted_at or run.created_at
    return seen.state is RunState.PENDING and bool(seen.note) and now - since >= PATIENCE


def cannot_begin(run: Run, seen: Observation, patience: timedelta, now: datetime) -> bool:
    """Whether the run has been unable to begin for so long that its GPUs stand idle for nothing.

    One that only waits for its turn is not given up.
    """
    since = run.submitted_at or run.created_at
    return seen.state is RunState.PENDING and seen.is_trouble and now - since >= patience
