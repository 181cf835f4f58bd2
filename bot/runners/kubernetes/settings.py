"""What operators say about the cluster that runs go to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from bot.domain.booking import Priority


def _one_each(prefix: str) -> dict[Priority, str]:
    return {priority: f"{prefix}-p{int(priority)}" for priority in Priority}


@dataclass(frozen=True, slots=True)
class KubernetesSettings:
    """`[runner.kubernetes]`; the defaults are those of the manifests in deploy/kubernetes."""

    #: File with the cluster's address and credentials; empty: the pod's own service account, and
    #: outside of a cluster what kubectl would take.
    kubeconfig: str = ""
    #: Which of the file's contexts; empty: its current one.
    context: str = ""
    #: Where jobs and their pods live.
    namespace: str = "gpubot-runs"
    queues: Mapping[Priority, str] = field(default_factory=lambda: _one_each("gpubot"))
    priority_classes: Mapping[Priority, str] = field(default_factory=lambda: _one_each("gpubot"))
    #: The image of jobs that name none; empty: such a job is refused.
    image: str = ""
    #: The claim that holds checkpoints, in the jobs' namespace; empty: nothing is mounted for them.
    checkpoints_claim: str = ""
    #: Where pods find it.
    checkpoints: str = "/checkpoints"
    #: What a GPU is called among a node's resources.
    gpu_resource: str = "nvidia.com/gpu"
    #: The node label whose value is the node's name in gpubot.
    node_label: str = "kubernetes.io/hostname"
    #: The node label whose value is the model of its GPUs.
    model_label: str = "nvidia.com/gpu.product"
    #: What gpubot calls the models that the label names; others lose their maker's name only.
    models: Mapping[str, str] = field(default_factory=dict)
    #: Whose rights pods have; empty: none, they get no token.
    service_account: str = ""
    #: How long Volcano keeps a job that is over.
    kept_for: timedelta = timedelta(days=1)
    #: Whether the nodes are learnt from the cluster instead of the configuration file.
    learns_nodes: bool = False
    #: Folders of nodes that volumes may lie in.
    host_paths: tuple[str, ...] = ()
    #: Most bytes kept of one worker's log; of a longer one the older half goes.
    log_limit: int = 64 * 1024 * 1024
