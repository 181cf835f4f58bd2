"""The API's description is true: answers look as it says, and no request breaks anything."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from api_lab import ApiLab, api_lab
from builders import ADMIN, BOB, CHEN, DANA, NOW, actor, cluster, request
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    negative_data_rejection,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from bot.domain.access import Scope
from bot.domain.request import build_wait
from bot.services.cancel import cancel
from bot.services.join_waitlist import join_waitlist
from bot.services.reserve import reserve

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
#: The same requests each time, and as many as fit into half a minute on both databases. PostgreSQL
#: refuses more than SQLite does.
EXAMPLES = {"sqlite": 6, "postgresql": 12}
BOUNDED = settings(
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
#: What is there, by its name in paths: few of the numbers that are tried are.
THERE = {"booking": "B2", "wish": "W2", "offer": 1}
#: It never ends its answer.
ENDLESS = "/api/v1/events"


@pytest.fixture(scope="module")
def lab(module_database_url: str) -> Iterator[ApiLab]:
    """A lab with bookings, wishes and an offer in it."""
    with api_lab(module_database_url, cluster()) as lab:
        for node, gpus in (("gpu-01", 4), ("gpu-02", 4), ("gpu-03", 8)):
            reserve(lab.site, actor(BOB), request(gpus, node=node), now=NOW)
        for user in (CHEN, DANA):
            wish = build_wait(
                gpus=4,
                length=timedelta(hours=8),
                earliest=request().window.start,
                latest=request().window.end,
                now=NOW,
                cluster=lab.site.cluster,
            )
            join_waitlist(lab.site, actor(user), wish, now=NOW)
        cancel(lab.site, actor(BOB), 1, now=NOW)
        yield lab


@pytest.fixture(scope="module")
def description(lab: ApiLab) -> dict[str, Any]:
    found: dict[str, Any] = lab.client().get(f"{lab.address}/api/openapi.json").json()
    return found


@pytest.fixture(scope="module")
def schema(lab: ApiLab, description: dict[str, Any]) -> Any:
    paths = {path: what for path, what in description["paths"].items() if path != ENDLESS}
    return schemathesis.openapi.from_dict({**description, "paths": paths})


@pytest.fixture(scope="module")
def secret(lab: ApiLab) -> str:
    return lab.token(ADMIN, Scope.READ, Scope.BOOK, Scope.AUDIT, Scope.REPORT, team="vision")


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_no_request_of_somebody_with_a_token_breaks_anything(
    lab: ApiLab, schema: Any, secret: str, mode: GenerationMode
) -> None:
    headers = {"Authorization": f"Bearer {secret}"}

    for operation in operations(schema):

        @settings(BOUNDED, max_examples=EXAMPLES[lab.site.database.backend])
        @given(case=operation.as_strategy(generation_mode=mode), is_there=st.booleans())
        def ask(case: schemathesis.Case, is_there: bool) -> None:
            if is_there and mode is GenerationMode.POSITIVE:
                case.path_parameters.update(
                    {name: THERE[name] for name in case.path_parameters if name in THERE}
                )
            case.call_and_validate(base_url=lab.address, headers=headers, checks=CHECKS)

        ask()


def test_no_request_of_a_stranger_breaks_anything(lab: ApiLab, schema: Any) -> None:
    for operation in operations(schema):

        @settings(BOUNDED, max_examples=3)
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case) -> None:
            case.headers.pop("Authorization", None)
            case.cookies.clear()
            answer = case.call(base_url=lab.address)
            assert answer.status_code in (400, 401, 404, 405, 413, 422), answer.text

        ask()


def operations(schema: Any) -> Iterator[Any]:
    """Everything that the description has."""
    for found in schema.get_all_operations():
        yield found.ok()


def test_everything_under_the_api_is_described(description: dict[str, Any]) -> None:
    assert description["openapi"].startswith("3.1")
    for path, operations in description["paths"].items():
        assert path.startswith("/api/v1/")
        for operation in operations.values():
            assert operation["description"]
            problem = operation["responses"]["422"]["content"]
            assert list(problem) == ["application/problem+json"]
            assert {"token"} <= {name for one in operation["security"] for name in one}


def test_no_two_operations_have_one_name(description: dict[str, Any]) -> None:
    names = [one["operationId"] for path in description["paths"].values() for one in path.values()]
    assert len(names) == len(set(names))
