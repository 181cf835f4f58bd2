"""The Web API's front door: token, scopes, arguments, the call, the record of it."""

from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.bodies import read_arguments
from bot.sandbox.errors import SlackError
from bot.sandbox.methods import METHODS
from bot.sandbox.methods.method import Method
from bot.sandbox.records import Call, Json
from bot.sandbox.workspace import Workspace


@dataclass(frozen=True)
class Request:
    """One HTTP request to the Web API."""

    method: str
    authorization: str
    content_type: str
    query: str
    body: bytes


@dataclass(frozen=True)
class Answer:
    """The answer to a Web API call: a JSON object and headers."""

    body: Json
    headers: dict[str, str] = field(default_factory=dict)


def call(workspace: Workspace, request: Request) -> Answer:
    """Carry out one Web API call; whatever goes wrong is told in the answer, as Slack does."""
    method = METHODS.get(request.method)
    arguments: Json = {}
    try:
        arguments = _arguments(request, method)
        token = _token(request, arguments)
        if method is None:
            raise SlackError("unknown_method", req_method=request.method)
        _authorize(workspace, method, token)
        result = {"ok": True, **method.run(workspace, method.check(arguments))}
    except SlackError as error:
        result = error_body(error)
    workspace.record(Call(request.method, arguments, result))
    return Answer(result, _headers(workspace, method))


def note_fault(workspace: Workspace, request: Request, error: str) -> None:
    """Record a call that a fault kept from being carried out."""
    try:
        arguments = _arguments(request, METHODS.get(request.method))
    except SlackError:
        arguments = {}
    arguments.pop("token", None)
    workspace.record(Call(request.method, arguments, {"ok": False, "error": error}))


def error_body(error: SlackError) -> Json:
    """An error answer."""
    body: Json = {"ok": False, "error": error.code, **error.fields}
    if error.messages:
        body["response_metadata"] = {"messages": error.messages}
    return body


def _arguments(request: Request, method: Method | None) -> Json:
    takes_json = method is None or method.takes_json
    return read_arguments(request.content_type, request.body, request.query, takes_json=takes_json)


def _token(request: Request, arguments: Json) -> str:
    given: Any = arguments.pop("token", None)
    if request.authorization.lower().startswith("bearer "):
        given = request.authorization[7:].strip()
    if not given:
        raise SlackError("not_authed")
    return str(given)


def _authorize(workspace: Workspace, method: Method, token: str) -> None:
    app = workspace.app
    kinds = {app.bot_token: "bot", app.app_token: "app"}
    if token not in kinds:
        raise SlackError("invalid_auth")
    if kinds[token] != method.token:
        raise SlackError("not_allowed_token_type")
    if method.scopes and not app.scopes.intersection(method.scopes):
        raise SlackError(
            "missing_scope",
            needed=",".join(method.scopes),
            provided=",".join(sorted(app.scopes)),
        )


def _headers(workspace: Workspace, method: Method | None) -> dict[str, str]:
    accepted = "" if method is None else ",".join(method.scopes)
    return {
        "x-oauth-scopes": ",".join(sorted(workspace.app.scopes)),
        "x-accepted-oauth-scopes": accepted,
    }
