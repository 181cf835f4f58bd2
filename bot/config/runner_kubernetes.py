"""The table `[runner.kubernetes]`: the cluster that jobs go to, and what is called how there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from bot.config.tables import Table
from bot.config.values import Longest, Word
from bot.domain.booking import Priority
from bot.runners.kubernetes.settings import KubernetesSettings

#: A name of a Kubernetes object.
ObjectName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]
#: A label's key, as in nvidia.com/gpu.product.
LabelKey = Annotated[
    str, Field(pattern=r"^([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$", max_length=317)
]
ByPriority = dict[Literal["p0", "p1", "p2"], ObjectName]
_OBJECT = "a name of lower case letters, digits, - and ."
_DEFAULTS = KubernetesSettings()


class KubernetesTable(Table):
    """The table `[runner.kubernetes]`."""

    kubeconfig: str = Field(default="", description="the path of a kubeconfig")
    context: str = Field(default="", description="one of the kubeconfig's contexts")
    namespace: ObjectName = Field(default=_DEFAULTS.namespace, description=_OBJECT)
    queues: ByPriority = Field(
        default={}, description='a table such as { p0 = "urgent", p2 = "research" }'
    )
    priority_classes: ByPriority = Field(
        default={}, description='a table such as { p0 = "urgent", p2 = "research" }'
    )
    image: str = Field(default="", max_length=300, description="a container image")
    checkpoints_claim: ObjectName | None = Field(
        default=None, description="a PersistentVolumeClaim's name"
    )
    gpu_resource: LabelKey = Field(
        default=_DEFAULTS.gpu_resource, description='a resource such as "nvidia.com/gpu"'
    )
    node_label: LabelKey = Field(
        default=_DEFAULTS.node_label, description='a label such as "kubernetes.io/hostname"'
    )
    model_label: LabelKey = Field(
        default=_DEFAULTS.model_label, description='a label such as "nvidia.com/gpu.product"'
    )
    models: dict[str, Word] = Field(
        default={}, description='a table such as { "Tesla-V100-SXM2-32GB" = "V100" }'
    )
    nodes: Literal["file", "cluster"] = Field(default="file", description='"file" or "cluster"')
    service_account: ObjectName | None = Field(default=None, description=_OBJECT)
    kept_for: Longest = Field(default=timedelta(days=1), description='a duration such as "1d"')


def to_kubernetes_settings(
    table: KubernetesTable, checkpoints: str, host_paths: tuple[str, ...]
) -> KubernetesSettings:
    """What the runner needs; `checkpoints` is where pods find the claim for checkpoints."""
    return KubernetesSettings(
        kubeconfig=table.kubeconfig,
        context=table.context,
        namespace=table.namespace,
        queues=_by_priority(table.queues, _DEFAULTS.queues),
        priority_classes=_by_priority(table.priority_classes, _DEFAULTS.priority_classes),
        image=table.image,
        checkpoints_claim=table.checkpoints_claim or "",
        checkpoints=checkpoints,
        gpu_resource=table.gpu_resource,
        node_label=table.node_label,
        model_label=table.model_label,
        models=dict(table.models),
        learns_nodes=table.nodes == "cluster",
        service_account=table.service_account or "",
        kept_for=table.kept_for,
        host_paths=host_paths,
    )


def _by_priority(given: ByPriority, otherwise: Mapping[Priority, str]) -> Mapping[Priority, str]:
    return {**otherwise, **{Priority[name.upper()]: found for name, found in given.items()}}
