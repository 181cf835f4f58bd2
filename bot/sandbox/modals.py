"""A person submits or closes a modal, or opens the app's Home tab."""

from bot.sandbox.blocks import checked_view
from bot.sandbox.delivery import Delivery
from bot.sandbox.elements import refusals
from bot.sandbox.errors import CannotSee, SlackError
from bot.sandbox.interactions import enter
from bot.sandbox.payloads import event_callback, view_closed, view_submission
from bot.sandbox.records import Json, SubmitResult, View
from bot.sandbox.workspace import Workspace

TROUBLE = "We had some trouble connecting. Try again?"


def submit(
    workspace: Workspace, delivery: Delivery, user: str, view: View, values: Json
) -> SubmitResult:
    """Submit a modal with `values` (state.values) entered into it.

    What Slack's client would refuse never reaches the app. Raises CannotSee for a modal that is
    not on top, or has no submit button.
    """
    if workspace.views.top(user) is not view:
        raise CannotSee(f"{user} does not see the modal {view.id}")
    if not view.body.get("submit"):
        raise CannotSee(f"the modal {view.id} has no submit button")
    enter(workspace, view, values)
    errors = refusals(view.body["blocks"], view.values)
    if errors:
        return _refused(workspace, view, errors)
    ack = delivery.deliver("interactive", view_submission(workspace, user, view))
    if not ack.ok:
        return _trouble(workspace, user, ack.error or "dispatch_failed")
    try:
        return _respond(workspace, view, ack.body)
    except SlackError as error:
        return _trouble(workspace, user, str(error))


def close(
    workspace: Workspace, delivery: Delivery, user: str, view: View, *, clear: bool = False
) -> None:
    """Close a modal, with `clear` (or clear_on_close) the whole stack; tells the app if it asked.

    Raises CannotSee for a modal that is not on top.
    """
    if workspace.views.top(user) is not view:
        raise CannotSee(f"{user} does not see the modal {view.id}")
    everything = clear or bool(view.body.get("clear_on_close"))
    if everything:
        closed = workspace.views.clear(user)
    else:
        workspace.views.close(view)
        closed = [view]
    for gone in closed:
        if gone.body.get("notify_on_close"):
            payload = view_closed(workspace, user, gone, cleared=everything)
            delivery.deliver("interactive", payload)


def open_home(workspace: Workspace, delivery: Delivery, user: str) -> View | None:
    """Open the Home tab: tells the app, if it subscribed, and shows what it published."""
    workspace.person(user)
    direct = workspace.direct(user)
    if "app_home_opened" in workspace.app.events:
        event: Json = {
            "type": "app_home_opened",
            "user": user,
            "channel": direct.id,
            "tab": "home",
        }
        home = workspace.views.home(user)
        if home is not None:
            event["view"] = workspace.views.seen(home)
        delivery.deliver_event(event_callback(workspace, event))
    return workspace.views.home(user)


def _respond(workspace: Workspace, view: View, answer: Json) -> SubmitResult:
    """Do what the app asks for in its acknowledgement of a submission."""
    action = answer.get("response_action")
    if action is None and not answer:
        workspace.views.close(view)
    elif action == "clear":
        workspace.views.clear(view.user)
    elif action == "errors":
        return _refused(workspace, view, _known_errors(view, answer.get("errors")))
    elif action == "update":
        workspace.views.update(view, checked_view(answer.get("view"), ("modal",)))
    elif action == "push":
        workspace.views.push(view.user, checked_view(answer.get("view"), ("modal",)))
    else:
        raise SlackError("invalid_response_action", str(action))
    return SubmitResult(ok=True)


def _known_errors(view: View, errors: object) -> dict[str, str]:
    # Slack shows its own "trouble" where an error names no input block of the modal.
    inputs = {block["block_id"] for block in view.body["blocks"] if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors or not errors.keys() <= inputs:
        raise SlackError("invalid_errors", f"{errors!r} names other blocks than {sorted(inputs)}")
    return {str(block_id): str(text) for block_id, text in errors.items()}


def _refused(workspace: Workspace, view: View, errors: dict[str, str]) -> SubmitResult:
    event = {"type": "view_errors", "view_id": view.id, "errors": errors}
    workspace.journal.report(event, [view.user])
    return SubmitResult(ok=False, errors=errors)


def _trouble(workspace: Workspace, user: str, error: str) -> SubmitResult:
    workspace.journal.report({"type": "toast", "text": f"{TROUBLE} ({error})"}, [user])
    return SubmitResult(ok=False, error=error)
