"""Settings and the configuration file: what is good is read, what is bad is named."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import time, timedelta
from io import StringIO
from pathlib import Path

import pytest

from bot import logs
from bot.config.example import EXAMPLE
from bot.config.file import json_schema
from bot.config.problems import load_cluster, read_text
from bot.config.settings import VARIABLES, ConfigError, Settings
from bot.config.values import parse_duration, show_duration
from bot.domain.booking import Priority
from bot.domain.cluster import Cluster, Node, NoShow, Notify, Policy, Quota

GOOD = """
[cluster]
timezone = "Asia/Shanghai"
[[nodes]]
name = "gpu-01"
gpus = 4
model = "V100"
[[teams]]
name = "vision"
channel = "C0VISION"
"""


def problems_of(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        read_text(text, "gpubot.toml")
    return caught.value.problems


def cluster_of(text: str, folder: Path) -> Cluster:
    file = folder / "gpubot.toml"
    file.write_text(text, encoding="utf-8")
    return load_cluster(file)


def test_a_file_with_only_what_is_needed_takes_the_defaults_of_the_contract(
    tmp_path: Path,
) -> None:
    cluster = cluster_of(GOOD, tmp_path)
    assert cluster.policy == Policy()
    assert cluster.zone_name == "Asia/Shanghai"
    assert cluster.language == "en"
    assert cluster.nodes == (Node("gpu-01", 4, "V100"),)


def test_the_example_is_a_good_file_and_shows_the_defaults(tmp_path: Path) -> None:
    cluster = cluster_of(EXAMPLE, tmp_path)
    assert cluster.policy == Policy()
    assert cluster.teams[0].members == {"U0ALICE", "U0BOB"}
    assert cluster.urgent == {"U0ALICE"}


def test_what_the_example_comments_out_is_good_as_well(tmp_path: Path) -> None:
    lines = [
        line.removeprefix("# ") if line.startswith("# ") and ("=" in line or "[" in line) else line
        for line in EXAMPLE.splitlines()
    ]
    cluster = cluster_of("\n".join(lines), tmp_path)
    assert cluster.ops_channel == "C0OPS"
    assert cluster.policy.user_quota == Quota(400, 8, 10)
    assert cluster.policy.team_quota == Quota(gpu_hours_per_week=1500)


def test_every_policy_is_read(tmp_path: Path) -> None:
    cluster = cluster_of(
        GOOD
        + """
[policy]
slot = "1h"
horizon = "30d"
max_length = "3d"
warning = "45m"
notify = "direct"
overrun = 0
offer_expires = "20m"
no_show = "off"
no_show_after = "1h"
idle_after = "off"
extra_time = "0m"
digest = "7:30"
quiet_hours = "22:00-07:00"
""",
        tmp_path,
    )
    assert cluster.policy == Policy(
        slot=timedelta(hours=1),
        horizon=timedelta(days=30),
        max_length=dict.fromkeys(Priority, timedelta(days=3)),
        warning=timedelta(minutes=45),
        notify=Notify.DIRECT,
        overrun=0,
        offer_expires=timedelta(minutes=20),
        no_show=NoShow.OFF,
        no_show_after=timedelta(hours=1),
        idle_after=None,
        extra_time=timedelta(0),
        digest=time(7, 30),
        quiet_hours=(time(22), time(7)),
    )


@pytest.mark.parametrize(
    ("line", "digest", "quiet_hours"),
    [
        ('digest = "off"', None, None),
        ('digest = "00:00"', time(0), None),
        ("digest = 08:15:00", time(8, 15), None),
        ('quiet_hours = "off"', time(9), None),
        ('quiet_hours = "12:00 - 13:30"', time(9), (time(12), time(13, 30))),
    ],
)
def test_times_of_the_day_are_read(
    line: str, digest: time | None, quiet_hours: tuple[time, time] | None, tmp_path: Path
) -> None:
    policy = cluster_of(f"{GOOD}\n[policy]\n{line}", tmp_path).policy
    assert (policy.digest, policy.quiet_hours) == (digest, quiet_hours)


def test_the_longest_length_can_differ_by_priority(tmp_path: Path) -> None:
    text = GOOD + '[policy]\nmax_length = { p0 = "2d", p2 = "1d12h" }'
    assert cluster_of(text, tmp_path).policy.max_length == {
        Priority.P0: timedelta(days=2),
        Priority.P1: timedelta(days=7),
        Priority.P2: timedelta(hours=36),
    }


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("2h", timedelta(hours=2)),
        ("90d", timedelta(days=90)),
        ("30m", timedelta(minutes=30)),
        ("1d12h", timedelta(hours=36)),
        ("1w", timedelta(days=7)),
    ],
)
def test_a_duration_is_read(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length
    assert parse_duration(show_duration(length)) == length


@pytest.mark.parametrize("text", ["", "2", "h", "2 h", "-2h", "2h!", "1.5h", "٢h", 2, True, None])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


#: A line or table put into the good file → what the one problem says.
BAD_FILES = {
    'policy.slot = "5h"': (
        'policy.slot: found "5h"; allowed: one of 1h, 2h, 3h, 4h, 6h, 8h, 12h, 24h'
    ),
    "policy.slot = 2": "policy.slot: found 2; allowed: one of 1h",
    'policy.horizon = "400d"': 'policy.horizon: found "400d"; allowed: a duration from "1d"',
    "policy.horizon = 90": "policy.horizon: found 90; allowed: a duration",
    'policy.horizon = "999999999999d"': 'policy.horizon: found "999999999999d"; allowed',
    'policy.max_length = "9y"': 'policy.max_length: found "9y"; allowed: a duration',
    'policy.max_length = { p0 = "x" }': 'policy.max_length.p0: found "x"; allowed: a duration',
    'policy.max_length = { p3 = "2d" }': "policy.max_length.p3 is not known; allowed: p0, p1, p2",
    'policy.max_length = "1h"': (
        'policy.max_length: found "1h" for p0; allowed: at least one slot, 2h'
    ),
    'policy.notify = "all"': 'found "all"; allowed: "both", "channel" or "direct"',
    'policy.no_show = "Ask"': 'found "Ask"; allowed: "ask", "release" or "off"',
    "policy.overrun = 0.9": "policy.overrun: found 0.9; allowed: a number from 0 to 0.5",
    'policy.overrun = "0.1"': 'policy.overrun: found "0.1"; allowed: a number',
    "policy.overrun = true": "policy.overrun: found true; allowed: a number",
    'policy.extra_time = "2h"': 'policy.extra_time: found "2h"; allowed: a duration up to "1h"',
    'policy.digest = "9am"': 'policy.digest: found "9am"; allowed: a time of day such as "09:00"',
    'policy.digest = "24:00"': 'policy.digest: found "24:00"; allowed: a time of day',
    "policy.digest = false": "policy.digest: found false; allowed: a time of day",
    'policy.quiet_hours = "22:00"': 'policy.quiet_hours: found "22:00"; allowed: "off", or two',
    'policy.quiet_hours = "7:00-07:00"': 'found "7:00-07:00"; allowed: "off", or two different',
    "policy.quiet_hours = 22": "policy.quiet_hours: found 22; allowed: ",
    'policy.warnign = "30m"': "policy.warnign is not known; did you mean warning?",
    "policy.user_quota = { concurrent_gpus = 0 }": (
        "policy.user_quota.concurrent_gpus: found 0; allowed: a whole number above 0"
    ),
    "policy.team_quota = { gpus = 4 }": "policy.team_quota.gpus is not known; ",
    "policy = 3": "policy: found 3; allowed: a table",
    'polcy.slot = "2h"': "polcy is not known; did you mean policy?",
    "roles.admins = [4]": "roles.admins[1]: found 4; allowed: a list of Slack user ids",
    'roles.admins = ["U0A", "grace"]': 'roles.admins[2]: found "grace"; allowed: a list of Slack',
    'roles.urgent = "U0ALICE"': 'roles.urgent: found "U0ALICE"; allowed: a list of Slack user ids',
}


@pytest.mark.parametrize(("line", "said"), BAD_FILES.items(), ids=BAD_FILES)
def test_a_bad_value_is_named_with_file_key_and_what_is_allowed(line: str, said: str) -> None:
    problems = problems_of(line + GOOD)
    assert problems[0].startswith("gpubot.toml: ")
    assert said in problems[0]


#: A part of the good file → its bad replacement → what the one problem says.
BAD_PARTS = [
    ("Asia/Shanghai", "Mars/Olympus", 'cluster.timezone: found "Mars/Olympus"; allowed: an IANA'),
    ("Asia/Shanghai", "UTC+8", 'cluster.timezone: found "UTC+8"; allowed: an IANA time zone'),
    ("Asia/Shanghai", "", "cluster.timezone: found an empty text; allowed: an IANA time zone"),
    ("Asia/Shanghai", "../etc/passwd", "cluster.timezone: found"),
    ('timezone = "Asia/Shanghai"', "", "cluster.timezone is missing; allowed: an IANA"),
    ("[cluster]", "[cluster]\nname = 3", "cluster.name: found 3; allowed: 1 to 80 characters"),
    ("[cluster]", '[cluster]\nlanguage = "English"', 'cluster.language: found "English"'),
    ("[cluster]", '[cluster]\nops_channel = "#ops"', 'cluster.ops_channel: found "#ops"; allowed'),
    ("gpus = 4", 'gpus = "4"', 'nodes[1].gpus (gpu-01): found "4"; allowed: a whole number'),
    ("gpus = 4", "gpus = 0", "nodes[1].gpus (gpu-01): found 0; allowed: a whole number from 1"),
    ("gpus = 4", "gpus = 4.0", "nodes[1].gpus (gpu-01): found 4.0; allowed: a whole number"),
    ("gpus = 4", "", "nodes[1].gpus (gpu-01) is missing; allowed: a whole number"),
    ("V100", "RTX 4090", 'nodes[1].model (gpu-01): found "RTX 4090"; allowed: one word'),
    ("gpu-01", "01", 'nodes[1].name: found "01"; allowed: one word'),
    ("C0VISION", "vision", 'teams[1].channel (vision): found "vision"; allowed: a channel id'),
    ('"vision"', '"vision"\ncolor = "blue"', 'teams[1].color (vision): found "blue"; allowed'),
    ('"vision"', '"vision"\nmembers = ["@bob"]', 'teams[1].members[1] (vision): found "@bob"'),
    ('"vision"', '"vision"\nusergroup = "@v"', 'teams[1].usergroup (vision): found "@v"'),
    ('"vision"', '"vision"\nlead = "U0A"', "teams[1].lead (vision) is not known; did you mean le"),
    (
        "[[teams]]",
        '[[nodes]]\nname = "GPU-01"\ngpus = 4\nmodel = "V100"\n[[teams]]',
        'nodes: found the name "gpu-01" 2 times; allowed: once',
    ),
    (
        "[[teams]]",
        '[[teams]]\nname = "Vision"\nchannel = "C0X"\n[[teams]]',
        'teams: found the name "vision" 2 times; allowed: once',
    ),
    (
        "[[teams]]",
        '[[nodes]]\nname = "gpu-02"\ngpus = 4\nmodel = "v100"\n[[teams]]',
        'nodes: found the models "V100" and "v100"; allowed: one spelling',
    ),
]


@pytest.mark.parametrize(("part", "bad", "said"), BAD_PARTS, ids=[part[2] for part in BAD_PARTS])
def test_a_bad_part_is_named_by_its_place(part: str, bad: str, said: str) -> None:
    problems = problems_of(GOOD.replace(part, bad))
    assert len(problems) == 1
    assert f"gpubot.toml: {said}" in problems[0]


def test_all_problems_are_named_at_once() -> None:
    bad = GOOD.replace("Asia/Shanghai", "Mars").replace("= 4", "= 0").replace("C0V", "#v")
    assert len(problems_of('policy.slot = "5h"\n' + bad)) == 4


def test_an_empty_file_says_which_tables_are_missing() -> None:
    said = "\n".join(problems_of(""))
    assert "cluster is missing" in said
    assert "nodes is missing; allowed: one [[nodes]] table for each server" in said
    assert "teams is missing" in said


def test_lists_in_place_of_tables_are_named() -> None:
    assert problems_of('nodes = 3\nteams = [3]\n[cluster]\ntimezone = "UTC"') == (
        "gpubot.toml: nodes: found 3; allowed: one [[nodes]] table for each server",
        "gpubot.toml: teams[1]: found 3; allowed: a table",
    )


def test_a_slip_in_the_syntax_is_named_with_line_and_column() -> None:
    (problem,) = problems_of("[cluster]\nname = = 3\n")
    assert problem.startswith("gpubot.toml: not TOML: ")
    assert "(at line 2, column 8): name = = 3" in problem


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        load_cluster(tmp_path / "gpubot.toml")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "gpubot.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_cluster(tmp_path / "gpubot.toml")


def test_the_schema_describes_every_key_and_allows_no_other() -> None:
    schema = json.loads(json.dumps(json_schema()))
    assert schema["required"] == ["cluster", "nodes", "teams"]
    for table in (schema, *schema["$defs"].values()):
        if table["type"] == "object":
            assert table["additionalProperties"] is False
            assert all(key["description"] for key in table["properties"].values())


def test_the_schema_shows_defaults_as_one_writes_them() -> None:
    policy = json_schema()["$defs"]["PolicyTable"]["properties"]
    assert policy["slot"]["default"] == "2h"
    assert policy["horizon"]["default"] == "90d"
    assert policy["notify"]["default"] == "both"
    assert policy["digest"]["default"] == "09:00"
    assert policy["quiet_hours"]["default"] == "off"


def test_without_variables_the_defaults_of_the_contract_hold() -> None:
    settings = Settings.from_environment({})
    assert settings.slack_api_url == "https://slack.com/api/"
    assert settings.database_url == "sqlite:///gpubot.db"
    assert settings.config_path == Path("gpubot.toml")
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.base_url == "http://127.0.0.1:8080"
    assert settings.log_level == "INFO"


def test_every_variable_is_read() -> None:
    environment = {
        "SLACK_BOT_TOKEN": "xoxb-1-a",
        "SLACK_SIGNING_SECRET": "5ecret",
        "SLACK_APP_TOKEN": "xapp-1-a",
        "SLACK_API_URL": "http://127.0.0.1:9/api/",
        "SLACK_CLIENT_ID": "12.34",
        "SLACK_CLIENT_SECRET": "0ther",
        "GPUBOT_DATABASE_URL": "sqlite:////tmp/x.db",
        "GPUBOT_CONFIG": "lab.toml",
        "GPUBOT_HOST": "0.0.0.0",
        "GPUBOT_PORT": "80",
        "GPUBOT_BASE_URL": "https://gpu.example.org/",
        "GPUBOT_LOG_LEVEL": "debug",
        "GPUBOT_LOG_FORMAT": "JSON",
        "GPUBOT_GITHUB_SECRET": "0123456789abcdef",
        "GPUBOT_PROMETHEUS_TOKEN": "t0ken",
        "GPUBOT_ALERTS_TOKEN": "fedcba9876543210",
        "GPUBOT_LDAP_PASSWORD": "5ecret",
        "GPUBOT_URL": "https://gpu.example.org/",
        "GPUBOT_TOKEN": "gpubot_x",
    }
    assert set(environment) == set(VARIABLES)
    assert Settings.from_environment(environment) == Settings(
        bot_token="xoxb-1-a",
        signing_secret="5ecret",
        app_token="xapp-1-a",
        slack_api_url="http://127.0.0.1:9/api/",
        client_id="12.34",
        client_secret="0ther",
        database_url="sqlite:////tmp/x.db",
        config_path=Path("lab.toml"),
        host="0.0.0.0",
        port=80,
        base_url="https://gpu.example.org",
        log_level="DEBUG",
        log_format="json",
        github_secret="0123456789abcdef",
        prometheus_token="t0ken",
        alerts_token="fedcba9876543210",
        ldap_password="5ecret",
    )


BAD_VARIABLES = {
    ("GPUBOT_PORT", "http"): "GPUBOT_PORT: found 'http'; allowed: a number from 0",
    ("GPUBOT_PORT", "70000"): "GPUBOT_PORT: found '70000'; allowed",
    ("GPUBOT_LOG_LEVEL", "loud"): "GPUBOT_LOG_LEVEL: found 'loud'; allowed: DEBUG, INFO",
    ("GPUBOT_LOG_FORMAT", "xml"): "GPUBOT_LOG_FORMAT: found 'xml'; allowed: json, text",
    ("GPUBOT_GITHUB_SECRET", "short"): "GPUBOT_GITHUB_SECRET: found 5 characters; allowed: at",
    ("GPUBOT_ALERTS_TOKEN", "short"): "GPUBOT_ALERTS_TOKEN: found 5 characters; allowed: at",
    ("GPUBOT_PROMETHEUS_TOKEN", "a secret"): "GPUBOT_PROMETHEUS_TOKEN: found characters that no",
    ("GPUBOT_URL", "gpu.lab"): "GPUBOT_URL: found 'gpu.lab'; allowed: an http or https",
    ("GPUBOT_BASE_URL", "gpu.lab"): "GPUBOT_BASE_URL: found 'gpu.lab'; allowed: an http or https",
    ("GPUBOT_BASE_URL", "http://[gpu.lab]"): "GPUBOT_BASE_URL: found 'http://[gpu.lab]'; allowed",
    ("GPUBOT_BASE_URL", "https://gpu.lab:x"): "GPUBOT_BASE_URL: found 'https://gpu.lab:x'; allowed",
    ("GPUBOT_DATABASE_URL", "postgresql://u:p@x:secret@h"): "GPUBOT_DATABASE_URL: cannot be read",
    ("GPUBOT_DATABASE_URL", "sqlite://"): "GPUBOT_DATABASE_URL: found an SQLite URL without a file",
    ("GPUBOT_DATABASE_URL", "gpubot.db"): "GPUBOT_DATABASE_URL: cannot be read; allowed",
    ("GPUBOT_DATABASE_URL", "mysql://h/x"): "GPUBOT_DATABASE_URL: found a mysql URL; allowed",
    ("SLACK_API_URL", "https://slack.com"): "SLACK_API_URL: found 'https://slack.com'; allowed",
    ("SLACK_BOT_TOKEN", "xapp-1-secret"): "SLACK_BOT_TOKEN: found a token that begins with xapp-",
    ("SLACK_APP_TOKEN", "secret"): "SLACK_APP_TOKEN: found a token that has another form",
    ("GPUBOT_DATABASE", "x"): "GPUBOT_DATABASE is not known; did you mean GPUBOT_DATABASE_URL?",
    ("GPUBOT_CHEESECAKE", "x"): "GPUBOT_CHEESECAKE is not known; ",
}


@pytest.mark.parametrize(("variable", "said"), BAD_VARIABLES.items())
def test_a_bad_variable_is_named_and_secrets_are_not_shown(
    variable: tuple[str, str], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.from_environment(dict([variable]))
    assert caught.value.problems[0].startswith(said)
    assert "secret" not in str(caught.value)


def test_links_lead_to_an_address_of_ipv6_where_gpubot_listens_there() -> None:
    settings = Settings.from_environment({"GPUBOT_HOST": "::1", "GPUBOT_PORT": "8081"})
    assert settings.base_url == "http://[::1]:8081"


@pytest.mark.parametrize("given", ["SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET"])
def test_half_of_what_signs_people_in_is_named(given: str) -> None:
    with pytest.raises(ConfigError, match="are needed together"):
        Settings.from_environment({given: "12.34"})


def test_secrets_are_not_in_the_representation_of_settings() -> None:
    settings = Settings(
        bot_token="xoxb-hidden",
        app_token="xapp-hidden",
        signing_secret="hidden",
        client_secret="hidden",
        prometheus_token="hidden",
        alerts_token="hidden",
        ldap_password="hidden",
        database_url="postgresql://u:hidden@h/d",
    )
    assert "hidden" not in repr(settings)
    assert "hidden" not in settings.shown_database_url


@pytest.fixture
def _logging_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("_logging_restored")
def test_log_lines_are_single_and_hold_no_secrets() -> None:
    stream = StringIO()
    logs.set_up("INFO", stream)
    log = logging.getLogger("bot.test")
    try:
        raise ValueError("xoxb-123-abc\nsecond line")
    except ValueError:
        log.exception("typed\r\nby somebody, at wss://wss.slack.com/link/?ticket=1")
    log.info("https://hooks.slack.com/actions/T0/1/abc and xapp-1-A-2")
    log.info("Bearer gpubot_%s", "s_3-" * 8)
    logging.getLogger("slack_sdk").debug("a whole request")
    written = stream.getvalue()
    assert len(written.splitlines()) == 3
    for secret in ("123-abc", "ticket", "T0/1", "1-A-2", "s_3-", "whole request"):
        assert secret not in written
    assert "Traceback" in written
