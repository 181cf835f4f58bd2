"""Modals and the Home tab: opening, filling in, refusing, stacking, closing."""

import threading
from typing import Any

import pytest
from patience import PATIENCE_S
from slack_bolt import Ack, App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.sandbox import CannotSee, Sandbox

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def entry(block_id: str, element: Json, **extra: object) -> Json:
    named = {"action_id": block_id, **element}
    return {
        "type": "input",
        "block_id": block_id,
        "label": plain(block_id),
        "element": named,
        **extra,
    }


COUNT = entry(
    "count",
    {"type": "number_input", "is_decimal_allowed": False, "min_value": "1", "max_value": "8"},
)
PURPOSE = entry("purpose", {"type": "plain_text_input", "max_length": 10}, optional=True)
OWNER = entry("owner", {"type": "users_select", "initial_user": "U0BOB"})
WHEN = entry("when", {"type": "datetimepicker"}, optional=True)


def modal(*blocks: Json, **extra: object) -> Json:
    return {
        "type": "modal",
        "callback_id": "reserve",
        "title": plain("Reserve"),
        "submit": plain("Book"),
        "blocks": list(blocks),
        **extra,
    }


class Form:
    """A command that opens a modal; what is submitted is answered as the test says."""

    def __init__(self, app: App, sandbox: Sandbox, client: WebClient) -> None:
        self.answer: Json = {}
        self.submitted: list[Json] = []
        self.closed: list[Json] = []
        self.pressed: list[Json] = []
        self.triggers: list[str] = []
        self._sandbox = sandbox
        self._client = client
        app.command("/gpu")(self._command)
        app.view("reserve")(self._submission)
        app.view_closed("reserve")(self._closing)
        app.action("check")(self._press)

    def _command(self, ack: Ack, body: Json) -> None:
        self.triggers.append(body["trigger_id"])
        ack()

    def _press(self, ack: Ack, body: Json) -> None:
        self.pressed.append(body)
        ack()

    def _submission(self, ack: Ack, body: Json) -> None:
        self.submitted.append(body)
        ack(**self.answer)

    def _closing(self, ack: Ack, body: Json) -> None:
        self.closed.append(body)
        ack()

    def trigger(self) -> str:
        self._sandbox.command("U0ALICE", "C0VISION", "/gpu reserve")
        return self.triggers[-1]

    def open(self, view: Json) -> Any:
        self._client.views_open(trigger_id=self.trigger(), view=view)
        return self._sandbox.open_view("U0ALICE")


@pytest.fixture
def form(app: App, sandbox: Sandbox, client: WebClient, by_socket: SocketModeHandler) -> Form:
    return Form(app, sandbox, client)


def refusal(call: Any, **arguments: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        call(**arguments)
    error: str = caught.value.response["error"]
    return error


def test_a_filled_modal_reaches_the_app_and_closes(sandbox: Sandbox, form: Form) -> None:
    view = form.open(modal(COUNT, PURPOSE, OWNER, WHEN, private_metadata="C0VISION"))
    result = sandbox.submit("U0ALICE", view, {"count": 4, "when": 1795465440})
    assert result.ok
    assert sandbox.open_view("U0ALICE") is None
    sent = form.submitted[0]["view"]
    assert sent["private_metadata"] == "C0VISION"
    assert sent["state"]["values"] == {
        "count": {"count": {"type": "number_input", "value": "4"}},
        "purpose": {"purpose": {"type": "plain_text_input", "value": None}},
        "owner": {"owner": {"type": "users_select", "selected_user": "U0BOB"}},
        "when": {"when": {"type": "datetimepicker", "selected_date_time": 1795465440}},
    }


def test_errors_of_the_app_stand_under_their_fields(sandbox: Sandbox, form: Form) -> None:
    view = form.open(modal(COUNT))
    form.answer = {"response_action": "errors", "errors": {"count": "only 2 are free"}}
    result = sandbox.submit("U0ALICE", view, {"count": 4})
    assert (result.ok, result.errors) == (False, {"count": "only 2 are free"})
    shown = sandbox.open_view("U0ALICE")
    assert shown is not None
    assert shown.state["values"]["count"]["count"]["value"] == "4"


def test_errors_for_a_block_that_is_no_input_are_slacks_own_trouble(
    sandbox: Sandbox, form: Form
) -> None:
    view = form.open(modal(COUNT))
    form.answer = {"response_action": "errors", "errors": {"elsewhere": "no"}}
    result = sandbox.submit("U0ALICE", view, {"count": 4})
    assert not result.ok
    assert "elsewhere" in str(result.error)


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({}, "count"),
        ({"count": "four"}, "count"),
        ({"count": "1.5"}, "count"),
        ({"count": 0}, "count"),
        ({"count": 9}, "count"),
        ({"count": 1, "purpose": "x" * 11}, "purpose"),
        ({"count": 1, "owner": None}, "owner"),
    ],
)
def test_the_client_refuses_what_slacks_client_refuses(
    sandbox: Sandbox, form: Form, values: Json, refused: str
) -> None:
    view = form.open(modal(COUNT, PURPOSE, OWNER))
    assert list(sandbox.submit("U0ALICE", view, values).errors) == [refused]
    assert form.submitted == []


def test_a_field_that_is_not_there_cannot_be_filled_in(sandbox: Sandbox, form: Form) -> None:
    view = form.open(modal(COUNT))
    with pytest.raises(CannotSee, match="no element 'model'; in sight: count"):
        sandbox.submit("U0ALICE", view, {"model": "A100"})


def test_an_app_that_does_not_answer_leaves_the_modal_open(sandbox: Sandbox, form: Form) -> None:
    view = form.open(modal(COUNT))
    sandbox.faults.refuse_sockets()
    sandbox.faults.drop_sockets()
    assert sandbox.submit("U0ALICE", view, {"count": 4}).error == "dispatch_failed"
    assert sandbox.open_view("U0ALICE") is not None


def test_a_submission_may_change_the_modal(sandbox: Sandbox, form: Form) -> None:
    view = form.open(modal(COUNT))
    form.answer = {"response_action": "update", "view": modal(COUNT, title=plain("Sure?"))}
    assert sandbox.submit("U0ALICE", view, {"count": 4}).ok
    shown = sandbox.open_view("U0ALICE")
    assert shown is not None
    assert (shown.id, shown.title["text"]) == (view.id, "Sure?")
    assert shown.hash != view.hash


def test_a_stack_holds_three_modals_and_is_cleared_at_once(sandbox: Sandbox, form: Form) -> None:
    bottom = form.open(modal(COUNT))
    form.answer = {"response_action": "push", "view": modal(COUNT, title=plain("Second"))}
    assert sandbox.submit("U0ALICE", bottom, {"count": 4}).ok
    second = sandbox.open_view("U0ALICE")
    assert second is not None
    assert (second.root_view_id, second.previous_view_id) == (bottom.id, bottom.id)
    assert sandbox.submit("U0ALICE", second, {"count": 4}).ok
    third = sandbox.open_view("U0ALICE")
    assert third is not None
    assert sandbox.submit("U0ALICE", third, {"count": 4}).error == "push_limit_reached"
    form.answer = {"response_action": "clear"}
    assert sandbox.submit("U0ALICE", third, {"count": 4}).ok
    assert sandbox.open_view("U0ALICE") is None


def test_closing_shows_the_modal_below_and_tells_who_asked(sandbox: Sandbox, form: Form) -> None:
    bottom = form.open(modal(COUNT))
    form.answer = {
        "response_action": "push",
        "view": modal(COUNT, title=plain("Second"), notify_on_close=True),
    }
    sandbox.submit("U0ALICE", bottom, {"count": 4})
    top = sandbox.open_view("U0ALICE")
    assert top is not None
    with pytest.raises(CannotSee):
        sandbox.close_view("U0ALICE", bottom)
    sandbox.close_view("U0ALICE", top)
    below = sandbox.open_view("U0ALICE")
    assert below is not None
    assert below.id == bottom.id
    assert [body["is_cleared"] for body in form.closed] == [False]


def test_a_press_in_a_modal_brings_its_state_along(sandbox: Sandbox, form: Form) -> None:
    check = {"type": "button", "action_id": "check", "text": plain("Check")}
    view = form.open(modal(OWNER, {"type": "actions", "elements": [check]}))
    sandbox.click("U0ALICE", view, "check")
    (body,) = form.pressed
    assert body["container"] == {"type": "view", "view_id": view.id}
    assert body["view"]["state"]["values"]["owner"]["owner"]["selected_user"] == "U0BOB"
    assert "response_url" not in body


def test_only_an_input_that_dispatches_tells_the_app_at_once(sandbox: Sandbox, form: Form) -> None:
    options = [{"text": plain("A100"), "value": "a100"}]
    quiet = entry("model", {"type": "static_select", "options": options})
    loud = entry("check", {"type": "static_select", "options": options}, dispatch_action=True)
    view = form.open(modal(quiet, loud))
    assert sandbox.choose("U0ALICE", view, "model", "a100").ok
    assert form.pressed == []
    sandbox.choose("U0ALICE", view, "check", "a100")
    values = form.pressed[0]["view"]["state"]["values"]
    assert values["model"]["model"]["selected_option"]["value"] == "a100"


def test_a_trigger_is_good_for_three_seconds(
    sandbox: Sandbox, client: WebClient, form: Form, watch: Any
) -> None:
    trigger = form.trigger()
    watch.advance(3.1)
    error = refusal(client.views_open, trigger_id=trigger, view=modal(COUNT))
    assert error == "expired_trigger_id"


def test_a_trigger_is_good_once(client: WebClient, form: Form) -> None:
    trigger = form.trigger()
    client.views_open(trigger_id=trigger, view=modal(COUNT))
    error = refusal(client.views_open, trigger_id=trigger, view=modal(COUNT))
    assert error == "exchanged_trigger_id"
    error = refusal(client.views_open, trigger_id="1.2.3", view=modal(COUNT))
    assert error == "invalid_trigger_id"


def test_a_refused_view_does_not_use_the_trigger_up(client: WebClient, form: Form) -> None:
    trigger = form.trigger()
    bad = modal(COUNT, title=plain("x" * 25))
    assert refusal(client.views_open, trigger_id=trigger, view=bad) == "invalid_arguments"
    assert client.views_open(trigger_id=trigger, view=modal(COUNT))["ok"]


def test_pushing_needs_an_open_modal_and_stops_at_three(client: WebClient, form: Form) -> None:
    assert refusal(client.views_push, trigger_id=form.trigger(), view=modal(COUNT)) == "not_found"
    form.open(modal(COUNT))
    for _ in range(2):
        client.views_push(trigger_id=form.trigger(), view=modal(COUNT))
    error = refusal(client.views_push, trigger_id=form.trigger(), view=modal(COUNT))
    assert error == "push_limit_reached"


def test_an_update_with_an_old_hash_is_refused(
    sandbox: Sandbox, client: WebClient, form: Form
) -> None:
    view = form.open(modal(COUNT))
    updated = client.views_update(view_id=view.id, hash=view.hash, view=modal(COUNT, PURPOSE))
    assert updated["view"]["hash"] != view.hash
    error = refusal(client.views_update, view_id=view.id, hash=view.hash, view=modal(COUNT))
    assert error == "hash_conflict"
    assert refusal(client.views_update, view_id="V0", view=modal(COUNT)) == "not_found"


def test_an_update_keeps_what_was_typed_where_the_names_stay(
    sandbox: Sandbox, client: WebClient, form: Form
) -> None:
    view = form.open(modal(COUNT, external_id="form-1"))
    form.answer = {"response_action": "errors", "errors": {"count": "no"}}
    sandbox.submit("U0ALICE", view, {"count": 4})
    renamed = entry("amount", COUNT["element"] | {"action_id": "amount"})
    updated = client.views_update(external_id="form-1", view=modal(COUNT, renamed))
    values = updated["view"]["state"]["values"]
    assert values["count"]["count"]["value"] == "4"
    assert values["amount"]["amount"]["value"] is None


def test_an_external_id_belongs_to_one_view(client: WebClient, form: Form) -> None:
    form.open(modal(COUNT, external_id="form-1"))
    again = modal(COUNT, external_id="form-1")
    error = refusal(client.views_push, trigger_id=form.trigger(), view=again)
    assert error == "duplicate_external_id"


def test_the_home_tab_is_published_when_it_is_opened(
    sandbox: Sandbox, app: App, client: WebClient, by_socket: SocketModeHandler
) -> None:
    events: list[Json] = []

    @app.event("app_home_opened")
    def opened(event: Json) -> None:
        events.append(event)
        section = {"type": "section", "text": plain(f"Hello {event['user']}")}
        client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [section]})

    sandbox.open_home("U0ALICE")
    home = sandbox.wait_for(lambda: sandbox.home("U0ALICE"))
    assert home.blocks[0]["text"]["text"] == "Hello U0ALICE"
    assert sandbox.home("U0BOB") is None
    sandbox.open_home("U0ALICE")
    sandbox.wait_for(lambda: len(sandbox.calls("views.publish")) == 2)
    assert [event.get("view", {}).get("id") for event in events] == [None, home.id]
    assert events[0]["channel"] == sandbox.workspace.direct("U0ALICE").id


def test_a_home_tab_with_an_old_hash_is_refused(sandbox: Sandbox, client: WebClient) -> None:
    view = {"type": "home", "blocks": [{"type": "divider"}]}
    first = client.views_publish(user_id="U0ALICE", view=view)["view"]["hash"]
    client.views_publish(user_id="U0ALICE", view=view, hash=first)
    error = refusal(client.views_publish, user_id="U0ALICE", view=view, hash=first)
    assert error == "hash_conflict"
    assert refusal(client.views_publish, user_id="U0NOBODY", view=view) == "invalid_arguments"


def test_who_waits_is_let_go_when_the_workspace_stops(
    sandbox: Sandbox, app: App, by_socket: SocketModeHandler
) -> None:
    reached, late = threading.Event(), threading.Event()

    @app.command("/gpu")
    def dawdle(ack: Ack) -> None:
        reached.set()
        late.wait(10)
        ack()

    results: list[Any] = []
    sandbox.delivery.ack_timeout = 30
    thread = threading.Thread(
        target=lambda: results.append(sandbox.command("U0ALICE", "C0VISION", "/gpu free"))
    )
    thread.start()
    assert reached.wait(PATIENCE_S)
    sandbox.stop()
    thread.join(PATIENCE_S)
    late.set()
    assert [result.error for result in results] == ["dispatch_failed"]
