"""The README's pipelines: complete files, whose commands are ones that gpubot reads."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from builders import NOW, cluster

from bot import cli
from bot.config.file import GithubTable
from bot.domain.cluster import Node
from bot.domain.request import parse_reserve
from bot.pipeline.booking import worded
from bot.pipeline.exits import MEANINGS

README = (Path(__file__).parents[1] / "README.md").read_text()
NODES = (Node("gpu-03", 4, "V100"), Node("gpu-04", 4, "A100"))


def example(name: str) -> dict[str, Any]:
    found = re.search(rf"<!-- example: {name} -->\n```yaml\n(.*?)```", README, re.DOTALL)
    assert found is not None
    content: dict[str, Any] = yaml.safe_load(found.group(1))
    return content


def scripts(content: Any) -> Iterator[str]:
    """Every line of a pipeline that a shell runs."""
    if isinstance(content, dict):
        for name, value in content.items():
            is_script = name in ("run", "script", "before_script", "after_script")
            lines = value if isinstance(value, list) else [value]
            yield from (str(line) for line in lines) if is_script else scripts(value)
    elif isinstance(content, list):
        for one in content:
            yield from scripts(one)


def commands(content: Any) -> Iterator[list[str]]:
    """What follows `gpubot` in each of its commands, without redirections."""
    for line in scripts(content):
        for part in re.split(r"&&|;|\n", line):
            words = shlex.split(re.sub(r">+ *\S+$", "", part.strip()))
            if words[:1] == ["gpubot"]:
                yield words[1:]


@pytest.mark.parametrize("name", ["github-actions", "gitlab-ci"])
def test_a_pipeline_books_and_gives_back_with_commands_that_exist(name: str) -> None:
    parsed = [cli._parser().parse_args(words) for words in commands(example(name))]
    book, release = parsed
    text = worded(book.words, book.purpose)
    request = parse_reserve(text, now=NOW, zone=cluster().zone, cluster=cluster(nodes=NODES))
    assert request.shape.gpus == 4
    assert book.wait == "12h"
    assert hasattr(release, "booking")


def test_a_github_job_may_last_as_long_as_it_waits_and_runs() -> None:
    assert example("github-actions")["jobs"]["train"]["timeout-minutes"] >= (12 + 20) * 60


def test_the_example_of_a_webhook_is_a_configuration() -> None:
    found = re.search(r"```toml\n(\[\[github]].*?)```", README, re.DOTALL)
    assert found is not None
    (table,) = tomllib.loads(found.group(1))["github"]
    assert GithubTable.model_validate(table).repository == "lab/yolo"


def test_the_readme_lists_every_exit_code_as_the_help_does() -> None:
    for code, meaning in MEANINGS.items():
        row = re.search(rf"^\| {int(code)} \| (.*) \|$", README, re.MULTILINE)
        assert row is not None
        assert row.group(1).replace("`", "").startswith(meaning)
