"""The manifests in deploy/kubernetes fit one another, and what gpubot reads and asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from bot.config.edges import to_edges
from bot.config.problems import read_text
from bot.config.settings import VARIABLES
from bot.domain.booking import Priority
from bot.domain.run_rules import RunnerKind
from bot.runners.kubernetes.settings import KubernetesSettings

TOP = Path(__file__).parents[1]
FOLDER = TOP / "deploy" / "kubernetes"
DEFAULTS = KubernetesSettings()


def objects(kind: str) -> list[dict[str, Any]]:
    files = [path for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml"]
    found = [one for path in files for one in yaml.safe_load_all(path.read_text(encoding="utf-8"))]
    return [one for one in found if one["kind"] == kind]


def named(kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in objects(kind)}


def deployment() -> dict[str, Any]:
    return dict(named("Deployment")["gpubot"]["spec"]["template"]["spec"])


def test_every_manifest_is_applied() -> None:
    kustomization = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))
    files = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == files


def test_the_configuration_in_it_can_be_used() -> None:
    file = read_text(named("ConfigMap")["gpubot"]["data"]["gpubot.toml"], "gpubot.toml")
    runner = to_edges(file).runner
    assert runner.kind is RunnerKind.KUBERNETES
    assert runner.kubernetes.learns_nodes
    assert runner.kubernetes.namespace in named("Namespace")
    assert str(runner.folder).startswith("/data/")


def test_there_are_queues_and_priority_classes_for_each_priority() -> None:
    assert set(DEFAULTS.queues.values()) == named("Queue").keys()
    classes = named("PriorityClass")
    values = [classes[DEFAULTS.priority_classes[one]]["value"] for one in sorted(Priority)]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == 3
    assert not any(one["globalDefault"] for one in classes.values())


def test_rights_are_given_to_the_account_that_gpubot_has() -> None:
    account = deployment()["serviceAccountName"]
    assert account in named("ServiceAccount")
    bindings = objects("RoleBinding") + objects("ClusterRoleBinding")
    assert {one["subjects"][0]["name"] for one in bindings} == {account}
    assert named("Role")["gpubot"]["metadata"]["namespace"] == DEFAULTS.namespace
    assert {
        verb for rule in named("ClusterRole")["gpubot-nodes"]["rules"] for verb in rule["verbs"]
    } == {
        "list",
        "watch",
    }


def test_gpubot_runs_without_rights_on_its_node() -> None:
    pod = deployment()
    container = pod["containers"][0]
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_only_variables_that_gpubot_reads_are_set() -> None:
    given = {one["name"] for one in deployment()["containers"][0]["env"]}
    given |= set(named("Secret")["gpubot"]["stringData"])
    assert given <= set(VARIABLES)


def test_the_image_runs_as_the_user_that_the_deployment_names() -> None:
    dockerfile = (TOP / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    assert f"USER {deployment()['securityContext']['runAsUser']}\n" in dockerfile
