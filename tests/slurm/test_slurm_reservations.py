"""Reservations in Slurm follow the bookings, and let each booking's job in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from runners.contract import Run
from runners.waiting import eventually
from slurm.lab import SlurmLab
from slurm.test_slurm_runs import shell_run

from bot.domain.run import RunState, Worker
from bot.domain.window import Window
from bot.runners.protocol import Hold
from bot.runners.slurm.commands import Slurm
from bot.runners.slurm.reservations import Reservation

HOUR = timedelta(hours=1)
SOMEBODY = "gpubot-not-ours"


@pytest.fixture
def reserving(lab: SlurmLab) -> SlurmLab:
    lab.settings = replace(lab.settings, reserve=True)
    lab.restart()
    return lab


def hold(booking: int, window: Window, *nodes: str, account: str = "nobody") -> Hold:
    return Hold(booking, account, window, tuple((node, 2) for node in nodes))


def held(lab: SlurmLab) -> dict[str, Reservation]:
    return {one.name: one for one in Slurm(lab.settings).reservations()}


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def of_booking(run: Run, ends_at: datetime, *gpus: int) -> Run:
    order = replace(run.order, ends_at=ends_at, workers=(Worker(0, "n1", gpus),))
    return replace(run, order=order)


def test_two_bookings_share_a_node_and_everybody_else_stays_out(reserving: SlurmLab) -> None:
    lab, begin = reserving, now()
    first, second = (
        of_booking(shell_run(lab, 'echo "has $CUDA_VISIBLE_DEVICES"; sleep 600'), end, 0, 1)
        for end in (begin + HOUR, begin + 3 * HOUR)
    )
    holds = [
        hold(first.order.booking, Window(begin, begin + HOUR), "n1"),
        hold(second.order.booking, Window(begin - HOUR, begin + 3 * HOUR), "n1"),
    ]
    lab.runner.hold(holds)
    for run in (first, second):
        lab.runner.start(run.order)
        run.comes_to(RunState.RUNNING)
    eventually(lambda: {first.words(), second.words()} == {"has 0,1\n", "has 2,3\n"})
    other = lab.cluster.command(
        "sbatch", "--parsable", "--nodelist=n1", "--gres=gpu:0", "--output=/dev/null",
        "--wrap=true",
    ).strip()  # fmt: skip
    why = ("squeue", "-h", "-j", other, "-o", "%r")
    eventually(lambda: "reserved" in lab.cluster.command(*why).casefold())
    # A booking made longer: its reservation and its job's time limit follow.
    later = begin + 5 * HOUR
    lab.runner.hold([replace(holds[0], window=Window(begin, later)), holds[1]])
    names = [f"gpubot_B{run.order.booking}" for run in (first, second)]
    assert held(lab)[names[0]].end == later.timestamp()
    end = (later + lab.settings.overtime).timestamp()
    assert Slurm(lab.settings).jobs([first.key])[0].end == pytest.approx(end, abs=60)
    # A reservation is deleted once its job is gone, and not before.
    lab.runner.hold([holds[1]])
    assert set(held(lab)) == set(names)
    lab.runner.stop(first.key, "cancelled")
    first.comes_to(RunState.STOPPED)
    lab.runner.hold([holds[1]])
    assert set(held(lab)) == {names[1]}
    assert second.look().state is RunState.RUNNING


def test_reservations_follow_the_bookings(reserving: SlurmLab) -> None:
    lab, soon = reserving, now() + HOUR
    lab.cluster.command(
        "scontrol", "create", "reservation", f"ReservationName={SOMEBODY}", "StartTime=now",
        "Duration=60", "Nodes=n2", "Users=root",
    )  # fmt: skip
    window = Window(soon, soon + HOUR)
    far = Window(soon + timedelta(days=3), soon + timedelta(days=4))
    lab.runner.hold([hold(1, window, "n1"), hold(2, window, "n1", "n2"), hold(3, far, "n1")])
    found = held(lab)
    assert set(found) == {"gpubot_B1", "gpubot_B2"}
    assert found["gpubot_B2"] == Reservation(
        "gpubot_B2",
        int(window.start.timestamp()),
        int(window.end.timestamp()),
        frozenset({"n1", "n2"}),
        frozenset({"nobody", "root"}),
    )
    moved = Window(soon + HOUR, soon + 4 * HOUR)
    lab.runner.hold([hold(1, moved, "n2", account="daemon")])
    assert list(held(lab).values()) == [
        Reservation(
            "gpubot_B1",
            int(moved.start.timestamp()),
            int(moved.end.timestamp()),
            frozenset({"n2"}),
            frozenset({"daemon", "root"}),
        )
    ]
    lab.runner.hold([])
    assert held(lab) == {}
    assert SOMEBODY in lab.cluster.command("scontrol", "show", "reservation")


def test_a_booking_that_slurm_refuses_is_told_and_in_nobodys_way(reserving: SlurmLab) -> None:
    lab, soon = reserving, now() + HOUR
    window = Window(soon, soon + HOUR)
    wrong = [hold(7, window, "n1", account="no-such-account"), hold(8, window, "n77")]
    lab.runner.hold([*wrong, hold(9, window, "n2")])
    # Without its owner the nodes are kept all the same, for gpubot's own account.
    assert held(lab)["gpubot_B7"].users == {"root"}
    assert "gpubot_B9" in held(lab)
    # That is no outage: it is told of the booking's run, should that have to wait.
    assert lab.runner.problem() is None
    assert set(lab.runner.refusals) == {7, 8}
    lab.cluster.command(
        "sbatch",
        "--nodelist=n1",
        "--gres=gpu:4",
        "--wrap=sleep 600",
        "--reservation=gpubot_B7",
        "--output=/dev/null",
    )
    run = shell_run(lab, "true")
    run = replace(run, order=replace(run.order, key="gpubot-b7-1", booking=7))
    lab.runner.start(run.order)
    assert "not reserved: Slurm refuses" in run.look().note
    lab.runner.hold([hold(9, window, "n2")])
    assert lab.runner.refusals == {}
    assert "not reserved" not in run.look().note


def test_a_clock_that_was_set_moves_the_windows_to_the_servers_time(reserving: SlurmLab) -> None:
    lab = reserving
    then = datetime(2030, 1, 1, 8, tzinfo=UTC)
    lab.runner = lab.at(then)
    lab.runner.hold([hold(4, Window(then + HOUR, then + 2 * HOUR), "n1")])
    found = held(lab)["gpubot_B4"]
    assert found.start == pytest.approx((now() + HOUR).timestamp(), abs=30)
    assert found.end - found.start == HOUR.total_seconds()
