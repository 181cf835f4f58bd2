"""Runs as processes on this host: the Runner that needs no other server."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.domain.run import Checkpoint, Observation, RunState, WorkOrder
from bot.runners.exit_status import exit_words
from bot.runners.local import records
from bot.runners.local.launch import find_account, plan_of
from bot.runners.local.processes import boot_id, find, members, tell
from bot.runners.local.settings import OWNER, LocalSettings
from bot.runners.protocol import Hold, Refused, RunnerError, Unreachable

log = logging.getLogger(__name__)

_KEY = re.compile(r"[a-z0-9-]{1,40}")
_SUPERVISOR = (sys.executable, "-P", "-S", "-m", "bot.runners.local.supervise")
#: Where `bot` is found by the supervisor, which knows no installed packages.
_ROOT = Path(__file__).parents[3]
#: Seconds that a start may take, and another caller waits for it.
START_S = 60.0
#: Seconds between SIGTERM and SIGKILL for a run of which nobody knows any more how many it has.
MENDED_GRACE_S = 30.0
#: Seconds between two looks at somebody else's start.
LOOK_S = 0.02


def local_runner(
    settings: LocalSettings,
    folder: Path,
    secrets: Path | None,
    nodes: Sequence[str],
    environment: Mapping[str, str],
) -> LocalRunner:
    """The runner of this host.

    `folder` is the runners', on this host's own disk; `secrets` is where secrets are read, None:
    there are none. `nodes` are the cluster's, `environment` is gpubot's own.
    """
    here = nodes_here(settings, nodes)
    # A folder of its own, since nobody else may look into it: checkpoints may lie beside it.
    return LocalRunner(replace(settings, nodes=here), folder / "local", secrets, environment)


def nodes_here(settings: LocalSettings, nodes: Sequence[str]) -> tuple[str, ...]:
    """Which of the cluster's nodes are this host: as configured, named like it, or the only one."""
    if settings.nodes:
        return settings.nodes
    host = socket.gethostname().casefold()
    names = {host, host.partition(".")[0]}
    found = tuple(node for node in nodes if node.casefold() in names)
    return found or (tuple(nodes) if len(nodes) == 1 else ())


class LocalRunner:
    """Starts, watches and ends runs on this host, through a supervisor for each of them."""

    name = "local"

    def __init__(
        self,
        settings: LocalSettings,
        folder: Path,
        secrets: Path | None,
        environment: Mapping[str, str],
    ) -> None:
        self._settings, self._secrets, self._around = settings, secrets, environment
        # Workers are started elsewhere than here.
        self._folder = folder.absolute()

    def start(self, order: WorkOrder) -> None:
        """See Runner.start."""
        self._check(order)
        folder = self._of(order.key)
        with _told("cannot keep the run"):
            self._folder.mkdir(mode=records.FOLDER_MODE, parents=True, exist_ok=True)
            folder.mkdir(mode=records.FOLDER_MODE, exist_ok=True)
            lock = _wait_for_lock(folder)
            if lock is None:
                return
            try:
                if records.started(folder) is None:
                    self._start(order, folder, lock)
            finally:
                os.close(lock)

    def observe(self, keys: Collection[str]) -> Mapping[str, Observation]:
        """See Runner.observe."""
        with _told("cannot read how runs stand"):
            # A folder that is away is no sign that the runs are.
            next(self._folder.iterdir(), None)
            seen = ((key, self._observe(self._of(key))) for key in keys)
            return {key: found for key, found in seen if found is not None}

    def warn(self, key: str, reclaim_at: datetime, reason: str) -> None:  # noqa: ARG002
        """See Runner.warn: SIGUSR1 for those processes that catch it."""
        self._ask(key, records.WARN, reclaim_at.astimezone(UTC).isoformat())

    def stop(self, key: str, reason: str) -> None:
        """See Runner.stop. The supervisor sees to the end, whatever becomes of gpubot."""
        self._ask(key, records.STOP, reason)

    def logs(self, key: str) -> Sequence[Path]:
        """See Runner.logs."""
        return records.log_files(self._of(key))

    def forget(self, key: str) -> None:
        """See Runner.forget. A run that is not over stays."""
        folder = self._of(key)
        with _told("cannot remove the run"):
            seen = self._observe(folder) if folder.exists() else None
            # In one step, so that a run that is half removed is never seen.
            gone = folder.with_name(f".gone-{key}")
            if gone.exists():
                shutil.rmtree(gone)
            if seen is not None and seen.state.is_over:
                folder.rename(gone)
                shutil.rmtree(gone)

    def hold(self, holds: Sequence[Hold]) -> None:
        """Nothing: this host has no scheduler of its own."""

    def problem(self) -> str | None:
        """See Runner.problem."""
        if not self._settings.nodes:
            return "no node of the cluster is named like this server: set runner.local.nodes"
        if self._settings.run_as == OWNER and os.geteuid() != 0:
            return "gpubot is not root, so it cannot run anything as its owner"
        try:
            if self._settings.run_as not in ("", OWNER):
                find_account(self._settings.run_as, "")
            # The first run makes it. An empty one in the place of one that is away would say that
            # no run was ever started.
            there = next(one for one in (self._folder, *self._folder.parents) if one.exists())
        except (RunnerError, OSError) as error:
            return _line(error)
        if not there.is_dir():
            return f"{self._folder}: Not a directory"
        writable = os.access(there, os.W_OK | os.X_OK)
        return None if writable else f"{there} cannot be written to"

    def close(self) -> None:
        """Nothing is held."""

    def _of(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} is no run's key")
        return self._folder / key

    def _check(self, order: WorkOrder) -> None:
        here = self._settings.nodes
        for worker in order.workers:
            if worker.node not in here:
                shown = ", ".join(here) or "none of the nodes"
                raise Refused(f"{worker.node} is another server; this one is {shown}")

    def _start(self, order: WorkOrder, folder: Path, lock: int) -> None:
        for process in members(order.key, -1):
            # Left by a start that was cut short before anybody knew of it.
            tell(process, signal.SIGKILL)
        try:
            plan = plan_of(order, folder, self._settings.run_as, self._secrets, self._around)
            self._supervise(plan, lock)
        except RunnerError:
            if records.started(folder) is None:
                shutil.rmtree(folder, ignore_errors=True)
            raise

    def _supervise(self, plan: Mapping[str, Any], lock: int) -> None:
        """Start a supervisor, which has the lock from now on."""
        try:
            done = subprocess.run(  # noqa: S603 - our own program; what it runs is in its input
                # The key is for those who look at the list of processes.
                (*_SUPERVISOR, plan["key"]),
                input=json.dumps(plan),
                capture_output=True,
                text=True,
                check=False,
                cwd="/",
                env={"PYTHONPATH": str(_ROOT)},
                pass_fds=(lock,),
                start_new_session=True,
                timeout=START_S,
            )
        except subprocess.TimeoutExpired:
            raise Unreachable(f"starting it took more than {START_S:.0f} s") from None
        answer = json.loads(done.stdout or "{}")
        if answer == "ok":
            return
        if "refused" in answer:
            raise Refused(answer["refused"])
        why = answer.get("failed") or done.stderr.strip().rpartition("\n")[2] or "no answer"
        raise Unreachable(f"it could not be started: {why}")

    def _observe(self, folder: Path) -> Observation | None:
        _mend(folder)
        begun = records.started(folder)
        if begun is None:
            return None
        seen = self._state(folder, begun)
        return replace(
            seen,
            started_at=records.instant(begun.started_at),
            checkpoint=_checkpoint(begun.checkpoint),
        )

    def _state(self, folder: Path, begun: records.Started) -> Observation:
        if (end := records.ended(folder)) is not None:
            return _how_it_ended(end, begun.grace)
        if begun.boot != boot_id():
            return Observation(RunState.LOST, "the server was restarted", is_trouble=True)
        state = RunState.STOPPING if (folder / records.STOP).exists() else RunState.RUNNING
        try:
            self._take_over(folder, begun)
        except RunnerError as error:
            return Observation(state, f"nobody watches it: {error}", is_trouble=True)
        return Observation(state)

    def _take_over(self, folder: Path, begun: records.Started) -> None:
        """Give a run another supervisor where its own was killed."""
        lock = records.take_lock(folder)
        if lock is None:
            return
        try:
            if records.ended(folder) is None:
                plan = {
                    "key": folder.name,
                    "folder": str(folder),
                    "grace": begun.grace,
                    "workers": [],
                }
                self._supervise(plan, lock)
        finally:
            os.close(lock)

    def _ask(self, key: str, what: str, text: str) -> None:
        """Leave a word for the supervisor, unless the run is over or heard it before."""
        folder = self._of(key)
        with _told("cannot reach the run"):
            begun = records.started(folder)
            if begun is None or records.ended(folder) is not None or begun.boot != boot_id():
                return
            path = folder / what
            if not path.exists() or (what == records.WARN and path.read_text() != text):
                records.write(path, text)
            self._take_over(folder, begun)
            _wake(folder)


def _mend(folder: Path) -> None:
    """Set records aside that are damaged, so that they hold up neither this run nor the others.

    Of the start as much is known as the folder and the processes tell; an end that cannot be read
    is found again by a new supervisor, who sees whether anything of the run is left.
    """
    try:
        records.ended(folder)
    except records.Damaged as error:
        kept = records.set_aside(folder / records.ENDED)
        log.error("%s; it was set aside as %s", _line(error), kept.name)
    try:
        records.started(folder)
    except records.Damaged as error:
        kept = records.set_aside(folder / records.STATE)
        log.error(
            "%s; it was set aside as %s, and what can be seen is told", _line(error), kept.name
        )
        since = datetime.fromtimestamp(kept.stat().st_mtime, UTC).isoformat()
        records.keep(
            folder / records.STATE, records.Started(boot_id(), 0, since, MENDED_GRACE_S, "")
        )


def _wake(folder: Path) -> None:
    begun = records.started(folder)
    process = find(begun.supervisor) if begun else None
    # It looks by itself every second, so nothing is lost when this finds nobody.
    if process is not None and _is_supervisor(process.pid):
        tell(process, signal.SIGUSR1)


def _is_supervisor(pid: int) -> bool:
    try:
        return b"bot.runners.local.supervise" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _wait_for_lock(folder: Path) -> int | None:
    """The lock; None: somebody else has started the run. Raises Unreachable when it takes long."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        # One that could not start it has removed the folder.
        folder.mkdir(mode=records.FOLDER_MODE, exist_ok=True)
        with suppress(FileNotFoundError):
            lock = records.take_lock(folder)
            if lock is not None and _is_current(lock, folder):
                return lock
            if lock is not None:
                os.close(lock)
        if records.started(folder) is not None:
            return None
        time.sleep(LOOK_S)
    raise Unreachable("somebody else has been starting it for a minute")


def _is_current(lock: int, folder: Path) -> bool:
    """Whether the lock is still the folder's, which may have been removed and made anew."""
    return os.path.samestat(os.fstat(lock), (folder / records.LOCK).stat())


def _how_it_ended(end: records.Ended, grace: float) -> Observation:
    seen = Observation(RunState.LOST, ended_at=records.instant(end.ended_at))
    if end.cause == "stopped":
        note = f"killed: it had not ended after {grace:g} s" if end.killed else ""
        return replace(seen, state=RunState.STOPPED, note=note, exit_code=_first(end.codes))
    if end.failure is not None:
        note = exit_words(end.failure)
        return replace(
            seen, state=RunState.FAILED, note=note, is_trouble=True, exit_code=end.failure
        )
    if None in end.codes:
        return replace(seen, note="it ended, and nobody saw how", is_trouble=True)
    return replace(seen, state=RunState.SUCCEEDED, exit_code=0)


def _first(codes: Iterable[int | None]) -> int | None:
    """The first worker's that is not well, else the first of all."""
    known = [code for code in codes if code is not None]
    return next((code for code in known if code), known[0] if known else None)


def _checkpoint(path: str) -> Checkpoint | None:
    if not path:
        return None
    try:
        written = Path(path).stat().st_mtime
    except OSError:
        return None
    return Checkpoint(path, datetime.fromtimestamp(written, UTC))


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn what the disk says into words for people."""
    try:
        yield
    except OSError as error:
        raise Unreachable(f"{what}: {_line(error)}") from error


def _line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}"
    return str(error)
