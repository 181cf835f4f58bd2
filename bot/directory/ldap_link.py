"""A connection to an LDAP server that cannot be listened in on, and cannot last.

ldap3 leaves to its caller what matters here: it checks no certificate unless told, reads an
answer of any size, and waits anew for each piece of one, so that a server which sends a byte now
and then would be waited for without end.
"""

from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ldap3 import ANONYMOUS, NONE, SIMPLE, Connection, Server, Tls
from ldap3.core.exceptions import (
    LDAPExceptionError,
    LDAPInvalidFilterError,
    LDAPSocketOpenError,
    LDAPStartTLSError,
)
from pyasn1.error import PyAsn1Error

from bot.directory.errors import DirectoryError
from bot.directory.settings import LdapServer

log = logging.getLogger(__name__)

NO_LDAP = "gave no answer that can be understood"
#: How long one whole reading may take, in seconds, and what it may bring, in bytes.
LONGEST_S = 40.0
MOST_BYTES = 16 * 1024 * 1024


@contextmanager
def connected(server: LdapServer, password: str) -> Iterator[Connection]:
    """A connection on which the account has signed in; it closes at the end.

    Raises DirectoryError when there is none to be had, and for what fails inside the block.
    """
    connection = _connection(server, password)
    try:
        with _explained(server):
            _open(connection, server)
            yield connection
    finally:
        _close(connection)


def _connection(server: LdapServer, password: str) -> Connection:
    if server.bind_dn and not password:
        raise DirectoryError("GPUBOT_LDAP_PASSWORD is not set, which ldap.bind_dn needs")
    seconds = max(int(server.timeout.total_seconds()), 1)
    with _explained(server):
        host = Server(
            server.url,
            tls=_CheckedTls(validate=ssl.CERT_REQUIRED, ca_certs_file=server.ca_file),
            get_info=NONE,
            connect_timeout=seconds,
        )
    return Connection(
        host,
        user=server.bind_dn or None,
        password=password or None,
        authentication=SIMPLE if server.bind_dn else ANONYMOUS,
        receive_timeout=seconds,
        # A server must not send us, and our password, to another one.
        auto_referrals=False,
        check_names=False,
        return_empty_attributes=False,
    )


def _open(connection: Connection, server: LdapServer) -> None:
    connection.open(read_server_info=False)
    if server.start_tls and not server.url.startswith("ldaps:"):
        connection.start_tls(read_server_info=False)
    connection.socket = _Bounded(connection.socket)
    if not connection.bind(read_server_info=False):
        why = connection.result["description"]
        account = server.bind_dn or "nobody in particular"
        raise DirectoryError(
            f"{server.url} does not let {account} in ({why}): check ldap.bind_dn and "
            "GPUBOT_LDAP_PASSWORD"
        )


def _close(connection: Connection) -> None:
    """End it without a word: a server that does not answer is not waited for."""
    if connection.socket is not None:
        connection.socket.close()


class _CheckedTls(Tls):  # type: ignore[misc]
    """TLS as Python's ssl does it: chain and host name are checked, old versions are refused."""

    def wrap_socket(self, connection: Connection, do_handshake: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """Encrypt the connection's socket; raise ssl.SSLError when the server is not the one."""
        context = ssl.create_default_context(cafile=self.ca_certs_file)
        host = connection.server.host
        connection.socket = context.wrap_socket(connection.socket, server_hostname=host)


class _Bounded:
    """A socket that gives so many bytes, for so long, and no more."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner
        self._bytes = MOST_BYTES
        self._until = time.monotonic() + LONGEST_S

    def recv(self, size: int) -> bytes:
        """What has come; raises OSError past a bound."""
        if time.monotonic() > self._until:
            raise TimeoutError("the whole answer took too long")
        received = self._inner.recv(size)
        self._bytes -= len(received)
        if self._bytes < 0:
            raise OSError("the answer is too long")
        return received

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@contextmanager
def _explained(server: LdapServer) -> Iterator[None]:
    """Whatever ldap3 raises as a DirectoryError, in words that stay the same."""
    try:
        yield
    except LDAPInvalidFilterError:
        raise DirectoryError("ldap.user_filter is no LDAP filter") from None
    except LDAPExceptionError as error:
        raise DirectoryError(f"{server.url} {_told(error, server)}") from None
    except OSError as error:
        raise DirectoryError(f"{server.url} {_cause(str(error), server)}") from None
    except (PyAsn1Error, ValueError, LookupError, TypeError, AttributeError):
        # ldap3 trusts what it reads; a server that speaks something else trips it anywhere.
        log.warning("what %s sent cannot be understood", server.url, exc_info=True)
        raise DirectoryError(f"{server.url} {NO_LDAP}") from None


def _told(error: LDAPExceptionError, server: LdapServer) -> str:
    said = _cause(str(error), server)
    if isinstance(error, LDAPStartTLSError) and "CERTIFICATE" not in str(error).upper():
        return f"offers no StartTLS ({said}); ldaps:// may do, or start_tls = false without any"
    if isinstance(error, LDAPSocketOpenError) and "CERTIFICATE" not in str(error).upper():
        return f"cannot be reached: {said}"
    return said


def _cause(said: str, server: LdapServer) -> str:
    """What happened, out of the layers of words around it."""
    seconds = f"{server.timeout.total_seconds():g} s"
    if "CERTIFICATE_VERIFY_FAILED" in said:
        why = said.partition("verify failed: ")[2].partition(" (_ssl")[0] or "it is not trusted"
        return f"shows a certificate that is not accepted ({why.strip(' .')}): check ldap.ca_file"
    for words, meaning in (
        ("the answer is too long", f"sent more than {MOST_BYTES // 1024**2} MiB"),
        ("the whole answer took too long", f"took more than {LONGEST_S:g} s to answer"),
        ("invalid CA public key file", f"cannot be trusted: {server.ca_file} cannot be read"),
        ("timed out", f"gave no answer within {seconds}"),
        ("temporarily unavailable", f"gave no answer within {seconds}"),
        ("refused", "connection refused"),
        ("reset", "broke the connection off"),
        ("Name or service not known", "the host's name is not known"),
        ("terminated by server", "ended the session"),
    ):
        if words in said:
            return meaning
    return said.rpartition("error while opening: ")[2] or NO_LDAP
