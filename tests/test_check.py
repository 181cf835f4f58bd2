"""`gpubot check` names what is missing, against an embedded Slack that has or lacks it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import builders
import pytest
import yaml
from databases import new_database
from patience import PATIENCE_S
from postgres import give_back, new_postgres_database
from sqlmodel import col, select

from bot.check import check
from bot.config.problems import load_cluster
from bot.config.settings import SLACK_API_URL, Settings
from bot.main import Bot
from bot.sandbox import Sandbox, SandboxChannel, SandboxUser
from bot.services.replicas import Replica, forget_replicas, look_at_clock, look_at_replicas
from bot.services.site import Site
from bot.services.tick_claims import take_tick
from bot.slack.scopes import SCOPES
from bot.store import models
from bot.store.database import Database
from bot.store.migrate import newest_revision

MANIFEST = Path(__file__).parents[1] / "manifest.yml"

CONFIG = """
[cluster]
timezone = "Asia/Shanghai"
ops_channel = "C0OPS"
[[nodes]]
name = "gpu-01"
gpus = 4
model = "V100"
[[teams]]
name = "vision"
channel = "C0VISION"
members = ["U0ALICE", "U0BOB"]
[roles]
admins = ["U0ADMIN"]
"""


@pytest.fixture
def slack() -> Iterator[Sandbox]:
    users = [SandboxUser(f"U0{name.upper()}", name, name) for name in ("alice", "bob", "admin")]
    channels = [SandboxChannel("C0VISION", "vision"), SandboxChannel("C0OPS", "ops")]
    made = Sandbox(manifest=MANIFEST, users=users, channels=channels, ack_timeout=PATIENCE_S)
    with made.start() as workspace:
        yield workspace


@pytest.fixture
def settings(slack: Sandbox, tmp_path: Path) -> Settings:
    """Everything in order, over Socket Mode."""
    config = tmp_path / "gpubot.toml"
    config.write_text(CONFIG)
    url = new_database(tmp_path)
    return Settings(
        bot_token=slack.bot_token,
        app_token=slack.app_token,
        slack_api_url=slack.api_url,
        database_url=url,
        config_path=config,
    )


def lines(settings: Settings) -> list[str]:
    return [str(finding) for finding in check(settings)]


def bad_lines(settings: Settings) -> list[str]:
    return [line for line in lines(settings) if not line.startswith("✓")]


def test_the_scopes_looked_for_are_those_of_the_manifest() -> None:
    manifest = yaml.safe_load(MANIFEST.read_text())
    assert list(SCOPES) == manifest["oauth_config"]["scopes"]["bot"]


def test_with_everything_in_order_every_line_is_good(settings: Settings) -> None:
    found = lines(settings)
    assert bad_lines(settings) == []
    assert found == [
        f"✓ {settings.config_path}: 1 node, 4 GPUs, 1 team",
        f"✓ database {settings.database_url}: at revision {newest_revision()}",
        "✓ calendar page: complete",
        "✓ jobs: run as processes of this server, on gpu-01",
        f"✓ logs of runs: kept in {Path('logs').absolute()}",
        "✓ bot token: gpubot in Sandbox",
        f"✓ scopes: all {len(SCOPES)} granted",
        "✓ clock: goes with Slack's",
        "✓ channel C0VISION (of team vision): #vision",
        "✓ channel C0OPS (ops_channel): #ops",
        "✓ members: 3 profiles readable",
        "✓ app token: Socket Mode connections can be opened",
        "✓ sign-in: by the link of /gpu calendar",
    ]


def test_a_clock_that_is_off_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    class Ahead:
        def now(self) -> datetime:
            return datetime.now(UTC) + timedelta(hours=2)

    monkeypatch.setattr("bot.check.SystemClock", Ahead)
    (line,) = bad_lines(settings)
    assert line.startswith("✗ clock: 2:00:0")


@pytest.mark.postgresql
def test_replicas_that_were_started_with_something_else_are_told(settings: Settings) -> None:
    url = new_postgres_database()
    settings = replace(settings, database_url=url, port=0)
    found = lines(settings)
    assert "✓ clock: goes with the database server's" in found
    assert not any("at work" in line for line in found)
    bot = Bot(settings, load_cluster(settings.config_path))
    (presence,) = (tick for tick in bot._table() if tick.name == "replica")
    presence.run()
    try:
        alike = "replicas: 1 at work, all with this configuration and environment"
        assert f"✓ {alike}" in lines(settings)
        settings.config_path.write_text(CONFIG + "urgent = []\n")
        (line,) = bad_lines(replace(settings, ldap_password="hunter2"))
        assert "another configuration file and another environment (tokens, secrets)" in line
        settings.config_path.write_text(CONFIG)
        (line,) = bad_lines(replace(settings, alerts_token="hunter2"))
        assert "configuration file" not in line
    finally:
        bot.stop()
    assert not any("at work" in line for line in lines(settings))
    give_back(url)


@pytest.mark.postgresql
def test_replicas_that_are_long_gone_are_forgotten() -> None:
    url, now = new_postgres_database(), datetime.now(UTC)
    site = Site.open(Database(url), builders.cluster())
    gone, there = (Replica(host, "c", "s") for host in ("gone", "there"))
    take_tick(site, gone.claim, "1", wall=now - timedelta(days=2))
    take_tick(site, "runs", "1", wall=now - timedelta(days=2))
    take_tick(site, there.claim, "2", wall=now)
    forget_replicas(site, wall=now)
    with site.database.snapshot() as connection:
        names = set(connection.execute(select(col(models.TickClaim.name))).scalars())
        off = list(look_at_replicas(connection, Replica("here", "c", ""), wall=now))
        behind = look_at_clock(connection, wall=now - timedelta(hours=1))
    assert names == {there.claim, "runs"}
    assert [ok for ok, _ in off] == [False]
    assert (behind[0], "behind" in behind[1]) == (None, True)
    site.database.close()
    give_back(url)


def test_how_people_sign_in_on_the_page_is_told(settings: Settings) -> None:
    signing = replace(settings, client_id="1.2", client_secret="s", base_url="https://gpu.lab")
    assert lines(signing)[-1].endswith("is to be https://gpu.lab/sign-in/callback")
    at_slack = replace(signing, bot_token="", slack_api_url=SLACK_API_URL, app_token="")
    assert lines(at_slack)[-1].startswith("✓")
    plain = replace(at_slack, base_url="http://gpu.lab")
    assert lines(plain)[-1] == (
        "✗ sign-in: Slack sends people back over https only, not to http://gpu.lab/sign-in/callback"
    )


def test_over_http_the_signing_secret_is_needed_and_the_address_is_told(
    settings: Settings,
) -> None:
    over_http = replace(settings, app_token="", signing_secret="s", base_url="https://gpu.lab")
    assert "✓ signing secret: set; Slack is to call https://gpu.lab/slack/events" in lines(
        over_http
    )
    (line,) = bad_lines(replace(settings, app_token=""))
    assert "neither SLACK_APP_TOKEN nor SLACK_SIGNING_SECRET is set" in line


def test_a_missing_bot_token_is_named_and_slack_is_not_asked(
    settings: Settings, slack: Sandbox
) -> None:
    (line,) = bad_lines(replace(settings, bot_token=""))
    assert line.startswith("✗ SLACK_BOT_TOKEN is not set")
    assert slack.calls("auth.test") == []


def test_a_wrong_bot_token_is_named(settings: Settings) -> None:
    assert bad_lines(replace(settings, bot_token="xoxb-wrong")) == [
        "✗ SLACK_BOT_TOKEN: invalid_auth"
    ]


def test_a_wrong_app_token_is_named(settings: Settings) -> None:
    (line,) = bad_lines(replace(settings, app_token="xapp-wrong"))
    assert line.startswith("✗ SLACK_APP_TOKEN: invalid_auth; it needs the scope connections:write")


def test_each_missing_scope_is_named_with_what_it_is_for(
    settings: Settings, slack: Sandbox
) -> None:
    slack.scopes.difference_update({"im:write", "files:write"})
    first, second = bad_lines(settings)
    assert first.startswith("✗ scope im:write is missing (direct messages): add it under")
    assert second.startswith("✗ scope files:write is missing")


def test_without_the_right_to_look_at_channels_nothing_is_claimed_of_them(
    settings: Settings, slack: Sandbox
) -> None:
    slack.scopes.difference_update({"channels:read", "groups:read"})
    assert [line[0] for line in bad_lines(settings)] == ["✗", "✗", "–", "–"]


def test_an_unknown_channel_and_an_unknown_member_are_named_with_their_place(
    settings: Settings,
) -> None:
    settings.config_path.write_text(
        CONFIG.replace("C0VISION", "C0WRONG").replace("U0BOB", "U0NOBODY")
    )
    channel, member = bad_lines(settings)
    assert channel.startswith("✗ channel C0WRONG (of team vision): channel_not_found; check the id")
    assert member == "✗ member U0NOBODY (team vision): user_not_found"


def test_a_database_that_is_not_there_or_has_no_tables_is_named(
    settings: Settings, tmp_path: Path
) -> None:
    missing = replace(settings, database_url=f"sqlite:///{tmp_path / 'none.db'}")
    (line,) = bad_lines(missing)
    assert line.startswith("–")
    assert "does not exist yet; `gpubot serve` brings it up to date" in line
    assert not (tmp_path / "none.db").exists()
    (tmp_path / "none.db").touch()
    (line,) = bad_lines(missing)
    assert "has no tables yet; `gpubot serve` brings it up to date" in line


def test_a_database_in_a_folder_that_is_not_there_is_named(
    settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "nowhere"
    (line,) = bad_lines(replace(settings, database_url=f"sqlite:///{folder / 'gpubot.db'}"))
    assert line.startswith("✗")
    assert f"the folder {folder} is not there" in line


def test_a_file_that_is_no_database_is_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is no database, but it is long enough for a header\n")
    (line,) = bad_lines(replace(settings, database_url=f"sqlite:///{tmp_path / 'text.db'}"))
    assert "cannot be written to: file is not a database" in line


def test_a_bad_configuration_does_not_keep_the_rest_from_being_looked_at(
    settings: Settings,
) -> None:
    settings.config_path.write_text(CONFIG.replace("= 4", "= 0"))
    (line,) = bad_lines(settings)
    assert "nodes[1].gpus (gpu-01): found 0" in line
    assert "✓ app token: Socket Mode connections can be opened" in lines(settings)


def test_when_slack_cannot_be_reached_that_is_said(settings: Settings) -> None:
    away = replace(settings, slack_api_url="http://127.0.0.1:9/api/")
    first, second = bad_lines(away)
    assert first.startswith("✗ SLACK_BOT_TOKEN: Slack cannot be reached")
    assert second.startswith("✗ SLACK_APP_TOKEN: Slack cannot be reached")


def test_templates_that_could_run_nothing_are_named(settings: Settings, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    table = '[[jobs]]\nname = "pods"\nimage = "a"\n[[jobs]]\nname = "hidden"\ncommand = ["a"]\n'
    more = f'{table}secrets = {{ A = "vault/key" }}\n[runner]\nsecrets = "{secrets}"\n'
    settings.config_path.write_text(CONFIG + more)
    assert bad_lines(settings) == [
        "✗ job pods: has no command, and images are for Kubernetes only",
        "✗ job hidden: there is no secret vault/key; see runner.secrets",
    ]
    (secrets / "vault").mkdir(parents=True)
    (secrets / "vault" / "key").write_text("of-the-vault")
    assert len(bad_lines(settings)) == 1
    assert not any("of-the-vault" in line for line in lines(settings))


def test_what_keeps_jobs_from_running_on_this_server_is_told(settings: Settings) -> None:
    settings.config_path.write_text(f'{CONFIG}[runner.local]\nrun_as = "nobody-of-ours"\n')
    (found,) = bad_lines(settings)
    assert found.startswith("✗ jobs: ")
    assert "nobody-of-ours" in found
