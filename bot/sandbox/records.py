"""The plain records of the workspace: people, channels, messages, and what calls return."""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


class Seen(Json):
    """A message or view as a person sees it: a JSON object that also reads `seen.text`.

    Fields that are absent read as None.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.get(name)


@dataclass(frozen=True)
class SandboxUser:
    """A person of the workspace. `tz` is an IANA zone, `locale` as Slack writes it ("en-US")."""

    id: str
    name: str
    real_name: str
    tz: str = "UTC"
    locale: str = "en-US"
    email: str = ""
    title: str = ""
    admin: bool = False


@dataclass(frozen=True)
class SandboxChannel:
    """A channel to begin with; `members` are user ids, the bot aside (`bot_member`)."""

    id: str
    name: str
    members: list[str] = field(default_factory=list)
    private: bool = False
    topic: str = ""
    bot_member: bool = True


@dataclass(frozen=True)
class SandboxUsergroup:
    """A user group such as @vision; `members` are user ids."""

    id: str
    handle: str
    name: str
    members: list[str] = field(default_factory=list)


@dataclass
class Conversation:
    """A channel or a direct message at run time; `members` includes the bot where it is in."""

    id: str
    name: str
    members: list[str]
    private: bool = False
    topic: str = ""
    im_with: str | None = None

    @property
    def is_im(self) -> bool:
        """Whether this is the direct message between the bot and one person."""
        return self.im_with is not None


@dataclass
class Message:
    """One message; `ephemeral_to` names the only person who sees it, if it is ephemeral."""

    channel: str
    ts: str
    user: str
    text: str
    from_bot: bool
    blocks: list[Json] = field(default_factory=list)
    thread_ts: str | None = None
    ephemeral_to: str | None = None
    edited_ts: str | None = None
    metadata: Json | None = None
    files: list[Json] = field(default_factory=list)


@dataclass
class View:
    """A modal or a Home tab as it stands; `values` is `state.values` of the person's input."""

    id: str
    user: str
    body: Json
    hash: str
    root_id: str
    previous_id: str | None
    values: Json = field(default_factory=dict)


@dataclass
class StoredFile:
    """An uploaded file; it can be shown once the upload was completed."""

    id: str
    name: str
    length: int
    title: str = ""
    content: bytes | None = None
    completed: bool = False


@dataclass(frozen=True)
class Call:
    """One Web API call the bot made: its arguments (without the token) and the answer."""

    method: str
    arguments: Json
    result: Json


@dataclass(frozen=True)
class CommandResult:
    """What became of a slash command: `messages` are the answers in the acknowledgement."""

    ok: bool
    error: str | None = None
    messages: list[Seen] = field(default_factory=list)


@dataclass(frozen=True)
class ActionResult:
    """What became of a press or a choice; `error` is what Slack would show."""

    ok: bool
    error: str | None = None


@dataclass(frozen=True)
class SubmitResult:
    """What became of a modal's submission; `errors` maps block ids to the text under them."""

    ok: bool
    errors: dict[str, str] = field(default_factory=dict)
    error: str | None = None
