"""A real OpenLDAP server on free ports of this machine, in a temporary folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ldap3 import NONE, Connection, Server
from patience import PATIENCE_S
from slapd_certificates import Certificates

from benchmarks.ports import free_port
from bot.directory.settings import LdapServer

SLAPD = shutil.which("slapd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

BASE = "dc=lab"
PEOPLE, GROUPS = f"ou=people,{BASE}", f"ou=groups,{BASE}"
ROOT, ROOT_PASSWORD = f"cn=root,{BASE}", "of-the-root"
READER, PASSWORD = f"cn=gpubot,{BASE}", "of-the-reader"
#: Reads no more than 500 entries of one answer, in pages or not.
BOUND = f"cn=bound,{BASE}"

SETTINGS = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl'
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.99999.1 NAME 'account7' SUP top AUXILIARY MAY userAccountControl )
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
TLSCACertificateFile {ca}
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
sizelimit 500
{more}
database mdb
suffix "dc=lab"
rootdn "cn=root,dc=lab"
rootpw of-the-root
directory {folder}
maxsize 67108864
dbnosync
limits dn.exact="cn=gpubot,dc=lab" size.soft=500 size.prtotal=unlimited
access to attrs=userPassword by anonymous auth by * none
access to dn.regex="^cn=hidden.*" attrs=member by * none
access to dn.subtree="ou=secret,dc=lab" by * none
access to * by users read by * none
overlay memberof
"""

needs_slapd = pytest.mark.skipif(
    SLAPD is None and not os.environ.get("CI"), reason="there is no slapd (apt install slapd)"
)


@dataclass
class Slapd:
    """A server, and the people and groups in it. `more` are lines for its settings."""

    folder: Path
    certificates: Certificates
    more: str = ""
    plain_port: int = field(default_factory=free_port)
    tls_port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.plain_port}"

    @property
    def tls_url(self) -> str:
        return f"ldaps://127.0.0.1:{self.tls_port}"

    def settings(self, **changed: object) -> LdapServer:
        """How gpubot is to read it, over StartTLS where nothing else is said."""
        given = {
            "url": self.url,
            "base": BASE,
            "bind_dn": READER,
            "ca_file": str(self.certificates.ca),
            **changed,
        }
        return LdapServer(**given)

    def start(self) -> None:
        """Answer on the same ports as ever, with all that was in it."""
        assert SLAPD is not None, "CI needs slapd"
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        settings = self.folder / "slapd.conf"
        settings.write_text(
            SETTINGS.format(
                ca=self.certificates.ca,
                certificate=self.certificates.certificate,
                key=self.certificates.key,
                folder=data,
                more=self.more,
            )
        )
        with (self.folder / "slapd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [SLAPD, "-f", settings, "-h", f"{self.url} {self.tls_url}", "-d", "0"],
                stdout=log,
                stderr=log,
            )
        self._wait()

    def stop(self) -> None:
        """End it as a broken machine would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def add(self, entries: Mapping[str, Mapping[str, object]]) -> None:
        """Add entries by name, in order."""
        with self._as_root() as root:
            for name, attributes in entries.items():
                assert root.add(name, attributes=attributes), (name, root.result)

    def change(self, name: str, changes: Mapping[str, object]) -> None:
        """Change an entry, as ldap3's modify has it."""
        with self._as_root() as root:
            assert root.modify(name, changes), root.result

    def delete(self, name: str) -> None:
        """Remove an entry."""
        with self._as_root() as root:
            assert root.delete(name), root.result

    def _wait(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.tls_port), timeout=5).close()
                return
            except OSError:
                assert self._process is not None
                assert self._process.poll() is None, (self.folder / "slapd.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.02)

    @contextmanager
    def _as_root(self) -> Iterator[Connection]:
        server = Server(self.tls_url, get_info=NONE, connect_timeout=5)
        connection = Connection(
            server, ROOT, ROOT_PASSWORD, auto_bind=True, receive_timeout=10, check_names=False
        )
        try:
            yield connection
        finally:
            connection.unbind()


def person(user: str, name: str = "", **more: object) -> dict[str, dict[str, object]]:
    """An entry under ou=people, with an address at lab.example."""
    attributes: dict[str, object] = {
        "objectClass": ["inetOrgPerson"],
        "cn": name or user.title(),
        "sn": (name or user.title()).split()[-1],
        "displayName": name or user.title(),
        "uid": user,
        "mail": f"{user}@lab.example",
    } | more
    given = {key: value for key, value in attributes.items() if value is not None}
    return {name_of(user): given}


def name_of(user: str) -> str:
    """The distinguished name of a person."""
    return f"uid={user},{PEOPLE}"


def group_of(name: str) -> str:
    """The distinguished name of a group."""
    return f"cn={name},{GROUPS}"


def group(name: str, members: Iterable[str]) -> dict[str, dict[str, object]]:
    """A group of names."""
    return {group_of(name): {"objectClass": ["groupOfNames"], "cn": name, "member": [*members]}}


def tree() -> dict[str, dict[str, object]]:
    """What every server begins with: places, and the accounts that read."""
    unit = {"objectClass": ["organizationalUnit"]}
    account = {"objectClass": ["organizationalRole", "simpleSecurityObject"]}
    return {
        BASE: {"objectClass": ["dcObject", "organization"], "o": "Lab", "dc": "lab"},
        PEOPLE: unit,
        GROUPS: unit,
        f"ou=secret,{BASE}": unit,
        READER: {**account, "userPassword": PASSWORD},
        BOUND: {**account, "userPassword": PASSWORD},
    }
