"""The state of the workspace: people, conversations, messages, views, files and the app."""

import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable

from bot.sandbox.clock import SandboxClock
from bot.sandbox.errors import CannotSee
from bot.sandbox.faults import Faults
from bot.sandbox.files import Files
from bot.sandbox.installation import InstalledApp
from bot.sandbox.journal import Journal
from bot.sandbox.messages import Messages
from bot.sandbox.records import (
    Call,
    Conversation,
    SandboxChannel,
    SandboxUser,
    SandboxUsergroup,
)
from bot.sandbox.triggers import ResponseUrls, Triggers
from bot.sandbox.views import Views

REMEMBERED_CALLS = 20_000


class Workspace:
    """One Slack workspace in memory, with one app installed.

    Args:
        monotonic: real seconds, for the lifetime of trigger ids and response URLs.
        trigger_lifetime: real seconds a trigger id is good for; Slack's is 3.

    """

    def __init__(
        self,
        *,
        app: InstalledApp,
        users: Iterable[SandboxUser],
        channels: Iterable[SandboxChannel],
        usergroups: Iterable[SandboxUsergroup],
        clock: SandboxClock,
        name: str,
        team_id: str,
        monotonic: Callable[[], float] = time.monotonic,
        trigger_lifetime: float = 3.0,
    ) -> None:
        self.app = app
        self.clock = clock
        self.name = name
        self.team_id = team_id
        self.domain = "".join(c if c.isalnum() else "-" for c in name.lower())
        self.base_url = ""
        self.journal = Journal()
        self.faults = Faults(self.journal)
        self.users = {user.id: user for user in users}
        self.usergroups = {group.id: group for group in usergroups}
        self.unreadable: set[str] = set()
        self.conversations = {channel.id: self._conversation(channel) for channel in channels}
        self.messages = Messages(self.journal, clock.now)
        identity = {"team_id": team_id, "app_id": app.app_id, "bot_id": app.bot_id}
        self.views = Views(self.journal, clock.now, identity)
        self.triggers = Triggers(self.journal, monotonic, trigger_lifetime, team_id)
        self.response_urls = ResponseUrls(self.journal, monotonic, clock.now)
        self.files = Files(self.journal)
        self.calls: deque[Call] = deque(maxlen=REMEMBERED_CALLS)
        self._tickets: set[str] = set()

    def person(self, user: str) -> SandboxUser:
        """A person by id; raises CannotSee for an unknown one."""
        if user not in self.users:
            raise CannotSee(f"nobody here is {user!r}; there are: {', '.join(self.users)}")
        return self.users[user]

    def place(self, channel: str, user: str) -> Conversation:
        """A conversation `user` may look into; raises CannotSee."""
        conversation = self.conversations.get(channel)
        if conversation is None or not self._may_look(conversation, user):
            raise CannotSee(f"{user} sees no channel {channel!r}")
        return conversation

    def direct(self, user: str) -> Conversation:
        """The direct message between the bot and a person, opened if need be."""
        channel_id = f"D0{user.removeprefix('U').removeprefix('0')}"
        with self.journal.lock:
            if channel_id not in self.conversations:
                self.conversations[channel_id] = Conversation(
                    id=channel_id,
                    name=self.app.name,
                    members=[user, self.app.bot_user_id],
                    private=True,
                    im_with=user,
                )
                self.journal.report()
            return self.conversations[channel_id]

    def join(self, conversation: Conversation, user: str) -> None:
        """Add a member to a channel."""
        with self.journal.lock:
            if user not in conversation.members:
                conversation.members.append(user)
                self.journal.report()

    def conversations_of(self, user: str) -> list[Conversation]:
        """Where a person is a member, channels first, the bot's direct message last."""
        direct = self.direct(user)
        with self.journal.lock:
            channels = (c for c in self.conversations.values() if not c.is_im)
            return [*(c for c in channels if user in c.members), direct]

    def issue_ticket(self) -> str:
        """A ticket for one Socket Mode connection."""
        ticket = secrets.token_hex(16)
        with self.journal.lock:
            self._tickets.add(ticket)
        return ticket

    def redeem_ticket(self, ticket: str) -> bool:
        """Use a Socket Mode ticket up; False for one that was never issued, or used."""
        with self.journal.lock:
            if ticket not in self._tickets:
                return False
            self._tickets.remove(ticket)
            return True

    def record(self, call: Call) -> None:
        """Remember a Web API call."""
        with self.journal.lock:
            self.calls.append(call)
            self.journal.report()

    def _conversation(self, channel: SandboxChannel) -> Conversation:
        bot = [self.app.bot_user_id] if channel.bot_member else []
        return Conversation(
            id=channel.id,
            name=channel.name,
            members=[*channel.members, *bot],
            private=channel.private,
            topic=channel.topic,
        )

    def _may_look(self, conversation: Conversation, user: str) -> bool:
        return user in conversation.members or not conversation.private
