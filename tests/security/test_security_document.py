"""`docs/security.md` says what the tables say, and names tests that there are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from doors import DOORS, Proof
from rights import DEEDS, RIGHTS
from town_of_roles import ROLES

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "security.md").read_text()


def table(name: str) -> list[str]:
    """The rows of a table of the document, without its head."""
    found = re.search(rf"<!-- table: {name} -->\n(.*?)<!-- end -->", DOCUMENT, re.S)
    assert found is not None, name
    return found[1].strip().splitlines()[2:]


def _all_but(some: Iterable[str], of: Iterable[str]) -> str:
    """Those in words, by whichever list is shorter."""
    every, some = list(of), set(some)
    missing = [one for one in every if one not in some]
    if not missing:
        return "everybody"
    if len(missing) < len(some):
        return f"all but: {', '.join(missing)}"
    return ", ".join(one for one in every if one in some)


def rights_in_words() -> list[str]:
    """Each right: who has it, and for what it is needed."""
    return [
        f"| {right} | {_all_but(roles, ROLES)} | "
        + " · ".join(f"`{deed.name}`" for deed in DEEDS if deed.right == right)
        + " |"
        for right, roles in RIGHTS.items()
    ]


def doors_in_words() -> list[str]:
    """Routes that the same proofs open, together."""
    by_proofs: dict[frozenset[Proof], list[str]] = {}
    for route, proofs in DOORS.items():
        by_proofs.setdefault(proofs, []).append(route)
    return [
        f"| {' · '.join(f'`{route}`' for route in routes)} | {_all_but(proofs, Proof)} |"
        for proofs, routes in by_proofs.items()
    ]


@pytest.mark.parametrize(
    ("name", "rows"), [("rights", rights_in_words()), ("doors", doors_in_words())]
)
def test_the_documents_table_is_the_one_that_is_tried(name: str, rows: list[str]) -> None:
    assert table(name) == rows, "\n".join(rows)


def test_every_test_that_is_named_as_a_proof_is_there() -> None:
    named: Mapping[str, None] = dict.fromkeys(re.findall(r"`(tests/[\w/]+(?:\.py)?)`", DOCUMENT))
    assert len(named) > 15
    assert [path for path in named if not (ROOT / path).exists()] == []
