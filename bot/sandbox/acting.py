"""People of the workspace as Python calls, for tests: each acts as in Slack's client.

Every call goes the real way: what is done is delivered to the app by Socket Mode or signed HTTP
and waits for its acknowledgement.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

from bot.sandbox.commands import run_command, say
from bot.sandbox.delivery import Delivery
from bot.sandbox.elements import INPUT_KINDS, choice, find_element
from bot.sandbox.errors import CannotSee
from bot.sandbox.interactions import Source, act, blocks_of, find_source, options
from bot.sandbox.modals import close, open_home, submit
from bot.sandbox.records import (
    ActionResult,
    Call,
    CommandResult,
    Json,
    Seen,
    SubmitResult,
    View,
)
from bot.sandbox.workspace import Workspace

T = TypeVar("T")


class Acting:
    """What people do and see. Raises CannotSee for what is not in front of the person."""

    workspace: Workspace
    delivery: Delivery

    def command(self, user: str, channel: str, line: str) -> CommandResult:
        """Type a slash command into a channel and wait for its acknowledgement."""
        return run_command(self.workspace, self.delivery, user, channel, line)

    def say(
        self, user: str, channel: str, text: str, thread_ts: str | None = None
    ) -> CommandResult:
        """Send what was typed: a message, or a slash command if it begins with a slash."""
        return say(self.workspace, self.delivery, user, channel, text, thread_ts)

    def click(
        self,
        user: str,
        where: Mapping[str, object],
        action_id: str,
        *,
        value: str | None = None,
        selected_option: str | None = None,
        block_id: str | None = None,
        confirm: bool = True,
    ) -> ActionResult:
        """Press a button, or choose an entry of a menu (`selected_option` is its value).

        `where` is a message or view this person sees; `value` or `block_id` tell elements of the
        same action_id apart. With `confirm` False a person who is asked backs out.
        """
        source = self._source(user, where)
        found = find_element(blocks_of(source), action_id, block_id, value)
        block, element = found
        if "confirm" in element and not confirm:
            return ActionResult(ok=False, error="not confirmed")
        action: Json = {"action_id": action_id, "block_id": block["block_id"]}
        if value is not None:
            action["value"] = value
        if selected_option is not None or element["type"] == "overflow":
            action |= choice(element, selected_option)
        return act(self.workspace, self.delivery, user, source, action, _state(source))

    def choose(
        self,
        user: str,
        where: Mapping[str, object],
        action_id: str,
        value: object,
        *,
        block_id: str | None = None,
    ) -> ActionResult:
        """Choose in a select, picker or set of boxes.

        `value` is an option's value (a list of them where several may be chosen), a user or
        channel id, a date, or a UNIX timestamp: what the element takes.
        """
        source = self._source(user, where)
        block, element = find_element(blocks_of(source), action_id, block_id)
        action = {"action_id": action_id, "block_id": block["block_id"], **choice(element, value)}
        return act(self.workspace, self.delivery, user, source, action, _state(source))

    def submit(
        self, user: str, view: Mapping[str, object], values: Mapping[str, object] | None = None
    ) -> SubmitResult:
        """Fill a modal in and submit it; `values` maps fields to what is entered.

        A field is named by its action_id, or by its block_id where several share an action_id.
        """
        shown = self.workspace.views.find_of(user, str(view["id"]))
        entered = _filled(shown, values or {})
        return submit(self.workspace, self.delivery, user, shown, entered)

    def close_view(self, user: str, view: Mapping[str, object], *, clear: bool = False) -> None:
        """Close the modal, with `clear` all of them."""
        shown = self.workspace.views.find_of(user, str(view["id"]))
        close(self.workspace, self.delivery, user, shown, clear=clear)

    def options(
        self, user: str, where: Mapping[str, object], action_id: str, typed: str = ""
    ) -> list[Json]:
        """The options an external select offers for what was typed."""
        asked: Json = {"action_id": action_id, "value": typed}
        source = self._source(user, where)
        return options(self.workspace, self.delivery, user, source, asked)

    def open_home(self, user: str) -> Seen | None:
        """Open the app's Home tab; what is there when the app acknowledged."""
        return self._seen(open_home(self.workspace, self.delivery, user))

    def home(self, user: str) -> Seen | None:
        """The Home tab as it stands, without opening it."""
        return self._seen(self.workspace.views.home(user))

    def open_view(self, user: str) -> Seen | None:
        """The modal on top."""
        return self._seen(self.workspace.views.top(user))

    def messages(self, channel: str, as_user: str) -> list[Seen]:
        """What a person sees in a channel, oldest first, ephemerals for them included."""
        self.workspace.place(channel, as_user)
        return self.workspace.messages.top_level(channel, as_user)

    def thread(self, channel: str, ts: str, as_user: str | None = None) -> list[Seen]:
        """A thread, the parent first; None as user sees no ephemerals."""
        return self.workspace.messages.thread(channel, ts, as_user or "")

    def direct_messages(self, user: str) -> list[Seen]:
        """The direct message between a person and the bot."""
        channel = self.workspace.direct(self.workspace.person(user).id)
        return self.workspace.messages.top_level(channel.id, user)

    def wait_for(self, predicate: Callable[[], T], timeout: float = 60.0) -> T:
        """The first truthy value of `predicate`, looked at after each change here.

        Raises TimeoutError after `timeout` real seconds.
        """
        return self.workspace.journal.wait_for(predicate, timeout)

    def calls(self, method: str | None = None) -> list[Call]:
        """The Web API calls of the bot so far, oldest first; None lists all methods."""
        with self.workspace.journal.lock:
            return [c for c in self.workspace.calls if method in (None, c.method)]

    def _source(self, user: str, where: Mapping[str, object]) -> Source:
        if "ts" in where:
            return find_source(self.workspace, user, {"type": "message", **where})
        return find_source(self.workspace, user, {"type": "view", "view_id": where["id"]})

    def _seen(self, view: View | None) -> Seen | None:
        return None if view is None else self.workspace.views.seen(view)


def _state(source: Source) -> Json:
    return source.values if isinstance(source, View) else {}


def _field(view: View, name: str) -> tuple[Json, Json]:
    """The block and element of the input whose block_id, or else whose action_id, is `name`."""
    blocks = view.body["blocks"]
    for block in blocks:
        if block.get("block_id") == name and "element" in block:
            return block, block["element"]
    return find_element(blocks, name)


def _filled(view: View, values: Mapping[str, object]) -> Json:
    """state.values of a modal after a person entered `values`."""
    entered: Json = {block_id: dict(inputs) for block_id, inputs in view.values.items()}
    for name, value in values.items():
        block, element = _field(view, name)
        action_id, kind = element["action_id"], element["type"]
        if kind == "overflow" or kind not in INPUT_KINDS:
            raise CannotSee(f"{action_id} is a {kind}: nothing to fill in")
        entry = {"type": kind, **choice(element, value)}
        entered.setdefault(block["block_id"], {})[action_id] = entry
    return entered
