"""Whether the directories can be read, group by group, for `gpubot check`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from slack_sdk import WebClient

from bot.directory.errors import DirectoryError
from bot.directory.ldap import read_groups
from bot.directory.ldap_link import connected
from bot.directory.settings import DirectorySettings, LdapServer
from bot.directory.slack_groups import find_user, read_usergroups
from bot.domain.membership import Group, Member, Source

#: Addresses that are asked about, besides those that gpubot knows; Slack allows 50 a minute.
ASKED = 20
#: Addresses that are named when they are nobody's.
NAMED = 3

#: As it should be, not so, or (None) it cannot be told; and in words.
Told = tuple[bool | None, str]


def look_at_directories(
    settings: DirectorySettings,
    password: str,
    client: WebClient | None,
    known: Mapping[str, str | None],
) -> Iterator[Told]:
    """Sign in and read every group. `client` None: Slack is not asked; `known`: whose addresses."""
    people = _People(client, known)
    if settings.ldap is not None:
        yield from _ldap(settings.ldap, password, _names(settings, Source.LDAP), people)
    if client is not None:
        for name in _names(settings, Source.USERGROUPS):
            yield _group(f"user group {name}", partial(read_usergroups, client, [name]), None)


class _People:
    """Who is in Slack, as far as that is known or may be asked."""

    def __init__(self, client: WebClient | None, known: Mapping[str, str | None]) -> None:
        self._client = client
        self._known = dict(known)
        self._asked = 0

    def is_there(self, member: Member) -> bool | None:
        """Whether they have an account in Slack; None: that was not asked."""
        found = [self._user(address) for address in member.addresses]
        if any(found):
            return True
        return None if "" in found else False

    def _user(self, address: str) -> str | None:
        """The user, None for nobody's address, and an empty text where it was not asked."""
        if address not in self._known:
            if self._client is None or self._asked >= ASKED:
                return ""
            self._asked += 1
            try:
                self._known[address] = find_user(self._client, address)
            except DirectoryError:
                self._asked = ASKED
                return ""
        return self._known[address]


def _names(settings: DirectorySettings, source: Source) -> tuple[str, ...]:
    return tuple(dict.fromkeys(g.group for g in settings.grants if g.source is source))


def _ldap(
    server: LdapServer, password: str, names: Sequence[str], people: _People
) -> Iterator[Told]:
    try:
        with connected(server, password):
            yield _encryption(server)
    except DirectoryError as error:
        yield False, f"LDAP: {error}"
        return
    for name in names:
        read = partial(read_groups, server, password, [name])
        yield _group(f"LDAP group {name}", read, people)


def _encryption(server: LdapServer) -> Told:
    who = server.bind_dn or "nobody in particular"
    if server.url.startswith("ldaps:"):
        return True, f"LDAP: {server.url} lets {who} in, over TLS"
    if server.start_tls:
        return True, f"LDAP: {server.url} lets {who} in, over StartTLS"
    said = "unencrypted, so that the password can be read on the way"
    return None, f"LDAP: {server.url} lets {who} in, {said}"


def _group(shown: str, read: Callable[[], tuple[Group, ...]], people: _People | None) -> Told:
    try:
        (found,) = read()
    except DirectoryError as error:
        return False, f"{shown}: {error}"
    number = len(found.members)
    counted = "1 person" if number == 1 else f"{number} people"
    if people is None:
        return True, f"{shown}: {counted}"
    return _matched(f"{shown}: {counted}", found, people)


def _matched(shown: str, found: Group, people: _People) -> Told:
    """How many of a group are in Slack, and who is not."""
    there = {member: people.is_there(member) for member in found.members}
    unknown = [member.addresses[0] for member, known in there.items() if known is False]
    unasked = sum(known is None for known in there.values())
    parts = [shown, f"{sum(known is True for known in there.values())} in Slack"]
    if unasked:
        parts.append(f"{unasked} not looked for yet")
    if unknown:
        more = len(unknown) - NAMED
        named = ", ".join(unknown[:NAMED]) + (f" and {more} more" if more > 0 else "")
        parts.append(f"nobody in Slack has {named}")
    if found.without_mail:
        parts.append(f"{found.without_mail} more without an e-mail address")
    return None if unknown or found.without_mail else True, ", ".join(parts)
