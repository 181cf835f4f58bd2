"""Pictures on their way to Slack: uploaded once, shown when Slack has them, never in the way."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import builders
import pytest
from mailing import Post
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.sandbox import Sandbox
from bot.sandbox.payloads import response_url
from bot.slack.answers import Answers
from bot.slack.blocks.build import section
from bot.slack.context import Message, Picture, Reply, View
from bot.slack.homes import Homes
from bot.slack.pictures import PAUSES_S, Pictures, is_slacks
from bot.slack.reader import Reader
from bot.slack.sending import PICTURE_TRIES

PNG = b"\x89PNG\r\n\x1a\n picture"


@dataclass
class Drawing:
    """A picture that counts how often it is drawn."""

    content: bytes = PNG
    drawn: int = 0

    def __call__(self) -> bytes:
        self.drawn += 1
        return self.content

    def picture(self, key: str = "today") -> Picture:
        return Picture(key, "Today", "All GPUs are free.", self, missing="no picture")


class AtOnce:
    """Workers that do what they get at once."""

    def submit(self, job: Any) -> bool:
        job()
        return True


@dataclass
class Paused:
    """How long was waited for Slack."""

    seconds: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def client(slack: Sandbox) -> WebClient:
    client = WebClient(slack.bot_token, slack.api_url, retry_handlers=[])
    client.proxy = None
    return client


@pytest.fixture
def pictures(client: WebClient) -> Pictures:
    return Pictures(client)


def shown(blocks: Any) -> list[str]:
    """The files that blocks show."""
    return [block["slack_file"]["id"] for block in blocks if block["type"] == "image"]


# -- uploading ------------------------------------------------------------------------------------


def test_a_picture_is_drawn_and_uploaded_once(slack: Sandbox, pictures: Pictures) -> None:
    drawing = Drawing()
    file = pictures.file(drawing.picture())
    assert file is not None
    assert pictures.file(drawing.picture()) == pictures.known(drawing.picture()) == file
    assert drawing.drawn == 1
    stored = slack.workspace.files.shown(file)
    assert stored is not None
    assert (stored.content, stored.title) == (PNG, "Today")
    (announced,) = slack.calls("files.getUploadURLExternal")
    assert announced.arguments["alt_txt"] == "All GPUs are free."


def test_what_looks_the_same_is_not_uploaded_again(slack: Sandbox, pictures: Pictures) -> None:
    first, second = (pictures.file(Drawing().picture(key)) for key in ("today", "later"))
    assert first == second
    assert len(slack.calls("files.completeUploadExternal")) == 1


@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "files.completeUploadExternal"])
def test_a_failure_is_none_and_is_tried_again_next_time(
    slack: Sandbox, pictures: Pictures, method: str
) -> None:
    slack.faults.add(method=method, kind="error", code="internal_error")
    assert pictures.file(Drawing().picture()) is None
    assert pictures.file(Drawing().picture()) is not None


def test_what_cannot_be_drawn_is_none(pictures: Pictures, caplog: Any) -> None:
    def fail() -> bytes:
        raise RuntimeError("no ink")

    assert pictures.file(replace(Drawing().picture(), draw=fail)) is None
    assert "no ink" in caplog.text


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://files.slack.com/upload/v1/abc", True),
        ("https://files.slack-gov.com/upload", True),
        ("http://files.slack.com/upload", False),
        ("https://slack.com.example.com/upload", False),
        ("http://127.0.0.1:5/upload", True),
        ("http://127.0.0.1:6/upload", False),
    ],
)
def test_pictures_go_to_slack_and_nowhere_else(url: str, good: bool) -> None:
    assert is_slacks(url, "http://127.0.0.1:5/api/") is good


# -- messages -------------------------------------------------------------------------------------


def digest(drawing: Drawing) -> Any:
    blocks = (section("first"), section("small print"))
    return lambda _row, _now: Message("digest", blocks, picture=drawing.picture())


def posted(slack: Sandbox) -> list[Any]:
    return slack.messages("C0VISION", builders.ALICE)


def test_a_message_shows_its_picture_above_the_small_print(
    slack: Sandbox, post: Post, pictures: Pictures
) -> None:
    post.render = digest(Drawing())
    post.write("C0VISION", "digest")
    post.deliverer(pictures=pictures).run_once()
    (message,) = posted(slack)
    assert [block["type"] for block in message.blocks] == ["section", "image", "section"]
    assert message.blocks[1]["alt_text"] == "All GPUs are free."


def test_a_message_waits_a_little_until_slack_has_looked_through_its_picture(
    slack: Sandbox, post: Post, pictures: Pictures
) -> None:
    slack.workspace.files.refusals = 2
    post.render = digest(Drawing())
    post.write("C0VISION", "digest")
    delivering = post.deliverer(pictures=pictures)
    for _ in range(3):
        delivering.run_once()
        post.wall.advance(seconds=2)
    assert len(shown(posted(slack)[0].blocks)) == 1


def test_then_it_goes_without(slack: Sandbox, post: Post, pictures: Pictures) -> None:
    slack.workspace.files.refusals = 100
    post.render = digest(Drawing())
    post.write("C0VISION", "digest")
    delivering = post.deliverer(pictures=pictures)
    for _ in range(PICTURE_TRIES):
        assert posted(slack) == []
        delivering.run_once()
        post.wall.advance(seconds=2)
    (message,) = posted(slack)
    assert shown(message.blocks) == []
    assert post.states() == ["sent"]


def test_an_upload_that_fails_holds_up_nothing(
    slack: Sandbox, post: Post, pictures: Pictures
) -> None:
    slack.faults.add(method="files.getUploadURLExternal", kind="rate_limited", times=None)
    post.render = digest(Drawing())
    post.write("C0VISION", "digest")
    post.deliverer(pictures=pictures).run_once()
    (message,) = posted(slack)
    assert (message.text, shown(message.blocks)) == ("digest", [])


# -- answers --------------------------------------------------------------------------------------


@dataclass
class Conversation:
    """Somebody who is answered, and what they see of it."""

    slack: Sandbox
    answers: Answers
    paused: Paused

    def url(self, source: Any = None) -> str:
        """Where to answer a command, or a button of the message `source`."""
        workspace = self.slack.workspace
        where = workspace.conversations["C0VISION"]

        kind = "commands" if source is None else "actions"
        return response_url(workspace, kind, builders.ALICE, where, source)

    def seen(self) -> list[Any]:
        return self.slack.messages("C0VISION", builders.ALICE)


@pytest.fixture
def talk(slack: Sandbox, client: WebClient, pictures: Pictures) -> Conversation:
    paused = Paused()
    return Conversation(slack, Answers(client, AtOnce(), pictures, paused), paused)  # type: ignore[arg-type]


def reply(drawing: Drawing) -> Reply:
    return Reply("status", (section("status"),), replace=True, picture=drawing.picture())


def test_after_a_command_the_picture_is_a_message_of_its_own(talk: Conversation) -> None:
    """Slack replaces no message by the response_url of a command."""
    talk.answers.send_picture(reply(Drawing()), talk.url())
    (message,) = talk.seen()
    assert message.ephemeral
    assert [block["type"] for block in message.blocks] == ["image"]
    assert message.text == "All GPUs are free."


def test_a_button_of_a_private_message_has_text_and_picture_take_its_place(
    talk: Conversation, client: WebClient
) -> None:
    client.chat_postEphemeral(channel="C0VISION", user=builders.ALICE, text="before")
    (source,) = talk.seen()
    where = talk.slack.workspace.messages.get("C0VISION", source.ts)
    talk.answers.send(
        reply(Drawing()), response_url=talk.url(where), channel="C0VISION",
        user=builders.ALICE, replaceable=True,
    )  # fmt: skip
    (message,) = talk.seen()
    assert [block["type"] for block in message.blocks] == ["section", "image"]


def test_a_button_in_a_channel_leaves_the_message_there_alone(
    talk: Conversation, client: WebClient
) -> None:
    client.chat_postMessage(channel="C0VISION", text="card")
    (source,) = talk.seen()
    where = talk.slack.workspace.messages.get("C0VISION", source.ts)
    talk.answers.send(
        reply(Drawing()), response_url=talk.url(where), channel="C0VISION",
        user=builders.ALICE, replaceable=False,
    )  # fmt: skip
    assert [message.text for message in talk.seen()] == ["card", "status", "All GPUs are free."]


def test_the_text_stays_and_a_note_follows_where_the_upload_fails(talk: Conversation) -> None:
    talk.slack.faults.add(method="files.getUploadURLExternal", kind="error", code="file_error")
    talk.answers.send(
        reply(Drawing()), response_url=talk.url(), channel="C0VISION",
        user=builders.ALICE, replaceable=False,
    )  # fmt: skip
    assert [message.text for message in talk.seen()] == ["status", "no picture"]


def test_slack_gets_time_to_look_through_the_picture(talk: Conversation) -> None:
    talk.slack.workspace.files.refusals = 2
    talk.answers.send_picture(reply(Drawing()), talk.url())
    assert len(shown(talk.seen()[0].blocks)) == 1
    assert talk.paused.seconds == list(PAUSES_S)


def test_in_the_end_a_note_takes_its_place(talk: Conversation) -> None:
    """All tries and the note are within the uses that Slack gives a response_url."""
    talk.slack.workspace.files.refusals = 100
    talk.answers.send_picture(reply(Drawing()), talk.url())
    assert [message.text for message in talk.seen()] == ["no picture"]


# -- the App Home ---------------------------------------------------------------------------------


class People:
    """Profiles that are all alike."""

    def reader(self, user: str) -> Reader:
        return Reader.of_channel(builders.cluster(), user)


@dataclass
class Home:
    """An App Home whose picture a test can change."""

    slack: Sandbox
    homes: Homes
    drawing: Drawing
    key: str = "first"

    def picture(self, _reader: Reader) -> Picture:
        return self.drawing.picture(self.key)

    def published(self) -> list[list[str]]:
        """The kinds of block of each version that Slack took."""
        calls = [call for call in self.slack.calls("views.publish") if call.result["ok"]]
        return [[block["type"] for block in call.arguments["view"]["blocks"]] for call in calls]


@pytest.fixture
def home(site: Any, slack: Sandbox, client: WebClient, pictures: Pictures) -> Home:
    found = Home(slack, None, Drawing())  # type: ignore[arg-type]
    found.homes = Homes(
        site, slack.clock, client, People(), AtOnce(), lambda _reader: view(),  # type: ignore[arg-type]
        pictures, found.picture, Paused(),
    )  # fmt: skip
    return found


def view() -> View:
    return {"type": "home", "blocks": [section("a"), section("b"), section("c")]}


WITHOUT, WITH = ["section"] * 3, ["section", "section", "image", "section"]


def test_a_home_is_shown_at_once_and_its_picture_as_soon_as_it_is_there(home: Home) -> None:
    home.homes.opened(builders.ALICE)
    assert home.published() == [WITHOUT, WITH]


def test_a_picture_that_did_not_change_is_not_made_again(home: Home) -> None:
    home.homes.opened(builders.ALICE)
    home.homes.opened(builders.ALICE)
    assert home.published() == [WITHOUT, WITH, WITH]
    assert home.drawing.drawn == 1


def test_until_the_next_picture_is_there_the_one_before_stays(home: Home) -> None:
    home.homes.opened(builders.ALICE)
    home.key, home.drawing.content = "second", PNG + b"2"
    home.homes.opened(builders.ALICE)
    assert home.published() == [WITHOUT, WITH, WITH, WITH]
    assert home.drawing.drawn == 2


def test_a_home_whose_picture_fails_is_there_without(home: Home) -> None:
    home.slack.faults.add(method="files.getUploadURLExternal", kind="error", code="file_error")
    home.homes.opened(builders.ALICE)
    assert home.published() == [WITHOUT]


def test_a_picture_that_slack_does_not_take_is_left_out_the_next_time(home: Home) -> None:
    home.slack.workspace.files.refusals = 100
    home.homes.opened(builders.ALICE)
    assert home.published() == [WITHOUT]
    home.slack.faults.add(method="files.getUploadURLExternal", kind="error", code="file_error")
    home.key = "second"
    home.homes.opened(builders.ALICE)
    assert home.published() == [WITHOUT, WITHOUT]


def test_windows_show_no_files_that_are_not_there(client: WebClient) -> None:
    image = {"type": "image", "slack_file": {"id": "F99999999"}, "alt_text": "none"}
    with pytest.raises(SlackApiError) as refused:
        client.views_publish(user_id=builders.ALICE, view={"type": "home", "blocks": [image]})
    assert refused.value.response["error"] == "invalid_arguments"
