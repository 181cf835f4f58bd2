"""The app as it is installed in the workspace, read from its manifest."""

import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bot.sandbox.records import Json


@dataclass(frozen=True)
class SlashCommand:
    """A slash command of the manifest; `command` begins with a slash."""

    command: str
    description: str
    usage_hint: str
    should_escape: bool


@dataclass
class InstalledApp:
    """Names, ids, tokens and rights of the installed app.

    `scopes` may be changed while the workspace runs, to see what the bot does without one.
    """

    name: str
    description: str
    commands: dict[str, SlashCommand]
    scopes: set[str]
    events: frozenset[str]
    home_enabled: bool
    interactive: bool
    app_id: str
    bot_id: str
    bot_user_id: str
    bot_token: str = field(default_factory=lambda: f"xoxb-{secrets.token_hex(16)}")
    app_token: str = field(default_factory=lambda: f"xapp-1-{secrets.token_hex(16)}")
    signing_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    verification_token: str = field(default_factory=lambda: secrets.token_hex(12))
    client_id: str = field(default_factory=lambda: f"{_digits()}.{_digits()}")
    client_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    #: Where *Sign in with Slack* may send people back to.
    redirect_urls: set[str] = field(default_factory=set)


def read_manifest(path: Path) -> InstalledApp:
    """Install the app a manifest describes.

    Raises ValueError where the manifest lacks its name or is no YAML mapping.
    """
    manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    name = _at(manifest, "features", "bot_user", "display_name") or _at(
        manifest, "display_information", "name"
    )
    if not isinstance(name, str):
        raise ValueError(f"{path}: display_information.name is missing")
    tag = re.sub(r"[^A-Z0-9]", "", name.upper())
    return InstalledApp(
        name=name,
        description=_at(manifest, "display_information", "description") or "",
        commands=_commands(_at(manifest, "features", "slash_commands") or []),
        scopes=set(_at(manifest, "oauth_config", "scopes", "bot") or []),
        events=frozenset(_at(manifest, "settings", "event_subscriptions", "bot_events") or []),
        home_enabled=bool(_at(manifest, "features", "app_home", "home_tab_enabled")),
        interactive=bool(_at(manifest, "settings", "interactivity", "is_enabled")),
        app_id=f"A0{tag}",
        bot_id=f"B0{tag}",
        bot_user_id=f"U0{tag}",
        redirect_urls=set(_at(manifest, "oauth_config", "redirect_urls") or []),
    )


def _commands(entries: list[Json]) -> dict[str, SlashCommand]:
    commands = (
        SlashCommand(
            command=entry["command"],
            description=entry.get("description", ""),
            usage_hint=entry.get("usage_hint", ""),
            should_escape=bool(entry.get("should_escape", False)),
        )
        for entry in entries
    )
    return {command.command: command for command in commands}


def _digits() -> str:
    return f"{secrets.randbelow(10**12):012}"


def _at(tree: object, *keys: str) -> Any:
    for key in keys:
        if not isinstance(tree, dict):
            return None
        tree = tree.get(key)
    return tree
