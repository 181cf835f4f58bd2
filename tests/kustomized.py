"""Kustomizations as `kubectl kustomize` puts them together, as far as ours go.

Resources are files and folders, patches are lists of JSON Patch operations with an object's kind
and name. Anything else in a kustomization is an error, so that nothing is overlooked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]


def rendered(folder: Path) -> list[Object]:
    """The objects that `kubectl apply -k folder` would apply."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    assert set(kustomization) <= {"apiVersion", "kind", "resources", "patches"}
    found: list[Object] = []
    for resource in kustomization["resources"]:
        path = (folder / resource).resolve()
        if path.is_dir():
            found += rendered(path)
        else:
            found += yaml.safe_load_all(_without_anchors(path.read_text(encoding="utf-8")))
    for patch in kustomization.get("patches", ()):
        _apply(patch, found)
    return found


def _without_anchors(text: str) -> str:
    """Each reference as a copy of its own: a patch changes one of them."""
    return "---\n".join(
        yaml.dump(one, Dumper=_Copying, sort_keys=False) for one in yaml.safe_load_all(text)
    )


class _Copying(yaml.SafeDumper):
    def ignore_aliases(self, _data: object) -> bool:
        return True


def _apply(patch: Object, objects: list[Object]) -> None:
    target = patch["target"]
    assert set(target) == {"kind", "name"}
    (found,) = [
        one
        for one in objects
        if (one["kind"], one["metadata"]["name"]) == (target["kind"], target["name"])
    ]
    for operation in yaml.safe_load(patch["patch"]):
        assert operation["op"] == "add", operation
        *way, last = operation["path"].lstrip("/").split("/")
        place: Any = found
        for step in way:
            place = place[int(step)] if isinstance(place, list) else place[step]
        if isinstance(place, list):
            assert last == "-", operation
            place.append(operation["value"])
        else:
            place[last] = operation["value"]
