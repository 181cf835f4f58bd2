"""The table `[ldap]`: where people and groups are kept, and who may do more than book."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, WithJsonSchema

from bot.config.tables import Table
from bot.config.values import AnswerTime
from bot.directory.settings import PEOPLE, REFRESH, DirectorySettings, LdapServer
from bot.domain.cluster import Team
from bot.domain.membership import Grant, Role, Source, grants_of_teams

ATTRIBUTE = r"^[a-zA-Z][a-zA-Z0-9-]{0,63}$"
GROUP = 'a group\'s name such as "cn=vision,ou=groups,dc=lab"'


def _address(value: object) -> str:
    """A directory's address; a password in it would be shown."""
    if not isinstance(value, str):
        raise ValueError("not an address")
    parts = urlsplit(value)
    if parts.scheme not in ("ldap", "ldaps") or not parts.hostname or "@" in parts.netloc:
        raise ValueError("not an address")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("more than a host and a port")
    if not re.fullmatch(r"[^:]*(:[0-9]+)?|\[.*\](:[0-9]+)?", parts.netloc):
        raise ValueError("not a port")
    return value.rstrip("/")


Address = Annotated[
    str,
    BeforeValidator(_address),
    WithJsonSchema({"type": "string", "pattern": "^ldaps?://[^/@]+/?$"}),
]


class LdapTable(Table):
    """The table `[ldap]`; without it no group of LDAP is read."""

    url: Address = Field(
        description='"ldap://HOST" or "ldaps://HOST", maybe with ":PORT", without a password'
    )
    base: str = Field(min_length=3, description='a name such as "dc=lab,dc=example"')
    bind_dn: str = Field(
        default="", description='the name of the account that reads, such as "cn=gpubot,dc=lab"'
    )
    start_tls: bool = Field(default=True, description="true or false")
    ca_file: str | None = Field(
        default=None, min_length=1, description="the path of a file with certificates"
    )
    user_filter: str = Field(
        default=PEOPLE,
        pattern=r"^\(.*\)$",
        max_length=2000,
        description='an LDAP filter such as "(objectClass=person)"',
    )
    mail: str = Field(default="mail", pattern=ATTRIBUTE, description="the name of an attribute")
    name: str = Field(
        default="displayName", pattern=ATTRIBUTE, description="the name of an attribute"
    )
    uid: str = Field(default="uid", pattern=ATTRIBUTE, description="the name of an attribute")
    timeout: int = Field(default=10, ge=1, le=30, description="a number of seconds from 1 to 30")
    refresh: AnswerTime = Field(default=REFRESH, description='a duration from "1m" to "1d"')
    admins_group: str | None = Field(default=None, min_length=3, description=GROUP)
    urgent_group: str | None = Field(default=None, min_length=3, description=GROUP)


def to_directories(table: LdapTable | None, teams: tuple[Team, ...]) -> DirectorySettings:
    """The directories that the file speaks of, and what their groups give."""
    grants = grants_of_teams(teams, ldap=table is not None)
    if table is None:
        return DirectorySettings(grants=grants)
    return DirectorySettings(
        ldap=LdapServer(
            url=table.url,
            base=table.base,
            bind_dn=table.bind_dn,
            start_tls=table.start_tls,
            ca_file=table.ca_file,
            user_filter=table.user_filter,
            mail=table.mail,
            name=table.name,
            uid=table.uid,
            timeout=timedelta(seconds=table.timeout),
        ),
        grants=(*grants, *_grants_of_roles(table)),
        refresh=table.refresh,
    )


def _grants_of_roles(table: LdapTable) -> list[Grant]:
    roles = ((table.admins_group, Role.ADMIN), (table.urgent_group, Role.URGENT))
    return [Grant(Source.LDAP, group, role) for group, role in roles if group]
