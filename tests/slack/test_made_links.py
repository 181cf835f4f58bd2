"""Words that Slack makes links of because they end like a domain."""

from __future__ import annotations

from collections.abc import Callable

import builders
import pytest
from talk import Talk, words

from bot.domain.cluster import Cluster, Node
from bot.services.site import Site

NODE = "<http://gpu-01.lab.io|gpu-01.lab.io>"


@pytest.fixture
def admin_of_dotted(open_site: Callable[[Cluster], Site]) -> Talk:
    """An admin of a cluster whose node has a name of DNS."""
    nodes = (Node("gpu-01.lab.io", 4, "V100"),)
    return Talk(open_site(builders.cluster(nodes=nodes)), builders.ADMIN)


def test_a_node_is_known_by_such_a_name(admin_of_dotted: Talk) -> None:
    assert "No window" not in words(admin_of_dotted.types(f"free 4 8h on {NODE}"))
    assert "out of service" in words(admin_of_dotted.types(f"node drain {NODE} new fans"))
    assert "back in service" in words(admin_of_dotted.types(f"node resume {NODE}"))


def test_a_purpose_and_a_reason_say_what_was_typed(alice: Talk) -> None:
    typed = "<http://train.py|train.py>"
    booked = words(alice.types(f"reserve 4 tomorrow 22:00 20h for {typed} 3"))
    assert "“train.py 3”" in booked
    alice.types(f"cancel B1 {typed} is broken")
    assert "“train.py is broken”" in words(alice.types("show B1"))
