"""README, help and manifest say what the program does: they are held against its registries."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from bot import cli
from bot.config.file import ClusterFile
from bot.config.settings import VARIABLES
from bot.slack import commands
from bot.slack.registry import VERBS, Group

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
MANIFEST = yaml.safe_load((ROOT / "manifest.yml").read_text())

#: The contract's commands that this version has.
CONTRACT = {
    "help", "reserve", "free", "status", "mine", "show", "cancel", "release", "extend", "move",
    "transfer", "audit", "node", "wait", "waitlist", "queue", "token", "report",
    "calendar", "job",
}  # fmt: skip

commands.load()


def verb_table() -> str:
    """The README's table of verbs, as the registry gives it."""
    lines = ["| `/gpu …` | does |", "| --- | --- |"]
    for group in Group:
        for verb in (v for v in VERBS.values() if v.group is group):
            usage = "<br>".join(f"`{form}`" for form in verb.usage).replace("|", "\\|")
            lines.append(f"| {usage} | {verb.summary} |")
    return "\n".join(lines)


def config_keys(model: type[BaseModel], prefix: str = "") -> set[str]:
    """Every key of the configuration file, as `table.key`."""
    keys: set[str] = set()
    for name, field in model.model_fields.items():
        inner = [
            kind
            for kind in (field.annotation, *getattr(field.annotation, "__args__", ()))
            if isinstance(kind, type) and issubclass(kind, BaseModel)
        ]
        if not inner or name == "max_length":
            keys.add(prefix + name)
        for kind in inner if name != "max_length" else ():
            keys |= config_keys(kind, f"{prefix}{name}.")
    return keys


def test_the_registry_holds_the_commands_of_the_contract():
    assert set(VERBS) == CONTRACT


def test_the_readme_lists_the_verbs_as_the_registry_does():
    listed = re.search(r"<!-- table: verbs -->\n(.*?)\n<!-- end -->", README, re.DOTALL)
    assert listed is not None
    assert listed.group(1) == verb_table(), f"put this into README.md:\n\n{verb_table()}"


def test_the_manifest_declares_the_one_command_with_an_example_that_help_gives():
    (command,) = MANIFEST["features"]["slash_commands"]
    assert command["command"] == "/gpu"
    assert command["usage_hint"] in VERBS["reserve"].examples
    assert command["should_escape"] is True


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_variable_is_documented(variable):
    assert f"| `{variable}` |" in README


def test_no_variable_is_documented_that_does_not_exist():
    documented = set(re.findall(r"^\| `((?:SLACK|GPUBOT)_[A-Z_]+)` \|", README, re.MULTILINE))
    assert documented == set(VARIABLES)


def test_every_key_of_the_configuration_file_is_documented_and_no_other():
    rows = re.findall(r"^\| ((?:`[a-z0-9_.]+`(?:, )?)+) \|", README, re.MULTILINE)
    documented = {key for row in rows for key in re.findall(r"`([a-z_]+\.[a-z0-9_.]+)`", row)}
    tables = {"policy.user_quota", "policy.team_quota"}
    assert documented - tables == config_keys(ClusterFile)


def test_the_readme_names_every_command_of_the_command_line():
    parser = cli._parser()
    (choices,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    named = re.search(r"On the command line: `gpubot ([^`]+)`", README)
    assert named is not None
    first_words = {part.split()[0] for part in named.group(1).split("|")}
    assert first_words == set(choices.choices)


@pytest.mark.parametrize("name", ["demo", "tests"])
def test_the_two_commands_set_everything_up_from_a_clone(name):
    block = re.search(rf"<!-- command: {name} -->\n```sh\n(.+)\n```", README)
    assert block is not None
    assert block.group(1).startswith("python3 -m venv .venv && .venv/bin/pip install -e ")


def test_pictures_of_the_readme_exist_and_are_small():
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)
    assert pictures
    for picture in pictures:
        assert (ROOT / picture).stat().st_size < 300_000, picture


def test_the_gate_runs_the_readmes_test_command():
    assert "<!-- command: tests -->" in (ROOT / ".ci" / "run").read_text()
