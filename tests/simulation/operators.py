"""What happens to the machines: nodes go out of service, Slack is away, gpubot is restarted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from simulation.town import ADMIN, NODES

from bot.domain.actor import Actor
from bot.services.drain import drain
from bot.services.resume import resume

if TYPE_CHECKING:
    from simulation.crowd import Crowd
    from simulation.world import World

HOUR = timedelta(hours=1)


class Operators:
    """Those who look after the cluster, and what they cannot help."""

    def __init__(self, world: World, crowd: Crowd) -> None:
        self._world = world
        self._crowd = crowd

    def drain(self) -> str:
        rng, now = self._world.rng, self._world.now
        until = None if rng.random() < 0.3 else now + rng.uniform(1, 40) * HOUR
        node = rng.choice(NODES).name
        done = drain(self._world.site, Actor(ADMIN), node, until=until, reason="r", now=now)
        sizes = [len(group) for group in (done.moved, done.stranded, done.running)]
        return f"drain|{done.drain.node} until {until}: {sizes}"

    def resume(self) -> str:
        drained = self._world.books.rows("SELECT node FROM drain WHERE state = 'draining'")
        node = self._world.rng.choice(drained)["node"] if drained else NODES[0].name
        return f"resume|{resume(self._world.site, Actor(ADMIN), node, now=self._world.now).node}"

    def lose_slack(self) -> str:
        """Messages wait for hours, while people who ask in another way go on."""
        rng, hours = self._world.rng, self._world.rng.choice((0.2, 0.7, 2, 9))
        self._world.post.away_until = self._world.now + hours * HOUR
        for act in (self._crowd.take_from_others, self._crowd.give_back, self._crowd.cancel):
            self._world.after(rng.uniform(0, hours * 60), act)
        return f"lose slack|for {hours} h"

    def restart(self) -> str:
        self._crowd.is_one_transaction = False
        hours = self._world.rng.choice((0, 0.01, 0.3, 1, 5, 30))
        self._world.stay_away(hours * HOUR)
        return f"restart|after {hours} h"
