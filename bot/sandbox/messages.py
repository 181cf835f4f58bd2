"""The messages of the workspace: posting, editing, deleting, threads and who sees what."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from bot.sandbox.journal import Journal
from bot.sandbox.records import Conversation, Json, Message, Seen


class Messages:
    """All messages, by channel and ts."""

    def __init__(self, journal: Journal, now: Callable[[], datetime]) -> None:
        self._journal = journal
        self._now = now
        self._last_ts = 0
        self._channels: dict[str, dict[str, Message]] = {}
        self._read: dict[tuple[str, str], str] = {}

    def next_ts(self) -> str:
        """A message timestamp of the workspace's clock, greater than each one before it."""
        with self._journal.lock:
            micros = int(self._now().timestamp() * 1_000_000)
            self._last_ts = max(self._last_ts + 1, micros)
            return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def add(self, channel: Conversation, message: Message) -> None:
        """Put a new message up."""
        with self._journal.lock:
            self._in(channel.id)[message.ts] = message
            self._tell("message", channel, message)
            self._tell_parent(channel, message)

    def edit(self, channel: Conversation, ts: str, message: Message) -> Message:
        """Put `message` in the place of the one at `ts`, marked as edited."""
        with self._journal.lock:
            edited = replace(message, ts=ts, edited_ts=self.next_ts())
            self._in(channel.id)[ts] = edited
            self._tell("message_changed", channel, edited)
            return edited

    def remove(self, channel: Conversation, ts: str) -> None:
        """Take a message down."""
        with self._journal.lock:
            message = self._in(channel.id).pop(ts)
            event = {"type": "message_deleted", "channel": channel.id, "ts": ts}
            self._journal.report(event, _audience(channel, message))
            self._tell_parent(channel, message)

    def get(self, channel: str, ts: str) -> Message | None:
        """The message at `ts`, ephemeral or not."""
        with self._journal.lock:
            return self._in(channel).get(ts)

    def history(self, channel: str) -> list[Message]:
        """All that stays there (no ephemerals), oldest first, replies included."""
        with self._journal.lock:
            return [m for m in self._ordered(channel) if m.ephemeral_to is None]

    def top_level(self, channel: str, user: str) -> list[Seen]:
        """What `user` sees in the channel itself, oldest first; replies stay in their threads."""
        with self._journal.lock:
            shown = (m for m in self._visible(channel, user) if not _is_reply(m))
            return [self.seen(message) for message in shown]

    def thread(self, channel: str, ts: str, user: str) -> list[Seen]:
        """What `user` sees in a thread, the parent first."""
        with self._journal.lock:
            return [
                self.seen(message)
                for message in self._visible(channel, user)
                if ts in (message.ts, message.thread_ts)
            ]

    def mark_read(self, channel: str, user: str) -> None:
        """The person looked at the channel."""
        with self._journal.lock:
            seen = self._visible(channel, user)
            self._read[channel, user] = seen[-1].ts if seen else ""

    def unread(self, channel: str, user: str) -> int:
        """How many messages of others came since the person last looked."""
        with self._journal.lock:
            last = self._read.get((channel, user), "")
            return sum(1 for m in self._visible(channel, user) if m.ts > last and m.user != user)

    def seen(self, message: Message) -> Seen:
        """A message as a person sees it (the page's shape)."""
        replies = [m for m in self._in(message.channel).values() if _is_reply_to(m, message.ts)]
        seen = Seen(
            ts=message.ts,
            channel=message.channel,
            user=message.user,
            text=message.text,
            reply_count=len(replies),
            reply_users=list(dict.fromkeys(reply.user for reply in replies)),
            edited=message.edited_ts is not None,
            ephemeral=message.ephemeral_to is not None,
        )
        optional = {
            "blocks": message.blocks,
            "thread_ts": message.thread_ts or (message.ts if replies else None),
            "metadata": message.metadata,
            "files": message.files,
        }
        seen.update({key: value for key, value in optional.items() if value})
        return seen

    def _tell(self, kind: str, channel: Conversation, message: Message) -> None:
        event: Json = {"type": kind, "channel": channel.id, "message": self.seen(message)}
        self._journal.report(event, _audience(channel, message))

    def _tell_parent(self, channel: Conversation, reply: Message) -> None:
        # The parent's reply count changed.
        parent = self._in(channel.id).get(reply.thread_ts or "")
        if parent is not None and _is_reply(reply):
            self._tell("message_changed", channel, parent)

    def _visible(self, channel: str, user: str) -> list[Message]:
        return [m for m in self._ordered(channel) if m.ephemeral_to in (None, user)]

    def _ordered(self, channel: str) -> Iterable[Message]:
        return self._in(channel).values()

    def _in(self, channel: str) -> dict[str, Message]:
        return self._channels.setdefault(channel, {})


def _is_reply(message: Message) -> bool:
    return message.thread_ts is not None and message.thread_ts != message.ts


def _is_reply_to(message: Message, parent_ts: str) -> bool:
    return message.thread_ts == parent_ts and message.ts != parent_ts


def _audience(channel: Conversation, message: Message) -> list[str]:
    return channel.members if message.ephemeral_to is None else [message.ephemeral_to]
