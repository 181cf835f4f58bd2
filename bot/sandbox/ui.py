"""The JSON endpoints of the page, through which a person uses the workspace in a browser."""

import itertools
import mimetypes
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from bot.sandbox.commands import say
from bot.sandbox.delivery import Delivery
from bot.sandbox.errors import CannotSee
from bot.sandbox.interactions import act, find_source, options
from bot.sandbox.live import Live, clock_json
from bot.sandbox.modals import close, open_home, submit
from bot.sandbox.records import Conversation, Json, SandboxUser, View
from bot.sandbox.workspace import Workspace

PAGE = Path(__file__).parent / "page"
_COLORS = ("#2563eb", "#c2410c", "#15803d", "#7e22ce", "#be123c", "#0e7490", "#a16207", "#4338ca")
_BOT_COLOR = "#1f2937"
_NO_STORE = {"Cache-Control": "no-store"}
# What the app uploads must not run as a page of this origin.
_INERT = {"Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff"}
_FAULT_FIELDS = ("times", "retry_after", "code", "after_effect")

Handler = Callable[[Json], Json]


class Ui:
    """The page's endpoints; each request names the person who acts (`user`)."""

    def __init__(self, workspace: Workspace, delivery: Delivery, live: Live) -> None:
        self._workspace = workspace
        self._delivery = delivery
        self._live = live

    def routes(self) -> list[BaseRoute]:
        """The routes under /ui, the page and its static files."""
        reading: dict[str, Handler] = {
            "state": self.state,
            "messages": self.messages,
            "thread": self.thread,
            "home": self.home,
            "clock": self.clock,
            "faults": self.faults,
        }
        writing: dict[str, Handler] = {
            "post": self.post,
            "action": self.action,
            "submit": self.submit,
            "close": self.close,
            "options": self.options,
            "clock": self.set_clock,
            "faults": self.set_faults,
        }
        return [
            Route("/", _index),
            *(Route(f"/ui/{name}", _get(run), methods=["GET"]) for name, run in reading.items()),
            *(Route(f"/ui/{name}", _post(run), methods=["POST"]) for name, run in writing.items()),
            Route("/ui/file/{file_id}", self.file),
            WebSocketRoute("/ui/live", self._live.serve),
            Mount("/static", StaticFiles(directory=PAGE, check_dir=False)),
        ]

    def state(self, asked: Json) -> Json:
        """Everything the page draws around the messages."""
        workspace, app = self._workspace, self._workspace.app
        user = workspace.person(asked.get("user") or next(iter(workspace.users))).id
        bot = SandboxUser(app.bot_user_id, app.name, app.name, title="App")
        shades = itertools.cycle(_COLORS)
        people = [
            _person(person, color, is_bot=False)
            for person, color in zip(workspace.users.values(), shades, strict=False)
        ]
        return {
            "workspace": {"name": workspace.name, "team_id": workspace.team_id},
            "users": [*people, _person(bot, _BOT_COLOR, is_bot=True)],
            "me": user,
            "channels": [self._channel(c, user) for c in workspace.conversations_of(user)],
            "commands": [
                {"command": c.command, "usage_hint": c.usage_hint, "description": c.description}
                for c in app.commands.values()
            ],
            "app": {
                "name": app.name,
                "bot_user_id": app.bot_user_id,
                "connected": self._delivery.connected,
                "description": app.description,
            },
            "clock": clock_json(workspace),
        }

    def messages(self, asked: Json) -> Json:
        """A channel as the person sees it; it counts as read."""
        user, channel = _words(asked, "user", "channel")
        self._workspace.place(channel, user)
        self._workspace.messages.mark_read(channel, user)
        return {"messages": self._workspace.messages.top_level(channel, user)}

    def thread(self, asked: Json) -> Json:
        """A thread, the parent first."""
        user, channel, ts = _words(asked, "user", "channel", "ts")
        self._workspace.place(channel, user)
        return {"messages": self._workspace.messages.thread(channel, ts, user)}

    def home(self, asked: Json) -> Json:
        """The Home tab; the app hears that it was opened."""
        (user,) = _words(asked, "user")
        return {"view": self._seen(open_home(self._workspace, self._delivery, user))}

    def post(self, asked: Json) -> Json:
        """A message or a slash command."""
        user, channel, text = _words(asked, "user", "channel", "text")
        thread_ts = asked.get("thread_ts")
        result = say(self._workspace, self._delivery, user, channel, text, thread_ts)
        return _outcome(ok=result.ok, error=result.error)

    def action(self, asked: Json) -> Json:
        """A press or a choice."""
        (user,) = _words(asked, "user")
        source = find_source(self._workspace, user, asked.get("container") or {})
        action = asked.get("action") or {}
        _words(action, "action_id")
        result = act(self._workspace, self._delivery, user, source, action, _entered(asked))
        return _outcome(ok=result.ok, error=result.error)

    def submit(self, asked: Json) -> Json:
        """A modal's submission."""
        user, view_id = _words(asked, "user", "view_id")
        view = self._workspace.views.find_of(user, view_id)
        result = submit(self._workspace, self._delivery, user, view, _entered(asked))
        answer = _outcome(ok=result.ok, error=result.error)
        return answer | ({"errors": result.errors} if result.errors else {})

    def close(self, asked: Json) -> Json:
        """Closing a modal, or with `clear` all of them."""
        user, view_id = _words(asked, "user", "view_id")
        view = self._workspace.views.find_of(user, view_id)
        close(self._workspace, self._delivery, user, view, clear=bool(asked.get("clear")))
        return {"ok": True}

    def options(self, asked: Json) -> Json:
        """The options of an external select."""
        (user,) = _words(asked, "user")
        _words(asked, "action_id")
        source = find_source(self._workspace, user, asked.get("container") or {})
        return {"options": options(self._workspace, self._delivery, user, source, asked)}

    def clock(self, _asked: Json) -> Json:
        """The workspace's time."""
        return clock_json(self._workspace)

    def set_clock(self, asked: Json) -> Json:
        """Jump, shift or change the speed."""
        clock = self._workspace.clock
        if asked.get("jump") is not None:
            clock.jump(datetime.fromisoformat(str(asked["jump"])))
        if asked.get("shift") is not None:
            clock.shift(float(asked["shift"]))
        if asked.get("speed") is not None:
            clock.set_speed(float(asked["speed"]))
        return {"ok": True, **clock_json(self._workspace)}

    def faults(self, _asked: Json) -> Json:
        """The faults in force."""
        return self._workspace.faults.to_json()

    def set_faults(self, asked: Json) -> Json:
        """Add one fault, or clear them all."""
        faults = self._workspace.faults
        kind = asked.get("kind")
        if asked.get("clear"):
            faults.clear()
        elif kind == "duplicate_deliveries":
            faults.duplicate_deliveries(int(asked.get("count", 1)))
        elif kind == "drop_sockets":
            faults.drop_sockets(announced=bool(asked.get("announced")))
        elif kind == "refuse_sockets":
            faults.refuse_sockets(bool(asked.get("refuse", True)))
        else:
            chosen = {name: asked[name] for name in _FAULT_FIELDS if name in asked}
            faults.add(str(asked.get("method", "*")), str(kind), **chosen)
        return {"ok": True, **faults.to_json()}

    def file(self, request: Request) -> Response:
        """An uploaded file."""
        file = self._workspace.files.shown(request.path_params["file_id"])
        if file is None:
            return JSONResponse({"ok": False, "error": "file_not_found"}, 404)
        media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return Response(file.content, media_type=media_type, headers=_NO_STORE | _INERT)

    def _channel(self, conversation: Conversation, user: str) -> Json:
        return {
            "id": conversation.id,
            "name": conversation.name,
            "kind": "im" if conversation.is_im else "channel",
            "private": conversation.private,
            "topic": conversation.topic,
            "member_count": len(conversation.members),
            "unread": self._workspace.messages.unread(conversation.id, user),
        }

    def _seen(self, view: View | None) -> Json | None:
        return None if view is None else self._workspace.views.seen(view)


def _index(_request: Request) -> Response:
    return FileResponse(PAGE / "index.html", headers=_NO_STORE)


def _get(run: Handler) -> Callable[[Request], Response]:
    return lambda request: _run(run, dict(request.query_params))


def _post(run: Handler) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        try:
            asked = await request.json()
        except ValueError:
            return _refusal("the body is no JSON", 400)
        if not isinstance(asked, dict):
            return _refusal("the body is no JSON object", 400)
        return await run_in_threadpool(_run, run, asked)

    return endpoint


def _run(run: Handler, asked: Json) -> Response:
    try:
        return JSONResponse(run(asked), headers=_NO_STORE)
    except CannotSee as error:
        return _refusal(str(error), 404)
    except (ValueError, TypeError) as error:
        return _refusal(str(error), 400)


def _refusal(error: str, status: int) -> Response:
    return JSONResponse({"ok": False, "error": error}, status)


def _words(asked: Json, *names: str) -> list[str]:
    missing = [name for name in names if not isinstance(asked.get(name), str)]
    if missing:
        raise ValueError(f"missing: {', '.join(missing)}")
    return [asked[name] for name in names]


def _entered(asked: Json) -> Json:
    state = asked.get("state") or {}
    values: Json = state.get("values") or {}
    return values


def _outcome(*, ok: bool, error: str | None) -> Json:
    return {"ok": ok} | ({"error": error} if error else {})


def _person(person: SandboxUser, color: str, *, is_bot: bool) -> Json:
    return {
        "id": person.id,
        "name": person.name,
        "real_name": person.real_name,
        "title": person.title,
        "initials": "".join(word[0] for word in person.real_name.split()[:2]).upper(),
        "color": color,
        "is_bot": is_bot,
        "tz": person.tz,
        "locale": person.locale,
        "admin": person.admin,
    }
