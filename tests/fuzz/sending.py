"""What programs could send to the town of roles: deliveries of webhooks, and calls of the API."""

from __future__ import annotations

import base64
import json
from typing import Any

from builders import NOW
from fuzzing import EXAMPLES
from hypothesis import strategies as st
from saying import LENGTHS, NODES, TIMES, numbers

_texts = st.sampled_from(["", "x", "<!channel> *b*", "z" * 3000, "a\x00b", "é\u202e"]) | st.text()
_instants = st.sampled_from([
    NOW.isoformat(), "2026-11-25T22:00+08:00", "2026-11-26T02:00:00Z", "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-12:00", "2026-11-20T00:00:00Z", "2026-11-25T22:00", "now", "x",
])  # fmt: skip
_workflow = st.fixed_dictionaries(
    {
        "id": st.integers(1, 10 * EXAMPLES) | st.sampled_from([0, -1, 2**70]),
        "conclusion": st.sampled_from(["success"] * 4 + ["failure", None]),
        "name": st.just("train") | _texts,
        "path": st.sampled_from([".github/workflows/train.yml", "train.yml@main", "", None]),
        "head_branch": st.sampled_from(["main"] * 4 + ["wip", None]),
        "head_repository": st.sampled_from([{"full_name": "lab/yolo"}] * 4 + [
            {"full_name": "fork/yolo"}, {}, None,
        ]),
        "run_number": st.sampled_from([1, 99, 0, -1, 2**70]),
        "updated_at": st.just(NOW.isoformat()) | _instants,
        "triggering_actor": st.sampled_from([{"login": "octocat"}, {"login": "<!here>"}, None]),
    },
    optional={"run_attempt": st.sampled_from([1, 2, 0, 2**70])},
)  # fmt: skip
#: A `workflow_run` event.
deliveries: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries({
    "action": st.sampled_from(["completed"] * 5 + ["requested"]),
    "repository": st.sampled_from([{"full_name": "lab/yolo", "default_branch": "main"}] * 3 + [
        {"full_name": "Lab/YOLO", "default_branch": "main"}, {"full_name": "other/one"},
    ]),
    "workflow_run": _workflow,
})  # fmt: skip

_labels = st.fixed_dictionaries(
    {"alertname": st.sampled_from(["GpuHot", "XidError", "<!channel>", ""])},
    optional={
        "Hostname": st.sampled_from([*NODES, "bob-1.lab:9400", "gone", ""]),
        "instance": st.sampled_from(["bob-1:9400", "[::1]:9400", "x"]),
        "gpu": st.sampled_from(["0", "7", "99", "-1", "x", "00", "9" * 30]),
        "severity": st.sampled_from(["warning", "critical", "none", "x" * 300]),
        "a\x00b": _texts,
    },
)
_alerts = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["firing", "resolved"]),
        "fingerprint": st.sampled_from(["a", "b", "1bee20105924c1a2", "f" * 64]),
        "labels": _labels,
        "startsAt": _instants.filter(lambda text: text[0].isdigit() and len(text) > 16),
    },
    optional={
        "annotations": st.dictionaries(
            st.sampled_from(["summary", "description", "value", "runbook", "runbook_url", "x"]),
            st.sampled_from(["91", "nan", "1e400", "https://x", "javascript:x"]) | _texts,
        ),
        "endsAt": _instants,
    },
)
#: A webhook of Alertmanager's.
webhooks = st.fixed_dictionaries({
    "version": st.just("4"), "status": st.just("firing"), "receiver": st.just("gpubot"),
    "alerts": st.lists(_alerts, max_size=4) | st.lists(_alerts, min_size=60, max_size=60),
})  # fmt: skip

_starts = st.sampled_from(["now", "2026-11-25T22:00+08:00", "2026-11-27T08:00:00Z"])
_lengths = st.sampled_from(LENGTHS)
_mounts = st.sampled_from(["/data", "data", "", "/a/../b"])
_jobs = st.fixed_dictionaries(
    {},
    optional={
        "template": st.sampled_from(["train", "yolo-train", "gone"]),
        "parameters": st.dictionaries(
            st.sampled_from(["data", "epochs", "x"]), st.sampled_from(["x", 3, True, -1, "--x"])
        ),
        "workers": st.sampled_from([1, 2, 0, 99]),
    },
) | st.fixed_dictionaries(
    {"command": st.lists(_texts, max_size=3)},
    optional={
        "image": st.sampled_from(["lab/train:1", "", "<!here>"]),
        "resume": st.lists(_texts, max_size=2),
        "checkpoints": st.sampled_from(["/ck", "ck", "{first}", "{gone}", "a\x00b"]),
        "checkpoint": st.sampled_from(["{checkpoints}/last.pt", "{", "x"]),
        "env": st.dictionaries(st.sampled_from(["LEVEL", "lower", "1X"]), _texts, max_size=2),
        "secrets": st.dictionaries(st.sampled_from(["KEY"]), st.sampled_from(["a/b", "x", ""])),
        "volumes": st.lists(st.fixed_dictionaries({"mount": _mounts}, optional={
            "claim": st.sampled_from(["data", "<x>"]), "host": _mounts,
            "nfs": st.sampled_from(["nas:/export", "nas", ":"]), "read_only": st.booleans(),
        }), max_size=2),
        "workers": st.sampled_from([1, 2]), "grace_s": st.sampled_from([0, 60, 10**9]),
        "folder": _mounts,
    },
)  # fmt: skip
_shape: dict[str, st.SearchStrategy[Any]] = {
    "node": st.sampled_from(NODES),
    "model": st.sampled_from(["A100", "V100", "gone"]),
    "priority": st.sampled_from(["P0", "P1", "P2", "p2"]),
    "preemptible": st.booleans(),
    "team": st.sampled_from(["vision", "nlp", "gone"]),
    "purpose": _texts,
    "spread": st.booleans(),
    "job": _jobs,
}
_gpus = st.sampled_from([1, 1, 2, 8, 16, 99])
_order = st.fixed_dictionaries({"gpus": _gpus, "length": _lengths}, optional={
    **_shape, "start": _starts,
})  # fmt: skip
_wish = st.fixed_dictionaries({"gpus": _gpus, "length": _lengths}, optional={
    **_shape, "from": _starts, "by": _starts,
})  # fmt: skip
_reason = {"reason": _texts}


def _body(**parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(parts, optional=_reason)


_nothing = st.none()
_calls: list[tuple[str, st.SearchStrategy[Any]]] = [
    ("POST /bookings", _order),
    ("POST /bookings/check", _order),
    ("POST /bookings/together", st.fixed_dictionaries({"orders": st.lists(_order, max_size=3)})),
    ("POST /bookings/B{n}/extend", _body(length=_lengths)),
    ("POST /bookings/B{n}/move", _body(start=_starts)),
    ("POST /bookings/B{n}/release", _body(gpus=_gpus)),
    ("POST /bookings/B{n}/cancel", _body()),
    ("PUT /bookings/B{n}/job", _jobs),
    ("DELETE /bookings/B{n}/job", _nothing),
    ("GET /bookings/B{n}", _nothing),
    ("GET /bookings/B{n}/notice", _nothing),
    ("GET /bookings/B{n}/log", _nothing),
    ("POST /waitlist", _wish),
    ("GET /waitlist/W{n}", _nothing),
    ("DELETE /waitlist/W{n}", _nothing),
    ("POST /offers/{n}/accept", _nothing),
    ("POST /offers/{n}/decline", _body()),
]
#: A change, or a look at one thing, over HTTP: method and path, and the body.
calls = st.sampled_from(_calls).flatmap(
    lambda call: st.tuples(st.builds(call[0].format, n=numbers).map(str), call[1])
)


def _cursor(place: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


_places = st.sampled_from([NOW.isoformat(), "0001-01-01T00:00+14:00", "x", "a\x00b", 1, -1, 2**60])
_cursors = st.lists(_places, min_size=1, max_size=3).map(_cursor) | st.text(max_size=9)
_names = st.sampled_from([*NODES, "vision", "nlp", "me", "U0BOB", "a\x00b", "%", "'", "", "🦊"])
_limits = st.sampled_from([1, 3, 200, 0, 201])
#: Lists, and what may be asked of each.
LISTS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "bookings": {
        "owner": _names, "team": _names, "node": _names, "from": _instants, "to": _instants,
        "state": st.sampled_from(["open", "all", "ended", "x"]), "limit": _limits,
        "cursor": _cursors,
    },
    "free": {
        "gpus": _gpus, "length": _lengths, "from": _instants, "node": _names, "model": _names,
        "spread": st.booleans(), "limit": _limits,
    },
    "waitlist": {"mine": st.booleans(), "limit": _limits, "cursor": _cursors},
    "offers": {"limit": _limits, "cursor": _cursors},
    "notices": {"limit": _limits, "cursor": _cursors},
    "audit": {"booking": numbers, "after": st.sampled_from([0, 5, 2**53, -1]), "limit": _limits},
    "reports": {"period": st.sampled_from(TIMES) | _names, "of": _names, "team": _names},
    "reports.csv": {"period": st.sampled_from(["last week", "2026", "x"]), "of": _names},
    "calendar": {"from": _instants, "to": _instants, "nodes": _names},
    "nodes": {"limit": _limits},
    "me": {},
}  # fmt: skip
#: A list, and its query.
lists = st.sampled_from(sorted(LISTS)).flatmap(
    lambda name: st.tuples(st.just(name), st.fixed_dictionaries({}, optional=LISTS[name]))
)
