"""The rules of Block Kit's elements and composition objects, as tables."""

from bot.sandbox.checks import (
    Check,
    Rule,
    anything,
    array,
    boolean,
    by_type,
    integer,
    matching,
    needs_one_of,
    not_both,
    one_of,
    record,
    string,
)
from bot.sandbox.elements import options_of
from bot.sandbox.records import Json

_URL = matching(r"(https?|mailto|slack|tel):.{1,2990}", "a URL of at most 3000 characters")
_DATE = matching(r"\d{4}-\d{2}-\d{2}", "a date like 2026-12-01")
_TIME = matching(r"([01]\d|2[0-3]):[0-5]\d", "a time like 22:00")
_NUMERAL = matching(r"-?\d+(\.\d+)?", "a number written as a string")
_USER = matching(r"[UW][A-Z0-9]+", "a user id")
_CONVERSATION = matching(r"[CDG][A-Z0-9]+", "a conversation id")
_STYLE = one_of("primary", "danger")
# A UNIX timestamp in seconds has ten digits; milliseconds are the usual mistake.
_INSTANT = integer(1_000_000_000, 9_999_999_999)


def _plain(maximum: int) -> Check:
    return record({"type": anything, "text": string(maximum)}, {"emoji": boolean})


def _mrkdwn(maximum: int) -> Check:
    return record({"type": anything, "text": string(maximum)}, {"verbatim": boolean})


def plain(maximum: int) -> Check:
    """A plain_text object of at most `maximum` characters."""
    return by_type({"plain_text": _plain(maximum)})


def text(maximum: int) -> Check:
    """A plain_text or mrkdwn object of at most `maximum` characters."""
    return by_type({"plain_text": _plain(maximum), "mrkdwn": _mrkdwn(maximum)})


TEXT_OBJECTS: dict[str, Check] = {"plain_text": _plain(3000), "mrkdwn": _mrkdwn(3000)}

_CONFIRM = record(
    {"title": plain(100), "text": text(300), "confirm": plain(30), "deny": plain(30)},
    {"style": _STYLE},
)
_OPTION = record({"text": plain(75), "value": string(150)}, {"description": plain(75)})
_RICH_OPTION = record({"text": text(75), "value": string(150)}, {"description": text(75)})
_MENU_OPTION = record(
    {"text": plain(75), "value": string(150)}, {"description": plain(75), "url": _URL}
)
_GROUP = record({"label": plain(75), "options": array(_OPTION, 1, 100)})
_FILTER = record(
    {},
    {
        "include": array(one_of("im", "mpim", "private", "public"), 1, 4),
        "exclude_external_shared_channels": boolean,
        "exclude_bot_users": boolean,
    },
)
_DISPATCH = record(
    {},
    {"trigger_actions_on": array(one_of("on_enter_pressed", "on_character_entered"), 1, 2)},
)
_SLACK_FILE = record({}, {"id": string(255), "url": _URL}, [needs_one_of("id", "url")])
IMAGE_FIELDS: dict[str, Check] = {"image_url": _URL, "slack_file": _SLACK_FILE}


def _initial_is_offered(element: Json) -> str | None:
    chosen = element.get("initial_options", [])
    chosen = [*chosen, *([element["initial_option"]] if "initial_option" in element else [])]
    offered = options_of(element)
    if all(option in offered for option in chosen):
        return None
    return "initial_option must exactly match one of the options"


def _bounds_in_order(element: Json) -> str | None:
    low, high = element.get("min_value"), element.get("max_value")
    if low is None or high is None or float(low) <= float(high):
        return None
    return "min_value must be less than or equal to max_value"


def _lengths_in_order(element: Json) -> str | None:
    if element.get("min_length", 0) <= element.get("max_length", 3000):
        return None
    return "min_length must be less than or equal to max_length"


def _element(required: dict[str, Check], optional: dict[str, Check], *rules: Rule) -> Check:
    return record({"type": anything, **required}, {"action_id": string(255), **optional}, rules)


_ASKING: dict[str, Check] = {"confirm": _CONFIRM, "focus_on_load": boolean}
_PLACED: dict[str, Check] = {"placeholder": plain(150), "focus_on_load": boolean}
_SELECT: dict[str, Check] = {**_PLACED, "confirm": _CONFIRM}
_MULTI: dict[str, Check] = {**_SELECT, "max_selected_items": integer(1, 100)}
_TYPED: dict[str, Check] = {**_PLACED, "dispatch_action_config": _DISPATCH}
_STATIC: dict[str, Check] = {
    "options": array(_OPTION, 1, 100),
    "option_groups": array(_GROUP, 1, 100),
}
_STATIC_RULES = (needs_one_of("options", "option_groups"), not_both("options", "option_groups"))
_TO_URL: dict[str, Check] = {
    "response_url_enabled": boolean,
    "default_to_current_conversation": boolean,
    "filter": _FILTER,
}

ELEMENTS: dict[str, Check] = {
    "button": _element(
        {"text": plain(75)},
        {
            "value": string(2000, minimum=0),
            "url": _URL,
            "style": _STYLE,
            "confirm": _CONFIRM,
            "accessibility_label": string(75),
        },
    ),
    "icon_button": _element(
        {"icon": string(75), "text": plain(75)},
        {"value": string(2000), "confirm": _CONFIRM, "accessibility_label": string(75)},
    ),
    "feedback_buttons": _element({"positive_button": anything, "negative_button": anything}, {}),
    "overflow": _element({"options": array(_MENU_OPTION, 1, 5)}, {"confirm": _CONFIRM}),
    "image": record(
        {"type": anything, "alt_text": string(2000)},
        IMAGE_FIELDS,
        [needs_one_of("image_url", "slack_file"), not_both("image_url", "slack_file")],
    ),
    "static_select": _element(
        {}, {**_SELECT, **_STATIC, "initial_option": _OPTION}, *_STATIC_RULES, _initial_is_offered
    ),
    "multi_static_select": _element(
        {},
        {**_MULTI, **_STATIC, "initial_options": array(_OPTION, 1, 100)},
        *_STATIC_RULES,
        _initial_is_offered,
    ),
    "external_select": _element(
        {}, {**_SELECT, "initial_option": _OPTION, "min_query_length": integer(0, 255)}
    ),
    "multi_external_select": _element(
        {},
        {
            **_MULTI,
            "initial_options": array(_OPTION, 1, 100),
            "min_query_length": integer(0, 255),
        },
    ),
    "users_select": _element({}, {**_SELECT, "initial_user": _USER}),
    "multi_users_select": _element({}, {**_MULTI, "initial_users": array(_USER, 1, 100)}),
    "conversations_select": _element(
        {}, {**_SELECT, **_TO_URL, "initial_conversation": _CONVERSATION}
    ),
    "multi_conversations_select": _element(
        {}, {**_MULTI, **_TO_URL, "initial_conversations": array(_CONVERSATION, 1, 100)}
    ),
    "channels_select": _element(
        {}, {**_SELECT, "initial_channel": _CONVERSATION, "response_url_enabled": boolean}
    ),
    "multi_channels_select": _element(
        {}, {**_MULTI, "initial_channels": array(_CONVERSATION, 1, 100)}
    ),
    "datepicker": _element({}, {**_SELECT, "initial_date": _DATE}),
    "timepicker": _element({}, {**_SELECT, "initial_time": _TIME, "timezone": string(100)}),
    "datetimepicker": _element({}, {**_ASKING, "initial_date_time": _INSTANT}),
    "checkboxes": _element(
        {"options": array(_RICH_OPTION, 1, 10)},
        {**_ASKING, "initial_options": array(_RICH_OPTION, 1, 10)},
        _initial_is_offered,
    ),
    "radio_buttons": _element(
        {"options": array(_RICH_OPTION, 1, 10)},
        {**_ASKING, "initial_option": _RICH_OPTION},
        _initial_is_offered,
    ),
    "plain_text_input": _element(
        {},
        {
            **_TYPED,
            "initial_value": string(3000, minimum=0),
            "multiline": boolean,
            "min_length": integer(0, 3000),
            "max_length": integer(1, 3000),
        },
        _lengths_in_order,
    ),
    "number_input": _element(
        {"is_decimal_allowed": boolean},
        {**_TYPED, "initial_value": _NUMERAL, "min_value": _NUMERAL, "max_value": _NUMERAL},
        _bounds_in_order,
    ),
    "email_text_input": _element({}, {**_TYPED, "initial_value": string(3000)}),
    "url_text_input": _element({}, {**_TYPED, "initial_value": _URL}),
    "rich_text_input": _element({}, {**_TYPED, "initial_value": anything}),
    "file_input": _element(
        {}, {"filetypes": array(string(50), 1, 100), "max_files": integer(1, 10)}
    ),
}
