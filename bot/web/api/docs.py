"""The API's description: OpenAPI at `/api/openapi.json`, and a page to read it at `/api/docs`."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi

from bot.services.site import Site
from bot.web.access import CSRF_HEADER, Access
from bot.web.api.context import SCHEME
from bot.web.api.results import ProblemResult
from bot.web.pages import render
from bot.web.problems import MEDIA_TYPE
from bot.web.sessions import COOKIE
from bot.web.vendored import missing_files

PREFIX: Final = "/api/v1/"
JSON = "application/json"
SESSION: Final = "session"
#: What any request may be answered.
ANY_ERROR = {
    "401": "Say who you are: the token is missing, unknown, expired or revoked.",
    "403": "You, or the token, may not do that.",
    "422": "The request cannot be read, or lies out of bounds.",
    "503": (
        "The database is busy or away; nothing was changed. Try again in a moment. Only with the"
        " code `uncertain` it may have been done: send it again with the same `Idempotency-Key`,"
        " or look first."
    ),
}

#: The order in which the page shows them.
TAGS = ("bookings", "free windows", "nodes", "waitlist", "notices", "calendar", "audit", "me")
OF_FASTAPI = {"schema": {"$ref": "#/components/schemas/HTTPValidationError"}}

ABOUT = """
Book GPUs from programs and pipelines, by the same rules as in Slack.

**Tokens.** `/gpu token new NAME` in Slack shows one, once. Send it as
`Authorization: Bearer gpubot_…`. It acts as the person who made it and never may more than they do;
a pipeline's token (`team T`) works for its team only. Scopes: `read`, `book`, `audit`, `report`.

**Errors** are problem details (RFC 9457, `application/problem+json`) with a stable `code`.

**Once.** Give requests that change something an `Idempotency-Key` of your own: sent again with the
same key and body, it gets the outcome of the first. Keys are kept for 30 days. The same key with
another body is refused (`key_reused`).

**Time.** Instants are ISO 8601; give them with an offset, you get UTC. Lengths are words: `20h`,
`1d12h`. Starts and ends are rounded outward to the cluster's slots, and `notes` say how.

**Lists** come in pages: give `next` back as `cursor`.
""".strip()


def docs_routes(site: Site, access: Access) -> APIRouter:
    """The description and the page that shows it."""
    router = APIRouter(include_in_schema=False)

    @router.get("/api/openapi.json")
    def openapi(request: Request) -> dict[str, Any]:
        return describe(request.app)

    @router.get("/api/docs")
    def docs(request: Request) -> Response:
        viewer = access.viewer(request)
        missing = [name for name in missing_files() if name.startswith("swagger-ui/")]
        return render(request, "api_docs.html", viewer, site=site, missing=missing)

    return router


def describe(web: FastAPI) -> dict[str, Any]:
    """The OpenAPI description of everything under `/api/v1`; made once."""
    known: dict[str, Any] | None = getattr(web.state, "api_description", None)
    if known is None:
        known = web.state.api_description = _described(web)
    return known


def _described(web: FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title="gpubot", version=version("gpubot"), description=ABOUT, routes=web.routes
    )
    made["tags"] = [{"name": name} for name in TAGS]
    made["paths"] = {path: what for path, what in made["paths"].items() if path.startswith(PREFIX)}
    parts = made.setdefault("components", {})
    parts.setdefault("schemas", {})["ProblemResult"] = ProblemResult.model_json_schema()
    parts.setdefault("securitySchemes", {}).update(_schemes())
    for operations in made["paths"].values():
        for method, operation in operations.items():
            _complete(operation, changes=method != "get")
    _drop_unused(parts)
    return made


def _schemes() -> dict[str, Any]:
    return {
        SCHEME: {
            "type": "http",
            "scheme": "bearer",
            "description": "A token made by `/gpu token new NAME` in Slack.",
        },
        SESSION: {
            "type": "apiKey",
            "in": "cookie",
            "name": COOKIE,
            "description": f"Signed in on the page; changes repeat its secret in {CSRF_HEADER}.",
        },
    }


def _complete(operation: dict[str, Any], *, changes: bool) -> None:
    """Say what every operation has in common: who may ask, and how errors look."""
    security = operation.setdefault("security", [{SCHEME: []}])
    security.append({SESSION: []})
    if scopes := security[0].get(SCHEME):
        needs = f"Scope: {', '.join(f'`{scope}`' for scope in scopes)}."
        operation["description"] = f"{operation.get('description', '')}\n\n{needs}".strip()
    answers = operation["responses"]
    problem = {"schema": _ref("ProblemResult")}
    for status, meaning in ANY_ERROR.items():
        answer = answers.setdefault(status, {})
        answer["description"] = meaning
        # FastAPI's own idea of a validation error is not how ours look.
        if answer.get("content", {}).get(JSON, OF_FASTAPI) == OF_FASTAPI:
            answer["content"] = {JSON: problem}
    if changes:
        unread = {"description": "The body is not text.", "content": {JSON: problem}}
        answers.update({"400": unread, "413": {"description": "The body is too large."}})
    for status, answer in answers.items():
        if int(status) >= 400 and JSON in answer.get("content", {}):
            answer["content"] = {MEDIA_TYPE: answer["content"][JSON]}


def _drop_unused(parts: dict[str, Any]) -> None:
    for name in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(name, None)


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
