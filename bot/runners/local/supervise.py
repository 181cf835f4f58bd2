"""The supervisor of a run: starts its workers, ends them when asked, and keeps how they ended.

It is a process of its own that outlives gpubot, so that a run is warned, stopped and accounted
for whatever happens to gpubot meanwhile. It takes what to do from standard input, as JSON, tells on
standard output how the start went, and does its work in a process that nobody waits for. Only the
standard library is imported: one supervisor runs for every run.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.runners.local import records
from bot.runners.local.processes import Process, boot_id, catches, members, tell, uppermost

#: What wakes the supervisor: a child that ended, and gpubot that has written something.
CHILD, WAKE = signal.SIGCHLD, signal.SIGUSR1
#: Signals for whoever sits at a terminal, or for a host that goes down: the workers hear of that
#: themselves, and the supervisor stays to see how they end.
DEAF = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
#: Seconds between two looks where nothing wakes it; shorter while the run is being ended.
LOOK_S, LOOK_ENDING_S = 1.0, 0.1
OK = "ok"
_PR_SET_CHILD_SUBREAPER = 36


class CannotStart(Exception):
    """A worker's program cannot be started; the text is for people."""


@dataclass
class Watch:
    """A run that is being watched."""

    key: str
    folder: Path
    grace: float
    #: Workers that have not ended, by process number; none where another supervisor started them.
    alive: dict[int, int]
    codes: list[int | None]
    #: Held, because Popen would wait itself for those that are let go, and tell nobody.
    workers: Sequence[subprocess.Popen[bytes]] = ()
    failure: int | None = None
    #: Why it is being ended; see `records.Ended`. Empty: it runs.
    cause: str = ""
    #: When what is left is killed, by the monotonic clock.
    deadline: float = 0.0
    killed: bool = False
    #: For which warning the signal was sent, and to whom.
    warning: str = ""
    warned: set[Process] = field(default_factory=set)
    asked: set[Process] = field(default_factory=set)

    def look(self) -> bool:
        """Do what is due; whether the run is over."""
        self._reap()
        processes = members(self.key, os.getpid()) if self._has_work() else []
        self.cause = self.cause or self._why_end(processes)
        if not self.cause:
            self._warn(processes)
            return False
        if not processes and not self.alive:
            return True
        self._end(processes)
        return False

    def _reap(self) -> None:
        """Note who has ended: workers, and what they left behind."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self.alive:
                self._note(self.alive.pop(pid), os.waitstatus_to_exitcode(status))

    def _note(self, worker: int, code: int) -> None:
        # As shells count: 137 is an end by signal 9.
        self.codes[worker] = code if code >= 0 else 128 - code
        if code and not self.cause and self.failure is None:
            self.failure = self.codes[worker]

    def _has_work(self) -> bool:
        """Whether the processes matter now: looking for them reads the whole of /proc."""
        stays = self.alive and not self.cause and self.failure is None
        return not stays or self._is_asked(records.STOP) or self._is_asked(records.WARN)

    def _is_asked(self, what: str) -> bool:
        return (self.folder / what).exists()

    def _why_end(self, processes: Sequence[Process]) -> str:
        cause = ""
        if not self.alive and (self._saw_the_end() or not processes):
            cause = "failed" if self.failure else "ended"
        elif self._is_asked(records.STOP):
            cause = "stopped"
        elif self.failure:
            cause = "failed"
        if cause:
            self.deadline = time.monotonic() + self.grace
        return cause

    def _saw_the_end(self) -> bool:
        return None not in self.codes

    def _warn(self, processes: Sequence[Process]) -> None:
        """Send SIGUSR1, once a warning, to those who catch it: it would end anybody else.

        A program that is still loading may catch it a little later, so this is looked at again.
        """
        if not self._is_asked(records.WARN):
            return
        warning = (self.folder / records.WARN).read_text()
        if warning != self.warning:
            self.warning, self.warned = warning, set()
        for process in uppermost(processes, signal.SIGUSR1):
            if process not in self.warned and catches(process, signal.SIGUSR1):
                tell(process, signal.SIGUSR1)
                self.warned.add(process)

    def _end(self, processes: Sequence[Process]) -> None:
        for process in uppermost(processes, signal.SIGTERM):
            if process not in self.asked:
                tell(process, signal.SIGTERM)
                # One that is halted could not hear it.
                tell(process, signal.SIGCONT)
                self.asked.add(process)
        if time.monotonic() >= self.deadline:
            self.killed = True
            for process in processes:
                tell(process, signal.SIGKILL)

    def ended(self) -> records.Ended:
        """The record of its end."""
        return records.Ended(self.cause, tuple(self.codes), self.failure, self.killed, _now())


def main() -> None:
    """Start the run that standard input describes, or take over one; tell how that went."""
    plan = json.load(sys.stdin)
    answers, answer = os.pipe()
    if os.fork():
        os.close(answer)
        with os.fdopen(answers) as told:
            sys.stdout.write(told.read())
        return
    os.close(answers)
    _leave(Path(plan["folder"]))
    try:
        _supervise(plan, answer)
    except BaseException:
        traceback.print_exc()
        raise


def _leave(folder: Path) -> None:
    """Let go of everything that is gpubot's: session, folder, files."""
    os.setsid()
    os.chdir("/")
    log = os.open(
        folder / records.SUPERVISOR_LOG,
        os.O_WRONLY | os.O_CREAT | os.O_APPEND,
        records.FILE_MODE,
    )
    nothing = os.open(os.devnull, os.O_RDONLY)
    for handle, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(handle, target)
    os.close(log)
    os.close(nothing)
    signal.pthread_sigmask(signal.SIG_BLOCK, (CHILD, WAKE, *DEAF))
    # What the workers leave behind becomes our child, so that nothing of the run gets lost.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _supervise(plan: dict[str, Any], answer: int) -> None:
    folder = Path(plan["folder"])
    workers = plan.pop("workers")
    try:
        watch = _started(plan, workers) if workers else _taken_over(plan)
    except (CannotStart, OSError) as error:
        kind = "refused" if isinstance(error, CannotStart) else "failed"
        _tell(answer, {kind: str(error)})
        return
    # Environments with their secrets are the workers' now, and nobody else's.
    workers.clear()
    _tell(answer, OK)
    while not watch.look():
        signal.sigtimedwait((CHILD, WAKE, *DEAF), LOOK_ENDING_S if watch.cause else LOOK_S)
    _keep_the_end(folder, watch.ended())


def _tell(answer: int, what: object) -> None:
    with os.fdopen(answer, "w") as told:
        json.dump(what, told)


def _started(plan: Mapping[str, Any], workers: Sequence[Mapping[str, Any]]) -> Watch:
    folder = Path(plan["folder"])
    made: list[subprocess.Popen[bytes]] = []
    try:
        for index, worker in enumerate(workers):
            made.append(_start(worker, records.log_file(folder, index)))
        records.keep(folder / records.STATE, _state(plan))
    except (CannotStart, OSError):
        for process in members(plan["key"], os.getpid()):
            tell(process, signal.SIGKILL)
        raise
    alive = {process.pid: index for index, process in enumerate(made)}
    return Watch(plan["key"], folder, plan["grace"], alive, [None] * len(made), made)


def _taken_over(plan: Mapping[str, Any]) -> Watch:
    """A run whose supervisor was killed: its processes are known by their marker."""
    folder = Path(plan["folder"])
    before = records.started(folder)
    if before is not None:
        records.keep(folder / records.STATE, replace(before, supervisor=os.getpid()))
    return Watch(plan["key"], folder, plan["grace"], {}, [None])


def _state(plan: Mapping[str, Any]) -> records.Started:
    return records.Started(boot_id(), os.getpid(), _now(), plan["grace"], plan["checkpoint"])


def _start(worker: Mapping[str, Any], log: Path) -> subprocess.Popen[bytes]:
    """Start a worker in a session of its own."""
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, records.FILE_MODE)
    try:
        return subprocess.Popen(  # noqa: S603 - a job's command is what somebody wants to run
            worker["words"],
            cwd=worker["cwd"],
            env=worker["env"],
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            start_new_session=True,
            preexec_fn=_hear_all,  # noqa: PLW1509 - there are no threads here
            **worker["account"],
        )
    except OSError as error:
        raise CannotStart(_why(worker["words"][0], error)) from error
    finally:
        os.close(handle)


def _hear_all() -> None:
    """A worker hears every signal, unlike its supervisor."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _why(program: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"there is no program {program}"
    if isinstance(error, PermissionError):
        return f"the program {program} may not be run"
    return f"the program {program} cannot be run: {error.strerror}"


def _keep_the_end(folder: Path, end: records.Ended) -> None:
    """Write down how the run ended, as soon as there is room to."""
    while True:
        try:
            records.keep(folder / records.ENDED, end)
        except OSError as error:
            print(f"cannot keep how the run ended: {error}", file=sys.stderr, flush=True)  # noqa: T201
            if not folder.exists():
                return
            time.sleep(LOOK_S)
        else:
            return


def _now() -> str:
    return datetime.now(UTC).isoformat()


if __name__ == "__main__":
    main()
