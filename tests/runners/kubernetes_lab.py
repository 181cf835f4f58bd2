"""The Kubernetes runner over the API server, Volcano and nodes of tests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import yaml
from kubernetes_api.objects import Place
from kubernetes_api.server import ApiServer, Call
from kubernetes_api.volcano import COMMANDS, JOBS, NAMESPACE, PODS, Volcano
from runners.contract import SECRET_NAME, SECRET_VALUE, Program

from bot.domain.job import Job
from bot.runners.kubernetes.runner import KubernetesRunner, kubernetes_runner
from bot.runners.kubernetes.settings import KubernetesSettings

RIGHTS = Path(__file__).parents[2] / "deploy" / "kubernetes" / "base" / "rights.yaml"


def shipped_rights() -> set[Call]:
    """What the manifests in deploy/kubernetes let gpubot do."""
    objects = yaml.safe_load_all(RIGHTS.read_text(encoding="utf-8"))
    rules = [rule for one in objects for rule in one.get("rules", ())]
    return {
        Call(group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


class KubernetesLab:
    """See `contract.Lab`."""

    nodes = ("gpu-01", "gpu-02")
    can_be_cut = True
    sees_checkpoints = False

    def __init__(self, folder: Path, **settings: object) -> None:
        self.kept = folder / "runs"
        self.server = ApiServer(shipped_rights())
        self.server.start()
        self.volcano = Volcano(self.server)
        for node in self.nodes:
            self.volcano.add_node(node, 4)
        secret, _, key = SECRET_NAME.partition("/")
        self.server.objects.create(
            Place("", "secrets", NAMESPACE),
            {"metadata": {"name": secret}, "data": {key: SECRET_VALUE}},
        )
        self.volcano.start()
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(json.dumps(self.server.kubeconfig()))
        self.settings = KubernetesSettings(
            kubeconfig=str(kubeconfig), namespace=NAMESPACE, **settings
        )
        self.runner = self._new()

    def job(self, key: str, program: Program, grace: timedelta) -> Job:
        return Job(("train",), image=f"program/{program.value}", grace=grace)

    def restart(self) -> None:
        self.runner.close()
        self.runner = self._new()

    def finish(self, key: str, code: int, worker: int = 0) -> None:
        self.volcano.kubelet.finish(f"{key}-w{worker}-0", code)

    def say(self, key: str, line: str) -> None:
        self.server.log(f"{key}-w0-0", line)

    def save(self, key: str) -> None:
        raise NotImplementedError

    def times_started(self, key: str) -> int:
        return self.volcano.kubelet.started[f"{key}-w0-0"]

    def secret_of(self, key: str, variable: str) -> str:
        return self.volcano.kubelet.environments[f"{key}-w0-0"][variable]

    def exposed(self, text: str) -> Sequence[str]:
        files = [path for path in self.kept.rglob("*") if path.is_file()]
        found = [str(path) for path in files if text.encode() in path.read_bytes()]
        for place in (JOBS, PODS, COMMANDS):
            found += [
                str(place) for one in self.server.objects.all(place) if text in json.dumps(one)
            ]
        return found

    def left_of(self, key: str) -> Sequence[str]:
        left = [str(path) for path in self.kept.rglob("*") if key in str(path)]
        for place in (JOBS, PODS, COMMANDS):
            names = [one["metadata"]["name"] for one in self.server.objects.all(place)]
            left += [name for name in names if name == key or name.startswith(f"{key}-")]
        return left

    def cut(self) -> None:
        self.server.stop()

    def mend(self) -> None:
        self.server.start()

    def close(self) -> None:
        """End everything."""
        self.runner.close()
        self.volcano.close()
        self.server.stop()

    def _new(self) -> KubernetesRunner:
        return kubernetes_runner(self.settings, self.kept)


@contextmanager
def kubernetes_lab(folder: Path, **settings: object) -> Iterator[KubernetesLab]:
    """A lab that ends with the block."""
    lab = KubernetesLab(folder, **settings)
    try:
        yield lab
    finally:
        lab.close()
