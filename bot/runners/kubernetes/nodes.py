"""The cluster's nodes with GPUs, as Kubernetes describes them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.runners.kubernetes.api import Object, one_line
from bot.runners.kubernetes.settings import KubernetesSettings

_MAKERS = re.compile(r"^(NVIDIA|Tesla|GeForce|Quadro)[- ]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SeenNode:
    """One node."""

    #: What gpubot calls it: the value of the label that jobs are bound by.
    name: str
    #: GPUs that can be given to pods; 0 while its device plugin is away.
    gpus: int
    model: str
    #: Why it takes no work, in the cluster's words; empty: it is ready.
    trouble: str = ""


def seen_nodes(found: Iterable[Object], settings: KubernetesSettings) -> tuple[SeenNode, ...]:
    """Those that have a GPU model or GPUs, by name as people count: gpu-2 before gpu-10."""
    nodes = (_node(one, settings) for one in found)
    return tuple(sorted((node for node in nodes if node is not None), key=_as_people_count))


def dead_nodes(found: Iterable[Object]) -> frozenset[str]:
    """Nodes that do not answer, by Kubernetes' own name for them."""
    return frozenset(one["metadata"]["name"] for one in found if _trouble(one))


def _node(found: Object, settings: KubernetesSettings) -> SeenNode | None:
    labels = found["metadata"].get("labels") or {}
    gpus = _count((found.get("status", {}).get("allocatable") or {}).get(settings.gpu_resource))
    product = labels.get(settings.model_label, "")
    if not gpus and not product:
        return None
    name = labels.get(settings.node_label) or found["metadata"]["name"]
    return SeenNode(name, gpus, _model(product, settings.models), _trouble(found))


def _trouble(found: Object) -> str:
    conditions = found.get("status", {}).get("conditions") or ()
    ready: Object = next((one for one in conditions if one.get("type") == "Ready"), {})
    if ready.get("status") == "True":
        return ""
    return one_line(str(ready.get("message") or ready.get("reason") or "it is not ready"))


def _model(product: str, names: Mapping[str, str]) -> str:
    """A model in one word with a letter in it, as it can be typed in a command."""
    if product in names:
        return names[product]
    bare = product
    while (shorter := _MAKERS.sub("", bare)) != bare:
        bare = shorter
    return re.sub(r"[^\w.+-]+", "-", bare).strip("-") or "GPU"


def _count(text: object) -> int:
    return int(text) if isinstance(text, str | int) and str(text).isdigit() else 0


def _as_people_count(node: SeenNode) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", node.name)
    return [(int(part), "") if part.isdigit() else (0, part) for part in parts]
