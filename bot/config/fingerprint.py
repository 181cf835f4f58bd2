"""Whether processes were started alike, without telling with what."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import fields

from bot.config.settings import Settings

#: What may be another for each process, or names the same database in another way.
OWN = frozenset(
    {"host", "port", "log_level", "log_format", "database_url", "config_path", "base_url"}
)
#: So many hexadecimal digits tell apart what is not chosen to be taken for another.
DIGITS = 12


def fingerprints(settings: Settings) -> tuple[str, str]:
    """Of the configuration file, and of what stands in the environment."""
    return _of_config(settings), _of_settings(settings)


def _of_config(settings: Settings) -> str:
    """As it stands there now; empty: it cannot be read."""
    try:
        content = settings.config_path.read_bytes()
    except OSError:
        return ""
    return hashlib.sha256(content).hexdigest()[:DIGITS]


def _of_settings(settings: Settings) -> str:
    """Nobody can try out secrets by it who does not know the bot's token."""
    names = sorted(field.name for field in fields(settings) if field.name not in OWN)
    content = json.dumps([getattr(settings, name) for name in names]).encode()
    return hmac.new(settings.bot_token.encode(), content, hashlib.sha256).hexdigest()[:DIGITS]
