"""gpubot's nodes follow those of a Kubernetes cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from builders import ADMIN, BOB, NODES, NOW, actor, cluster, request
from databases import new_database
from sqlalchemy import text

from bot.domain.cluster import Cluster
from bot.domain.conflict import Conflict
from bot.runners.kubernetes.nodes import SeenNode
from bot.runners.protocol import Unreachable
from bot.services import look, nodes
from bot.services.drain import drain
from bot.services.learn_nodes import recall_nodes
from bot.services.nodes import sync_nodes
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.store.database import Database
from bot.store.errors import Busy
from bot.ticks.cluster_nodes import MISSING, NO_GPUS, NOT_READY, ClusterNodes

MINUTE = timedelta(minutes=1)
ALL = tuple(SeenNode(node.name, node.gpus, node.model) for node in NODES)


@dataclass
class Told:
    """What the cluster says; None: it cannot be asked."""

    seen: tuple[SeenNode, ...] | None = ALL

    def nodes(self) -> tuple[SeenNode, ...]:
        if self.seen is None:
            raise Unreachable("the API server cannot be reached")
        return self.seen


class Lab:
    """A site whose nodes are followed, minute by minute."""

    def __init__(self, site: Site, *, learns: bool = False) -> None:
        self.site, self.told, self.now = site, Told(), NOW
        self.nodes = ClusterNodes(site, self.told, learns=learns)

    def trouble(self, *names: str, why: str = "Kubelet stopped posting node status.") -> None:
        self.told.seen = tuple(
            replace(node, trouble=why if node.name in names else "") for node in ALL
        )

    def pass_minutes(self, minutes: int) -> None:
        for _minute in range(minutes + 1):
            self.nodes.look(now=self.now)
            self.now += MINUTE

    def drained(self) -> dict[str, str]:
        return {name: found.reason for name, found in look.drained_nodes(self.site).items()}


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[Cluster], Site]]:
    database = Database(new_database(tmp_path))

    def open_site(of: Cluster) -> Site:
        site = Site.open(database, of)
        if not of.nodes:
            recall_nodes(site)
        sync_nodes(site, now=NOW)
        return site

    yield open_site
    database.close()


@pytest.fixture
def lab(opened: Callable[[Cluster], Site]) -> Lab:
    return Lab(opened(cluster()))


def test_a_node_that_is_not_ready_for_a_minute_is_taken_out_of_service(lab: Lab) -> None:
    lab.trouble("gpu-01")
    lab.pass_minutes(0)
    assert lab.drained() == {}
    lab.pass_minutes(1)
    assert lab.drained() == {"gpu-01": NOT_READY}
    with lab.site.database.snapshot() as connection:
        told = connection.execute(text("SELECT recipient FROM outbox WHERE topic = 'node'"))
        assert [row.recipient for row in told] == ["C0OPS"]


def test_bookings_on_it_move_where_they_can(lab: Lab) -> None:
    booking = reserve(lab.site, actor(BOB), request(4, model="V100"), now=NOW)
    lab.trouble(*booking.nodes)
    lab.pass_minutes(1)
    assert look.get_booking(lab.site, booking.id).nodes != booking.nodes


def test_a_node_that_is_ready_again_for_a_minute_comes_back(lab: Lab) -> None:
    lab.trouble("gpu-01")
    lab.pass_minutes(1)
    lab.trouble()
    lab.pass_minutes(0)
    assert lab.drained()
    lab.pass_minutes(1)
    assert lab.drained() == {}


def test_what_people_took_out_stays_with_them(lab: Lab) -> None:
    drain(lab.site, actor(ADMIN), "gpu-01", until=None, reason="new fan", now=NOW)
    lab.trouble("gpu-01")
    lab.pass_minutes(2)
    lab.trouble()
    lab.pass_minutes(2)
    assert lab.drained() == {"gpu-01": "new fan"}


def test_a_node_that_flickers_stays_in_service(lab: Lab) -> None:
    for _times in range(4):
        lab.trouble("gpu-01")
        lab.pass_minutes(0)
        lab.trouble()
        lab.pass_minutes(0)
    assert lab.drained() == {}


def test_an_api_server_that_is_away_drains_nothing(lab: Lab) -> None:
    lab.trouble("gpu-01")
    lab.pass_minutes(0)
    lab.told.seen = None
    lab.pass_minutes(30)
    assert lab.drained() == {}
    lab.trouble("gpu-01")
    lab.pass_minutes(0)
    assert lab.drained() == {}


def test_a_cluster_all_of_whose_nodes_are_in_trouble_drains_nothing(lab: Lab) -> None:
    lab.trouble(*(node.name for node in NODES))
    lab.pass_minutes(30)
    assert lab.drained() == {}


def test_a_restart_forgets_nothing_of_what_it_drained(lab: Lab) -> None:
    lab.trouble("gpu-01")
    lab.pass_minutes(1)
    after = Lab(lab.site)
    after.now = lab.now
    after.pass_minutes(1)
    assert after.drained() == {}


def test_nodes_are_learnt_from_the_cluster(opened: Callable[[Cluster], Site]) -> None:
    lab = Lab(opened(cluster(nodes=())), learns=True)
    assert lab.site.cluster.nodes == ()
    lab.pass_minutes(0)
    assert lab.site.cluster.nodes == NODES
    assert reserve(lab.site, actor(BOB), request(8), now=NOW).nodes == ("gpu-03",)


def test_nodes_are_known_at_a_start_while_the_cluster_is_away(
    opened: Callable[[Cluster], Site],
) -> None:
    Lab(opened(cluster(nodes=())), learns=True).pass_minutes(0)
    lab = Lab(opened(cluster(nodes=())), learns=True)
    lab.told.seen = None
    lab.pass_minutes(2)
    assert lab.site.cluster.nodes == NODES
    assert reserve(lab.site, actor(BOB), request(8), now=NOW).nodes == ("gpu-03",)


def test_a_node_that_grew_can_be_booked_whole(opened: Callable[[Cluster], Site]) -> None:
    lab = Lab(opened(cluster(nodes=())), learns=True)
    lab.pass_minutes(0)
    lab.told.seen = (replace(ALL[0], gpus=8), *ALL[1:])
    lab.pass_minutes(0)
    assert reserve(lab.site, actor(BOB), request(8, model="V100"), now=NOW).nodes == ("gpu-01",)


def test_a_drain_holds_what_its_node_has_got_though_the_database_was_busy_at_first(
    opened: Callable[[Cluster], Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab(opened(cluster(nodes=())), learns=True)
    lab.pass_minutes(0)
    drain(lab.site, actor(ADMIN), "gpu-01", until=None, reason="new fan", now=lab.now)
    lab.told.seen = (replace(ALL[0], gpus=8), *ALL[1:])

    def be_busy(*_about: object) -> int:
        raise Busy

    with monkeypatch.context() as patched:
        patched.setattr(nodes, "serve_waitlist", be_busy)
        with pytest.raises(Busy):
            lab.pass_minutes(0)
    lab.pass_minutes(0)
    with pytest.raises(Conflict):
        reserve(lab.site, actor(BOB), request(4, node="gpu-01"), now=lab.now)


def test_a_node_without_its_device_plugin_keeps_its_gpus_and_takes_no_work(
    opened: Callable[[Cluster], Site],
) -> None:
    lab = Lab(opened(cluster(nodes=())), learns=True)
    lab.pass_minutes(0)
    lab.told.seen = (replace(ALL[0], gpus=0), *ALL[1:])
    lab.pass_minutes(1)
    assert lab.site.cluster.nodes == NODES
    assert lab.drained() == {"gpu-01": NO_GPUS}


def test_a_node_that_leaves_the_cluster_is_kept_for_as_long_as_it_is_booked(
    opened: Callable[[Cluster], Site],
) -> None:
    lab = Lab(opened(cluster(nodes=())), learns=True)
    lab.pass_minutes(0)
    reserve(lab.site, actor(BOB), request(8, node="gpu-03"), now=NOW)
    lab.told.seen = ALL[1:2]
    lab.pass_minutes(1)
    assert [node.name for node in lab.site.cluster.nodes] == ["gpu-02", "gpu-03"]
    assert lab.drained() == {"gpu-03": MISSING}


def test_a_cluster_that_shows_no_node_at_all_changes_nothing(
    opened: Callable[[Cluster], Site],
) -> None:
    lab = Lab(opened(cluster(nodes=())), learns=True)
    lab.pass_minutes(0)
    lab.told.seen = ()
    lab.pass_minutes(5)
    assert lab.site.cluster.nodes == NODES
    assert lab.drained() == {}


def test_a_node_whose_name_cannot_be_typed_is_left_out(
    opened: Callable[[Cluster], Site], caplog: pytest.LogCaptureFixture
) -> None:
    lab = Lab(opened(cluster(nodes=())), learns=True)
    lab.told.seen = (SeenNode("10.0.0.1", 8, "A100"), *ALL)
    lab.pass_minutes(0)
    assert lab.site.cluster.nodes == NODES
    assert "10.0.0.1" in caplog.text


def test_the_nodes_of_the_file_are_watched_but_not_replaced(lab: Lab) -> None:
    lab.told.seen = (*ALL, SeenNode("gpu-09", 8, "H100"))
    lab.pass_minutes(1)
    assert lab.site.cluster.nodes == NODES
    assert lab.site.cluster.node("gpu-09") is None
    assert lab.drained() == {}
