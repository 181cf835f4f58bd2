"""Settings from the environment (design, section 3: "Environment").

What operators say about the lab itself, its nodes, teams and policy, stands in a file: see
`bot.config.file`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from bot.loopback import web_address

SLACK_API_URL = "https://slack.com/api/"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LOG_FORMATS = ("json", "text")
#: A webhook's secret or token with fewer characters could be guessed.
SHORTEST_SECRET = 16

#: Every variable gpubot reads; GPUBOT_URL and GPUBOT_TOKEN are for its commands in pipelines.
VARIABLES = (
    "SLACK_BOT_TOKEN",
    "SLACK_SIGNING_SECRET",
    "SLACK_APP_TOKEN",
    "SLACK_API_URL",
    "SLACK_CLIENT_ID",
    "SLACK_CLIENT_SECRET",
    "GPUBOT_DATABASE_URL",
    "GPUBOT_CONFIG",
    "GPUBOT_HOST",
    "GPUBOT_PORT",
    "GPUBOT_BASE_URL",
    "GPUBOT_LOG_LEVEL",
    "GPUBOT_LOG_FORMAT",
    "GPUBOT_GITHUB_SECRET",
    "GPUBOT_PROMETHEUS_TOKEN",
    "GPUBOT_ALERTS_TOKEN",
    "GPUBOT_LDAP_PASSWORD",
    "GPUBOT_URL",
    "GPUBOT_TOKEN",
)


class ConfigError(Exception):
    """The configuration cannot be used; `problems` names everything that is wrong with it."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this process runs. Tokens, secrets and the database's password never show in `repr`."""

    bot_token: str = field(default="", repr=False)
    #: Proves that a request over HTTP comes from Slack; empty: HTTP requests are refused.
    signing_secret: str = field(default="", repr=False)
    #: Set: Socket Mode. Empty: Slack calls us over HTTP.
    app_token: str = field(default="", repr=False)
    #: Base of Slack's Web API, ends in `/api/`.
    slack_api_url: str = SLACK_API_URL
    #: With its secret: people sign in on the page with Slack, instead of by links.
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    database_url: str = field(default="sqlite:///gpubot.db", repr=False)
    config_path: Path = Path("gpubot.toml")
    host: str = "127.0.0.1"
    #: 0 takes a free port.
    port: int = 8080
    #: Public address for links, without a slash at its end; empty: where gpubot listens.
    base_url: str = "http://127.0.0.1:8080"
    log_level: str = "INFO"
    #: `json` or `text`; empty: whatever suits what it is written to.
    log_format: str = ""
    #: Proves that a webhook comes from GitHub; empty: there is no such webhook.
    github_secret: str = field(default="", repr=False)
    #: Sent to Prometheus as a bearer token; empty: none is.
    prometheus_token: str = field(default="", repr=False)
    #: Proves that a webhook comes from Alertmanager; empty: there is no such webhook.
    alerts_token: str = field(default="", repr=False)
    #: Of the account that reads LDAP.
    ldap_password: str = field(default="", repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read and check the variables; unset and empty ones take their defaults.

        Raises ConfigError naming every variable that cannot be used.
        """
        given = {name: environment.get(name, "").strip() for name in VARIABLES}
        problems = [*_problems(given), *_unknown(environment)]
        if problems:
            raise ConfigError(problems)
        return _settings(given)

    @property
    def socket_mode(self) -> bool:
        """Whether gpubot connects to Slack, instead of Slack calling gpubot."""
        return bool(self.app_token)

    @property
    def open_id(self) -> bool:
        """Whether people sign in on the page with Slack (OpenID Connect)."""
        return bool(self.client_id)

    @property
    def shown_database_url(self) -> str:
        """The database's address without its password."""
        return make_url(self.database_url).render_as_string(hide_password=True)

    def missing_for_slack(self) -> tuple[str, ...]:
        """What must be set before gpubot can talk to Slack; empty when nothing is missing."""
        missing = []
        if not self.bot_token:
            missing.append(
                "SLACK_BOT_TOKEN is not set: it begins with xoxb- and stands under "
                "“OAuth & Permissions” of the Slack app"
            )
        if not self.app_token and not self.signing_secret:
            missing.append(
                "neither SLACK_APP_TOKEN nor SLACK_SIGNING_SECRET is set: set the first "
                "(xapp-…, with the scope connections:write) for Socket Mode, or the second "
                "when Slack calls gpubot over HTTP"
            )
        return tuple(missing)


def _settings(given: Mapping[str, str]) -> Settings:
    defaults = Settings()
    host = given["GPUBOT_HOST"] or defaults.host
    port = int(given["GPUBOT_PORT"] or defaults.port)
    return replace(
        defaults,
        bot_token=given["SLACK_BOT_TOKEN"],
        signing_secret=given["SLACK_SIGNING_SECRET"],
        app_token=given["SLACK_APP_TOKEN"],
        slack_api_url=given["SLACK_API_URL"] or defaults.slack_api_url,
        client_id=given["SLACK_CLIENT_ID"],
        client_secret=given["SLACK_CLIENT_SECRET"],
        database_url=given["GPUBOT_DATABASE_URL"] or defaults.database_url,
        config_path=Path(given["GPUBOT_CONFIG"] or defaults.config_path),
        host=host,
        port=port,
        base_url=given["GPUBOT_BASE_URL"].rstrip("/") or _local_address(host, port),
        log_level=given["GPUBOT_LOG_LEVEL"].upper() or defaults.log_level,
        log_format=given["GPUBOT_LOG_FORMAT"].lower(),
        github_secret=given["GPUBOT_GITHUB_SECRET"],
        prometheus_token=given["GPUBOT_PROMETHEUS_TOKEN"],
        alerts_token=given["GPUBOT_ALERTS_TOKEN"],
        ldap_password=given["GPUBOT_LDAP_PASSWORD"],
    )


def _local_address(host: str, port: int) -> str:
    """Empty for any free port: it is known once gpubot listens there."""
    return web_address(host, port) if port else ""


def _problems(given: Mapping[str, str]) -> Iterable[str]:
    """What is wrong with the variables that are set. Values of secrets are never shown."""
    for name, check in _CHECKS.items():
        if given[name] and (problem := check(given[name])):
            yield f"{name}: {problem}"
    yield from _half_a_pair(given)


def _half_a_pair(given: Mapping[str, str]) -> Iterable[str]:
    pair = ("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET")
    missing = [name for name in pair if not given[name]]
    if len(missing) == 1:
        yield f"{missing[0]} is not set: {pair[0]} and {pair[1]} are needed together"


def _unknown(environment: Mapping[str, str]) -> Iterable[str]:
    """Variables that look like ours and are not: a misspelt one would be ignored silently."""
    for name in sorted(environment):
        if name.startswith("GPUBOT_") and name not in VARIABLES:
            close = difflib.get_close_matches(name, VARIABLES, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(VARIABLES)}"
            yield f"{name} is not known; {hint}"


def _token(prefix: str) -> re.Pattern[str]:
    return re.compile(rf"{prefix}-[A-Za-z0-9-]+")


def _check_bot_token(value: str) -> str:
    return "" if _token("xoxb").fullmatch(value) else _wrong_token(value, "xoxb-")


def _check_app_token(value: str) -> str:
    return "" if _token("xapp").fullmatch(value) else _wrong_token(value, "xapp-")


def _wrong_token(value: str, wanted: str) -> str:
    found = re.match(r"x[a-z]{3}-", value)
    begins = f"begins with {found[0]}" if found else "has another form"
    return f"found a token that {begins}; allowed: one that begins with {wanted}"


def _check_api_url(value: str) -> str:
    if _is_web_address(value) and value.endswith("/api/"):
        return ""
    return f"found {value!r}; allowed: an http or https address that ends in /api/"


def _check_base_url(value: str) -> str:
    if _is_web_address(value):
        return ""
    return f"found {value!r}; allowed: an http or https address"


def _check_secret(value: str) -> str:
    if len(value) >= SHORTEST_SECRET:
        return ""
    return f"found {len(value)} characters; allowed: at least {SHORTEST_SECRET}, made at random"


def _check_header_token(value: str) -> str:
    if value.isascii() and value.isprintable() and " " not in value:
        return ""
    return "found characters that no HTTP header may have; allowed: a token in one word"


def _is_web_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        is_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and is_port


def _check_port(value: str) -> str:
    if value.isascii() and value.isdigit() and int(value) <= 65535:
        return ""
    return f"found {value!r}; allowed: a number from 0 (any free port) to 65535"


def _check_log_level(value: str) -> str:
    if value.upper() in LOG_LEVELS:
        return ""
    return f"found {value!r}; allowed: {', '.join(LOG_LEVELS)}"


def _check_log_format(value: str) -> str:
    if value.lower() in LOG_FORMATS:
        return ""
    return f"found {value!r}; allowed: {', '.join(LOG_FORMATS)}"


def check_database_url(value: str) -> str:
    """What is wrong with an address of a database; empty: nothing that can be told from it."""
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        # What it says of a port may be a piece of the password.
        return (
            "cannot be read; allowed: an SQLAlchemy URL such as sqlite:///gpubot.db, in which a"
            " password has %40 for @"
        )
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        return (
            f"found a {url.get_backend_name()} URL; allowed: sqlite:///FILE or"
            " postgresql://USER:PASSWORD@HOST/DATABASE"
        )
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        return "found an SQLite URL without a file; allowed: sqlite:///FILE"
    return ""


_CHECKS = {
    "SLACK_BOT_TOKEN": _check_bot_token,
    "SLACK_APP_TOKEN": _check_app_token,
    "SLACK_API_URL": _check_api_url,
    "GPUBOT_DATABASE_URL": check_database_url,
    "GPUBOT_PORT": _check_port,
    "GPUBOT_BASE_URL": _check_base_url,
    "GPUBOT_URL": _check_base_url,
    "GPUBOT_GITHUB_SECRET": _check_secret,
    "GPUBOT_PROMETHEUS_TOKEN": _check_header_token,
    "GPUBOT_ALERTS_TOKEN": _check_secret,
    "GPUBOT_LOG_LEVEL": _check_log_level,
    "GPUBOT_LOG_FORMAT": _check_log_format,
}
