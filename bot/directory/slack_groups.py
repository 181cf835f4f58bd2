"""Reading Slack: who is in a user group, and whose an e-mail address is."""

from __future__ import annotations

from collections.abc import Sequence
from http.client import HTTPException
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.directory.errors import DirectoryError
from bot.domain.membership import Group, Member

#: What Slack's refusals mean to operators.
MEANINGS = {
    "plan_upgrade_required": "user groups need a paid plan of Slack; list the members instead",
    "missing_scope": "the app lacks a scope: `gpubot check` names it",
    "no_such_subteam": "there is no such user group",
    "subteam_disabled": "the user group is switched off",
    "ratelimited": "Slack asks to wait",
}


def read_usergroups(client: WebClient, groups: Sequence[str]) -> tuple[Group, ...]:
    """Those user groups with everybody in them. Raises DirectoryError when one cannot be read."""
    return tuple(_read(client, group) for group in groups)


def find_user(client: WebClient, address: str) -> str | None:
    """The Slack user with that e-mail address; None when nobody active has it.

    Raises DirectoryError when Slack does not say.
    """
    try:
        user = client.users_lookupByEmail(email=address).get("user")
    except SlackApiError as error:
        if _code(error) == "users_not_found":
            return None
        raise DirectoryError(f"Slack does not say whose an address is: {_told(error)}") from None
    except (SlackClientError, HTTPException, OSError, ValueError):
        raise DirectoryError("Slack does not say whose an address is: no answer") from None
    if not isinstance(user, dict) or user.get("deleted") or user.get("is_bot"):
        return None
    return str(user["id"]) if user.get("id") else None


def _read(client: WebClient, group: str) -> Group:
    try:
        users: Any = client.usergroups_users_list(usergroup=group).get("users")
    except SlackApiError as error:
        raise DirectoryError(f"user group {group}: {_told(error)}") from None
    except (SlackClientError, HTTPException, OSError, ValueError):
        raise DirectoryError(f"user group {group}: Slack gave no answer") from None
    if not isinstance(users, list) or not all(isinstance(user, str) for user in users):
        raise DirectoryError(f"user group {group}: Slack gave an answer without members")
    return Group(group, tuple(Member(user) for user in users))


def _told(error: SlackApiError) -> str:
    code = _code(error)
    return MEANINGS.get(code, code or f"HTTP {error.response.status_code}")


def _code(error: SlackApiError) -> str:
    data = error.response.data
    return str(data.get("error", "")) if isinstance(data, dict) else ""
