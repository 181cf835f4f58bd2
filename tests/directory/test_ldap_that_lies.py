"""Servers that are no LDAP servers, or bad ones: each is told of, and none is waited for long."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.directory import ldap, ldap_link
from bot.directory.errors import DirectoryError
from bot.directory.ldap_names import address, same_name, shown
from bot.directory.settings import LdapServer

#: The beginning of an entry that claims to be 2 GB long.
ENDLESS = bytes.fromhex("30847fffffff020102")

Answer = Callable[[socket.socket, threading.Event], None]


@contextmanager
def answering(answer: Answer) -> Iterator[LdapServer]:
    """A server on this machine that answers whoever connects by `answer`."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def serve() -> None:
            client, _ = listening.accept()
            # Whoever it answers hangs up, as they should.
            with client, suppress(OSError):
                answer(client, over)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield LdapServer(
                f"ldap://127.0.0.1:{port}", "dc=lab", start_tls=False, timeout=timedelta(seconds=1)
            )
        finally:
            over.set()
            thread.join(10)
    assert not thread.is_alive()


def refused(server: LdapServer) -> str:
    with pytest.raises(DirectoryError) as caught:
        ldap.read_groups(server, "", ["cn=vision,dc=lab"])
    return str(caught.value).partition(" ")[2]


def silent(client: socket.socket, over: threading.Event) -> None:
    over.wait(30)


def saying(said: bytes) -> Answer:
    def answer(client: socket.socket, over: threading.Event) -> None:
        client.recv(4096)
        client.sendall(said)

    return answer


def bound_then(more: Callable[[socket.socket, threading.Event], None]) -> Answer:
    def answer(client: socket.socket, over: threading.Event) -> None:
        request = client.recv(4096)
        client.sendall(_bound(request[2 : 4 + request[3]]))
        client.recv(4096)
        more(client, over)

    return answer


def _bound(number: bytes) -> bytes:
    """That the bind with that message number was a success (RFC 4511, section 4.2.2)."""
    answer = number + bytes.fromhex("61070a010004000400")
    return bytes([0x30, len(answer)]) + answer


def dripping(client: socket.socket, over: threading.Event) -> None:
    client.sendall(ENDLESS)
    while not over.wait(0.05):
        client.sendall(b"\0")


def flooding(client: socket.socket, over: threading.Event) -> None:
    client.sendall(ENDLESS)
    while not over.is_set():
        client.sendall(bytes(65536))


@pytest.mark.parametrize(
    ("scheme", "start_tls"), [("ldap", False), ("ldap", True), ("ldaps", False)]
)
def test_a_server_that_never_answers_is_given_up(scheme: str, start_tls: bool) -> None:
    with answering(silent) as server:
        url = server.url.replace("ldap:", f"{scheme}:")
        asked = replace(server, url=url, start_tls=start_tls)
        assert "gave no answer within 1 s" in refused(asked)


@pytest.mark.parametrize(
    "said",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x30\x03\x02\x01\x01", b"\xff" * 40, b"", bytes(9)],
)
def test_what_is_no_ldap_is_told_of(said: bytes) -> None:
    with answering(saying(said)) as server:
        assert refused(server)


def test_a_server_that_hangs_up_in_the_middle_is_told_of() -> None:
    with answering(bound_then(lambda client, _over: client.sendall(ENDLESS))) as server:
        assert refused(server)


def test_a_server_that_sends_a_byte_now_and_then_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ldap_link, "LONGEST_S", 0.5)
    with answering(bound_then(dripping)) as server:
        assert refused(server) == "took more than 0.5 s to answer"


def test_an_answer_without_an_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ldap_link, "MOST_BYTES", 1024**2)
    with answering(bound_then(flooding)) as server:
        assert refused(server) == "sent more than 1 MiB"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"Alice@Lab.Example", "alice@lab.example"),
        (" zoë@lab.example ".encode(), "zoë@lab.example"),
        (b"\xff\xfe@lab", ""),
        (b"alice", ""),
        (b"a@b, c@d", ""),
        (b"Alice <a@b>", ""),
        (b"a@b\nc@d", ""),
        (b"a" * 250 + b"@lab.example", ""),
        (b"", ""),
    ],
)
def test_an_address_is_one_address_or_none(value: bytes, found: str) -> None:
    assert address(value) == found


def test_names_are_one_line_of_text_or_none() -> None:
    assert shown("Dana\r\n\x00 Ødegård\u202e".encode()) == "Dana Ødegård"
    assert shown(b"\xe9") == ""
    assert shown(b"x" * 2000) == ""


def test_names_are_the_same_in_any_spelling_and_no_two_are_taken_for_one() -> None:
    same = {same_name(name) for name in (
        r"CN=Martin\, Alice,OU=People,DC=lab", r"cn=martin\2C alice, ou=people, dc=LAB",
    )}  # fmt: skip
    assert len(same) == 1
    assert same_name(r"uid=bob\,ou\=people,dc=lab") != same_name("uid=bob,ou=people,dc=lab")
    assert same_name("no name") != same_name("no other")
