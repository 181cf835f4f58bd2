"""What operators say about the directories: where they are, and what they give."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bot.domain.membership import Grant

#: How often directories are read when nothing else is said.
REFRESH = timedelta(minutes=10)
#: Entries that are people, in most directories.
PEOPLE = "(|(objectClass=person)(objectClass=posixAccount))"


@dataclass(frozen=True, slots=True)
class LdapServer:
    """An LDAP directory, and how people look in it. Its password is no part of this."""

    #: ldap://HOST[:PORT] or ldaps://HOST[:PORT].
    url: str
    #: Under which people and groups are looked for.
    base: str
    #: The account that reads; empty: nobody in particular.
    bind_dn: str = ""
    #: Whether a connection to ldap:// is encrypted before anything else is said.
    start_tls: bool = True
    #: Who vouches for the server's certificate; None: whom this machine trusts.
    ca_file: str | None = None
    #: Whom of a group's members to count.
    user_filter: str = PEOPLE
    #: The attributes with somebody's addresses and name, and what memberUid calls them by.
    mail: str = "mail"
    name: str = "displayName"
    uid: str = "uid"
    #: How long to wait for a connection, and for each answer.
    timeout: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class DirectorySettings:
    """All directories."""

    ldap: LdapServer | None = None
    #: Which groups give which roles.
    grants: tuple[Grant, ...] = ()
    refresh: timedelta = REFRESH
