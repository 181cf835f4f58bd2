"""LDAP servers: one with a lab in it for tests that only read, and new ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from slapd import Slapd, tree
from slapd_certificates import Certificates, make_certificates
from slapd_people import groups, people


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
