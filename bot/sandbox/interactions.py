"""A person presses and chooses: block_actions and the options of external selects."""

from bot.sandbox.delivery import Delivery
from bot.sandbox.elements import (
    INPUT_KINDS,
    MENU,
    choice,
    find_element,
    initial_values,
    kept_values,
)
from bot.sandbox.errors import CannotSee
from bot.sandbox.payloads import message_actions, suggestion, view_actions
from bot.sandbox.records import ActionResult, Json, Message, View
from bot.sandbox.workspace import Workspace

Source = Message | View


def find_source(workspace: Workspace, user: str, container: Json) -> Source:
    """The message or view a person uses; raises CannotSee unless it is in front of them.

    `container` is {"type": "message", "channel", "ts"} or {"type": "view", "view_id"}.
    """
    if container.get("type") == "view":
        shown = (workspace.views.top(user), workspace.views.home(user))
        for view in shown:
            if view is not None and view.id == container.get("view_id"):
                return view
        raise CannotSee(f"{user} does not see the view {container.get('view_id')}")
    channel, ts = str(container.get("channel")), str(container.get("ts"))
    workspace.place(channel, user)
    message = workspace.messages.get(channel, ts)
    if message is None or message.ephemeral_to not in (None, user):
        raise CannotSee(f"{user} sees no message {ts} in {channel}")
    return message


def blocks_of(source: Source) -> list[Json]:
    """The blocks of a message or view."""
    blocks: list[Json] = source.body["blocks"] if isinstance(source, View) else source.blocks
    return blocks


def act(
    workspace: Workspace,
    delivery: Delivery,
    user: str,
    source: Source,
    action: Json,
    values: Json | None = None,
) -> ActionResult:
    """Deliver one action of a person.

    `action` holds block_id, action_id and the value field of its type; `values` is what else the
    person entered in the same message or view. What is entered into an input block is only kept,
    unless the block dispatches its actions. Raises CannotSee for an element that is not there.
    """
    block, element = find_element(blocks_of(source), action["action_id"], action.get("block_id"))
    chosen = _chosen(element, action)
    entered = values or {}
    if element["type"] in INPUT_KINDS:
        entry = {"type": element["type"], **chosen}
        own = {**entered.get(block["block_id"], {}), element["action_id"]: entry}
        entered = {**entered, block["block_id"]: own}
    if block["type"] == "input" and not block.get("dispatch_action"):
        _keep(workspace, source, entered)
        return ActionResult(ok=True)
    sent = _action(workspace, block, element, chosen)
    payload = _payload(workspace, user, source, sent, entered)
    ack = delivery.deliver("interactive", payload)
    if not ack.ok:
        toast = f"{workspace.app.name} did not respond: {ack.error}"
        workspace.journal.report({"type": "toast", "text": toast}, [user])
    return ActionResult(ok=ack.ok, error=ack.error)


def enter(workspace: Workspace, view: View, values: Json) -> None:
    """Keep what a person entered in a view; unknown blocks and elements are left out."""
    with workspace.journal.lock:
        view.values = kept_values(view.values, values)


def options(
    workspace: Workspace, delivery: Delivery, user: str, source: Source, asked: Json
) -> list[Json]:
    """Options the app offers for an external select; `asked` has action_id, block_id, value.

    Groups are flattened. Raises CannotSee for an element that is not there.
    """
    block, element = find_element(blocks_of(source), asked["action_id"], asked.get("block_id"))
    names = {"action_id": element["action_id"], "block_id": block["block_id"]}
    payload = suggestion(workspace, user, source, names, str(asked.get("value", "")))
    body = delivery.deliver("interactive", payload).body
    grouped = (option for group in body.get("option_groups", []) for option in group["options"])
    return [*body.get("options", []), *grouped]


def _payload(workspace: Workspace, user: str, source: Source, action: Json, entered: Json) -> Json:
    _keep(workspace, source, entered)
    if isinstance(source, View):
        return view_actions(workspace, user, source, [action])
    values = kept_values(initial_values(source.blocks), entered)
    return message_actions(workspace, user, source, [action], values)


def _keep(workspace: Workspace, source: Source, entered: Json) -> None:
    # Only views remember: what is entered in a message lives in the person's client.
    if isinstance(source, View):
        enter(workspace, source, entered)


def _chosen(element: Json, action: Json) -> Json:
    if element["type"] == "overflow":
        return choice(element, action.get(MENU.field))
    kind = INPUT_KINDS.get(element["type"])
    return {} if kind is None else choice(element, action.get(kind.field))


def _action(workspace: Workspace, block: Json, element: Json, chosen: Json) -> Json:
    """One entry of `actions`: the element's own words and what was chosen."""
    words = ("text", "value", "placeholder", "style")
    told: Json = {key: element[key] for key in words if key in element}
    return {
        **told,
        **chosen,
        "type": element["type"],
        "action_id": element["action_id"],
        "block_id": block["block_id"],
        "action_ts": workspace.messages.next_ts(),
    }
