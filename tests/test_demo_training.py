"""The training to try gpubot with behaves like one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ENVIRONMENT = {"PYTHONPATH": str(Path(__file__).parents[1]), "PATH": os.environ["PATH"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


class Training:
    """One process of it, line by line."""

    def __init__(self, folder: Path, *options: str) -> None:
        command = [sys.executable, "-m", "bot.demo_training", "--checkpoints", str(folder)]
        self.process = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=ENVIRONMENT | {"CUDA_VISIBLE_DEVICES": "0,1"},
        )  # fmt: skip

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def rest(self) -> tuple[str, str, int]:
        out, err = self.process.communicate()
        return out, err, self.process.returncode


@pytest.fixture
def train(folder: Path) -> Iterator[object]:
    made: list[Training] = []

    def begin(*options: str) -> Training:
        made.append(Training(folder, *options))
        return made[-1]

    yield begin
    for training in made:
        training.process.kill()
        training.process.communicate()


def checkpoint(folder: Path) -> int:
    return int(json.loads((folder / "last.json").read_text())["epoch"])


def test_it_trains_to_the_end(train, folder: Path) -> None:
    out, err, code = train("--epochs", "3", "--seconds", "0").rest()
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0] == "training on GPUs 0,1"
    assert [line.partition(" loss")[0] for line in lines[1:4]] == [
        f"epoch {n}/3" for n in (1, 2, 3)
    ]
    assert lines[4:] == ["finished after 3 epochs"]
    assert checkpoint(folder) == 3
    assert [path.name for path in folder.iterdir()] == ["last.json"]


def test_it_saves_when_warned_and_goes_on_and_when_asked_to_end_and_ends(
    train, folder: Path
) -> None:
    train("--epochs", "1", "--seconds", "0").rest()
    training = train("--epochs", "9", "--seconds", "600", "--resume")
    assert training.line() == "resumed after epoch 1 on GPUs 0,1"
    (folder / "last.json").unlink()
    training.process.send_signal(signal.SIGUSR1)
    assert training.line() == "warned: checkpoint of epoch 1 saved"
    assert checkpoint(folder) == 1
    training.process.send_signal(signal.SIGTERM)
    out, _, code = training.rest()
    assert (out, code) == ("asked to end: checkpoint of epoch 1 saved\n", 143)


def test_it_goes_on_from_its_last_checkpoint(train, folder: Path) -> None:
    train("--epochs", "2", "--seconds", "0").rest()
    out, _, code = train("--epochs", "3", "--seconds", "0", "--resume").rest()
    assert code == 0
    assert [line.partition(" loss")[0] for line in out.splitlines()] == [
        "resumed after epoch 2 on GPUs 0,1", "epoch 3/3", "finished after 3 epochs",
    ]  # fmt: skip
    out, _, code = train("--epochs", "3", "--seconds", "0", "--resume").rest()
    assert (out.splitlines()[-1], code) == ("finished after 3 epochs", 0)


def test_it_can_fail(train) -> None:
    out, err, code = train("--epochs", "3", "--seconds", "0", "--fail-at", "2").rest()
    assert (err, code) == ("epoch 2: loss is nan\n", 1)
    assert "epoch 2/3" not in out


def test_it_imports_nothing_heavy() -> None:
    heavy = "[name for name in sys.modules if 'slack' in name or 'sql' in name]"
    script = f"import sys, bot.demo_training; print({heavy})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=ENVIRONMENT
    )
    assert done.stdout == "[]\n"
