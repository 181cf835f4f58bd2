"""The modals each person has open, and the Home tabs."""

import itertools
import secrets
from collections.abc import Callable
from datetime import datetime

from bot.sandbox.elements import initial_values, kept_values
from bot.sandbox.errors import CannotSee, SlackError
from bot.sandbox.journal import Journal
from bot.sandbox.records import Json, Seen, View

MAX_STACK = 3


class Views:
    """Modal stacks and Home tabs, by person."""

    def __init__(self, journal: Journal, now: Callable[[], datetime], identity: Json) -> None:
        """`identity` are the fields every view carries: team_id, app_id, bot_id."""
        self._journal = journal
        self._now = now
        self._identity = identity
        self._ids = itertools.count(1)
        self._stacks: dict[str, list[View]] = {}
        self._homes: dict[str, View] = {}

    def open(self, user: str, body: Json) -> View:
        """Open a modal; one that was open before gives way."""
        with self._journal.lock:
            self._check_external_id(body)
            view = self._new(user, body, previous=None)
            self._stacks[user] = [view]
            self._tell(user)
            return view

    def push(self, user: str, body: Json) -> View:
        """Put a modal on top of the open one; raises SlackError push_limit_reached, not_found."""
        with self._journal.lock:
            stack = self._stacks.get(user, [])
            if not stack:
                raise SlackError("not_found")
            if len(stack) >= MAX_STACK:
                raise SlackError("push_limit_reached")
            self._check_external_id(body)
            view = self._new(user, body, previous=stack[-1])
            stack.append(view)
            self._tell(user)
            return view

    def update(self, view: View, body: Json, expected_hash: str | None = None) -> View:
        """Change a view in place; raises SlackError hash_conflict.

        What the person typed stays where block_id and action_id stay, as in Slack.
        """
        with self._journal.lock:
            if expected_hash is not None and expected_hash != view.hash:
                raise SlackError("hash_conflict")
            self._check_external_id(body, besides=view)
            kept = view.values
            view.body = body
            view.hash = self._hash()
            view.values = kept_values(initial_values(body["blocks"]), kept)
            self._tell_of(view)
            return view

    def publish(self, user: str, body: Json, expected_hash: str | None = None) -> View:
        """Set a person's Home tab; raises SlackError hash_conflict."""
        with self._journal.lock:
            home = self._homes.get(user)
            if home is not None:
                return self.update(home, body, expected_hash)
            if expected_hash is not None:
                raise SlackError("hash_conflict")
            home = self._new(user, body, previous=None)
            self._homes[user] = home
            self._tell_of(home)
            return home

    def close(self, view: View) -> None:
        """Close one modal; the one below comes up."""
        with self._journal.lock:
            stack = self._stacks.get(view.user, [])
            if view in stack:
                del stack[stack.index(view) :]
                self._tell(view.user)

    def clear(self, user: str) -> list[View]:
        """Close all modals of a person; returns them, the top one first."""
        with self._journal.lock:
            closed = self._stacks.pop(user, [])
            self._tell(user)
            return closed[::-1]

    def find(self, view_id: str | None, external_id: str | None = None) -> View:
        """An open view by either id; raises SlackError not_found."""
        with self._journal.lock:
            for view in self._all():
                if view_id is not None and view.id == view_id:
                    return view
                if external_id and view.body.get("external_id") == external_id:
                    return view
        raise SlackError("not_found")

    def find_of(self, user: str, view_id: str) -> View:
        """One of a person's open modals; raises CannotSee."""
        with self._journal.lock:
            for view in self._stacks.get(user, []):
                if view.id == view_id:
                    return view
        raise CannotSee(f"{user} has no modal {view_id} open")

    def top(self, user: str) -> View | None:
        """The modal a person sees."""
        with self._journal.lock:
            stack = self._stacks.get(user)
            return stack[-1] if stack else None

    def depth(self, user: str) -> int:
        """How many modals a person has open."""
        with self._journal.lock:
            return len(self._stacks.get(user, []))

    def home(self, user: str) -> View | None:
        """A person's Home tab, if the app published one."""
        with self._journal.lock:
            return self._homes.get(user)

    def seen(self, view: View) -> Seen:
        """The view object as Slack sends it."""
        body = view.body
        seen = Seen(
            id=view.id,
            type=body["type"],
            blocks=body["blocks"],
            private_metadata=body.get("private_metadata", ""),
            callback_id=body.get("callback_id", ""),
            external_id=body.get("external_id", ""),
            title=body.get("title"),
            submit=body.get("submit"),
            close=body.get("close"),
            clear_on_close=bool(body.get("clear_on_close", False)),
            notify_on_close=bool(body.get("notify_on_close", False)),
            submit_disabled=False,
            state={"values": view.values},
            hash=view.hash,
            root_view_id=view.root_id,
            previous_view_id=view.previous_id,
        )
        seen.update(self._identity)
        return seen

    def _new(self, user: str, body: Json, previous: View | None) -> View:
        view_id = f"V{next(self._ids):08d}"
        return View(
            id=view_id,
            user=user,
            body=body,
            hash=self._hash(),
            root_id=previous.root_id if previous else view_id,
            previous_id=previous.id if previous else None,
            values=initial_values(body["blocks"]),
        )

    def _hash(self) -> str:
        return f"{int(self._now().timestamp())}.{secrets.token_hex(4)}"

    def _all(self) -> list[View]:
        return [v for stack in self._stacks.values() for v in stack] + list(self._homes.values())

    def _check_external_id(self, body: Json, besides: View | None = None) -> None:
        external_id = body.get("external_id")
        taken = (v for v in self._all() if v is not besides)
        if external_id and any(v.body.get("external_id") == external_id for v in taken):
            raise SlackError("duplicate_external_id")

    def _tell_of(self, view: View) -> None:
        if view.body["type"] == "home":
            self._journal.report({"type": "home", "view": self.seen(view)}, [view.user])
        else:
            self._tell(view.user)

    def _tell(self, user: str) -> None:
        top = self.top(user)
        shown = None if top is None else self.seen(top)
        event = {"type": "view", "view": shown, "stack": self.depth(user)}
        self._journal.report(event, [user])
