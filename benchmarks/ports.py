"""Ports for servers that must be told theirs before they start."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

#: Below those that systems give to whoever connects to somewhere: such a connection could take a
#: port between its choice and the server's start, or while a server is restarted.
_RANGE = range(15_000, 32_000)

_given: set[int] = set()
_chosen_by = random.SystemRandom()


def free_port() -> int:
    """A port of 127.0.0.1 at which nothing listens; no port is given twice."""
    while True:
        port = _chosen_by.choice(_RANGE)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            if port not in _given:
                _given.add(port)
                return port
