"""LDAP servers: one with a lab in it for tests that only read, and new ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from certificates import Certificates, make_certificates
from slapd import Slapd, group, group_of, name_of, person, tree

CROWD = [f"crowd{number:03}" for number in range(620)]
ODD = '*)(objectClass=*), a+b\\c#"é'


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """What the servers show, and who vouches for it."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[Slapd]:
    """A server that tests read and do not change."""
    server = Slapd(tmp_path_factory.mktemp("slapd"), certificates)
    server.start()
    server.add(tree() | people() | groups())
    yield server
    server.stop()


@pytest.fixture
def new_slapd(tmp_path: Path, certificates: Certificates) -> Iterator[Callable[..., Slapd]]:
    """A function that starts a server with nobody in it yet; `more` are lines for its settings."""
    servers: list[Slapd] = []

    def started(more: str = "") -> Slapd:
        server = Slapd(tmp_path / f"slapd-{len(servers)}", certificates, more)
        servers.append(server)
        server.start()
        server.add(tree())
        return server

    yield started
    for server in servers:
        server.stop()


def people() -> dict[str, dict[str, object]]:
    """Ordinary people, and some that are not."""
    found = person("alice", "Alice Martin", mail=["Alice@Lab.Example", "a.martin@lab.example"])
    found |= person("bob", "Bob Keller") | person("chen", "陈伟") | person("dana", "Dana Ødegård")
    found |= person("nomail", "No Mail", mail=None)
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
    secret = "uid=hidden,ou=secret,dc=lab"
    return {
        **group("vision", [name_of("alice"), name_of("bob")]),
        **group("nested", [name_of("chen"), group_of("inner")]),
        **group("inner", [name_of("dana"), group_of("nested"), group_of("inner")]),
        **group("crowd", [name_of(user) for user in CROWD]),
        **group("hidden-crowd", [name_of(user) for user in CROWD]),
        **group("hidden-none", ["cn=nobody"]),
        **group("strange", [_odd_name(), "cn=nobody", "uid=left,ou=people,dc=lab", name_of("bob")]),
        **group("mailless", [name_of("nomail"), name_of("bob")]),
        **group("all-mailless", [name_of("nomail")]),
        **group("accounts", [name_of("gone"), name_of("here")]),
        **group("unreadable", [secret]),
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
