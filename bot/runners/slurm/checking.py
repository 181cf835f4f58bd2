"""What `gpubot check` says about Slurm. For operators, so in English only."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from bot.domain.cluster import Node
from bot.runners.protocol import Unreachable
from bot.runners.slurm.commands import Slurm
from bot.runners.slurm.settings import SlurmSettings, SubmitAs


def look_at_slurm(
    settings: SlurmSettings, folder: Path, nodes: Sequence[Node]
) -> Iterator[tuple[bool | None, str]]:
    """Findings as made: whether all is well (None: cannot be told), and what was looked at."""
    yield _accounts(settings, folder)
    slurm = Slurm(settings)
    try:
        partitions, gpus = slurm.partitions(), slurm.gpus()
    except Unreachable as error:
        yield False, f"Slurm: {error}"
        return
    yield True, f"Slurm: its controller answers, with {len(gpus)} nodes"
    if settings.partition and settings.partition not in partitions:
        known = ", ".join(partitions)
        yield False, f"Slurm: there is no partition {settings.partition}; there are: {known}"
    lacking = [text for node in nodes if (text := _lacking(node, settings.node(node.name), gpus))]
    yield from ((False, text) for text in lacking)
    if not lacking:
        yield True, "Slurm: knows all nodes, with as many GPUs as the configuration says"


def _accounts(settings: SlurmSettings, folder: Path) -> tuple[bool | None, str]:
    where = f"Slurm: runs are kept in {folder}, which all nodes have to see under that path"
    if settings.submit_as is SubmitAs.OWNER and os.geteuid() != 0:
        return None, f"{where}; gpubot is not root, so they all run as its own account"
    return True, where


def _lacking(node: Node, name: str, gpus: dict[str, int]) -> str:
    """What Slurm does not have of a node; empty: nothing."""
    if name not in gpus:
        return f"Slurm: there is no node {name}; runner.slurm.nodes can give {node.name} another"
    if gpus[name] < node.gpus:
        return f"Slurm: {name} has {gpus[name]} GPUs (gres/gpu) there, and {node.gpus} here"
    return ""
