"""users.* and usergroups.*: people and their groups."""

from zoneinfo import ZoneInfo

from bot.sandbox.errors import SlackError
from bot.sandbox.methods.method import PAGING, Argument, Method, needed, page_of
from bot.sandbox.records import Json, SandboxUser, SandboxUsergroup
from bot.sandbox.workspace import Workspace


def info(workspace: Workspace, arguments: Json) -> Json:
    """One person, or the bot itself."""
    user_id = arguments["user"]
    with_locale = bool(arguments.get("include_locale"))
    if user_id == workspace.app.bot_user_id:
        return {"user": bot_shape(workspace)}
    if user_id not in workspace.users or user_id in workspace.unreadable:
        raise SlackError("user_not_found")
    return {"user": shape(workspace, workspace.users[user_id], with_locale=with_locale)}


def list_all(workspace: Workspace, arguments: Json) -> Json:
    """Everybody, the bot last."""
    with_locale = bool(arguments.get("include_locale"))
    everybody = [shape(workspace, u, with_locale=with_locale) for u in workspace.users.values()]
    page, cursor = page_of([*everybody, bot_shape(workspace)], arguments, default=1000)
    return {"members": page, "response_metadata": {"next_cursor": cursor}}


def by_email(workspace: Workspace, arguments: Json) -> Json:
    """The person with an email address."""
    wanted = arguments["email"].lower()
    for user in workspace.users.values():
        if user.email.lower() == wanted and user.id not in workspace.unreadable:
            return {"user": shape(workspace, user, with_locale=False)}
    raise SlackError("users_not_found")


def list_groups(workspace: Workspace, arguments: Json) -> Json:
    """The user groups."""
    with_users = bool(arguments.get("include_users"))
    groups = workspace.usergroups.values()
    return {"usergroups": [_group(workspace, group, with_users=with_users) for group in groups]}


def group_members(workspace: Workspace, arguments: Json) -> Json:
    """Who is in a user group."""
    group = workspace.usergroups.get(arguments["usergroup"])
    if group is None:
        raise SlackError("no_such_subteam")
    return {"users": list(group.members)}


def shape(workspace: Workspace, user: SandboxUser, *, with_locale: bool) -> Json:
    """A person as Slack describes them; the email only with users:read.email."""
    now = workspace.clock.now().astimezone(ZoneInfo(user.tz))
    offset = now.utcoffset()
    profile = {
        "title": user.title,
        "real_name": user.real_name,
        "real_name_normalized": user.real_name,
        "display_name": user.real_name,
        "display_name_normalized": user.real_name,
        "team": workspace.team_id,
    }
    if user.email and "users:read.email" in workspace.app.scopes:
        profile["email"] = user.email
    described: Json = {
        "id": user.id,
        "team_id": workspace.team_id,
        "name": user.name,
        "deleted": False,
        "real_name": user.real_name,
        "tz": user.tz,
        "tz_label": now.tzname(),
        "tz_offset": 0 if offset is None else int(offset.total_seconds()),
        "profile": profile,
        "is_admin": user.admin,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": False,
        "is_ultra_restricted": False,
        "is_bot": False,
        "is_app_user": False,
        "updated": 0,
    }
    return described | ({"locale": user.locale} if with_locale else {})


def bot_shape(workspace: Workspace) -> Json:
    """The bot as a user."""
    app = workspace.app
    bot = SandboxUser(app.bot_user_id, app.name, app.name)
    described = shape(workspace, bot, with_locale=False)
    described["profile"] |= {"bot_id": app.bot_id, "api_app_id": app.app_id}
    return described | {"is_bot": True}


def _group(workspace: Workspace, group: SandboxUsergroup, *, with_users: bool) -> Json:
    described: Json = {
        "id": group.id,
        "team_id": workspace.team_id,
        "is_usergroup": True,
        "name": group.name,
        "handle": group.handle,
        "description": "",
        "date_delete": 0,
        "prefs": {"channels": [], "groups": []},
        "user_count": str(len(group.members)),
    }
    return described | ({"users": list(group.members)} if with_users else {})


_LOCALE = Argument("include_locale", kind="boolean")
_GROUPS = ("usergroups:read",)
METHODS = {
    "users.info": Method(info, ("users:read",), (needed("user"), _LOCALE), takes_json=False),
    "users.list": Method(list_all, ("users:read",), (_LOCALE, *PAGING), takes_json=False),
    "users.lookupByEmail": Method(
        by_email, ("users:read.email",), (needed("email"),), takes_json=False
    ),
    "usergroups.list": Method(
        list_groups, _GROUPS, (Argument("include_users", kind="boolean"),), takes_json=False
    ),
    "usergroups.users.list": Method(
        group_members, _GROUPS, (needed("usergroup"),), takes_json=False
    ),
}
