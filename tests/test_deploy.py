"""The manifests in deploy/kubernetes fit one another, and what gpubot reads and asks for."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_kinds
import pytest
import yaml
from kustomized import Object, rendered

from bot import main
from bot.config.edges import to_edges
from bot.config.problems import read_text
from bot.config.settings import VARIABLES, Settings
from bot.domain.booking import Priority
from bot.domain.run_rules import RunnerKind
from bot.runners.kubernetes.settings import KubernetesSettings

TOP = Path(__file__).parents[1]
FOLDER = TOP / "deploy" / "kubernetes"
DEFAULTS = KubernetesSettings()
SQLITE, POSTGRESQL = rendered(FOLDER / "sqlite"), rendered(FOLDER / "postgresql")
OVERLAYS = [pytest.param(SQLITE, id="SQLite"), pytest.param(POSTGRESQL, id="PostgreSQL")]
each_overlay = pytest.mark.parametrize("objects", OVERLAYS)


def named(objects: list[Object], kind: str) -> dict[str, Object]:
    return {one["metadata"]["name"]: one for one in objects if one["kind"] == kind}


def deployment(objects: list[Object]) -> Object:
    return dict(named(objects, "Deployment")["gpubot"]["spec"])


def pod(objects: list[Object]) -> Object:
    return dict(deployment(objects)["template"]["spec"])


def environment(objects: list[Object]) -> dict[str, str]:
    """What gpubot finds in its environment; of two sources the later one counts."""
    found: dict[str, str] = {}
    for source in pod(objects)["containers"][0]["envFrom"]:
        if "configMapRef" in source:
            found |= named(objects, "ConfigMap")[source["configMapRef"]["name"]]["data"]
        else:
            found |= named(objects, "Secret")[source["secretRef"]["name"]]["stringData"]
    return found


def test_every_manifest_is_applied() -> None:
    for folder in (FOLDER / "base", FOLDER / "sqlite", FOLDER / "postgresql"):
        kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
        files = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
        assert set(kustomization["resources"]) - {"../base"} == files
    assert rendered(FOLDER) == SQLITE


@pytest.mark.parametrize("folder", [".", "sqlite", "postgresql"])
def test_kubectl_makes_the_same_of_them(folder: str) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("no kubectl on this machine, and Debian has none")
    done = subprocess.run(
        [kubectl, "kustomize", FOLDER / folder], capture_output=True, text=True, check=True
    )
    ours = sorted(rendered(FOLDER / folder), key=_name)
    assert sorted(yaml.safe_load_all(done.stdout), key=_name) == ours


def _name(one: Object) -> tuple[str, str]:
    return one["kind"], one["metadata"]["name"]


@each_overlay
def test_kubernetes_knows_every_field(objects: list[Object]) -> None:
    for one in objects:
        if "volcano.sh" not in one["apiVersion"]:
            kubernetes_kinds.check(one)


def test_the_pod_for_a_restore_is_like_that_of_gpubot() -> None:
    page = (TOP / "docs" / "operations.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"<<'EOF'\n(.*?)^EOF$", page, re.MULTILINE | re.DOTALL)
    restore, like = yaml.safe_load(shown), pod(SQLITE)
    kubernetes_kinds.check(restore)
    assert restore["spec"]["securityContext"] == like["securityContext"]
    assert restore["spec"]["containers"][0]["envFrom"] == like["containers"][0]["envFrom"]
    assert all(volume in like["volumes"] for volume in restore["spec"]["volumes"])


@pytest.mark.parametrize(
    ("way", "value", "complaint"),
    [
        (["spec", "replica"], 2, "does not know replica"),
        (["spec", "replicas"], "2", "is no int"),
        (["spec", "selector"], None, "no object"),
        (["spec", "template", "spec", "containers", 0, "ports", 0], {"name": "x"}, "not be `None`"),
    ],
)
def test_what_kubernetes_does_not_know_would_be_found(
    way: list[Any], value: Any, complaint: str
) -> None:
    broken = copy.deepcopy(named(SQLITE, "Deployment")["gpubot"])
    place: Any = broken
    for step in way[:-1]:
        place = place[step]
    place[way[-1]] = value
    with pytest.raises(AssertionError, match=complaint):
        kubernetes_kinds.check(broken)


@each_overlay
def test_the_configuration_in_it_can_be_used(objects: list[Object]) -> None:
    file = read_text(named(objects, "ConfigMap")["gpubot"]["data"]["gpubot.toml"], "gpubot.toml")
    edges = to_edges(file)
    assert edges.runner.kind is RunnerKind.KUBERNETES
    assert edges.runner.kubernetes.learns_nodes
    assert edges.runner.kubernetes.namespace in named(objects, "Namespace")
    mounts = {mount["mountPath"] for mount in pod(objects)["containers"][0]["volumeMounts"]}
    for folder in (edges.runner.folder, edges.logs.folder):
        assert any(str(folder).startswith(mount) for mount in mounts - {"/tmp"})


@each_overlay
def test_the_environment_in_it_can_be_used(objects: list[Object]) -> None:
    settings = Settings.from_environment(environment(objects))
    assert not settings.missing_for_slack()
    assert settings.log_format == "json"
    kind = "sqlite" if objects is SQLITE else "postgresql"
    assert settings.database_url.startswith(kind)
    # For a service of that name Kubernetes sets GPUBOT_PORT and others.
    assert named(objects, "Service")["gpubot"]
    assert pod(objects)["enableServiceLinks"] is False


def test_there_are_queues_and_priority_classes_for_each_priority() -> None:
    assert set(DEFAULTS.queues.values()) == named(SQLITE, "Queue").keys()
    classes = named(SQLITE, "PriorityClass")
    values = [classes[DEFAULTS.priority_classes[one]]["value"] for one in sorted(Priority)]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == 3
    assert not any(one["globalDefault"] for one in classes.values())


@each_overlay
def test_rights_are_given_to_the_account_that_gpubot_has(objects: list[Object]) -> None:
    account = pod(objects)["serviceAccountName"]
    assert account in named(objects, "ServiceAccount")
    bindings = [one for one in objects if one["kind"].endswith("RoleBinding")]
    assert {one["subjects"][0]["name"] for one in bindings} == {account}
    assert named(objects, "Role")["gpubot"]["metadata"]["namespace"] == DEFAULTS.namespace
    rules = named(objects, "ClusterRole")["gpubot-nodes"]["rules"]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"list", "watch"}


@each_overlay
def test_everything_runs_without_rights_on_its_node(objects: list[Object]) -> None:
    jobs = [one["spec"]["jobTemplate"]["spec"] for one in named(objects, "CronJob").values()]
    for spec in (deployment(objects), *jobs):
        found = spec["template"]["spec"]
        assert found["securityContext"]["runAsNonRoot"]
        assert found["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in (*found.get("initContainers", ()), *found["containers"]):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["requests"]
            assert container["resources"]["limits"]["memory"]


@each_overlay
def test_the_volumes_that_are_mounted_are_there(objects: list[Object]) -> None:
    found = pod(objects)
    volumes = {volume["name"] for volume in found["volumes"]}
    for container in (*found["initContainers"], *found["containers"]):
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
    claims = {
        volume["persistentVolumeClaim"]["claimName"]
        for volume in found["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert claims <= named(objects, "PersistentVolumeClaim").keys()


@each_overlay
def test_gpubot_is_asked_whether_it_is_alive_and_ready_and_has_time_to_end(
    objects: list[Object],
) -> None:
    container = pod(objects)["containers"][0]
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["startupProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz?replica"
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    stops = [value for name, value in vars(main).items() if name.startswith("STOP_")]
    assert len(stops) >= 5
    assert pod(objects)["terminationGracePeriodSeconds"] >= pause + sum(stops) + 10


@each_overlay
def test_the_database_is_migrated_before_any_probe_asks(objects: list[Object]) -> None:
    (before,) = pod(objects)["initContainers"]
    after = pod(objects)["containers"][0]
    assert (before["args"], after["args"]) == (["migrate"], ["serve"])
    assert before["image"] == after["image"]
    assert before["envFrom"] == after["envFrom"]


def test_sqlite_has_one_process_and_never_two_at_once() -> None:
    assert deployment(SQLITE)["replicas"] == 1
    assert deployment(SQLITE)["strategy"] == {"type": "Recreate"}
    assert not named(SQLITE, "PodDisruptionBudget")
    assert environment(SQLITE)["GPUBOT_DATABASE_URL"] == "sqlite:////data/gpubot.db"
    assert named(SQLITE, "PersistentVolumeClaim")["gpubot"]["spec"]["accessModes"] == [
        "ReadWriteOnce"
    ]


def test_postgresql_has_two_replicas_of_which_one_is_always_there() -> None:
    spec = deployment(POSTGRESQL)
    assert spec["replicas"] == 2
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
    }
    budget = named(POSTGRESQL, "PodDisruptionBudget")["gpubot"]["spec"]
    assert budget["minAvailable"] == spec["replicas"] - 1
    labels = spec["template"]["metadata"]["labels"]
    (spread,) = pod(POSTGRESQL)["topologySpreadConstraints"]
    for selector in (budget["selector"], spread["labelSelector"], spec["selector"]):
        assert selector["matchLabels"] == labels
    assert spread["topologyKey"] == "kubernetes.io/hostname"


def test_replicas_share_no_file_that_both_write() -> None:
    volumes = {volume["name"]: volume for volume in pod(POSTGRESQL)["volumes"]}
    assert "emptyDir" in volumes["data"]
    claim = named(POSTGRESQL, "PersistentVolumeClaim")["gpubot-logs"]["spec"]
    assert claim["accessModes"] == ["ReadWriteMany"]
    # Nothing of a replica's own may be selected as if it were gpubot.
    job = named(POSTGRESQL, "CronJob")["gpubot-backup"]["spec"]["jobTemplate"]["spec"]
    service = named(POSTGRESQL, "Service")["gpubot"]["spec"]["selector"]
    assert job["template"]["metadata"]["labels"] != service


def test_only_variables_that_gpubot_reads_are_set() -> None:
    for objects in (SQLITE, POSTGRESQL):
        assert set(environment(objects)) <= set(VARIABLES)


def test_the_image_runs_as_the_user_that_the_deployment_names() -> None:
    dockerfile = (TOP / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    assert f"USER {pod(SQLITE)['securityContext']['runAsUser']}\n" in dockerfile


def test_the_image_is_built_from_files_that_are_sent_to_its_build() -> None:
    allowed = {
        line.removeprefix("!")
        for line in (TOP / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    project = (TOP / "pyproject.toml").read_text(encoding="utf-8")
    for name in re.findall(r"^(?:readme|license-files) = \[?\"([^\"]+)\"", project, re.MULTILINE):
        assert name in allowed
    assert all((TOP / name).exists() for name in allowed)
