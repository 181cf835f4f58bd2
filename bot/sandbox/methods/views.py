"""views.*: modals and Home tabs."""

from bot.sandbox.blocks import checked_view
from bot.sandbox.errors import SlackError
from bot.sandbox.methods.method import Argument, Method, needed
from bot.sandbox.posting import check_files
from bot.sandbox.records import Json, View
from bot.sandbox.workspace import Workspace


def open_modal(workspace: Workspace, arguments: Json) -> Json:
    """Open a modal with a trigger id."""
    body = _checked(workspace, arguments, ("modal",))
    user = _triggered(workspace, arguments)
    return _answer(workspace, workspace.views.open(user, body))


def push(workspace: Workspace, arguments: Json) -> Json:
    """Put a modal on the person's stack."""
    body = _checked(workspace, arguments, ("modal",))
    user = _triggered(workspace, arguments)
    return _answer(workspace, workspace.views.push(user, body))


def update(workspace: Workspace, arguments: Json) -> Json:
    """Change an open modal, by view_id or external_id."""
    view_id, external_id = arguments.get("view_id"), arguments.get("external_id")
    if view_id is None and external_id is None:
        raise SlackError("invalid_arguments", "[ERROR] missing required field: view_id")
    body = _checked(workspace, arguments, ("modal", "home"))
    view = workspace.views.find(view_id, external_id)
    if view.body["type"] != body["type"]:
        raise SlackError("invalid_arguments", "[ERROR] the type of a view cannot change")
    return _answer(workspace, workspace.views.update(view, body, arguments.get("hash")))


def publish(workspace: Workspace, arguments: Json) -> Json:
    """Set a person's Home tab."""
    if not workspace.app.home_enabled:
        raise SlackError("not_enabled")
    if arguments["user_id"] not in workspace.users:
        raise SlackError("invalid_arguments", "invalid `user_id`")
    body = _checked(workspace, arguments, ("home",))
    view = workspace.views.publish(arguments["user_id"], body, arguments.get("hash"))
    return _answer(workspace, view)


def _checked(workspace: Workspace, arguments: Json, kinds: tuple[str, ...]) -> Json:
    """The view, if it and the files in it can be shown."""
    body = checked_view(arguments["view"], kinds)
    check_files(workspace, body["blocks"], "invalid_arguments")
    return body


def _triggered(workspace: Workspace, arguments: Json) -> str:
    trigger_id = arguments.get("trigger_id")
    if trigger_id is None:
        raise SlackError("invalid_arguments", "invalid `trigger_id`")
    return workspace.triggers.exchange(trigger_id).user


def _answer(workspace: Workspace, view: View) -> Json:
    return {"view": workspace.views.seen(view)}


_VIEW = needed("view", "json")
METHODS = {
    "views.open": Method(open_modal, (), (_VIEW, Argument("trigger_id"))),
    "views.push": Method(push, (), (_VIEW, Argument("trigger_id"))),
    "views.update": Method(
        update, (), (_VIEW, Argument("view_id"), Argument("external_id"), Argument("hash"))
    ),
    "views.publish": Method(publish, (), (_VIEW, needed("user_id"), Argument("hash"))),
}
