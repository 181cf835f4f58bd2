from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from asking import CLUSTER, HOUR
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.booking import Priority, Shape
from bot.domain.errors import InputError, Missing, TooLongForQueue
from bot.domain.request import QueueRequest, build_queue, parse_queue

MINUTE = timedelta(minutes=1)


def queue(text: str) -> QueueRequest:
    return parse_queue(text, cluster=CLUSTER)


def build(**settings: Any) -> QueueRequest:
    usual: dict[str, Any] = {"gpus": 1, "length": 45 * MINUTE, "cluster": CLUSTER}
    return build_queue(**usual | settings)


def refused(text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        queue(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "shape", "minutes"),
    [
        ("1 45m", Shape(1), 45),
        ("45m 1", Shape(1), 45),
        ("1 gpu for 45 minutes", Shape(1), 45),
        ("1 now 45m", Shape(1), 45),
        ("2 1.5h", Shape(2), 90),
        ("2 0.25m", Shape(2), 1),
        ("2 1.5m", Shape(2), 2),
        ("2 half an hour", Shape(2), 30),
        ("两块 半小时", Shape(2), 30),
        ("2块45分钟", Shape(2), 45),
        ("2, 45m, on gpu-03", Shape(2, node="gpu-03"), 45),
        ("on GPU-03 2 45m", Shape(2, node="gpu-03"), 45),
        ("2 node gpu-03 45m", Shape(2, node="gpu-03"), 45),
        ("2 45m model a100", Shape(2, model="A100"), 45),
        ("2 A100 45m", Shape(2, model="A100"), 45),
        ("1 1h59m", Shape(1), 119),
    ],
)
def test_what_is_queued_is_read_in_any_order(text: str, shape: Shape, minutes: int) -> None:
    request = queue(text)
    assert (request.shape, request.length) == (shape, minutes * MINUTE)
    assert (request.priority, request.team, request.command) == (Priority.P2, None, "")


def test_options_stand_before_the_command() -> None:
    assert queue('1 45m p1 on gpu-03 team "speech lab" python eval.py p2 on gpu-01 2h') == (
        QueueRequest(
            shape=Shape(1, node="gpu-03"),
            length=45 * MINUTE,
            priority=Priority.P1,
            team="Speech Lab",
            command="python eval.py p2 on gpu-01 2h",
        )
    )


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        ("python eval.py --ckpt last", "python eval.py --ckpt last"),
        ("  python -c 'print(1,  2)'  ", "python -c 'print(1,  2)'"),
        ('"python eval.py --ckpt last"', "python eval.py --ckpt last"),
        ('"my program" "its argument"', '"my program" "its argument"'),
        ("'unclosed quote", "'unclosed quote"),
        ("for i in 1 2; do x $i; done", "for i in 1 2; do x $i; done"),
        ("x &lt; in.txt &gt;out.txt &amp;&amp; y", "x < in.txt >out.txt && y"),
        ("wget <https://example.org/a.tar|example.org/a.tar>", "wget https://example.org/a.tar"),
        ("python <http://eval.py|eval.py> 3", "python eval.py 3"),
        ("mail <@U0BOB|bob>", "mail @bob"),
        ("first line\n\tsecond line", "first line\n\tsecond line"),
        (". ./environment.sh", ". ./environment.sh"),
        ("./run.sh", "./run.sh"),
        ("node server.js", "node server.js"),
        ("box/run.sh", "box/run.sh"),
        ("p1.sh", "p1.sh"),
        ("2to3 old.py", "2to3 old.py"),
        ("31/11/run", "31/11/run"),
        ("sat problem.cnf", "sat problem.cnf"),
        ("评估.sh --模型 大", "评估.sh --模型 大"),
        ("run\x00 \u202enow\ud800", "run now"),
        ("x" * 300, "x" * 300),
    ],
)
def test_the_command_is_kept_as_it_was_typed(typed: str, command: str) -> None:
    assert queue(f"1 45m {typed}").command == command


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        ("", "missing", "gpus"),
        ("45m", "missing", "gpus"),
        ("python eval.py", "missing", "gpus"),
        ("1", "missing", "length"),
        ("1 python eval.py", "missing", "length"),
        ("1 0m", "bad_length", "length"),
        ("1 -45m", "bad_length", "length"),
        ("1 2h", "too_long_for_queue", "length"),
        ("1 119.5m", "too_long_for_queue", "length"),
        ("1 20h python train.py", "too_long_for_queue", "length"),
        ("1 45m 30m", "contradiction", "length"),
        ("1 45m p1 p2", "contradiction", "priority"),
        ("1 45m on gpu-01 model a100", "contradiction", "model"),
        ("1 45m 2", "not_understood", None),
        ("1 45m tomorrow 22:00", "not_understood", None),
        ("1 45m spread firm", "not_understood", None),
        ("0 45m", "bad_count", "gpus"),
        ("-1 45m", "bad_count", "gpus"),
        ("31 45m", "bad_count", "gpus"),
        ("13 45m", "not_whole_nodes", "gpus"),
        ("1 45m on gpu-99", "unknown_name", "node"),
        ("1 45m model H100", "unknown_name", "model"),
        ("1 45m team robots", "unknown_name", "team"),
        ("1 45m " + "x" * 301, "text_too_long", "command"),
    ],
)
def test_what_cannot_be_queued_is_refused(text: str, code: str, field: str | None) -> None:
    error = refused(text)
    assert (error.code, error.form_field) == (code, field)
    wanted = "/gpu reserve " if code == "too_long_for_queue" else "/gpu queue "
    assert str(error.fields.get("example", wanted)).startswith(wanted)
    assert error.__class__.template.format(**error.fields)


@pytest.mark.parametrize("text", ["", "2", "30m", "python eval.py", "2 sh x.sh", "1 " + "x" * 99])
def test_what_is_asked_for_can_be_typed_as_the_example_has_it(text: str) -> None:
    error = refused(text)
    assert isinstance(error, Missing)
    assert queue(str(error.fields["example"]).removeprefix("/gpu queue "))


@pytest.mark.parametrize(
    ("length", "example"),
    [
        (2 * HOUR, "/gpu reserve 3 now 2h"),
        (3 * HOUR, "/gpu reserve 3 now 4h"),
        (25 * HOUR, "/gpu reserve 3 now 26h"),
    ],
)
def test_a_slot_or_more_is_to_be_booked(length: timedelta, example: str) -> None:
    with pytest.raises(TooLongForQueue) as caught:
        build(gpus=3, length=length)
    assert caught.value.fields == {"length": length, "slot": 2 * HOUR, "example": example}


def test_a_length_of_broken_minutes_is_rounded_up_and_said() -> None:
    request = queue("1 0.25m")
    assert [note.fields for note in request.notes] == [{"length": MINUTE}]
    assert queue("1 45m").notes == ()


def test_a_form_gives_the_same_as_text() -> None:
    assert build(command=" python x.py ") == queue("1 45m python x.py")
    settings: dict[str, Any] = {"node": "gpu-03", "priority": Priority.P0, "team": "Vision"}
    assert build(**settings) == queue("1 45m on gpu-03 p0 team vision")


@pytest.mark.parametrize(
    ("settings", "code", "field"),
    [
        ({"length": timedelta()}, "bad_length", "length"),
        ({"length": timedelta.max}, "too_long_for_queue", "length"),
        ({"node": "gpu-01", "model": "A100"}, "contradiction", "model"),
        ({"command": "x" * 301}, "text_too_long", "command"),
    ],
)
def test_a_form_is_refused_at_the_field_that_is_wrong(
    settings: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(InputError) as caught:
        build(**settings)
    assert (caught.value.code, caught.value.form_field) == (code, field)


WORDS = st.sampled_from([
    "1", "0", "-1", "2 gpus", "四块", "45m", "2h", "-5m", "half", "now", "p0", "p1", "on gpu-01",
    "on gpu-99", "on fri", "node", "model A100", "model", "team vision", "team", "python x.py", "'",
    '"', "“a”", "&lt;", "<@U0BOB|bob>", "<", ">", "\n", "31/11", "2026-02-30", "for", ".", ",",
    "\x00", "\ud800", "，",
])  # fmt: skip


@given(st.lists(WORDS, max_size=8).map(" ".join) | st.text(max_size=60))
def test_any_text_gives_queued_work_or_an_input_error(text: str) -> None:
    with suppress(InputError):
        request = queue(text)
        assert timedelta(0) < request.length < CLUSTER.policy.slot
        assert not request.length % MINUTE
        assert request.command == request.command.strip()
