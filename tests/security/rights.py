"""Who may do what: one table of everything that can be done, and how each is tried.

`RIGHTS` says for each right which roles have it, `DEEDS` which right every verb, button, form and
route needs. `docs/security.md` shows both; `test_rights.py` tries every deed as every role.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import httpx
from talk import Talk, state
from town_of_roles import ADMIN, BOB, FINN, ROLES, TONIGHT, URSULA, Things

from bot.slack.context import Form, Press
from bot.slack.ids import ActionId, CallbackId
from bot.slack.registry import ACTIONS, SUBMISSIONS, VERBS

EVERYBODY = frozenset(ROLES)
TEAMLESS = frozenset({"stranger", "gpubot's own user", "who has left (own things)"})
CHANGERS = frozenset({"owner", "lead of the team", "admin"})
LEFT = frozenset({"who has left (own things)"})

#: Each right, and the roles that have it.
RIGHTS: Mapping[str, frozenset[str]] = {
    "look": EVERYBODY,
    "book": EVERYBODY - TEAMLESS,
    "book for the team": frozenset({"member of the team"}) | CHANGERS,
    "urgent": frozenset({"urgent role"}),
    "give up": CHANGERS | LEFT,
    "keep": CHANGERS,
    "answer a transfer": frozenset({"who was offered it"}),
    "end a wish": CHANGERS | LEFT,
    "keep a wish": CHANGERS,
    "read a log": frozenset({"member of the team"}) | CHANGERS | LEFT,
    "have tokens": EVERYBODY - TEAMLESS,
    "revoke": frozenset({"owner", "admin"}) | LEFT,
    "new feed of one's own": frozenset({"owner"}),
    "remove a feed": frozenset({"owner"}) | LEFT,
    "nodes": frozenset({"admin"}),
}


class Effect(StrEnum):
    """What it comes to where it is allowed."""

    SHOWS = "shows"
    OPENS = "opens"
    CHANGES = "changes"


@dataclass
class Attempt:
    """Somebody tries something, in Slack or on the page."""

    talk: Talk
    things: Things
    page: Callable[[str], httpx.Client] | None = None
    answer: httpx.Response | None = None
    #: Windows that opened for this person.
    opened: list[Mapping[str, Any]] = field(default_factory=list)

    def types(self, text: str) -> object:
        """`/gpu text`, by the verb's own function."""
        word, _, rest = text.partition(" ")
        return VERBS[word].run(self.talk.call(), rest)

    def presses(
        self, action: ActionId, value: object = "", view: Mapping[str, Any] | None = None
    ) -> object:
        """The button or menu, as if it were shown to whoever presses it."""
        press = self.talk._call(
            Press, action_id=str(action), value=str(value), view=view, replaceable=True,
            update_view=self.talk._update,
        )  # fmt: skip
        return ACTIONS[action](press)

    def submits(
        self,
        callback: CallbackId,
        opener: str | None,
        opening: Callable[[Attempt], object],
        **fields: Any,
    ) -> object:
        """A form that was opened for `opener` (None: this person), submitted by this person."""
        other = Attempt(Talk(self.talk.site, opener or self.talk.user), self.things)
        opening(other)
        window = other.talk.window
        assert window is not None
        assert window["callback_id"] == callback
        view = {**window, "id": "V1", "state": {"values": state(window, fields)}}
        return SUBMISSIONS[callback](self.talk._call(Form, view=view))

    def asks(self, method: str, path: str, body: object = None) -> object:
        """A request of somebody who signed in on the page."""
        assert self.page is not None
        self.answer = self.page(self.talk.user).request(method, path, json=body)
        return self.answer


Try = Callable[[Attempt], object]


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that can be done."""

    name: str
    right: str
    effect: Effect
    tried: Try


def _verb(text: Callable[[Things], str] | str, right: str, effect: Effect, name: str = "") -> Deed:
    made = text if callable(text) else (lambda _: text)
    shown = name or str(text)
    return Deed(f"/gpu {shown}", right, effect, lambda a: a.types(made(a.things)))


def _button(action: ActionId, right: str, effect: Effect, value: object = "") -> Deed:
    made = value if callable(value) else (lambda _: value)
    return Deed(f"button {action}", right, effect, lambda a: a.presses(action, made(a.things)))


def _form(
    callback: CallbackId,
    right: str,
    opener: str | None,
    opening: Try,
    name: str = "",
    **fields: Any,
) -> Deed:
    return Deed(
        f"form {callback}{name}",
        right,
        Effect.CHANGES,
        lambda a: a.submits(callback, opener, opening, **fields),
    )


def _route(
    shown: str, right: str, effect: Effect, body: object = None, query: str = "", id_: str = ""
) -> Deed:
    method, path = shown.split()

    def tried(attempt: Attempt) -> object:
        things = attempt.things
        ids = {"booking": f"B{things.reserved}", "wish": f"W{things.wish}", "offer": things.offer}
        if id_:
            ids["booking"] = f"B{getattr(things, id_)}"
        return attempt.asks(method, path.format(key="gpubot-b1-1", **ids) + query, body)

    return Deed(shown, right, effect, tried)


SHOWS, OPENS, CHANGES = Effect.SHOWS, Effect.OPENS, Effect.CHANGES
A, C = ActionId, CallbackId
REASON = {"reason": "the node is needed"}
TONIGHT_S = int(TONIGHT.timestamp())
ORDER = f'{{"n":1,"p":2,"w":[[{TONIGHT_S},{TONIGHT_S + 7200}]]}}'
TAKEN = f'{{"n":8,"on":"bob-1","w":[[{TONIGHT_S},{TONIGHT_S + 7200}]]}}'
WISH = f'{{"n":8,"p":2,"on":"bob-4","l":7200,"a":{TONIGHT_S},"b":{TONIGHT_S + 14400}}}'


def _reserve_field(attempt: Attempt) -> object:
    attempt.types("reserve")
    window = attempt.talk.window
    assert window is not None
    view = {**window, "state": {"values": state(window, {})}, "type": "modal"}
    return attempt.presses(A.RESERVE_FIELD, "", view)


DEEDS: tuple[Deed, ...] = (
    # Verbs.
    _verb("reserve", "look", OPENS),
    _verb("reserve 1 tonight 2h on free-1", "book", CHANGES, "reserve …"),
    _verb("reserve 1 tonight 2h on free-1 p0", "urgent", CHANGES, "reserve … p0"),
    _verb("reserve 1 tonight 2h on free-1 team vision", "book for the team", CHANGES,
          "reserve … team T"),
    _verb("free 1 2h", "look", SHOWS, "free"),
    _verb("wait", "look", OPENS),
    _verb("wait 8 2h on bob-4 from 22:00 by tomorrow 02:00", "book", CHANGES, "wait …"),
    _verb("waitlist", "look", SHOWS),
    _verb("queue", "look", OPENS),
    _verb("queue 1 30m on free-1", "book", CHANGES, "queue …"),
    _verb("status", "look", SHOWS),
    _verb("calendar", "look", SHOWS),
    _verb("mine", "look", SHOWS),
    _verb(lambda t: f"show B{t.reserved}", "look", SHOWS, "show ID"),
    _verb(lambda t: f"extend B{t.reserved} 2h", "keep", CHANGES, "extend ID LENGTH"),
    _verb(lambda t: f"move B{t.reserved} tomorrow 22:00", "keep", CHANGES, "move ID WHEN"),
    _verb(lambda t: f"cancel B{t.reserved} broken", "give up", CHANGES, "cancel ID"),
    _verb(lambda t: f"release B{t.active}", "give up", CHANGES, "release ID"),
    _verb(lambda t: f"transfer B{t.reserved} <@{FINN}>", "give up", CHANGES, "transfer ID @user"),
    _verb("job", "look", SHOWS),
    _verb(lambda t: f"job B{t.reserved}", "look", SHOWS, "job ID"),
    _verb(lambda t: f"job B{t.reserved} none", "give up", CHANGES, "job ID none"),
    _verb(lambda t: f"job B{t.reserved} other", "keep", CHANGES, "job ID NAME"),
    _verb("node", "look", SHOWS),
    _verb("node drain free-2 broken", "nodes", CHANGES, "node drain NAME"),
    _verb("node resume free-3", "nodes", CHANGES, "node resume NAME"),
    _verb("report", "look", SHOWS),
    _verb("audit", "look", SHOWS),
    _verb(lambda t: f"audit B{t.reserved}", "look", SHOWS, "audit ID"),
    _verb("token", "look", SHOWS),
    _verb("token new mine", "have tokens", CHANGES, "token new NAME"),
    _verb("token new ci team vision", "book for the team", CHANGES, "token new NAME team T"),
    _verb(lambda t: f"token revoke {t.token}", "revoke", CHANGES, "token revoke N"),
    _verb("help", "look", SHOWS),
    # Buttons and menus.
    _button(A.BOOK, "book", CHANGES, ORDER),
    _button(A.RESERVE, "look", OPENS),
    Deed(f"button {A.RESERVE_FIELD}", "look", OPENS, _reserve_field),
    _button(A.SHOW, "look", SHOWS, lambda t: t.reserved),
    _button(A.EXTEND, "give up", OPENS, lambda t: t.reserved),
    _button(A.EXTEND_BY, "keep", CHANGES, lambda t: f"{t.reserved}:7200"),
    _button(A.MOVE, "give up", OPENS, lambda t: t.reserved),
    _button(A.MOVE_TO, "keep", CHANGES, lambda t: f"{t.reserved}:{TONIGHT_S + 86400}"),
    _button(A.TRANSFER, "give up", OPENS, lambda t: t.reserved),
    _button(A.TRANSFER_ACCEPT, "answer a transfer", CHANGES, lambda t: t.transfer),
    _button(A.TRANSFER_DECLINE, "answer a transfer", CHANGES, lambda t: t.transfer),
    _button(A.TRANSFER_WITHDRAW, "give up", CHANGES, lambda t: t.transfer),
    _button(A.GIVE_UP_FORM, "give up", OPENS, lambda t: t.reserved),
    _button(A.STATUS_PAGE, "look", SHOWS, "0:"),
    _button(A.NODE_PAGE, "look", SHOWS, "0:"),
    _button(A.MINE_PAGE, "look", SHOWS, "0:"),
    _button(A.DRAIN, "nodes", OPENS, "free-2"),
    _button(A.RESUME, "nodes", CHANGES, "free-3"),
    _button(A.PREEMPT, "urgent", OPENS, TAKEN),
    _button(A.RELEASE_NOW, "give up", CHANGES, lambda t: t.warned),
    _button(A.MORE_TIME, "give up", CHANGES, lambda t: t.warned),
    _button(A.BOOK_AGAIN, "keep", CHANGES, lambda t: t.warned),
    _button(A.KEEP_TIME, "give up", CHANGES, lambda t: t.moved),
    _button(A.RUN_AGAIN, "keep", SHOWS, lambda t: t.active),
    _button(A.MORE_TIME_FOR_JOB, "keep", CHANGES, lambda t: t.over),
    _button(A.STILL_NEEDED, "give up", CHANGES, lambda t: t.active),
    _button(A.NOT_NEEDED, "give up", CHANGES, lambda t: t.active),
    _button(A.LET_FINISH, "give up", CHANGES, lambda t: t.active),
    _button(A.WAIT, "look", OPENS),
    _button(A.JOIN_WAITLIST, "book", CHANGES, WISH),
    _button(A.WAIT_CHANGE, "end a wish", OPENS, lambda t: t.wish),
    _button(A.WAIT_LEAVE, "end a wish", CHANGES, lambda t: t.wish),
    _button(A.OFFER_ACCEPT, "keep a wish", CHANGES, lambda t: t.offer),
    _button(A.OFFER_DECLINE, "end a wish", CHANGES, lambda t: t.offer),
    _button(A.OFFER_LEAVE, "end a wish", CHANGES, lambda t: t.offer),
    _button(A.QUEUE, "look", OPENS),
    _button(A.QUEUE_NOW, "book", CHANGES, '{"n":1,"p":2,"l":1800,"on":"free-1"}'),
    _button(A.SUBSCRIBE, "look", OPENS),
    _button(A.SUBSCRIBE_AGAIN, "new feed of one's own", CHANGES, f"person:{BOB}"),
    _button(A.UNSUBSCRIBE, "remove a feed", CHANGES, lambda t: t.feed),
    _button(A.TOKEN_REVOKE, "revoke", CHANGES, lambda t: t.token),
    _button(A.JOB, "give up", OPENS, lambda t: t.reserved),
    _button(A.JOB_REMOVE, "give up", CHANGES, lambda t: t.reserved),
    _button(A.OPEN_PAGE, "look", SHOWS),
    # Forms, opened for somebody who may and submitted by whoever tries.
    _form(C.RESERVE, "book", None, lambda a: a.types("reserve"), gpus="1", node="free-1"),
    _form(C.EXTEND, "keep", ADMIN, lambda a: a.presses(A.EXTEND, a.things.reserved), **REASON),
    _form(C.MOVE, "keep", ADMIN, lambda a: a.presses(A.MOVE, a.things.reserved),
          start=TONIGHT_S + 86400, **REASON),
    _form(C.TRANSFER, "give up", ADMIN, lambda a: a.presses(A.TRANSFER, a.things.reserved),
          receiver=FINN, **REASON),
    _form(C.GIVE_UP, "give up", ADMIN, lambda a: a.presses(A.GIVE_UP_FORM, a.things.reserved),
          **REASON),
    _form(C.DRAIN, "nodes", ADMIN, lambda a: a.presses(A.DRAIN, "free-2"), **REASON),
    _form(C.PREEMPT, "urgent", URSULA, lambda a: a.presses(A.PREEMPT, TAKEN), **REASON),
    _form(C.WAIT, "book", None,
          lambda a: a.types("wait"), gpus="8", node="bob-4", length="2h",
          earliest=TONIGHT_S, latest=TONIGHT_S + 14400),
    _form(C.WAIT, "keep a wish", ADMIN,
          lambda a: a.presses(A.WAIT_CHANGE, a.things.wish), " (change)", length="4h"),
    _form(C.QUEUE, "book", None, lambda a: a.types("queue"), gpus="1", length="30m", node="free-1"),
    _form(C.SUBSCRIBE, "have tokens", BOB, lambda a: a.presses(A.SUBSCRIBE), feed="team:nlp"),
    _form(C.JOB, "keep", ADMIN, lambda a: a.presses(A.JOB, a.things.reserved),
          job="other", **REASON),
    # What the page and people's own programs do over HTTP.
    _route("GET /api/v1/bookings", "look", SHOWS),
    _route("GET /api/v1/bookings/{booking}", "look", SHOWS),
    _route("GET /api/v1/bookings/{booking}/notice", "give up", SHOWS),
    _route("GET /api/v1/bookings/{booking}/log", "read a log", SHOWS),
    _route("GET /runs/{key}/log", "read a log", SHOWS),
    _route("POST /api/v1/bookings/check", "look", SHOWS, {"gpus": 1, "length": "2h"}),
    _route("POST /api/v1/bookings", "book", CHANGES, {"gpus": 1, "length": "2h"}),
    _route("POST /api/v1/bookings/together", "book", CHANGES,
           {"orders": [{"gpus": 1, "length": "2h"}]}),
    _route("POST /api/v1/bookings/{booking}/extend", "keep", CHANGES, {"length": "2h", **REASON}),
    _route("POST /api/v1/bookings/{booking}/move", "keep", CHANGES,
           {"start": "2026-11-26T22:00+08:00", **REASON}),
    _route("POST /api/v1/bookings/{booking}/release", "give up", CHANGES, REASON, id_="active"),
    _route("POST /api/v1/bookings/{booking}/cancel", "give up", CHANGES, REASON),
    _route("PUT /api/v1/bookings/{booking}/job", "keep", CHANGES, {"template": "other", **REASON}),
    _route("DELETE /api/v1/bookings/{booking}/job", "give up", CHANGES, query="?reason=needed"),
    _route("GET /api/v1/free", "look", SHOWS),
    _route("GET /api/v1/nodes", "look", SHOWS),
    _route("GET /api/v1/waitlist", "look", SHOWS),
    _route("GET /api/v1/waitlist/{wish}", "look", SHOWS),
    _route("POST /api/v1/waitlist", "book", CHANGES,
           {"gpus": 8, "length": "2h", "node": "bob-4", "from": TONIGHT.isoformat(),
            "by": "2026-11-26T02:00+08:00"}),
    _route("DELETE /api/v1/waitlist/{wish}", "end a wish", CHANGES),
    _route("GET /api/v1/offers", "look", SHOWS),
    _route("POST /api/v1/offers/{offer}/accept", "keep a wish", CHANGES, {}),
    _route("POST /api/v1/offers/{offer}/decline", "end a wish", CHANGES, {}),
    _route("GET /api/v1/notices", "look", SHOWS),
    _route("GET /api/v1/audit", "look", SHOWS),
    _route("GET /api/v1/me", "look", SHOWS),
    _route("GET /api/v1/calendar", "look", SHOWS),
    _route("GET /api/v1/reports", "look", SHOWS),
    _route("GET /api/v1/reports.csv", "look", SHOWS),
    _route("GET /", "look", SHOWS),
    _route("GET /report", "look", SHOWS),
)  # fmt: skip
