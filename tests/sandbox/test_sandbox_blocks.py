"""The rules of Block Kit, one case a line: what passes, and what is refused for which reason."""

from typing import Any

import pytest

from bot.sandbox.blocks import checked_blocks, checked_view
from bot.sandbox.errors import SlackError

Json = dict[str, Any]


def plain(length: int = 4) -> Json:
    return {"type": "plain_text", "text": "x" * length}


def mrkdwn(length: int = 4) -> Json:
    return {"type": "mrkdwn", "text": "x" * length}


def section(**fields: Any) -> Json:
    return {"type": "section", **fields}


def button(**fields: Any) -> Json:
    return {"type": "button", "text": plain(), **fields}


def acting(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def asking(element: Json, **fields: Any) -> Json:
    return {"type": "input", "label": plain(), "element": element, **fields}


def option(text: int = 4, value: int = 4, **fields: Any) -> Json:
    return {"text": plain(text), "value": "v" * value, **fields}


def select(*options: Json, **fields: Any) -> Json:
    return {"type": "static_select", "options": list(options) or [option()], **fields}


def confirm(**fields: Any) -> Json:
    whole = {"title": plain(), "text": plain(), "confirm": plain(), "deny": plain()}
    return button(confirm={**whole, **fields})


def table(kind: str, *rows: int, **fields: Any) -> Json:
    cells = [[{"type": "raw_text", "text": "x"}] * width for width in rows]
    return {"type": kind, "rows": cells, **fields}


def number(**fields: Any) -> Json:
    return {"type": "number_input", "is_decimal_allowed": False, **fields}


GOOD: dict[str, list[Json]] = {
    "text of 3000": [section(text=mrkdwn(3000))],
    "ten fields of 2000": [section(fields=[mrkdwn(2000)] * 10)],
    "header of 150": [{"type": "header", "text": plain(150)}],
    "25 buttons": [acting(*[button(action_id=f"b{i}") for i in range(25)])],
    "button with everything": [
        acting(button(value="v" * 2000, action_id="a" * 255, style="danger", url="https://x.org"))
    ],
    "confirm at its limits": [
        acting(confirm(title=plain(100), text=mrkdwn(300), confirm=plain(30), deny=plain(30)))
    ],
    "select at its limits": [acting(select(*[option(75, 150)] * 100, placeholder=plain(150)))],
    "grouped select": [
        acting(
            {"type": "static_select", "option_groups": [{"label": plain(), "options": [option()]}]}
        )
    ],
    "context": [{"type": "context", "elements": [mrkdwn(), plain(), mrkdwn()]}],
    "image by address": [{"type": "image", "alt_text": "x", "image_url": "https://x.org/a.png"}],
    "datetimepicker in actions": [
        acting({"type": "datetimepicker", "initial_date_time": 1795465440})
    ],
    "number input": [asking(number(min_value="1", max_value="8", initial_value="4"))],
    "fifty blocks": [{"type": "divider"}] * 50,
    "table": [table("table", 3, 3, column_settings=[{"align": "right"}])],
    "data table": [table("data_table", 2, 2, caption="GPUs", page_size=10)],
    "markdown": [{"type": "markdown", "text": "# x"}],
    "same action in two rows": [acting(button(action_id="a")), acting(button(action_id="a"))],
}

BAD: dict[str, tuple[list[Json], str]] = {
    "unknown block": ([{"type": "blink"}], "unsupported type: blink"),
    "no type": ([{"text": plain()}], "missing required field: type"),
    "no object": (["divider"], "must be an object"),  # type: ignore[list-item]
    "51 blocks": ([{"type": "divider"}] * 51, "no more than 50 items allowed"),
    "unknown field": ([{"type": "divider", "color": "red"}], "invalid additional property: color"),
    "null field": ([section(text=mrkdwn(), accessory=None)], "must be an object"),
    "empty section": ([section()], "missing required field: text or fields"),
    "long text": ([section(text=mrkdwn(3001))], "less than 3001 characters"),
    "empty text": ([section(text=mrkdwn(0))], "more than 0 characters"),
    "11 fields": ([section(fields=[mrkdwn()] * 11)], "no more than 10 items"),
    "long field": ([section(fields=[mrkdwn(2001)])], "less than 2001 characters"),
    "long header": ([{"type": "header", "text": plain(151)}], "less than 151 characters"),
    "mrkdwn header": ([{"type": "header", "text": mrkdwn()}], "unsupported type: mrkdwn"),
    "26 elements": ([acting(*[button(action_id=f"b{i}") for i in range(26)])], "than 25 items"),
    "no elements": ([acting()], "no fewer than 1 items"),
    "unknown element": ([acting({"type": "lever"})], "unsupported type: lever"),
    "text input in actions": ([acting({"type": "plain_text_input"})], "unsupported type"),
    "datetimepicker in a section": (
        [section(text=mrkdwn(), accessory={"type": "datetimepicker"})],
        "unsupported type: datetimepicker",
    ),
    "button in an input": ([asking(button())], "unsupported type: button"),
    "button text": ([acting(button(text=plain(76)))], "less than 76 characters"),
    "mrkdwn button": ([acting(button(text=mrkdwn()))], "unsupported type: mrkdwn"),
    "button value": ([acting(button(value="v" * 2001))], "less than 2001 characters"),
    "numeric value": ([acting(button(value=142))], "must be a string"),
    "button style": ([acting(button(style="default"))], "must be one of: primary, danger"),
    "action_id": ([acting(button(action_id="a" * 256))], "less than 256 characters"),
    "block_id": ([{"type": "divider", "block_id": "b" * 256}], "less than 256 characters"),
    "one action twice": (
        [acting(button(action_id="a"), button(action_id="a"))],
        "action_id a already exists",
    ),
    "one block twice": ([{"type": "divider", "block_id": "b"}] * 2, "block_id b already exists"),
    "confirm title": ([acting(confirm(title=plain(101)))], "less than 101 characters"),
    "confirm text": ([acting(confirm(text=plain(301)))], "less than 301 characters"),
    "confirm button": ([acting(confirm(confirm=plain(31)))], "less than 31 characters"),
    "deny button": ([acting(confirm(deny=plain(31)))], "less than 31 characters"),
    "option text": ([acting(select(option(76)))], "less than 76 characters"),
    "option value": ([acting(select(option(4, 151)))], "less than 151 characters"),
    "101 options": ([acting(select(*[option()] * 101))], "no more than 100 items"),
    "no options": ([acting({"type": "static_select"})], "options or option_groups"),
    "foreign initial option": (
        [acting(select(option(), initial_option=option(5)))],
        "must exactly match one of the options",
    ),
    "placeholder": ([acting(select(placeholder=plain(151)))], "less than 151 characters"),
    "six menu entries": (
        [acting({"type": "overflow", "options": [option()] * 6})],
        "no more than 5 items",
    ),
    "eleven boxes": (
        [acting({"type": "checkboxes", "options": [option()] * 11})],
        "no more than 10 items",
    ),
    "number without decimals said": (
        [asking({"type": "number_input"})],
        "missing required field: is_decimal_allowed",
    ),
    "number bound as number": ([asking(number(min_value=1))], "a number written as a string"),
    "bounds the wrong way": (
        [asking(number(min_value="8", max_value="1"))],
        "min_value must be less than or equal",
    ),
    "instant as text": (
        [acting({"type": "datetimepicker", "initial_date_time": "1795465440"})],
        "must be an integer",
    ),
    "instant in milliseconds": (
        [acting({"type": "datetimepicker", "initial_date_time": 1795465440000})],
        "must be between",
    ),
    "date": ([acting({"type": "datepicker", "initial_date": "25/11/2026"})], "a date like"),
    "image without alt_text": (
        [{"type": "image", "image_url": "https://x.org/a.png"}],
        "missing required field: alt_text",
    ),
    "image without source": ([{"type": "image", "alt_text": "x"}], "image_url or slack_file"),
    "uneven table": ([table("table", 3, 2)], "the same number of cells"),
    "two tables": ([table("table", 1), table("table", 1)], "only one table allowed"),
    "data table without caption": ([table("data_table", 1, 1)], "required field: caption"),
    "alert in a message": ([{"type": "alert", "text": plain()}], "unsupported type: alert"),
}


@pytest.mark.parametrize("case", GOOD)
def test_good_blocks_pass(case: str) -> None:
    assert len(checked_blocks(GOOD[case])) == len(GOOD[case])


@pytest.mark.parametrize("case", BAD)
def test_bad_blocks_are_refused_with_the_reason(case: str) -> None:
    blocks, reason = BAD[case]
    with pytest.raises(SlackError) as caught:
        checked_blocks(blocks)
    assert caught.value.code == "invalid_blocks"
    assert reason in "\n".join(caught.value.messages)


def test_the_reason_names_the_place() -> None:
    with pytest.raises(SlackError) as caught:
        checked_blocks([{"type": "divider"}, acting(button(), button(text=plain(76)))])
    assert caught.value.messages == [
        "[ERROR] must be less than 76 characters [json-pointer:/blocks/1/elements/1/text/text]"
    ]


def test_missing_ids_are_filled_in() -> None:
    given = [acting(button(), button(action_id="mine")), {"type": "divider", "block_id": "line"}]
    first, second = checked_blocks(given)
    assert first["block_id"]
    assert first["elements"][0]["action_id"]
    assert first["elements"][1]["action_id"] == "mine"
    assert second["block_id"] == "line"
    assert "block_id" not in given[0]


def modal(**fields: Any) -> Json:
    return {"type": "modal", "title": plain(), "blocks": [], **fields}


TEXT_INPUT = asking({"type": "plain_text_input"})
GOOD_VIEWS: dict[str, Json] = {
    "limits": modal(
        title=plain(24),
        submit=plain(24),
        close=plain(24),
        private_metadata="x" * 3000,
        callback_id="x" * 255,
        blocks=[{"type": "divider"}] * 100,
    ),
    "form": modal(submit=plain(), blocks=[TEXT_INPUT]),
    "alert": modal(blocks=[{"type": "alert", "text": mrkdwn(), "level": "warning"}]),
    "home": {"type": "home", "blocks": [acting(button())]},
}
BAD_VIEWS: dict[str, tuple[Json, str]] = {
    "no title": ({"type": "modal", "blocks": []}, "missing required field: title"),
    "title": (modal(title=plain(25)), "less than 25 characters"),
    "submit": (modal(submit=plain(25)), "less than 25 characters"),
    "close": (modal(close=plain(25)), "less than 25 characters"),
    "metadata": (modal(private_metadata="x" * 3001), "less than 3001 characters"),
    "callback_id": (modal(callback_id="x" * 256), "less than 256 characters"),
    "101 blocks": (modal(blocks=[{"type": "divider"}] * 101), "no more than 100 items"),
    "input without submit": (modal(blocks=[TEXT_INPUT]), "`submit` is required"),
    "table": (modal(blocks=[table("table", 1)]), "unsupported type: table"),
    "home with a title": ({"type": "home", "blocks": [], "title": plain()}, "property: title"),
    "home with an alert": (
        {"type": "home", "blocks": [{"type": "alert", "text": plain()}]},
        "unsupported type: alert",
    ),
    "two with focus": (
        modal(
            submit=plain(),
            blocks=[asking({"type": "plain_text_input", "focus_on_load": True})] * 2,
        ),
        "only one element can have focus_on_load",
    ),
    "another view": ({"type": "drawer", "blocks": []}, "unsupported type: drawer"),
}


@pytest.mark.parametrize("case", GOOD_VIEWS)
def test_good_views_pass(case: str) -> None:
    assert checked_view(GOOD_VIEWS[case], ("modal", "home"))["type"] in ("modal", "home")


@pytest.mark.parametrize("case", BAD_VIEWS)
def test_bad_views_are_refused_with_the_reason(case: str) -> None:
    view, reason = BAD_VIEWS[case]
    with pytest.raises(SlackError) as caught:
        checked_view(view, ("modal", "home"))
    assert caught.value.code == "invalid_arguments"
    assert reason in "\n".join(caught.value.messages)


def test_a_view_of_more_than_250_kilobytes_is_too_large() -> None:
    fields = [{"type": "mrkdwn", "text": "x" * 2000}] * 10
    view = modal(blocks=[section(fields=fields)] * 13)
    with pytest.raises(SlackError, match="view_too_large"):
        checked_view(view, ("modal",))
