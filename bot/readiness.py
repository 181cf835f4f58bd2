"""Whether gpubot is ready: all of it, and this replica as far as that depends on itself."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from sqlalchemy import text as sql
from sqlalchemy.exc import SQLAlchemyError

from bot.clock_watch import ClockWatch
from bot.services.only_process import OnlyProcess
from bot.slack.probe import Probe
from bot.slack.socket import SocketLink
from bot.store.database import Database
from bot.store.errors import Busy
from bot.ticks.scheduler import Ticks


@dataclass(frozen=True, slots=True)
class Readiness:
    """What is asked; `socket`, `watch` and `alone` None: there is no such thing."""

    database: Database
    probe: Probe
    ticks: Ticks
    socket: SocketLink | None
    watch: ClockWatch | None
    alone: OnlyProcess | None
    stopping: threading.Event

    def problems(self) -> list[str]:
        """Why gpubot does not do all that it should; empty when it does."""
        unreadable = self._unreadable()
        found = [
            self._ending(),
            # Reading goes on without room on the disk, and beside somebody else's lock.
            self.database.problem() or unreadable or self._not_alone(),
            self.probe.problem(),
            self._unconnected(),
            None if self.watch is None else self.watch.problem(),
            self.ticks.problem(),
        ]
        return [problem for problem in found if problem is not None]

    def of_replica(self) -> list[str]:
        """Why this replica cannot serve those who come to it; empty when it can.

        What others suffer from as well is left out (Slack, a server that a tick asks): to send
        people elsewhere would help nobody.
        """
        starting = None if self.ticks.is_running else self.ticks.problem()
        found = [self._ending(), self._unreadable(), starting]
        return [problem for problem in found if problem is not None]

    def slack_problem(self) -> str | None:
        """Why nothing reaches Slack, or comes from it; None when all is well."""
        return self.probe.problem() or self._unconnected()

    def _unconnected(self) -> str | None:
        return None if self.socket is None else self.socket.problem()

    def _not_alone(self) -> str | None:
        return None if self.alone is None else self.alone.problem()

    def _ending(self) -> str | None:
        return "gpubot: it is ending" if self.stopping.is_set() else None

    def _unreadable(self) -> str | None:
        try:
            with self.database.snapshot() as connection:
                connection.execute(sql("SELECT 1 FROM outbox LIMIT 1"))
        except (SQLAlchemyError, Busy) as error:
            return self.database.problem() or f"database: {type(error).__name__}"
        return None
