"""Nodes out of service and back: bookings in the way are moved where possible, owners told."""

from datetime import timedelta

import pytest
from builders import ADMIN, BOB, CHEN, NODES, NOW, TONIGHT, actor, cluster, request
from sqlalchemy import text

from bot.domain.booking import BookingState
from bot.domain.cluster import Node
from bot.domain.conflict import Conflict
from bot.domain.errors import BadCount, InThePast, NotAllowed, ReasonNeeded, UnknownName, WrongState
from bot.services import look
from bot.services.drain import drain
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.resume import expire_drains, resume

HOUR = timedelta(hours=1)


def drain_now(site, node="gpu-01", *, until=None, now=NOW, **more):
    return drain(site, actor(ADMIN), node, until=until, reason="new fan", now=now, **more)


def test_nothing_new_is_booked_on_a_drained_node(site):
    drain_now(site)
    with pytest.raises(Conflict) as refused:
        reserve(site, actor(BOB), request(1, node="gpu-01"), now=NOW)
    assert refused.value.blockers[0].reason == "new fan"
    assert reserve(site, actor(BOB), request(4, model="V100"), now=NOW).nodes == ("gpu-02",)


def test_bookings_in_the_way_move_to_another_node_of_the_model_and_owners_are_told(site):
    booking = reserve(site, actor(BOB), request(4, model="V100"), now=NOW)
    drained = drain_now(site)
    assert [b.nodes for b in drained.moved] == [("gpu-02",)]
    assert look.get_booking(site, booking.id).window == booking.window
    with site.database.snapshot() as connection:
        rows = connection.execute(text("SELECT recipient FROM outbox WHERE topic = 'notice'"))
        assert [row.recipient for row in rows] == [BOB]


def test_what_cannot_move_stays_listed_and_keeps_its_claim(site):
    first = reserve(site, actor(BOB), request(4, node="gpu-01"), now=NOW)
    second = reserve(site, actor(CHEN), request(4, node="gpu-02"), now=NOW)
    drained = drain_now(site)
    assert [b.id for b in drained.stranded] == [first.id]
    assert look.get_booking(site, second.id) == second
    resume(site, actor(ADMIN), "gpu-01", now=NOW)
    with pytest.raises(Conflict):
        reserve(site, actor(CHEN), request(1, node="gpu-01"), now=NOW)


def test_running_work_goes_on(site):
    booking = reserve(site, actor(BOB), request(4, node="gpu-01"), now=NOW)
    drained = drain_now(site, now=TONIGHT + HOUR)
    assert [b.id for b in drained.running] == [booking.id]
    release(site, actor(BOB), booking.id, now=TONIGHT + 2 * HOUR)
    resume(site, actor(ADMIN), "gpu-01", now=TONIGHT + 3 * HOUR)
    later = request(4, TONIGHT + 4 * HOUR, node="gpu-01")
    assert reserve(site, actor(CHEN), later, now=TONIGHT + 3 * HOUR).nodes == ("gpu-01",)


def test_with_an_end_the_node_can_be_booked_after_it(site):
    drain_now(site, until=TONIGHT)
    assert reserve(site, actor(BOB), request(4, node="gpu-01"), now=NOW).nodes == ("gpu-01",)
    with pytest.raises(Conflict):
        reserve(site, actor(BOB), request(4, TONIGHT - 2 * HOUR, 2, node="gpu-01"), now=NOW)
    assert expire_drains(site, now=TONIGHT - HOUR) == 0
    assert expire_drains(site, now=TONIGHT) == 1
    assert expire_drains(site, now=TONIGHT) == 0


def test_the_same_key_drains_once(site):
    first = drain_now(site, key="press")
    assert drain_now(site, key="press") == first


def test_a_drained_node_is_said_to_be_drained(site):
    drain_now(site)
    with pytest.raises(WrongState, match="out of service already"):
        drain_now(site)
    resume(site, actor(ADMIN), "gpu-01", now=NOW)
    with pytest.raises(WrongState, match="in service already"):
        resume(site, actor(ADMIN), "gpu-01", now=NOW)


def test_only_admins_with_a_reason_for_a_node_that_exists(site):
    with pytest.raises(NotAllowed):
        drain(site, actor(BOB), "gpu-01", until=None, reason="mine", now=NOW)
    with pytest.raises(ReasonNeeded):
        drain(site, actor(ADMIN), "gpu-01", until=None, reason=" ", now=NOW)
    with pytest.raises(UnknownName):
        drain_now(site, "gpu-99")
    with pytest.raises(InThePast):
        drain_now(site, until=NOW - HOUR)


def test_a_node_that_left_the_configuration_keeps_its_history(open_site):
    site = open_site(cluster())
    booking = reserve(site, actor(BOB), request(4, node="gpu-02"), now=NOW)
    smaller = open_site(cluster(nodes=(NODES[0], NODES[2])))
    assert look.get_booking(smaller, booking.id) == booking
    assert release(smaller, actor(BOB), booking.id, now=TONIGHT + HOUR).window.end == TONIGHT + HOUR
    with pytest.raises(BadCount):
        reserve(smaller, actor(BOB), request(8, model="V100"), now=NOW)


def test_running_work_on_a_drained_node_that_left_the_configuration_can_be_given_back(open_site):
    site = open_site(cluster())
    booking = reserve(site, actor(BOB), request(4, node="gpu-01"), now=NOW)
    drain_now(site, now=TONIGHT + HOUR)
    without = open_site(cluster(nodes=NODES[1:]))
    less = release(without, actor(BOB), booking.id, gpus=1, now=TONIGHT + 2 * HOUR)
    assert less.gpus == 3
    after = release(without, actor(BOB), booking.id, now=TONIGHT + 3 * HOUR)
    assert after.state is BookingState.ENDED


def test_a_drain_holds_the_gpus_that_its_node_got_since(open_site):
    drain_now(open_site(cluster()))
    larger = open_site(cluster(nodes=(Node("gpu-01", 8, "V100"), *NODES[1:])))
    with pytest.raises(Conflict):
        reserve(larger, actor(BOB), request(4, node="gpu-01"), now=NOW)
    resume(larger, actor(ADMIN), "gpu-01", now=NOW)
    assert reserve(larger, actor(BOB), request(8, node="gpu-01"), now=NOW).gpus == 8


def test_a_drain_of_a_node_that_left_can_be_ended(open_site):
    drain_now(open_site(cluster()), "gpu-02")
    smaller = open_site(cluster(nodes=(NODES[0], NODES[2])))
    assert resume(smaller, actor(ADMIN), "GPU-02", now=NOW).node == "gpu-02"


def test_what_may_lie_anywhere_moves_to_another_mixture_or_model(site):
    spread = reserve(site, actor(BOB), request(12, spread=True), now=NOW)
    assert "gpu-01" in spread.nodes or "gpu-02" in spread.nodes
    node = next(n for n in spread.nodes if n != "gpu-03")
    (moved,) = drain_now(site, node).moved
    assert (moved.gpus, node in moved.nodes) == (12, False)
    any_model = reserve(site, actor(BOB), request(4, TONIGHT + 24 * HOUR), now=NOW)
    assert any_model.nodes != ("gpu-03",)
    other = ({"gpu-01", "gpu-02"} - {node}).pop()
    assert [b.nodes for b in drain_now(site, other).moved if b.id == any_model.id] == [("gpu-03",)]


def test_owners_left_without_a_node_hear_when_it_is_back(site):
    reserve(site, actor(BOB), request(4, node="gpu-01"), now=NOW)
    drain_now(site, until=TONIGHT - 2 * HOUR)
    expire_drains(site, now=TONIGHT - 2 * HOUR)
    assert look.history(site)[-1].action == "node_resumed"
    drain_now(site, now=TONIGHT - HOUR)
    resume(site, actor(ADMIN), "gpu-01", now=TONIGHT - HOUR)
    assert [r.action for r in look.history(site)][-2:] == ["node_resumed", "node_back"]
    with site.database.snapshot() as connection:
        notices = connection.execute(text("SELECT count(*) FROM outbox WHERE topic = 'notice'"))
        assert notices.scalar_one() == 2


def test_a_start_names_the_promises_that_the_nodes_no_longer_hold(open_site, caplog):
    site = open_site(cluster())
    kept = reserve(site, actor(BOB), request(2, node="gpu-01"), now=NOW)
    broken = reserve(site, actor(BOB), request(4, node="gpu-02"), now=NOW)
    gone = reserve(site, actor(CHEN), request(8, node="gpu-03"), now=NOW)
    over = reserve(
        site, actor(CHEN), request(4, node="gpu-02", start=NOW, hours=3 + 23 / 60), now=NOW
    )
    release(site, actor(CHEN), over.id, now=NOW)
    caplog.clear()
    open_site(cluster(nodes=(NODES[0], Node("gpu-02", 2, "V100"))))
    assert [message.split(" of ")[0] for message in caplog.messages] == [
        f"B{broken.id}",
        f"B{gone.id}",
    ]
    assert f"B{broken.id} of {BOB} holds 4 GPUs of gpu-02, which has 2" in caplog.text
    assert f"B{gone.id} of {CHEN} holds 8 GPUs of gpu-03, which has 0" in caplog.text
    assert f"B{kept.id} " not in caplog.text
