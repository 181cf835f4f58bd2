"""Who is in the server that tests read: ordinary people and groups, and some that are not."""

from __future__ import annotations

from slapd import group, group_of, name_of, person

CROWD = [f"crowd{number:03}" for number in range(620)]
ODD = '*)(objectClass=*), a+b\\c#"é'


def people() -> dict[str, dict[str, object]]:
    """Ordinary people, and some that are not."""
    found = person("alice", "Alice Martin", mail=["Alice@Lab.Example", "a.martin@lab.example"])
    found |= person("bob", "Bob Keller") | person("chen", "陈伟") | person("dana", "Dana Ødegård")
    for user in ("nomail", "nomail2", "nomail3"):
        found |= person(user, "No Mail", mail=None)
    found |= person(
        "gone", "Gone", objectClass=["inetOrgPerson", "account7"], userAccountControl="514"
    )
    found |= person(
        "here", "Here", objectClass=["inetOrgPerson", "account7"], userAccountControl="512"
    )
    found["cn=" + _escaped(ODD) + ",ou=people,dc=lab"] = {
        "objectClass": ["inetOrgPerson"], "cn": ODD, "sn": "Odd", "uid": "odd*",
        "displayName": ODD, "mail": "odd@lab.example",
    }  # fmt: skip
    for user in CROWD:
        found |= person(user)
    return found


def groups() -> dict[str, dict[str, object]]:
    """Groups of all kinds."""
    secret = [f"uid=hidden{number},ou=secret,dc=lab" for number in range(3)]
    return {
        **group("vision", [name_of("alice"), name_of("bob")]),
        **group("nested", [name_of("chen"), group_of("inner")]),
        **group("inner", [name_of("dana"), group_of("nested"), group_of("inner")]),
        **group("crowd", [name_of(user) for user in CROWD]),
        **group("hidden-crowd", [name_of(user) for user in CROWD]),
        **group("hidden-none", ["cn=nobody"]),
        **group("strange", [_odd_name(), "cn=nobody", "uid=left,ou=people,dc=lab", name_of("bob")]),
        **group("mailless", [name_of("nomail"), name_of("bob")]),
        **group("all-mailless", [name_of(user) for user in ("nomail", "nomail2", "nomail3")]),
        **group("only-mailless", [name_of("nomail")]),
        **group("only-gone", [name_of("left")]),
        **group("accounts", [name_of("gone"), name_of("here")]),
        **group("unreadable", secret),
        **group("twice", [name_of("bob")]),
        "cn=twice,ou=people,dc=lab": {"objectClass": ["groupOfNames"], "member": [name_of("bob")]},
        group_of("unique"): {
            "objectClass": ["groupOfUniqueNames"], "uniqueMember": [name_of("bob")],
        },
        group_of("posix"): {
            "objectClass": ["posixGroup"], "gidNumber": 7, "memberUid": ["alice", "odd*", "nobody"],
        },
        group_of("nobody"): {"objectClass": ["posixGroup"], "gidNumber": 8},
        group_of("self"): {"objectClass": ["groupOfNames"], "member": [group_of("self")]},
    }  # fmt: skip


def _odd_name() -> str:
    return "cn=" + _escaped(ODD) + ",ou=people,dc=lab"


def _escaped(value: str) -> str:
    return "".join(f"\\{c}" if c in ',+"\\<>;#=' else c for c in value)
