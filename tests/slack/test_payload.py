"""What buttons carry, and what comes back."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import builders
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.booking import Priority
from bot.domain.errors import BookingError, InThePast, WindowTooSmall
from bot.domain.job import Job, JobOrder
from bot.domain.queue_request import build_queue
from bot.domain.run_rules import RunRules
from bot.domain.wait_request import WaitRequest, build_wait
from bot.domain.window import Window, asked_length
from bot.domain.yolo import SHIPPED
from bot.slack.payload import (
    StaleButton,
    pack,
    pack_page,
    pack_queued,
    pack_requests,
    pack_wish,
    sketch,
    sketch_wish,
    unpack_id,
    unpack_length,
    unpack_moment,
    unpack_page,
    unpack_queued,
    unpack_requests,
    unpack_wish,
)

CLUSTER = builders.cluster()


def test_a_request_comes_back_as_it_was() -> None:
    request = builders.request(4, model="V100", team="vision", purpose='“train” "x" <y>')
    (back,) = unpack_requests(pack_requests([request]), now=builders.NOW, cluster=CLUSTER)
    assert replace(back, notes=()) == request


def test_the_two_parts_of_a_split_booking_come_back_in_order() -> None:
    parts = [builders.request(2), builders.request(2, builders.TONIGHT + timedelta(days=1))]
    back = unpack_requests(pack_requests(parts), now=builders.NOW, cluster=CLUSTER)
    assert [r.window for r in back] == [r.window for r in parts]


def test_the_longest_purpose_fits_into_a_button() -> None:
    assert len(pack_requests([builders.request(purpose='"' * 300)])) <= 2000


JOBS = replace(CLUSTER, jobs=SHIPPED, runs=RunRules(own_commands=True))
LONG = JobOrder("yolo-train", (("data", '"' * 200), ("model", "\\" * 60)))
ORDERS = [
    JobOrder("yolo-train", (("data", "“x” <y>.yaml"), ("epochs", "3"))),
    JobOrder(own=Job(command=("/bin/sh", "-c", "a | b"), image="i", workers=2)),
    LONG,
]


@pytest.mark.parametrize("order", ORDERS)
def test_a_job_comes_back_with_its_booking_its_wish_or_its_work(order: JobOrder) -> None:
    request = replace(builders.request(4, purpose='"' * 300), job=order, continues=7)
    value = pack_requests([request, request])
    assert len(value) <= 2000
    (back, _) = unpack_requests(value, now=builders.NOW, cluster=JOBS)
    assert (back.job, back.continues) == (order, 7)
    assert [(r.job, r.continues) for r in sketch(value)] == [(order, 7)] * 2
    wish = WaitRequest(
        request.shape, timedelta(hours=4), None, None, Priority.P2, True, None, "", job=order
    )
    assert unpack_wish(pack_wish(wish), now=builders.NOW, cluster=JOBS).job == order
    work = build_queue(gpus=4, length=timedelta(minutes=30), cluster=JOBS, job=order)
    assert unpack_queued(pack_queued(work), cluster=JOBS).job == order


def test_what_is_in_an_environment_stays_out_of_buttons() -> None:
    order = JobOrder(own=Job(command=("x",), env=(("TOKEN", "hidden"),)))
    value = pack_requests([replace(builders.request(4), job=order, continues=7)])
    assert "hidden" not in value
    (back,) = unpack_requests(value, now=builders.NOW, cluster=JOBS)
    assert (back.job, back.continues) == (None, 7)


@pytest.mark.parametrize(
    "job",
    ['{"t":1}', "[]", '{"o":[]}', '{"o":{"env":[]}}', '{"p":{"a":1}}', '{"o":{"grace":1e300}}'],
)
def test_a_job_that_was_altered_is_out_of_date(job: str) -> None:
    value = pack_requests([builders.request(4)]).removesuffix("}") + f',"j":{job}}}'
    with pytest.raises(BookingError):
        unpack_requests(value, now=builders.NOW, cluster=JOBS)


def test_a_start_that_passed_while_the_button_waited_means_now() -> None:
    request = builders.request(4)
    now = builders.TONIGHT + timedelta(minutes=3)
    (back,) = unpack_requests(pack_requests([request]), now=now, cluster=CLUSTER)
    assert (back.window.start, back.window.end) == (now, request.window.end)


@pytest.mark.parametrize("late", [timedelta(minutes=6), timedelta(hours=2), timedelta(days=2)])
def test_a_button_whose_start_has_passed_is_refused(late: timedelta) -> None:
    value = pack_requests([builders.request(4)])
    with pytest.raises(InThePast):
        unpack_requests(value, now=builders.TONIGHT + late, cluster=CLUSTER)


@pytest.mark.parametrize("late", [timedelta(minutes=6), timedelta(hours=2), timedelta(days=2)])
def test_a_button_that_said_now_means_the_same_length_from_now_on(late: timedelta) -> None:
    at_first = builders.NOW
    window = Window(at_first, CLUSTER.grid.round_end(at_first + timedelta(hours=4)))
    request = replace(builders.request(4), window=window)
    now = at_first + late
    (back,) = unpack_requests(pack_requests([request], at_once=True), now=now, cluster=CLUSTER)
    assert back.window.start == now
    assert asked_length(back.window, CLUSTER.grid) == timedelta(hours=4)


def test_a_split_that_began_meanwhile_is_refused_whole() -> None:
    parts = [builders.request(2), builders.request(2, builders.TONIGHT + timedelta(days=1))]
    value = pack_requests(parts, at_once=True)
    with pytest.raises(InThePast):
        unpack_requests(value, now=builders.TONIGHT + timedelta(hours=1), cluster=CLUSTER)


@pytest.mark.parametrize(
    "changes",
    [
        {"n": 10_000},
        {"n": True},
        {"n": "4"},
        {"on": "no-such-node"},
        {"m": 7},
        {"w": []},
        {"w": [[1, 2], [3, 4], [5, 6]]},
        {"w": [[9e99, 1]]},
        {"w": [[-1, 1]]},
        {"p": 9},
        {"u": "x" * 301},
    ],
)
def test_an_altered_request_is_refused(changes: dict[str, object]) -> None:
    fields = {**json.loads(pack_requests([builders.request(4)])), **changes}
    with pytest.raises(BookingError):
        unpack_requests(json.dumps(fields), now=builders.NOW, cluster=CLUSTER)


@given(st.text(max_size=60) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("nwpeulab"), inner),
).map(json.dumps))  # fmt: skip
def test_whatever_comes_back_is_read_or_refused_and_nothing_else(value: str) -> None:
    sketch(value)
    for unpack in (unpack_id, unpack_moment, unpack_length, unpack_page):
        try:
            unpack(value)
        except StaleButton:
            continue
    sketch_wish(value)
    for unpack_more in (unpack_requests, unpack_wish):
        with suppress(BookingError):
            unpack_more(value, now=builders.NOW, cluster=CLUSTER)
    with suppress(BookingError):
        unpack_queued(value, cluster=CLUSTER)


def wish(**changes: object) -> WaitRequest:
    """Four V100 for 8 h between tonight and tomorrow night."""
    return build_wait(
        **{
            "gpus": 4,
            "length": timedelta(hours=8),
            "earliest": builders.TONIGHT,
            "latest": builders.TONIGHT + timedelta(days=1),
            "model": "V100",
            "priority": Priority.P1,
            "preemptible": True,
            "team": "vision",
            "purpose": '“train” "x" <y>',
            "now": builders.NOW,
            "cluster": CLUSTER,
            **changes,
        }  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("changes", [{}, {"earliest": None, "latest": None, "team": None}])
def test_a_wish_comes_back_as_it_was(changes: dict[str, object]) -> None:
    asked = wish(**changes)
    back = unpack_wish(pack_wish(asked), now=builders.NOW, cluster=CLUSTER)
    assert back == sketch_wish(pack_wish(asked)) == asked


def test_a_wish_whose_first_time_has_passed_counts_from_now_on() -> None:
    now = builders.TONIGHT + timedelta(hours=3)
    back = unpack_wish(pack_wish(wish()), now=now, cluster=CLUSTER)
    assert (back.earliest, back.latest) == (None, wish().latest)


def test_a_wish_with_too_little_time_left_is_refused() -> None:
    with pytest.raises(WindowTooSmall):
        unpack_wish(pack_wish(wish()), now=builders.TONIGHT + timedelta(hours=17), cluster=CLUSTER)
    with pytest.raises(InThePast):
        unpack_wish(pack_wish(wish()), now=builders.TONIGHT + timedelta(days=2), cluster=CLUSTER)


def test_short_work_comes_back_as_it_was() -> None:
    work = build_queue(
        gpus=2, length=timedelta(minutes=45), model="A100", priority=Priority.P1, team="vision",
        command='python "a  b".py <in\n&', cluster=CLUSTER,
    )  # fmt: skip
    assert unpack_queued(pack_queued(work), cluster=CLUSTER) == work


def test_the_longest_wish_and_command_fit_into_a_button() -> None:
    work = build_queue(gpus=1, length=timedelta(minutes=5), command='"' * 300, cluster=CLUSTER)
    assert len(pack_queued(work)) <= 2000
    assert len(pack_wish(wish(purpose='"' * 300))) <= 2000


def test_small_references_come_back_as_they_were() -> None:
    assert unpack_id(pack(142)) == 142
    assert unpack_moment(pack(142, builders.NOW)) == (142, builders.NOW)
    assert unpack_length(pack(142, timedelta(hours=4))) == (142, timedelta(hours=4))
    assert unpack_page(pack_page(3, builders.NOW)) == (3, builders.NOW)
    assert unpack_page(pack_page(3)) == (3, None)
