"""Who is in which team and role where a directory says so: LDAP, or Slack's user groups.

What the configuration file says always counts; directories add to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from bot.domain.cluster import Cluster, Team


class Source(StrEnum):
    """A directory that groups are read from."""

    LDAP = "ldap"
    USERGROUPS = "usergroups"


class Role(StrEnum):
    """What everybody in a group is."""

    MEMBER = "member"
    LEAD = "lead"
    ADMIN = "admin"
    URGENT = "urgent"


@dataclass(frozen=True, slots=True)
class Grant:
    """A role that everybody in one group of a directory has."""

    source: Source
    group: str
    role: Role
    #: Whose members or leads they are; empty for roles in the whole cluster.
    team: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a group, as the directory knows them."""

    #: What the directory calls them: a distinguished name, or a Slack user id.
    key: str
    name: str = ""
    #: E-mail addresses in lower case; none where the key is a Slack user id.
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """One group with everybody in it, also by way of groups within."""

    name: str
    members: tuple[Member, ...]
    #: How many people it has besides, of whom no e-mail address is known.
    without_mail: int = 0


#: The Slack users in each group.
Users = Mapping[tuple[Source, str], frozenset[str]]


@dataclass(frozen=True, slots=True)
class Configured:
    """What the operators wrote: the cluster, and which groups add people to it."""

    cluster: Cluster
    grants: tuple[Grant, ...] = ()

    def groups(self, source: Source) -> tuple[str, ...]:
        """The groups to be read from one directory, each once."""
        return tuple(dict.fromkeys(g.group for g in self.grants if g.source is source))

    def merged(self, users: Users) -> Cluster:
        """The cluster with those added whom directories name."""

        def granted(role: Role, team: str = "") -> frozenset[str]:
            keys = ((g.source, g.group) for g in self.grants if (g.role, g.team) == (role, team))
            return frozenset[str]().union(*(users.get(key, frozenset()) for key in keys))

        return replace(
            self.cluster,
            teams=tuple(
                replace(
                    team,
                    members=team.members | granted(Role.MEMBER, team.name),
                    leads=team.leads | granted(Role.LEAD, team.name),
                )
                for team in self.cluster.teams
            ),
            admins=self.cluster.admins | granted(Role.ADMIN),
            urgent=self.cluster.urgent | granted(Role.URGENT),
        )


def grants_of_teams(teams: Iterable[Team], *, ldap: bool) -> tuple[Grant, ...]:
    """Which groups make members and leads of the teams; those of LDAP only where there is one."""
    found: list[Grant] = []
    for team in teams:
        if ldap and team.ldap_group:
            found.append(Grant(Source.LDAP, team.ldap_group, Role.MEMBER, team.name))
        if ldap and team.ldap_leads_group:
            found.append(Grant(Source.LDAP, team.ldap_leads_group, Role.LEAD, team.name))
        if team.usergroup:
            found.append(Grant(Source.USERGROUPS, team.usergroup, Role.MEMBER, team.name))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Gained:
    """A role that some people have now and had not, or had and have no more."""

    role: Role
    #: Empty for roles in the whole cluster.
    team: str
    users: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What became of people between two states of a cluster; everything in a stable order."""

    #: Team, and who is in it now.
    joined: tuple[tuple[str, tuple[str, ...]], ...] = ()
    #: User, and the team they are in no more.
    left: tuple[tuple[str, str], ...] = ()
    gained: tuple[Gained, ...] = ()
    lost: tuple[Gained, ...] = ()


def changes_between(before: Cluster, after: Cluster) -> Changes:
    """Who joined or left which team, and gained or lost which role."""
    pairs = [(before.team(team.name) or Team(team.name, ""), team) for team in after.teams]
    people = [(now.name, _people(was), _people(now)) for was, now in pairs]
    roles = [
        *((Role.LEAD, now.name, was.leads, now.leads) for was, now in pairs),
        (Role.ADMIN, "", before.admins, after.admins),
        (Role.URGENT, "", before.urgent, after.urgent),
    ]
    return Changes(
        joined=tuple((team, _more(now, was)) for team, was, now in people if now - was),
        left=tuple((user, team) for team, was, now in people for user in _more(was, now)),
        gained=tuple(Gained(r, team, _more(now, was)) for r, team, was, now in roles if now - was),
        lost=tuple(Gained(r, team, _more(was, now)) for r, team, was, now in roles if was - now),
    )


def _people(team: Team) -> frozenset[str]:
    return team.members | team.leads


def _more(users: frozenset[str], than: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(users - than))
