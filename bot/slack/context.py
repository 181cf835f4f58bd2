"""What reaches a handler from Slack, and what it hands back.

A Call is a typed command, a Press a button or menu, a Form a submitted modal. Handlers read
nothing else: no clock, no client, no payload. They return a Reply, or for forms one of the
other answers below, and the wiring around them sends it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.domain.actor import Actor
from bot.services.site import Site
from bot.slack.reader import Reader

Block = dict[str, Any]
View = dict[str, Any]
#: What a form's fields hold: block id → action id → Slack's element state.
Values = Mapping[str, Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Somebody asks for something."""

    site: Site
    actor: Actor
    #: The person who asks and reads the answer.
    reader: Reader
    #: Aware UTC, read once at the edge.
    now: datetime
    #: Idempotency key: the same key again gets the first outcome.
    key: str
    #: Opens a modal with the trigger of this call (a pushed one when pressed inside a modal).
    open_view: Callable[[View], None]
    #: Where the call was made; None on the App Home.
    channel: str | None = None
    #: Where a later reply to this call can go; None on the App Home and inside modals.
    response_url: str | None = None
    #: Whether the reply may take the place of the message that `response_url` belongs to.
    replaceable: bool = False
    #: It has waited until Slack was about to give it up, or had: nothing must come of it.
    is_late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Press(Call):
    """A button or menu was used."""

    action_id: str
    #: The button's value, or what was chosen in a menu.
    value: str
    #: The modal or App Home it stands in, as Slack sent it (id, hash, type, state, …); None for
    #: a message.
    view: Mapping[str, Any] | None = None
    #: views.update(view_id, view, hash); a view that has changed since is left alone.
    update_view: Callable[[str, View, str | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form(Call):
    """A modal was submitted. Its `key` is the view's id."""

    #: The submitted view as Slack sent it.
    view: Mapping[str, Any]

    @property
    def callback_id(self) -> str:
        """Which form it is."""
        return str(self.view.get("callback_id", ""))

    @property
    def values(self) -> Values:
        """What its fields hold."""
        values: Values = (self.view.get("state") or {}).get("values", {})
        return values


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture for a message or window; it is drawn and uploaded when it is about to be shown."""

    #: Says what it shows and when: pictures with one key look the same.
    key: str
    #: Plain text above it.
    title: str
    #: Plain text for those who do not see it: the essentials.
    alt: str
    #: The PNG.
    draw: Callable[[], bytes]
    #: What to say where it cannot be shown, as mrkdwn; empty: nothing.
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """A private message to the one who asked.

    `text` is mrkdwn: the whole answer when there are no blocks, else what notifications show.
    """

    text: str
    blocks: tuple[Block, ...] = ()
    #: Take the place of the message that was pressed, where that is possible.
    replace: bool = False
    #: What a window that shows it is called.
    title: str = ""
    #: What a window says where the whole reply goes to the conversation that the window came
    #: from: for outcomes. Empty: the reply belongs into the window itself.
    short: str = ""
    #: Follows the text as soon as Slack has it; in windows there is none.
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class FormErrors:
    """The form stays open; plain text by block id."""

    errors: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class FormUpdate:
    """The form is replaced by `view`."""

    view: View


@dataclass(frozen=True, slots=True)
class FormClose:
    """The form closes and nothing is said."""


FormAnswer = Reply | FormErrors | FormUpdate | FormClose


@dataclass(frozen=True, slots=True)
class Message:
    """A post for a channel or a direct message, made from an outbox row."""

    text: str
    blocks: tuple[Block, ...] = field(default=())
    #: Edited in place when its subject changes, instead of posted again.
    living: bool = False
    #: The subject of the living message in whose thread it belongs; None: not in a thread.
    thread_of: str | None = None
    #: Shown below the text, where Slack takes it.
    picture: Picture | None = None
