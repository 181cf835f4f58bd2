"""What happens to three replicas and their PostgreSQL while people use them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.crowd import Crowd
from benchmarks.postgres_server import PostgresServer
from benchmarks.replica_group import Replica


@dataclass(slots=True)
class Trouble:
    """One replica killed, another ended, and PostgreSQL crashed, each started again."""

    replicas: Sequence[Replica]
    server: PostgresServer
    crowd: Crowd
    #: Answers that people get between one event and the next.
    between: int
    #: Called when something was ended, as soon as the database answers.
    look: Callable[[], object] = lambda: None
    #: Exit codes of what was ended by SIGTERM.
    ended: list[int] = field(default_factory=list)

    async def happen(self, seed: int) -> None:
        """Let everybody live through it, and a while longer."""
        everybody = asyncio.create_task(self.crowd.live(seed))
        try:
            await self._events()
        finally:
            self.crowd.over = True
            await everybody
            await self.crowd.balancer.close()

    async def _events(self) -> None:
        first, second, _ = self.replicas
        events: Sequence[tuple[Callable[[], object], Callable[[], object]]] = (
            (first.kill, first.start),
            (lambda: self.ended.append(second.terminate()), second.start),
            (self.server.crash, self.server.start),
        )
        await self.crowd.until(self.between)
        for end, start in events:
            await asyncio.to_thread(end)
            if start != self.server.start:
                # Nobody notices but those who were being answered.
                self.look()
                await self.crowd.until(self.between // 2)
            await asyncio.to_thread(start)
            self.look()
            for replica in self.replicas:
                await asyncio.to_thread(replica.wait_until_ready)
            await self.crowd.until(self.between)
