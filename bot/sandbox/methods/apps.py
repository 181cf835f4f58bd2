"""Methods about the app, its token and the workspace."""

from bot.sandbox.errors import SlackError
from bot.sandbox.methods.method import Argument, Method
from bot.sandbox.records import Json
from bot.sandbox.workspace import Workspace


def auth_test(workspace: Workspace, _arguments: Json) -> Json:
    """Who the token belongs to."""
    return {
        "url": f"{workspace.base_url}/",
        "team": workspace.name,
        "user": workspace.app.name,
        "team_id": workspace.team_id,
        "user_id": workspace.app.bot_user_id,
        "bot_id": workspace.app.bot_id,
        "is_enterprise_install": False,
    }


def api_test(_workspace: Workspace, arguments: Json) -> Json:
    """Echo; fails on demand."""
    if "error" in arguments:
        raise SlackError(str(arguments["error"]), args=arguments)
    return {"args": arguments} if arguments else {}


def open_connection(workspace: Workspace, _arguments: Json) -> Json:
    """An address for one Socket Mode connection."""
    if workspace.faults.sockets_refused:
        raise SlackError("internal_error")
    address = workspace.base_url.replace("http", "ws", 1)
    ticket = workspace.issue_ticket()
    return {"url": f"{address}/link/?ticket={ticket}&app_id={workspace.app.app_id}"}


def team_info(workspace: Workspace, _arguments: Json) -> Json:
    """The workspace."""
    return {
        "team": {
            "id": workspace.team_id,
            "name": workspace.name,
            "domain": workspace.domain,
            "email_domain": "",
            "icon": {"image_default": True},
        }
    }


def bot_info(workspace: Workspace, arguments: Json) -> Json:
    """The app's bot; raises SlackError bot_not_found for another."""
    app = workspace.app
    if arguments.get("bot") not in (None, app.bot_id):
        raise SlackError("bot_not_found")
    bot = {
        "id": app.bot_id,
        "deleted": False,
        "name": app.name,
        "updated": 0,
        "app_id": app.app_id,
        "user_id": app.bot_user_id,
        "icons": {},
    }
    return {"bot": bot}


METHODS = {
    "api.test": Method(api_test),
    "auth.test": Method(auth_test),
    "apps.connections.open": Method(open_connection, token="app"),  # noqa: S106 - a kind
    "team.info": Method(team_info, scopes=("team:read",)),
    "bots.info": Method(
        bot_info, scopes=("users:read",), arguments=(Argument("bot"),), takes_json=False
    ),
}
