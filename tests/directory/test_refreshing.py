"""Directories over a real LDAP server and the embedded Slack: read, matched, made known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import builders
import pytest
from builders import NOW
from databases import new_database
from ldap3 import MODIFY_ADD, MODIFY_REPLACE
from patience import PATIENCE_S
from slack_sdk import WebClient
from slapd import BASE, PASSWORD, Slapd, group, group_of, name_of, needs_slapd, person

from bot.directory.settings import DirectorySettings, LdapServer
from bot.domain.cluster import Cluster
from bot.domain.membership import Configured, Grant, Role, Source, grants_of_teams
from bot.sandbox import Sandbox, SandboxUser, SandboxUsergroup
from bot.services.directory import source_state
from bot.services.nodes import sync_nodes
from bot.services.site import Site
from bot.store import models, queries
from bot.store.database import Database
from bot.ticks.directory import ADDRESSES_AT_ONCE, Directories

MANIFEST = Path(__file__).parents[2] / "manifest.yml"
NAMES = ["zoe", "yan", "xue", *(f"crowd{number}" for number in range(12))]
MINUTE = timedelta(minutes=1)


def slack_id(name: str) -> str:
    return f"U0{name.upper()}"


@dataclass
class Lab:
    """Directories that are read when a test says so."""

    slack: Sandbox
    folder: Path
    now: datetime = NOW
    database: Database | None = None

    def directories(self, ldap: LdapServer | None, *more: Grant) -> Directories:
        """As one process would have them; each call is another process over one database."""
        cluster = lab_cluster()
        if self.database is None:
            self.database = Database(new_database(self.folder))
        site = Site.open(self.database, cluster)
        sync_nodes(site, now=NOW)
        grants = (*grants_of_teams(cluster.teams, ldap=ldap is not None), *more)
        client = WebClient(self.slack.bot_token, self.slack.api_url, timeout=5, retry_handlers=[])
        client.proxy = None
        return Directories(
            site,
            Configured(cluster, grants),
            DirectorySettings(ldap, grants),
            client,
            PASSWORD,
            lambda: self.now,
        )

    def later(self, minutes: int) -> None:
        self.now += minutes * MINUTE

    def told(self) -> list[str]:
        """Subjects of what the operators were told."""
        assert self.database is not None
        with self.database.snapshot() as connection:
            rows: list[Any] = list(connection.execute(queries.columns(models.Outbox)))
        return [row.subject for row in rows if row.topic == "directory"]


def lab_cluster() -> Cluster:
    cluster = builders.cluster()
    vision, nlp = cluster.teams
    leads = group_of("leads")
    vision = replace(vision, ldap_group=group_of("vision"), ldap_leads_group=leads)
    return replace(cluster, teams=(vision, replace(nlp, usergroup="S0NLP")))


@pytest.fixture
def slack() -> Iterator[Sandbox]:
    users = [SandboxUser(slack_id(n), n, n.title(), email=f"{n}@LAB.example") for n in NAMES]
    groups = [SandboxUsergroup("S0NLP", "nlp", "NLP", ["U0YAN"])]
    made = Sandbox(
        manifest=MANIFEST, users=users, channels=[], usergroups=groups, ack_timeout=PATIENCE_S
    )
    with made as workspace:
        yield workspace


@pytest.fixture
def lab(slack: Sandbox, tmp_path: Path) -> Iterator[Lab]:
    made = Lab(slack, tmp_path)
    yield made
    if made.database is not None:
        made.database.close()


def members(directories: Directories, team: str = "vision") -> set[str]:
    """Whom directories added to a team."""
    found = directories.site.cluster.team(team)
    before = directories.configured.cluster.team(team)
    assert found is not None
    assert before is not None
    return set((found.members | found.leads) - (before.members | before.leads))


def problem(directories: Directories, source: Source = Source.LDAP) -> str:
    return source_state(directories.site, source).problem or ""


@pytest.fixture
def slapd(new_slapd: Callable[..., Slapd]) -> Slapd:
    """Zoe and Xue are in team vision, Xue leads it."""
    server = new_slapd()
    for name in NAMES:
        server.add(person(name))
    server.add(group("vision", [name_of("zoe"), name_of("xue")]))
    server.add(group("leads", [name_of("xue")]))
    return server


@needs_slapd
def test_who_is_in_ldap_and_in_slack_is_in_the_team(lab: Lab, slapd: Slapd) -> None:
    server = lab.directories(slapd.settings(), Grant(Source.LDAP, "vision", Role.URGENT))
    server.refresh()
    server.match()
    vision, nlp = server.site.cluster.teams
    assert members(server) == {"U0ZOE", "U0XUE"}
    assert "U0XUE" in vision.leads
    assert {"U0ZOE", "U0XUE"} < server.site.cluster.urgent
    assert "U0YAN" in nlp.members
    assert (problem(server), lab.told()) == ("", [])


@needs_slapd
def test_slack_is_asked_for_a_few_people_at_a_time_and_once(lab: Lab, slapd: Slapd) -> None:
    slapd.change(group_of("vision"), {"member": [(MODIFY_ADD, [name_of(n) for n in NAMES[3:]])]})
    slapd.add(person("nobody"))
    slapd.change(group_of("vision"), {"member": [(MODIFY_ADD, [name_of("nobody")])]})
    server = lab.directories(slapd.settings())
    server.refresh()
    asked = []
    for _ in range(5):
        server.match()
        asked.append(len(lab.slack.calls("users.lookupByEmail")))
    assert asked == [ADDRESSES_AT_ONCE, 15, 15, 15, 15]
    assert len(members(server)) == 14


@needs_slapd
def test_when_slack_asks_to_wait_what_is_known_is_kept_and_the_rest_comes_later(
    lab: Lab, slapd: Slapd
) -> None:
    server = lab.directories(slapd.settings())
    server.refresh()
    lab.slack.faults.add("users.lookupByEmail", "rate_limited", times=1)
    server.match()
    assert members(server) == set()
    server.match()
    assert members(server) == {"U0ZOE", "U0XUE"}


@needs_slapd
def test_a_server_that_is_killed_changes_nobodys_rights_and_is_told_once_until_it_is_back(
    lab: Lab, slapd: Slapd
) -> None:
    server = lab.directories(slapd.settings())
    server.refresh()
    server.match()
    slapd.stop()
    for _ in range(3):
        lab.later(10)
        server.refresh()
    assert members(server) == {"U0ZOE", "U0XUE"}
    assert problem(server).endswith("cannot be reached: connection refused")
    assert lab.told() == ["directory:ldap:1"]
    slapd.start()
    slapd.change(group_of("vision"), {"member": [(MODIFY_REPLACE, [name_of("xue")])]})
    lab.later(10)
    server.refresh()
    assert problem(server) == ""
    assert members(server) == {"U0XUE"}
    assert lab.told() == ["directory:ldap:1"] * 2


@needs_slapd
def test_a_group_that_vanished_changes_nobodys_rights(lab: Lab, slapd: Slapd) -> None:
    server = lab.directories(slapd.settings())
    server.refresh()
    server.match()
    slapd.delete(group_of("vision"))
    lab.later(10)
    server.refresh()
    assert members(server) == {"U0ZOE", "U0XUE"}
    assert "is not there, or the account may not read it" in problem(server)


@needs_slapd
def test_groups_that_are_all_empty_at_once_change_nobodys_rights(lab: Lab, slapd: Slapd) -> None:
    server = lab.directories(slapd.settings())
    server.refresh()
    server.match()
    for name in ("vision", "leads"):
        slapd.delete(group_of(name))
        empty = {"objectClass": ["posixGroup"], "gidNumber": 9}
        slapd.add({group_of(name): empty})
    lab.later(10)
    server.refresh()
    assert members(server) == {"U0ZOE", "U0XUE"}
    assert problem(server).startswith("nobody is left of the 3 people it had in its groups")


@needs_slapd
def test_what_one_process_has_read_another_makes_known_and_does_not_read_again(
    lab: Lab, slapd: Slapd
) -> None:
    one, other = lab.directories(slapd.settings()), lab.directories(slapd.settings())
    one.refresh()
    one.match()
    slapd.stop()
    other.refresh()
    assert problem(other) == ""
    other.match()
    assert members(other) == {"U0ZOE", "U0XUE"}
    restarted = lab.directories(slapd.settings())
    restarted.adopt()
    assert members(restarted) == {"U0ZOE", "U0XUE"}


@needs_slapd
def test_a_group_that_is_new_in_the_configuration_is_read_at_once(lab: Lab, slapd: Slapd) -> None:
    lab.directories(slapd.settings()).refresh()
    server = lab.directories(slapd.settings(), Grant(Source.LDAP, group_of("leads"), Role.ADMIN),
                             Grant(Source.LDAP, f"cn=none,{BASE}", Role.ADMIN))  # fmt: skip
    server.refresh()
    assert "cn=none,dc=lab is not there" in problem(server)


def test_the_password_is_not_shown(lab: Lab) -> None:
    server = lab.directories(LdapServer("ldap://lab", "dc=lab"))
    assert PASSWORD not in repr(server)


def test_user_groups_alone_need_no_ldap(lab: Lab) -> None:
    server = lab.directories(None)
    server.refresh()
    assert members(server, "nlp") == {"U0YAN"}
    assert lab.slack.calls("users.lookupByEmail") == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("plan_upgrade_required", "user groups need a paid plan of Slack; list the members"),
        ("missing_scope", "the app lacks a scope: `gpubot check` names it"),
        ("no_such_subteam", "there is no such user group"),
        ("something_new", "something_new"),
    ],
)
def test_user_groups_that_slack_does_not_give_are_told_of(lab: Lab, fault: str, said: str) -> None:
    server = lab.directories(None)
    server.refresh()
    lab.slack.faults.add("usergroups.users.list", "error", code=fault)
    lab.later(10)
    server.refresh()
    assert problem(server, Source.USERGROUPS).startswith(f"user group S0NLP: {said}")
    assert members(server, "nlp") == {"U0YAN"}


@pytest.mark.parametrize("fault", ["http_500", "drop_connection", "garbage"])
def test_a_slack_that_is_away_changes_nobodys_rights(lab: Lab, fault: str) -> None:
    server = lab.directories(None)
    server.refresh()
    lab.slack.faults.add("usergroups.users.list", fault)
    lab.later(10)
    server.refresh()
    assert problem(server, Source.USERGROUPS).startswith("user group S0NLP: ")
    assert members(server, "nlp") == {"U0YAN"}
