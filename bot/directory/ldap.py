"""Reading groups from LDAP: OpenLDAP's and Active Directory's, with the groups inside them.

A group names its members by distinguished name (`member`, `uniqueMember`) or by user name
(`memberUid`). Members are looked up many at a time, by the first part of their name, in pages;
those elsewhere than under the base one by one. A group that shows no members is asked for the
other way round: who says, by `memberOf`, that they are in it?

Either every group is read whole, or DirectoryError is raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ldap3 import BASE, DEREF_NEVER, SUBTREE, Connection
from ldap3.utils.conv import escape_filter_chars

from bot.directory.errors import DirectoryError
from bot.directory.ldap_link import connected
from bot.directory.ldap_names import (
    Name,
    address,
    first_part,
    is_name,
    lies_under,
    same_name,
    shown,
)
from bot.directory.settings import LdapServer
from bot.domain.membership import Group, Member

#: Classes of groups, in lower case.
GROUPS = frozenset({"groupofnames", "groupofuniquenames", "groupofmembers", "posixgroup", "group"})
#: Those that by RFC 4519 have at least one member, always.
NEVER_EMPTY = frozenset({"groupofnames", "groupofuniquenames"})
#: Entries a page, and names a search; servers commonly refuse more than 500 entries.
PAGE = 200
AT_ONCE = 100
#: More entries, or groups inside one group, cannot be meant.
MOST_ENTRIES = 20_000
MOST_GROUPS = 500
#: Addresses of one person that are looked at.
MOST_ADDRESSES = 5
#: What so few entries lack may be meant; more point to settings or rights that are wrong.
FEW = 2
#: The bit of Active Directory's userAccountControl that says: disabled.
DISABLED = 2

_NO_SUCH_OBJECT = 32
_PAGED = "1.2.840.113556.1.4.319"
_IS_GROUP = "(objectClass={})"


def read_groups(server: LdapServer, password: str, names: Sequence[str]) -> tuple[Group, ...]:
    """Those groups with everybody in them. Raises DirectoryError when one cannot be read whole."""
    with connected(server, password) as connection:
        reading = _Reading(connection, server)
        return tuple(reading.group(name) for name in names)


@dataclass(slots=True)
class _Entry:
    """An entry as the server sent it: attributes in lower case, values as bytes."""

    dn: str
    values: Mapping[str, list[bytes]]

    @property
    def classes(self) -> set[str]:
        return {value.decode("utf-8", "replace").lower() for value in self.all("objectClass")}

    @property
    def is_group(self) -> bool:
        return bool(self.classes & GROUPS)

    @property
    def is_disabled(self) -> bool:
        control = next(iter(self.all("userAccountControl")), b"")
        return control.isdigit() and bool(int(control[:18]) & DISABLED)

    def all(self, attribute: str) -> list[bytes]:
        return self.values.get(attribute.lower(), [])

    def texts(self, *attributes: str) -> list[str]:
        """Values of those attributes that are text; other encodings name nobody."""
        found = (value for attribute in attributes for value in self.all(attribute))
        return [text for value in found if (text := shown(value))]


@dataclass(slots=True)
class _Found:
    """What is known so far of one group: who is in it, and which groups are still to be read."""

    people: dict[Name, _Entry] = field(default_factory=dict)
    seen: set[Name] = field(default_factory=set)
    ahead: list[_Entry] = field(default_factory=list)

    def add(self, entry: _Entry) -> None:
        name = same_name(entry.dn)
        if not entry.is_group:
            self.people[name] = entry
        elif name not in self.seen:
            # Groups may be in one another: each is read once.
            self.seen.add(name)
            self.ahead.append(entry)


class _Reading:
    """One reading over one connection; entries are asked for once."""

    def __init__(self, connection: Connection, server: LdapServer) -> None:
        self._connection = connection
        self._server = server
        self._entries = 0
        self._known: dict[Name, _Entry | None] = {}
        classes = "".join(_IS_GROUP.format(name) for name in sorted(GROUPS))
        self._wanted = f"(|{server.user_filter}{classes})"
        self._any_group = f"(|{classes})"
        self._attributes = [
            "objectClass", "member", "uniqueMember", "memberUid", "cn", "userAccountControl",
            *{server.mail, server.name, server.uid},
        ]  # fmt: skip

    def group(self, name: str) -> Group:
        """The group that the configuration calls so, with everybody in it."""
        found = _Found()
        found.add(self._named(name))
        while found.ahead:
            if len(found.seen) > MOST_GROUPS:
                raise self._failed(f"the group {name} holds more than {MOST_GROUPS} groups")
            for entry in self._in_group(found.ahead.pop()):
                found.add(entry)
        return self._as_group(name, found.people)

    def _as_group(self, name: str, people: Mapping[Name, _Entry]) -> Group:
        entries = [entry for _, entry in sorted(people.items()) if not entry.is_disabled]
        members = [self._member(entry) for entry in entries]
        reachable = tuple(member for member in members if member.addresses)
        if len(members) > FEW and not reachable:
            raise self._failed(
                f"none of the {len(members)} people in {name} has an e-mail address that can be "
                f"read in the attribute {self._server.mail}: check ldap.mail and the account's "
                "rights"
            )
        return Group(name, reachable, without_mail=len(members) - len(reachable))

    def _member(self, entry: _Entry) -> Member:
        names = entry.texts(self._server.name, "cn")
        addresses = (address(value) for value in entry.all(self._server.mail)[:MOST_ADDRESSES])
        return Member(
            key=entry.dn,
            name=names[0] if names else "",
            addresses=tuple(dict.fromkeys(found for found in addresses if found)),
        )

    def _named(self, name: str) -> _Entry:
        """A group by its distinguished name, or by its own name where that is one group's."""
        if is_name(name):
            entries = self._search(name, "(objectClass=*)", BASE)
        else:
            own = f"(&(cn={escape_filter_chars(name)}){self._any_group})"
            entries = self._search(self._server.base, own)
        if not entries:
            raise self._failed(f"the group {name} is not there, or the account may not read it")
        if len(entries) > 1:
            raise self._failed(f"{len(entries)} groups are called {name}: name one by its full dn")
        if not entries[0].is_group:
            raise self._failed(f"{name} is no group")
        return entries[0]

    def _in_group(self, group: _Entry) -> Iterable[_Entry]:
        """Who and what is in the group itself."""
        named = group.texts("member", "uniqueMember")
        users = group.texts("memberUid")
        if not named and not users:
            return self._by_their_word(group)
        entries = [*self._by_name(named), *self._by_user(users)]
        # A group may name itself as its only member, because it has to name one.
        others = [name for name in named if same_name(name) != same_name(group.dn)]
        if not entries and len(others) + len(users) > FEW:
            raise self._failed(
                f"the account may read nobody of the {len(others) + len(users)} in {group.dn}: "
                "check its rights, ldap.base and ldap.user_filter"
            )
        return entries

    def _by_their_word(self, group: _Entry) -> list[_Entry]:
        found = self._search(
            self._server.base, f"(&(memberOf={escape_filter_chars(group.dn)}){self._wanted})"
        )
        if not found and group.classes & NEVER_EMPTY:
            raise self._failed(f"the account may not read who is in {group.dn}")
        return found

    def _by_user(self, users: Sequence[str]) -> Iterator[_Entry]:
        for some in _batches(users):
            anyone = "".join(f"({self._server.uid}={escape_filter_chars(user)})" for user in some)
            search = f"(&(|{anyone}){self._server.user_filter})"
            yield from self._search(self._server.base, search)

    def _by_name(self, names: Sequence[str]) -> Iterator[_Entry]:
        """Those entries, as far as there are any: a directory may name people who are gone."""
        new = [name for name in names if same_name(name) not in self._known]
        within = [name for name in new if lies_under(name, self._server.base)]
        self._known.update(dict.fromkeys(map(same_name, within)))
        for some in _batches(within):
            anyone = "".join(first_part(name) for name in some)
            for entry in self._search(self._server.base, f"(&(|{anyone}){self._wanted})"):
                self._known[same_name(entry.dn)] = entry
        for name in new:
            if same_name(name) not in self._known:
                entries = self._search(name, self._wanted, BASE) if is_name(name) else []
                self._known[same_name(name)] = entries[0] if entries else None
        for key in dict.fromkeys(map(same_name, names)):
            if (known := self._known[key]) is not None:
                yield known

    def _search(self, base: str, search: str, scope: str = SUBTREE) -> list[_Entry]:
        """All entries, page by page; none where there is no such base."""
        found: list[_Entry] = []
        cookie: bytes | None = None
        while True:
            self._connection.search(
                base, search, scope, DEREF_NEVER, attributes=self._attributes,
                paged_size=PAGE, paged_cookie=cookie,
            )  # fmt: skip
            result = self._connection.result
            if result["result"] == _NO_SUCH_OBJECT and scope == BASE:
                return []
            if result["result"] != 0:
                raise self._failed(f"a search under {base} ended with {result['description']}")
            found += map(_entry, _entries(self._connection))
            self._count(len(found))
            control = (result.get("controls") or {}).get(_PAGED) or {}
            cookie = (control.get("value") or {}).get("cookie")
            if not cookie:
                self._entries += len(found)
                return found

    def _count(self, more: int) -> None:
        if self._entries + more > MOST_ENTRIES:
            raise self._failed(f"its groups hold more than {MOST_ENTRIES} entries")

    def _failed(self, what: str) -> DirectoryError:
        return DirectoryError(f"{self._server.url}: {what}")


def _entries(connection: Connection) -> list[Mapping[str, object]]:
    return [one for one in connection.response or () if one["type"] == "searchResEntry"]


def _entry(answer: Mapping[str, object]) -> _Entry:
    """An entry; options of attributes, such as `member;range=1500-*`, are taken off.

    (Active Directory gives long attributes in parts, which ldap3 puts together.)
    """
    values: dict[str, list[bytes]] = {}
    raw = answer["raw_attributes"]
    assert isinstance(raw, Mapping), "ldap3 gives attributes by name"
    for attribute, found in raw.items():
        values.setdefault(attribute.partition(";")[0].lower(), []).extend(found)
    return _Entry(str(answer["dn"]), values)


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[start : start + AT_ONCE] for start in range(0, len(names), AT_ONCE))
