"""What Active Directory does that OpenLDAP does not: it gives long groups in parts, and refers on.

It is played here, in the bytes of RFC 4511, as far as reading one group needs it.
"""

from __future__ import annotations

import socket
import threading
from datetime import timedelta

from bot.directory.ldap import read_groups
from bot.directory.settings import LdapServer

PEOPLE = [f"CN=Person {number},OU=Staff,DC=lab" for number in range(5)]
GROUP = "CN=Vision,OU=Groups,DC=lab"


def tlv(tag: int, *parts: bytes) -> bytes:
    """An element of BER; lengths are written in three bytes."""
    content = b"".join(parts)
    return bytes([tag, 0x82]) + len(content).to_bytes(2) + content


def text(said: str, tag: int = 0x04) -> bytes:
    return tlv(tag, said.encode())


def entry(name: str, **attributes: list[str]) -> bytes:
    given = (
        tlv(0x30, text(kind.replace("_", ";range=", 1).replace("_", "-")), tlv(0x31, *map(text, v)))
        for kind, v in attributes.items()
    )
    return tlv(0x64, text(name), tlv(0x30, *given))


def done(tag: int) -> bytes:
    return tlv(tag, bytes.fromhex("0a0100"), text(""), text(""))


def answers(request: bytes) -> list[bytes]:
    """What a domain controller says to a bind, to a search for the group, and for its members."""
    if b"\x60" in request[5:9]:
        return [done(0x61)]
    if b"member;range=4-*" in request:
        return [entry(GROUP, **{"member_4_*": PEOPLE[4:]}), done(0x65)]
    if b"member;range=2-*" in request:
        return [entry(GROUP, member_2_3=PEOPLE[2:4]), done(0x65)]
    if GROUP.encode() in request:
        group = entry(GROUP, objectClass=["top", "group"], member=[], member_0_1=PEOPLE[:2])
        return [group, done(0x65)]
    people = [
        entry(
            name,
            objectClass=["top", "person", "user"],
            mail=[f"{number}@lab.example"],
            userAccountControl=["514" if number == 3 else "512"],
        )
        for number, name in enumerate(PEOPLE)
    ]
    elsewhere = tlv(0x73, text("ldap://elsewhere.example/DC=other"))
    return [*people, elsewhere, done(0x65)]


def serve(listening: socket.socket) -> None:
    client, _ = listening.accept()
    with client:
        while (request := client.recv(65536)) and b"\x42\x00" not in request[-4:]:
            header = 2 if request[1] < 0x80 else 2 + request[1] - 0x80
            number = request[header : header + 2 + request[header + 1]]
            client.sendall(b"".join(tlv(0x30, number, said) for said in answers(request)))


def test_a_long_group_is_put_together_and_other_domains_are_left_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=[listening])
        thread.start()
        server = LdapServer(
            f"ldap://127.0.0.1:{listening.getsockname()[1]}", "DC=lab", start_tls=False,
            uid="sAMAccountName", timeout=timedelta(seconds=5),
        )  # fmt: skip
        (found,) = read_groups(server, "", [GROUP])
        thread.join(10)
    assert [member.key for member in found.members] == [p for p in PEOPLE if p != PEOPLE[3]]
