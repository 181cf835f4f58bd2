"""The table `[ldap]` and the groups that teams name."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.config.edges import to_edges
from bot.config.problems import read_text
from bot.config.settings import ConfigError
from bot.directory.settings import DirectorySettings, LdapServer
from bot.domain.membership import Grant, Role, Source

LAB = """
[cluster]
timezone = "UTC"
[[nodes]]
name = "gpu-01"
gpus = 4
model = "V100"
[[teams]]
name = "vision"
channel = "C0VISION"
"""
LDAP = """
[ldap]
url = "ldap://lab"
base = "dc=lab"
"""


def directories(text: str) -> DirectorySettings:
    return to_edges(read_text(text, "lab.toml")).directories


def test_without_any_group_there_is_nothing_to_read() -> None:
    assert directories(LAB) == DirectorySettings()


def test_a_directory_is_encrypted_and_checked_unless_something_else_is_said() -> None:
    server = directories(LAB + LDAP).ldap
    assert server == LdapServer("ldap://lab", "dc=lab")
    assert server is not None
    assert server.start_tls


def test_everything_that_can_be_said() -> None:
    text = LAB + 'ldap_group = "cn=v"\nldap_leads_group = "cn=l"\nusergroup = "S0V"\n' + LDAP
    more = """
bind_dn = "cn=gpubot"
start_tls = false
ca_file = "ca.pem"
user_filter = "(uid=*)"
mail = "email"
name = "gecos"
uid = "sAMAccountName"
timeout = 3
refresh = "1h"
admins_group = "cn=a"
urgent_group = "cn=u"
"""
    assert directories(text + more) == DirectorySettings(
        LdapServer(
            "ldap://lab", "dc=lab", "cn=gpubot", start_tls=False, ca_file="ca.pem",
            user_filter="(uid=*)", mail="email", name="gecos", uid="sAMAccountName",
            timeout=timedelta(seconds=3),
        ),
        grants=(
            Grant(Source.LDAP, "cn=v", Role.MEMBER, "vision"),
            Grant(Source.LDAP, "cn=l", Role.LEAD, "vision"),
            Grant(Source.USERGROUPS, "S0V", Role.MEMBER, "vision"),
            Grant(Source.LDAP, "cn=a", Role.ADMIN),
            Grant(Source.LDAP, "cn=u", Role.URGENT),
        ),
        refresh=timedelta(hours=1),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("url", '"https://lab"', 'ldap.url: found "https://lab"; allowed: "ldap://HOST"'),
        ("url", '"ldap://u:secret@lab"', 'ldap.url: found "ldap://…@lab"; allowed'),
        ("url", '"ldap://lab/dc=lab"', "ldap.url: found"),
        ("url", '"ldap://lab:port"', "ldap.url: found"),
        ("user_filter", '"uid=*"', 'ldap.user_filter: found "uid=*"; allowed: an LDAP filter'),
        ("mail", '"e mail"', 'ldap.mail: found "e mail"; allowed: the name of an attribute'),
        ("timeout", "0", "ldap.timeout: found 0; allowed: a number of seconds from 1 to 30"),
        ("refresh", '"1s"', 'ldap.refresh: found "1s"; allowed: a duration from "1m"'),
        ("start_tls", '"no"', 'ldap.start_tls: found "no"; allowed: true or false'),
        ("password", '"x"', "ldap.password is not known; allowed: url, base"),
    ],
)
def test_what_cannot_be_is_named(key: str, value: str, said: str) -> None:
    lines = [line for line in LDAP.splitlines() if not line.startswith(f"{key} =")]
    with pytest.raises(ConfigError) as caught:
        read_text("\n".join([LAB, *lines, f"{key} = {value}"]), "lab.toml")
    (problem,) = caught.value.problems
    assert problem.startswith(f"lab.toml: {said}"), problem


def test_a_workflow_may_book_for_somebody_whom_only_a_directory_knows() -> None:
    workflow = """
[[github]]
repository = "lab/yolo"
workflow = "train.yml"
team = "vision"
user = "U0ZOE"
gpus = 4
length = "20h"
"""
    with pytest.raises(ConfigError, match="only for teams that you are in"):
        read_text(LAB + workflow, "lab.toml")
    read_text(LAB + 'usergroup = "S0V"\n' + workflow, "lab.toml")
