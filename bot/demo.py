"""`gpubot demo`: the unmodified bot in an embedded Slack workspace, with a sample lab.

Works offline, needs no account, and keeps nothing: the database lies in a temporary folder.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bot.config.edges import Edges
from bot.config.settings import Settings
from bot.demo_clock import DemoClock
from bot.demo_history import History
from bot.demo_training import CHECKPOINT
from bot.domain.actor import Actor, Person
from bot.domain.cluster import Cluster, Node, Team
from bot.domain.job import Job, JobTemplate
from bot.domain.request import parse_reserve
from bot.domain.run_rules import RunRules
from bot.domain.zones import zone_named
from bot.main import Bot
from bot.process import run_until_signal
from bot.runners.archive import LogSettings
from bot.runners.local.settings import LocalSettings
from bot.runners.settings import RunnerSettings
from bot.sandbox import Sandbox, SandboxChannel, SandboxClock, SandboxUser
from bot.services import people
from bot.services.no_show import still_needed
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.services.turn_over import turn_over
from bot.slack.outbox import PACE

MANIFEST = Path(__file__).with_name("manifest.yml")
PORT = 8090
ZONE = "Asia/Shanghai"
#: Both ends are on this machine; a slow one takes a second or two.
CONNECTED_WITHIN_S = 30.0

USERS = (
    SandboxUser("U0ALICE", "alice", "Alice Martin", tz=ZONE, title="Vision, team lead"),
    SandboxUser("U0BOB", "bob", "Bob Keller", tz="Europe/Berlin", title="Vision"),
    SandboxUser("U0CHEN", "chen", "Chen Wei", tz=ZONE, locale="zh-CN", title="NLP, team lead"),
    SandboxUser("U0EMMA", "emma", "Emma Rossi", tz="Europe/Rome", title="NLP"),
    SandboxUser("U0DANA", "dana", "Dana Novak", tz=ZONE, title="Robotics, team lead"),
    SandboxUser("U0FARID", "farid", "Farid Haddad", tz=ZONE, title="Robotics"),
    SandboxUser("U0GRACE", "grace", "Grace Park", tz=ZONE, title="Operations", admin=True),
)
EVERYBODY = [user.id for user in USERS]

TEAMS = (
    Team(
        name="vision",
        channel="C0VISION",
        color="#2563eb",
        members=frozenset({"U0ALICE", "U0BOB"}),
        leads=frozenset({"U0ALICE"}),
    ),
    Team(
        name="nlp",
        channel="C0NLP",
        color="#16a34a",
        members=frozenset({"U0CHEN", "U0EMMA"}),
        leads=frozenset({"U0CHEN"}),
    ),
    Team(
        name="robotics",
        channel="C0ROBOTICS",
        color="#d97706",
        members=frozenset({"U0DANA", "U0FARID"}),
        leads=frozenset({"U0DANA"}),
    ),
)

NODES = tuple(Node(f"gpu-0{n}", 4, "V100" if n <= 4 else "A100") for n in range(1, 9))

JOBS = (
    JobTemplate(
        "demo-train",
        Job(
            command=(
                sys.executable, "-m", "bot.demo_training", "--epochs", "{epochs}",
                "--seconds", "{seconds}", "--fail-at", "{fail}",
                "--checkpoints", "{checkpoints}", "--resume",
            ),
            checkpoints="{first}",
            checkpoint="{checkpoints}/" + CHECKPOINT,
            grace=timedelta(seconds=5),
        ),
        parameters=(("epochs", "300"), ("seconds", "1"), ("fail", "0")),
        summary="a training that learns nothing, to try gpubot with",
    ),
)  # fmt: skip

CHANNELS = (
    SandboxChannel("C0VISION", "vision", members=EVERYBODY, topic="Seeing machines"),
    SandboxChannel("C0NLP", "nlp", members=EVERYBODY, topic="Reading machines"),
    SandboxChannel("C0ROBOTICS", "robotics", members=EVERYBODY, topic="Moving machines"),
    SandboxChannel("C0OPS", "gpu-ops", members=EVERYBODY, topic="Nodes out of service and back"),
)


class Sample(NamedTuple):
    """A booking that somebody made `ago`, in the words they typed."""

    ago: timedelta
    user: str
    text: str


SAMPLES = (
    Sample(timedelta(hours=26), "U0CHEN", '4 A100 now 2d p1 firm "pretraining, seed 1"'),
    Sample(timedelta(hours=5), "U0ALICE", '4 V100 now 20h "ImageNet baseline"'),
    Sample(timedelta(hours=4), "U0EMMA", '2 A100 now 12h "tokenizer ablation"'),
    Sample(timedelta(hours=3), "U0DANA", '8 V100 tomorrow 08:00 1d "grasping, two nodes"'),
    Sample(timedelta(hours=2), "U0BOB", '1 V100 now 8h "label cleaning"'),
    Sample(timedelta(hours=2), "U0FARID", '2 V100 in 6h 10h "simulation sweep"'),
    Sample(timedelta(hours=1), "U0CHEN", '4 A100 tomorrow 22:00 20h p1 "evaluation"'),
    Sample(timedelta(hours=1), "U0ALICE", '3 A100 tomorrow 10:00 12h "detector, large"'),
)


class Demo:
    """A workspace and a bot in it, over a database in `folder`."""

    def __init__(
        self,
        folder: Path,
        *,
        over_http: bool = False,
        pace: timedelta = PACE,
        open_id: bool = True,
        history: bool = False,
        lab: Cluster | None = None,
        edges: Edges | None = None,
        database_url: str = "",
        ack_timeout: float = 3.0,
    ) -> None:
        """`lab`: another one than the sample, without its bookings; `edges`: what is around it.

        `open_id`: people sign in on the calendar page with Slack, else by a link.

        `history`: weeks of bookings lie behind, for the reports to tell of.

        `database_url`: another database than a file in `folder`.

        `ack_timeout`: seconds that Slack waits for an answer, and for a window to be opened.
        """
        self.clock = SandboxClock()
        self.sandbox = Sandbox(
            manifest=MANIFEST,
            users=USERS,
            channels=CHANNELS,
            clock=self.clock,
            workspace_name="Sample Lab",
            team_id="T0LAB",
            ack_timeout=ack_timeout,
        )
        #: Set when all is made ready that the first to ask would wait for.
        self.warm = threading.Event()
        self.folder, self._over_http, self._pace = folder, over_http, pace
        self._database_url = database_url or f"sqlite:///{folder / 'gpubot.db'}"
        self._open_id, self._history = open_id, history
        self._lab, self._edges = lab, edges or on_this_machine(folder)
        self.bot: Bot | None = None
        self._follower: DemoClock | None = None

    def start(self, port: int | None = 0) -> None:
        """Start both, and wait until they talk.

        The workspace is at `port`: 0 is any, None is PORT or else any. Raises OSError when the
        port is taken.
        """
        self._open_workspace(port)
        self.bot = Bot(
            self._settings(),
            self._lab or sample_lab(self.folder),
            self.clock,
            edges=self._edges,
            pace=self._pace,
        )
        if self._history:
            History(self.bot.site, self.clock.now()).live()
            remember_everybody(self.bot.site, self.clock)
        if self._lab is None:
            book_samples(self.bot.site, self.clock)
        self.bot.start(when_warm=self.warm.set)
        self.sandbox.allow_redirect(f"{self.bot.address}/sign-in/callback")
        if self._over_http:
            self.sandbox.request_url = f"{self.bot.address}/slack/events"
        self.sandbox.wait_for(lambda: self.sandbox.connected, timeout=CONNECTED_WITHIN_S)
        self._follower = DemoClock(self.clock, self.bot, self._pace)
        self._follower.start()

    @property
    def calendar_url(self) -> str:
        """Where the calendar page is, once it has started."""
        assert self.bot is not None, "it is not running"
        return f"{self.bot.address}/"

    def stop(self) -> None:
        """End both; also what was only half started."""
        if self._follower is not None:
            self._follower.stop()
        if self.bot is not None:
            self.bot.stop()
        self.sandbox.stop()

    def _open_workspace(self, port: int | None) -> None:
        try:
            self.sandbox.start(PORT if port is None else port)
        except OSError:
            if port is not None:
                raise
            self.sandbox.start(0)

    def _settings(self) -> Settings:
        return Settings(
            bot_token=self.sandbox.bot_token,
            app_token="" if self._over_http else self.sandbox.app_token,
            signing_secret=self.sandbox.signing_secret,
            slack_api_url=self.sandbox.api_url,
            client_id=self.sandbox.client_id if self._open_id else "",
            client_secret=self.sandbox.client_secret if self._open_id else "",
            database_url=self._database_url,
            port=0,
            base_url="",
        )


def demo(*, port: int | None, over_http: bool, tell: Callable[[str], None]) -> None:
    """Run the demo until SIGINT or SIGTERM; `tell` says where it is.

    `port` None takes PORT, or any free one when that is taken. Raises OSError when a given port
    is taken.
    """
    # The workspace is on this machine: a proxy could not reach it.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    with TemporaryDirectory(prefix="gpubot-demo-") as folder:
        running = Demo(Path(folder), over_http=over_http, history=True)

        def start() -> None:
            running.start(port)
            tell(
                f"gpubot's demo is open at {running.sandbox.url}\n"
                "Choose who you are there, and type /gpu help into a channel.\n"
                f"The calendar is at {running.calendar_url}\n"
                "Ctrl-C ends it."
            )

        run_until_signal(start, running.stop)


def sample_lab(folder: Path) -> Cluster:
    """The sample lab, whose runs keep their checkpoints in `folder`."""
    return replace(cluster(), runs=RunRules(checkpoints=str(folder / "checkpoints")))


def on_this_machine(folder: Path) -> Edges:
    """Every node of the lab is this machine; runs and their logs lie in `folder`."""
    return Edges(
        runner=RunnerSettings(
            folder=folder / "runs",
            local=LocalSettings(nodes=tuple(node.name for node in NODES)),
        ),
        logs=LogSettings(folder=folder / "logs"),
    )


def cluster() -> Cluster:
    """The sample lab: eight nodes with four GPUs each, three teams, one admin."""
    zone = zone_named(ZONE)
    if zone is None:
        raise RuntimeError(f"the time zone database has no {ZONE}")
    return Cluster(
        name="Sample Lab",
        zone=zone,
        zone_name=ZONE,
        nodes=NODES,
        teams=TEAMS,
        admins=frozenset({"U0GRACE"}),
        urgent=frozenset({"U0ALICE"}),
        ops_channel="C0OPS",
        jobs=JOBS,
    )


def remember_everybody(site: Site, clock: SandboxClock) -> None:
    """Know what people are called, as after weeks in which they have used the bot."""
    for user in USERS:
        person = Person(user.id, user.real_name, user.tz, user.locale, None, clock.now())
        people.remember_person(site, person)


def book_samples(site: Site, clock: SandboxClock) -> None:
    """Make the sample bookings: some run by now, some are ahead."""
    for sample in SAMPLES:
        now = (clock.now() - sample.ago).replace(microsecond=0)
        request = parse_reserve(sample.text, now=now, zone=site.cluster.zone, cluster=site.cluster)
        booked = reserve(site, Actor(sample.user), request, now=now)
        # Those that begin at once: later, the history would call them late.
        turn_over(site, now=now)
        if booked.is_running(clock.now()):
            # Its owner is at work on it, and need not be asked about it.
            still_needed(site, Actor(sample.user), booked.id, now=clock.now())
