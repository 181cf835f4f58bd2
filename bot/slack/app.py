"""The wiring between Bolt and the router: payloads in, answers out.

With `process_before_response` Bolt runs a listener to its end and then acknowledges: a command
is answered in the acknowledgement itself, and nothing waits in Bolt's polling loop.
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.authorize import Authorize
from slack_bolt.middleware import Middleware
from slack_bolt.request import BoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk import WebClient

from bot import logs
from bot.clock import Clock
from bot.config.settings import Settings
from bot.domain.actor import Actor
from bot.services.site import Site
from bot.slack import router
from bot.slack.answers import Answers, to_body
from bot.slack.context import Call, Form, FormErrors, FormUpdate, Press, Reply
from bot.slack.profiles import Profiles
from bot.slack.shapes import USER

Body = Mapping[str, Any]

COMMAND = "/gpu"
ANY = re.compile("")
BOLT_LOG = logging.getLogger("slack_bolt")


def _nobody(_by: str, _seconds: float) -> None:
    """Nobody wants to know how long it took."""


class Listeners:
    """What Bolt calls. `open_home` draws a user's App Home; it must return at once.

    `decided` is told how many seconds the answer to a "command", an "action" or a "form" took.
    """

    def __init__(
        self,
        site: Site,
        clock: Clock,
        profiles: Profiles,
        answers: Answers,
        open_home: Callable[[str], None],
        decided: Callable[[str, float], None] = _nobody,
    ) -> None:
        self._site = site
        self._clock = clock
        self._profiles = profiles
        self._answers = answers
        self._open_home = open_home
        self._decided = decided

    def command(self, ack: Ack, body: Body, context: BoltContext) -> None:
        """`/gpu …`: the reply stands in the acknowledgement."""
        call = Call(
            **self._common(body["user_id"], context),
            key=f"command:{body['trigger_id']}",
            open_view=self._answers.open_view(body["trigger_id"], pushed=False),
            channel=body.get("channel_id"),
            response_url=body.get("response_url"),
        )
        with self._timed("command"):
            reply = router.run_command(call, body.get("text") or "")
        if reply is None:
            ack()
        else:
            ack(to_body(reply))
            self._answers.send_picture(reply, call.response_url)

    def action(self, ack: Ack, body: Body, context: BoltContext) -> None:
        """A button or menu: done first, then acknowledged; the reply follows."""
        press = self._press(body, context)
        with self._timed("action"):
            reply = router.run_action(press)
        ack()
        if reply is not None:
            self._send(reply, press)

    def submission(self, ack: Ack, body: Body, context: BoltContext) -> None:
        """A submitted form: it closes, or stays with what is wrong."""
        user, view = body["user"]["id"], body["view"]
        form = Form(
            **self._common(user, context),
            key=f"form:{view['id']}",
            open_view=self._answers.open_view(body["trigger_id"], pushed=True),
            view=view,
        )
        with self._timed("form"):
            answer = router.run_submission(form)
        match answer:
            case FormErrors():
                ack(response_action="errors", errors=dict(answer.errors))
            case FormUpdate():
                ack(response_action="update", view=answer.view)
            case Reply():
                ack()
                self._send(answer, form)
            case _:
                ack()

    def home_opened(self, event: Mapping[str, Any]) -> None:
        """Somebody opened the App Home (or the messages beside it, which need nothing)."""
        if event.get("tab", "home") == "home":
            self._open_home(event["user"])

    @contextmanager
    def _timed(self, by: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self._decided(by, time.perf_counter() - began)

    def _press(self, body: Body, context: BoltContext) -> Press:
        action, container = body["actions"][0], body["container"]
        user, view = body["user"]["id"], body.get("view")
        in_modal = view is not None and view.get("type") == "modal"
        return Press(
            **self._common(user, context),
            key=_press_key(user, body, action),
            open_view=self._answers.open_view(body["trigger_id"], pushed=in_modal),
            channel=container.get("channel_id"),
            response_url=body.get("response_url"),
            replaceable=bool(container.get("is_ephemeral")),
            action_id=action["action_id"],
            value=chosen(action),
            view=view,
            update_view=self._answers.update_view,
        )

    def _common(self, user: str, context: BoltContext) -> dict[str, Any]:
        if not USER.fullmatch(user):
            raise ValueError(user[:40])
        logs.note(user=user)
        return {
            "site": self._site,
            "actor": Actor(user),
            "reader": self._profiles.reader(user),
            "now": self._clock.now().replace(microsecond=0),
            "is_late": context.get("is_late", False),
        }

    def _send(self, reply: Reply, call: Call) -> None:
        address = router.return_address(call)
        self._answers.send(
            reply,
            response_url=address.response_url,
            channel=call.channel,
            user=call.actor.name,
            replaceable=address.replaceable,
        )


class _Anybody(Authorize):
    """Lets every workspace in, for Bolt: whoever has the secret is our Slack."""

    def __call__(self, **_about: object) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=None, team_id=None)


class _Commands(Middleware):
    """Answers `/gpu …` before Bolt goes through its listeners: most requests are commands.

    At each listener Bolt looks up everything that one might ask for, several times over.
    """

    def __init__(self, answer: Callable[[Ack, Body, BoltContext], None]) -> None:
        self._answer = answer

    def process(
        self,
        *,
        req: BoltRequest,
        resp: BoltResponse,
        next: Callable[[], BoltResponse],  # noqa: A002 - Bolt's name
    ) -> BoltResponse | None:
        """Answer a command, and pass everything else on."""
        if req.body.get("command") != COMMAND:
            next()
            return resp
        self._answer(req.context.ack, req.body, req.context)
        return req.context.ack.response


def build_app(settings: Settings, listeners: Listeners) -> App:
    """A Bolt app that sends everything Slack tells us to `listeners`. Makes no call to Slack."""
    with _without_warnings():
        app = App(
            # Without a name Bolt looks for one through the sources of everything that is imported.
            name="gpubot",
            # Otherwise Bolt gives its loggers the root's level, and at DEBUG prints whole requests.
            logger=BOLT_LOG,
            # Bolt's own client is never used; without a token it does not ask Slack who we are.
            client=WebClient(base_url=settings.slack_api_url, retry_handlers=[]),
            authorize=_Anybody(),  # type: ignore[no-untyped-call]
            signing_secret=settings.signing_secret,
            # `Incoming` answers that.
            ssl_check_enabled=False,
            # Nothing here depends on these.
            ignoring_self_events_enabled=False,
            attaching_function_token_enabled=False,
            attaching_conversation_kwargs_enabled=False,
            # `Incoming` proves signatures, before anything is read, and by a clock that can be
            # believed.
            request_verification_enabled=False,
            process_before_response=True,
        )
    app.use(_Commands(listeners.command))
    app.action(ANY)(listeners.action)
    app.view(ANY)(listeners.submission)
    app.view_closed(ANY)(_acknowledge)
    app.event("app_home_opened")(listeners.home_opened)
    return app


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Bolt looks into the environment by itself and warns of a token there that it does not use."""
    BOLT_LOG.addFilter(_nothing)
    try:
        yield
    finally:
        BOLT_LOG.removeFilter(_nothing)


def _nothing(_record: logging.LogRecord) -> bool:
    return False


def chosen(action: Mapping[str, Any]) -> str:
    """What a button carries or a menu was set to, as text; empty when it was cleared."""
    if isinstance(option := action.get("selected_option"), dict):
        return str(option["value"])
    names = (
        "value", "selected_user", "selected_conversation", "selected_channel",
        "selected_date_time", "selected_date", "selected_time",
    )  # fmt: skip
    return next((str(action[name]) for name in names if action.get(name) is not None), "")


def _acknowledge(ack: Ack) -> None:
    ack()


def _press_key(user: str, body: Body, action: Mapping[str, Any]) -> str:
    """The same for the same person's same click, however often it arrives.

    A message or view that has changed since is another one: there the button may be meant anew.
    """
    container, view, message = body["container"], body.get("view") or {}, body.get("message") or {}
    edited = (message.get("edited") or {}).get("ts")
    place = [container.get("channel_id"), container.get("message_ts"), edited]
    parts = [*place, view.get("id"), view.get("hash"), user, action["action_id"], chosen(action)]
    # JSON may say half of a surrogate pair, which is no text.
    named = "\0".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return "press:" + hashlib.sha256(named).hexdigest()
