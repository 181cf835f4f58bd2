"""What Volcano's CRDs demand of the objects that gpubot makes, as JSON schemas.

In our own words and only as much as concerns us: names, bounds, kinds of values. Unlike the real
API server, which drops what it does not know, unknown keys are refused, so that no typing error
goes unnoticed. `check` names the place as the API server does.
"""

from __future__ import annotations

from typing import Any

import jsonschema_rs

from kubernetes_api.objects import Object, Refusal

_NAME = {"type": "string", "maxLength": 63, "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"}
_DOTTED = {
    "type": "string",
    "maxLength": 253,
    "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
}
_COUNT = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
_TEXTS = {"type": "array", "items": {"type": "string"}}
_LABEL = {
    "type": "string",
    "maxLength": 63,
    "pattern": "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$",
}
_QUANTITY = {"type": "string", "pattern": "^[0-9]+$"}


def _table(required: str = "", **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required.split(),
        "properties": properties,
    }


def _map(values: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": values}


def _list(items: dict[str, Any], least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least}


_TEXT, _FLAG = {"type": "string"}, {"type": "boolean"}
_EVENTS = {
    "enum": [
        "*", "PodPending", "PodRunning", "PodFailed", "PodEvicted", "Unknown", "TaskCompleted",
        "OutOfSync", "CommandIssued", "JobUpdated", "TaskFailed",
    ]
}  # fmt: skip
_ACTIONS = {
    "enum": [
        "AbortJob", "RestartJob", "RestartTask", "RestartPod", "RestartPartition", "TerminateJob",
        "CompleteJob", "ResumeJob",
    ]
}  # fmt: skip
_META = _table(
    "name",
    name=_DOTTED,
    namespace=_NAME,
    labels=_map(_LABEL),
    annotations=_map(_TEXT),
    uid=_TEXT,
    resourceVersion=_TEXT,
    creationTimestamp=_TEXT,
    generation=_COUNT,
)
_SECRET_KEY = _table("name key", name=_DOTTED, key=_TEXT)
_ENV = _table(
    "name", name={"type": "string", "minLength": 1}, value=_TEXT,
    valueFrom=_table("secretKeyRef", secretKeyRef=_SECRET_KEY),
)  # fmt: skip
_MOUNT = _table("name mountPath", name=_NAME, mountPath=_TEXT, readOnly=_FLAG)
_CONTAINER = _table(
    "name image",
    name=_NAME,
    image={"type": "string", "minLength": 1},
    command=_TEXTS,
    workingDir=_TEXT,
    env=_list(_ENV),
    resources=_table(limits=_map(_QUANTITY)),
    volumeMounts=_list(_MOUNT),
)
_FIELD = _table("path fieldRef", path=_TEXT, fieldRef=_table("fieldPath", fieldPath=_TEXT))
_VOLUME = _table(
    "name",
    name=_NAME,
    persistentVolumeClaim=_table("claimName", claimName=_DOTTED, readOnly=_FLAG),
    nfs=_table(
        "server path", server={"type": "string", "minLength": 1}, path=_TEXT, readOnly=_FLAG
    ),
    hostPath=_table("path", path=_TEXT),
    emptyDir=_table(medium={"enum": ["", "Memory"]}),
    downwardAPI=_table("items", items=_list(_FIELD)),
)
_TERM = _table(
    "matchExpressions",
    matchExpressions=_list(
        _table("key operator", key=_TEXT, operator={"enum": ["In", "Exists"]}, values=_TEXTS), 1
    ),
)
_AFFINITY = _table(
    nodeAffinity=_table(
        requiredDuringSchedulingIgnoredDuringExecution=_table(
            "nodeSelectorTerms", nodeSelectorTerms=_list(_TERM, 1)
        )
    )
)
_POD = _table(
    "containers",
    restartPolicy={"enum": ["Always", "OnFailure", "Never"]},
    terminationGracePeriodSeconds=_COUNT,
    enableServiceLinks=_FLAG,
    automountServiceAccountToken=_FLAG,
    serviceAccountName=_DOTTED,
    affinity=_AFFINITY,
    tolerations=_list(_table("operator", key=_TEXT, operator={"enum": ["Exists", "Equal"]})),
    containers=_list(_CONTAINER, 1),
    volumes=_list(_VOLUME),
)
_TASK = _table(
    "name replicas template",
    name=_NAME,
    replicas=_COUNT,
    minAvailable=_COUNT,
    template=_table(
        "spec", metadata=_table(labels=_map(_LABEL), annotations=_map(_TEXT)), spec=_POD
    ),
)
_POLICY = _table("action", action=_ACTIONS, event=_EVENTS, events=_list(_EVENTS, 1))
_JOB = _table(
    "apiVersion kind metadata spec",
    apiVersion={"const": "batch.volcano.sh/v1alpha1"},
    kind={"const": "Job"},
    metadata=_META,
    spec=_table(
        "tasks",
        schedulerName={"type": "string", "maxLength": 63},
        queue=_DOTTED,
        priorityClassName=_DOTTED,
        minAvailable=_COUNT,
        minSuccess={**_COUNT, "minimum": 1},
        maxRetry=_COUNT,
        ttlSecondsAfterFinished=_COUNT,
        plugins=_map(_TEXTS),
        policies=_list(_POLICY),
        tasks=_list(_TASK, 1),
    ),
    status={"type": "object"},
)
_COMMAND = _table(
    "apiVersion kind metadata",
    apiVersion={"const": "bus.volcano.sh/v1alpha1"},
    kind={"const": "Command"},
    metadata=_META,
    action=_TEXT,
    reason=_TEXT,
    message=_TEXT,
    target=_table("apiVersion kind name uid", apiVersion=_TEXT, kind=_TEXT, name=_TEXT, uid=_TEXT),
)
_OF_KIND = {
    "Job": jsonschema_rs.validator_for(_JOB),
    "Command": jsonschema_rs.validator_for(_COMMAND),
}


def check(kind: str, found: Object) -> None:
    """Refuse what the kind's schema does not allow, with 422; other kinds go unchecked."""
    if (schema := _OF_KIND.get(kind)) is None:
        return
    problems = [
        f"{_shown(error.instance_path)}: {error.message}" for error in schema.iter_errors(found)
    ]
    if problems:
        name = found.get("metadata", {}).get("name", "")
        text = f'{kind}.volcano.sh "{name}" is invalid: {"; ".join(problems)}'
        raise Refusal(422, "Invalid", text, name)


def _shown(path: Any) -> str:
    return (
        "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".") or "object"
    )
