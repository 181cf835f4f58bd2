"""A site in which there is something of every kind to change, and people of every role.

Bob has one of everything; so has Lena, who was in his team and has left it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import builders
from builders import ALICE, BOB, CHEN, DANA, NOW, STRANGER, TONIGHT, actor, request

from bot.domain.access import Scope, TokenKind
from bot.domain.booking import Priority, Shape
from bot.domain.cluster import Cluster, Node, Team
from bot.domain.job import Job, JobOrder, JobTemplate
from bot.domain.wait_request import WaitRequest
from bot.services.cancel import cancel
from bot.services.drain import drain
from bot.services.feed import FeedKind, FeedTarget
from bot.services.join_waitlist import join_waitlist
from bot.services.keep_time import keep_time
from bot.services.look_waiting import open_offer_of
from bot.services.nodes import sync_nodes
from bot.services.preempt import preempt
from bot.services.reserve import reserve
from bot.services.seals import SECRET
from bot.services.secret import site_secret
from bot.services.site import Site
from bot.services.subscribe import subscribe
from bot.services.tokens import create_token
from bot.services.transfer import offer_transfer
from bot.store.database import Database

EVE, FINN, LENA, URSULA, BOT = "U0EVE", "U0FINN", "U0LENA", "U0URSULA", "U0GPUBOT"
ADMIN = builders.ADMIN

#: Who tries, by their role towards what is Bob's (or, of those who left, their own).
ROLES = {
    "stranger": STRANGER,
    "gpubot's own user": BOT,
    "member of another team": DANA,
    "lead of another team": CHEN,
    "urgent role": URSULA,
    "who was offered it": FINN,
    "who has left (own things)": LENA,
    "member of the team": EVE,
    "owner": BOB,
    "lead of the team": ALICE,
    "admin": ADMIN,
}
#: Two hours before NOW: the line of the grid at which what is over by NOW began.
BEFORE = NOW.replace(hour=0, minute=0)
HOURS = timedelta(hours=1)
#: Nodes of eight GPUs for each of the two who have something, and some that are free.
NODES = tuple(Node(f"{whose}-{n}", 8, "A100") for whose in ("bob", "lena") for n in range(1, 6))
FREE = tuple(Node(f"free-{n}", 8, "V100") for n in range(1, 4))
JOB = JobOrder("train")


def town(*, lena: bool) -> Cluster:
    """The cluster; `lena`: as it was while she was in the team."""
    vision = Team(
        "vision",
        "C0VISION",
        members=frozenset({BOB, EVE, *((LENA,) if lena else ())}),
        leads=frozenset({ALICE}),
    )
    nlp = Team(
        "nlp", "C0NLP", members=frozenset({DANA, FINN, URSULA, ADMIN}), leads=frozenset({CHEN})
    )
    return replace(
        builders.cluster(nodes=(*NODES, *FREE)),
        teams=(vision, nlp),
        urgent=frozenset({URSULA}),
        jobs=tuple(JobTemplate(name, Job(command=(name,))) for name in ("train", "other")),
    )


@dataclass(frozen=True, slots=True)
class Things:
    """What one owner has; ids of bookings unless it says otherwise."""

    reserved: int
    active: int
    over: int
    #: Preemptions: of a booking that runs, and of one that was moved.
    warned: int
    moved: int
    wish: int
    offer: int
    transfer: int
    token: int
    feed: int


@dataclass(frozen=True, slots=True)
class Town:
    """What Bob and Lena have."""

    bob: Things
    lena: Things

    def things(self, role: str) -> Things:
        """What somebody of that role tries to touch."""
        return self.lena if role.startswith("who has left") else self.bob


def site_of_town(url: str) -> Site:
    """A site over the database at `url` in which a town was made."""
    return Site.open(Database(url), town(lena=False), lambda: "http://lab")


def build(url: str) -> Town:
    """Make the town in the new database at `url`."""
    site = Site.open(Database(url), town(lena=True), lambda: "http://lab")
    sync_nodes(site, now=BEFORE)
    over = {who: _over(site, who, node) for who, node in ((BOB, "bob-1"), (LENA, "lena-1"))}
    keep_time(site, now=NOW)
    made = Town(
        bob=_things(site, BOB, "bob", over[BOB]), lena=_things(site, LENA, "lena", over[LENA])
    )
    drain(site, actor(ADMIN), "free-3", until=None, reason="broken", now=NOW)
    keep_time(site, now=NOW)
    site_secret(site, SECRET)
    site.database.close()
    return made


def _over(site: Site, owner: str, node: str) -> int:
    wanted = replace(request(1, BEFORE, 2, node=node), job=JOB)
    return reserve(site, actor(owner), wanted, now=BEFORE).id


def _things(site: Site, owner: str, nodes: str, over: int) -> Things:
    who, until = actor(owner), (TONIGHT - NOW) / HOURS
    reserved = reserve(site, who, replace(request(2, node=f"{nodes}-1"), job=JOB), now=NOW)
    active = reserve(
        site, who, replace(request(2, NOW, until, node=f"{nodes}-1"), job=JOB), now=NOW
    )
    given = reserve(site, who, request(1, node=f"{nodes}-1"), now=NOW)
    reserve(site, who, request(8, NOW, until, node=f"{nodes}-2"), now=NOW)
    reserve(site, who, request(8, node=f"{nodes}-3"), now=NOW)
    keep_time(site, now=NOW)
    wish, offer = _waits(site, owner, f"{nodes}-4", f"{nodes}-5")
    feed = subscribe(site, who, FeedTarget(FeedKind.PERSON, owner), now=NOW).token.id
    token, _ = create_token(
        site, who, kind=TokenKind.PERSON, name="mine", scopes=[Scope.READ], now=NOW
    )
    return Things(
        reserved=reserved.id,
        active=active.id,
        over=over,
        warned=_taken(site, f"{nodes}-2", NOW, until),
        moved=_taken(site, f"{nodes}-3", TONIGHT, 8),
        wish=wish,
        offer=offer,
        transfer=offer_transfer(site, who, given.id, FINN, now=NOW).id,
        token=token.id,
        feed=feed,
    )


def _taken(site: Site, node: str, start: object, hours: float) -> int:
    """Ursula takes a node for urgent work; the preemption of whoever had it."""
    asked = request(8, start, hours, node=node, priority=Priority.P0)
    done = preempt(site, actor(URSULA), asked, reason="demo", expected=range(99), now=NOW)
    (preemption,) = done.preemptions
    return preemption.id


def _waits(site: Site, owner: str, taken: str, freed: str) -> tuple[int, int]:
    """A wish that goes on waiting, and the offer that another one has got."""
    blocking = [
        reserve(site, actor(ADMIN), request(8, node=node, team="nlp"), now=NOW)
        for node in (taken, freed)
    ]
    first, second = (
        join_waitlist(site, actor(owner), _wish(node), now=NOW) for node in (taken, freed)
    )
    cancel(site, actor(ADMIN), blocking[1].id, now=NOW)
    offer = open_offer_of(site, second.id)
    assert offer is not None
    return first.id, offer.id


def _wish(node: str) -> WaitRequest:
    return WaitRequest(
        shape=Shape(8, node),
        length=2 * HOURS,
        earliest=TONIGHT,
        latest=TONIGHT + 4 * HOURS,
        priority=Priority.P2,
        preemptible=True,
        team=None,
        purpose="",
    )
