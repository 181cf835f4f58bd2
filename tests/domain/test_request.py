from typing import Any

import pytest
from asking import BEFORE_AUTUMN, BEFORE_SPRING, CLUSTER, NOW, PARIS, SHANGHAI, at

from bot.domain.booking import Priority, Shape
from bot.domain.errors import InputError, Missing, TooShort
from bot.domain.request import (
    BookingRequest,
    parse_reserve,
)
from bot.domain.window import Window

USUAL = Window(at("11-26 22:00"), at("11-27 18:00"))


def reserve(text: str, **settings: Any) -> BookingRequest:
    return parse_reserve(text, **{"now": NOW, "zone": SHANGHAI, "cluster": CLUSTER} | settings)


def test_the_example_of_the_documentation_is_read_whole() -> None:
    request = reserve('4 tomorrow 22:00 20h p1 on gpu-03 preemptible team vision "train BERT"')
    assert request == BookingRequest(
        shape=Shape(4, node="gpu-03"),
        window=USUAL,
        priority=Priority.P1,
        preemptible=True,
        team="vision",
        purpose="train BERT",
    )


@pytest.mark.parametrize(
    "text",
    [
        "4 tomorrow 22:00 20h",
        "tomorrow 22:00 20h 4",
        "20h 4 tomorrow 22:00",
        "4 gpus tomorrow 22:00 20h",
        "4gpu tomorrow 22:00 20h",
        "four gpus tomorrow 22:00 20h",
        "4x tomorrow 22:00 20h",
        "4 cards tomorrow 22:00 for 20h",
        "4, tomorrow 22:00, 20h",
        "  4\u00a0tomorrow\u00a022:00\u00a020h  ",
        "4 from tomorrow 22:00 until fri 18:00",
        "4 tomorrow 22:00 → 18:00",
        "4 11/26 22:00 20h",
        "4 nov 26 10pm 20h",
        "4 26 nov 10pm 20h",
        "4块 明天22:00 20小时",
        "4张卡明天22:00 20小时",
        "四张显卡 明天晚上10点 20小时",
        "预约4卡 从明天22:00到后天18:00",
        "明天22:00 20小时 4个GPU",
    ],
)
def test_the_words_may_stand_in_any_sensible_order(text: str) -> None:
    request = reserve(text)
    assert (request.shape, request.window) == (Shape(4), USUAL)


@pytest.mark.parametrize(
    ("words", "shape"),
    [
        ("2 on gpu-01", Shape(2, node="gpu-01")),
        ("2 on GPU-01", Shape(2, node="gpu-01")),
        ("2 on gpu-10", Shape(2, node="gpu-10")),
        ("2 node gpu-01", Shape(2, node="gpu-01")),
        ("2 gpu-01", Shape(2, node="gpu-01")),
        ("2 gpus gpu-01", Shape(2, node="gpu-01")),
        ("2 在 gpu-01", Shape(2, node="gpu-01")),
        ("2 model A100", Shape(2, model="A100")),
        ("2 model a100", Shape(2, model="A100")),
        ("2 A100", Shape(2, model="A100")),
        ("2xA100", Shape(2, model="A100")),
        ("2 x a100", Shape(2, model="A100")),
        ("2 v100 gpus", Shape(2, model="V100")),
        ("2 RTX 4090", Shape(2, model="RTX 4090")),
        ('2 model "rtx 4090"', Shape(2, model="RTX 4090")),
        ("2 on box model rtx 4090", Shape(2, node="box", model="RTX 4090")),
        ("6 spread", Shape(6, spread=True)),
        ("10 spread model v100", Shape(10, model="V100", spread=True)),
        ("12", Shape(12)),
        ("16 A100", Shape(16, model="A100")),
    ],
)
def test_where_the_gpus_may_lie_is_read(words: str, shape: Shape) -> None:
    assert reserve(f"{words} tomorrow 22:00 20h").shape == shape
    assert reserve(f"tomorrow 22:00 20h {words}").shape == shape


@pytest.mark.parametrize(
    ("words", "priority", "preemptible"),
    [
        ("", Priority.P2, True),
        ("p2", Priority.P2, True),
        ("P1", Priority.P1, False),
        ("p0", Priority.P0, False),
        ("firm", Priority.P2, False),
        ("p1 preemptible", Priority.P1, True),
        ("不可抢占", Priority.P2, False),
    ],
)
def test_priority_decides_about_preemption_unless_said_otherwise(
    words: str, priority: Priority, preemptible: bool
) -> None:
    request = reserve(f"4 tomorrow 22:00 20h {words}")
    assert (request.priority, request.preemptible) == (priority, preemptible)


@pytest.mark.parametrize(
    ("words", "purpose"),
    [
        ('"train BERT"', "train BERT"),
        ("“train BERT”", "train BERT"),
        ("”train BERT”", "train BERT"),
        ("'train BERT'", "train BERT"),
        ("‘train BERT’", "train BERT"),
        ("「训练 BERT」", "训练 BERT"),
        ("『训练 BERT』", "训练 BERT"),
        ('"never closed', "never closed"),
        ('"until fri 8h p0"', "until fri 8h p0"),
        ("for training BERT until it works", "training BERT until it works"),
        ("for 2 people", "2 people"),
        ("for team building", "team building"),
        ("for team building on gpu-99", "team building on gpu-99"),
        ('for "a demo"', "a demo"),
        ("purpose: a demo", "a demo"),
        ("用于训练模型", "训练模型"),
        ('"R&amp;D &lt;b&gt;"', "R&D <b>"),
        ('"&amp;lt;"', "&lt;"),
        ('"two\nlines\tand\u2028more"', "two lines and more"),
        ('"bell\x07 null\x00 turn\u202eed\ud800"', "bell null turned"),
        ('""', ""),
        ("", ""),
    ],
)
def test_the_purpose_is_read_and_cleaned(words: str, purpose: str) -> None:
    assert reserve(f"4 tomorrow 22:00 20h {words}").purpose == purpose


def test_words_after_a_quoted_purpose_count() -> None:
    assert reserve('4 "a demo" tomorrow 22:00 20h p1').priority is Priority.P1


@pytest.mark.parametrize("words", ["team Speech Lab", "team speech lab", "for team speech lab"])
def test_a_team_is_read_in_any_case(words: str) -> None:
    assert reserve(f"4 {words} tomorrow 22:00 20h").team == "Speech Lab"


def test_a_length_after_for_is_no_purpose() -> None:
    request = reserve("4 tomorrow 22:00 for 20h for a demo")
    assert (request.window, request.purpose) == (USUAL, "a demo")


def test_on_before_a_day_is_no_node() -> None:
    assert reserve("4 on thu 22:00 20h on gpu-01").shape == Shape(4, node="gpu-01")


def test_a_count_before_a_date_is_not_its_day() -> None:
    request = reserve("4 dec 1 10:00 8h")
    assert request.shape.gpus == 4
    assert request.window.start == at("12-01 10:00")


def test_a_booking_from_now_starts_at_once() -> None:
    assert reserve("4 now 4h").window == Window(NOW, at("11-25 16:00"))


def test_times_are_read_in_the_askers_zone_and_fitted_to_the_clusters_grid() -> None:
    # 09:00 in Paris is 16:00 in Shanghai; half an hour later lies within its slot.
    request = reserve("4 tomorrow 09:30 4h", zone=PARIS)
    assert request.window == Window(at("11-26 16:00"), at("11-26 22:00"))


def test_notes_say_how_a_date_was_read_and_what_was_rounded() -> None:
    request = reserve("4 12/1 10:00 19h")
    assert [str(note) for note in request.notes] == [
        "“12/1 10:00” was read as 2026-12-01.",
        "Rounded to 20:00:00.",
    ]


@pytest.mark.parametrize(
    ("text", "code", "form_field"),
    [
        ("", "missing", "gpus"),
        ("tomorrow 22:00 20h", "missing", "gpus"),
        ("4 dec 10am 20h", "missing", "gpus"),
        ("4 20h", "missing", "start"),
        ("4 until fri 18:00", "missing", "start"),
        ("4 tomorrow 20h", "missing", "start"),
        ("4 tomorrow 22:00", "missing", "length"),
        ("4 tomorrow 22:00 20h blah", "not_understood", None),
        ("4 tomorrow 22:00 20h p3", "not_understood", None),
        ("4 tomorrow 22:00 20h model", "not_understood", None),
        ("4 4 tomorrow 22:00 20h", "not_understood", None),
        ("4 tomorrow 22 20h", "not_understood", None),
        ("1.5 tomorrow 22:00 20h", "not_understood", None),
        ("99999999999 tomorrow 22:00 20h", "not_understood", None),
        ("4 <@U0BOB|tomorrow> 22:00 20h", "not_understood", None),
        ("4 &lt;tomorrow&gt; 22:00 20h", "not_understood", None),
        ("0 tomorrow 22:00 20h", "bad_count", "gpus"),
        ("-4 tomorrow 22:00 20h", "bad_count", "gpus"),
        ("10,000 tomorrow 22:00 20h", "bad_count", "gpus"),
        ("10000 tomorrow 22:00 20h", "bad_count", "gpus"),
        ("5 on gpu-01 tomorrow 22:00 20h", "bad_count", "gpus"),
        ("16 V100 tomorrow 22:00 20h", "bad_count", "gpus"),
        ("31 spread tomorrow 22:00 20h", "bad_count", "gpus"),
        ("10 tomorrow 22:00 20h", "not_whole_nodes", "gpus"),
        ("17 tomorrow 22:00 20h", "needs_spread", "gpus"),
        ("6 V100 tomorrow 22:00 20h", "not_whole_nodes", "gpus"),
        ("4 tomorrow 22:00 20h on gpu-99", "unknown_name", "node"),
        ("4 tomorrow 22:00 20h model H100", "unknown_name", "model"),
        ('4 tomorrow 22:00 20h model "H100 80 GB"', "unknown_name", "model"),
        ("4 tomorrow 22:00 20h team chess", "unknown_name", "team"),
        ("4 tomorrow 22:00 20h p1 p0", "contradiction", "priority"),
        ("4 tomorrow 22:00 20h firm preemptible", "contradiction", "preemptible"),
        ("4 tomorrow 22:00 20h on gpu-01 on gpu-02", "contradiction", "node"),
        ("4 tomorrow 22:00 20h on gpu-01 model A100", "contradiction", "model"),
        ("4 tomorrow 22:00 20h on gpu-01 spread", "contradiction", "node"),
        ('4 tomorrow 22:00 20h "a" "b"', "contradiction", "purpose"),
        ("4 tomorrow 22:00 8h 20h", "contradiction", "length"),
        ("4 tomorrow fri 22:00 20h", "contradiction", "start"),
        ("4 tomorrow 22:00 0h", "bad_length", "length"),
        ("4 tomorrow 22:00 -4h", "bad_length", "length"),
        ("4 tomorrow 22:00 until tomorrow 18:00", "end_before_start", "length"),
        ("4 tomorrow 22:00 90m", "too_short", "length"),
        ("4 tomorrow 22:00 8d", "too_long", "length"),
        ("4 tomorrow 22:00 until 12/20 22:00", "too_long", "length"),
        ("4 today 09:00 8h", "in_the_past", "start"),
        ("4 2027-06-01 10:00 8h", "past_horizon", "start"),
        (f'4 tomorrow 22:00 20h "{"x" * 301}"', "text_too_long", "purpose"),
    ],
)
def test_what_cannot_be_booked_is_refused_with_its_reason(
    text: str, code: str, form_field: str | None
) -> None:
    with pytest.raises(InputError) as caught:
        reserve(text)
    assert (caught.value.code, caught.value.form_field) == (code, form_field)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2",
        "2 tomorrow 22:00",
        "2 on gpu-01 tomorrow 22:00",
        "2 20h",
        "2 tomorrow 20h",
        "fri 9am until sat 18:00",
        "2 明天 20小时",
        "2 until fri 18:00",
    ],
)
def test_the_example_for_what_is_missing_works(text: str) -> None:
    with pytest.raises(Missing) as caught:
        reserve(text)
    example = str(caught.value.fields["example"]).removeprefix("/gpu reserve ")
    assert reserve(example)


def test_the_example_for_a_doubtful_time_repeats_the_command_with_the_time_made_clear() -> None:
    with pytest.raises(InputError) as caught:
        reserve("2 25 oct 02:30 8h p1", now=BEFORE_AUTUMN, zone=PARIS)
    example = str(caught.value.fields["example"])
    assert example == "/gpu reserve 2 25 oct 02:30 CEST 8h p1"
    assert reserve(example.removeprefix("/gpu reserve "), now=BEFORE_AUTUMN, zone=PARIS)


@pytest.mark.parametrize("phrase", ["25 oct at 02:30", "25 oct, 02:30", "02:30 on 25 oct"])
def test_a_question_about_a_time_quotes_the_words_as_they_were_typed(phrase: str) -> None:
    with pytest.raises(InputError) as caught:
        reserve(f"2 {phrase} 8h", now=BEFORE_AUTUMN, zone=PARIS)
    assert caught.value.fields["phrase"] == phrase
    example = str(caught.value.fields["example"]).removeprefix("/gpu reserve ")
    assert reserve(example, now=BEFORE_AUTUMN, zone=PARIS)


def test_the_example_for_a_skipped_end_works() -> None:
    with pytest.raises(InputError) as caught:
        reserve("2 27 mar 22:00-02:30", now=BEFORE_SPRING, zone=PARIS)
    example = str(caught.value.fields["example"]).removeprefix("/gpu reserve ")
    assert reserve(example, now=BEFORE_SPRING, zone=PARIS)


def test_less_than_a_slot_carries_the_request_for_one_slot() -> None:
    with pytest.raises(TooShort) as caught:
        reserve('2 A100 tomorrow 23:00 45m p1 "quick"')
    rounded = caught.value.rounded
    assert rounded
    assert rounded.window == Window(at("11-26 22:00"), at("11-27 02:00"))
    assert (rounded.shape, rounded.purpose) == (Shape(2, model="A100"), "quick")
    assert rounded.priority is Priority.P1


def test_less_than_a_slot_from_now_carries_a_request_from_now() -> None:
    with pytest.raises(TooShort) as caught:
        reserve("2 now 45m")
    assert caught.value.rounded
    assert caught.value.rounded.window == Window(NOW, at("11-25 14:00"))


def test_a_request_that_is_wrong_in_more_than_its_length_says_that_first() -> None:
    with pytest.raises(InputError) as caught:
        reserve("2 now 45m on gpu-99")
    assert caught.value.code == "unknown_name"


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InputError) as caught:
        reserve("2 tomorrow 22:00 20h model H100")
    assert caught.value.fields["kind"] == "model"
    assert str(caught.value) == ("There is no model called “H100”. I know: V100, A100, RTX 4090.")


def test_a_count_over_a_bound_names_the_bound_and_where_it_holds() -> None:
    for words, highest, where in [
        ("99", 30, "Vision Lab"),
        ("99 V100", 12, "V100"),
        ("99 spread", 30, "Vision Lab"),
        ("99 on box", 2, "box"),
    ]:
        with pytest.raises(InputError) as caught:
            reserve(f"{words} tomorrow 22:00 20h")
        assert caught.value.fields == {"gpus": 99, "highest": highest, "where": where}
