"""What NVIDIA's DCGM exporter measures, as readings of the GPUs that are booked here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.domain.cluster import Cluster, Node
from bot.domain.gpu_health import Reading
from bot.monitoring.prometheus import Prometheus, Sample

UTILISATION, ENGINE = "DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_PROF_GR_ENGINE_ACTIVE"
TEMPERATURE, XID = "DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_XID_ERRORS"
USED, FREE = "DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_FB_FREE"
ECC, REMAP = "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", "DCGM_FI_DEV_ROW_REMAP_FAILURE"
METRICS = (UTILISATION, ENGINE, TEMPERATURE, XID, USED, FREE, ECC, REMAP)
QUERY = f'{{__name__=~"{"|".join(METRICS)}"}}'

#: What DCGM shows for a value that it cannot read, for 32-bit, floating and 64-bit fields, begins
#: here ("blank values" of dcgm_structs.h); nothing that is measured here is ever as large.
BLANK = 2_147_483_632.0
#: Where nodes stand in the labels, the likeliest first; older exporters write it with a capital.
NODE_LABELS = ("Hostname", "hostname", "node", "instance")
#: The largest values that can be true: per cent, °C, and a share.
LARGEST = {UTILISATION: 100.0, TEMPERATURE: 150.0, ENGINE: 1.0}
#: At most so many names of machines that are no nodes are kept, to be shown.
STRANGERS = 10


@dataclass(frozen=True, slots=True)
class Readings:
    """What all GPUs said at one instant."""

    #: By node and GPU.
    found: tuple[Reading, ...]
    #: Samples that were left out because they cannot be true.
    dropped: int
    #: Machines with GPU metrics that are none of the nodes.
    strangers: tuple[str, ...] = ()

    @property
    def nodes(self) -> frozenset[str]:
        """The nodes with any reading."""
        return frozenset(reading.node for reading in self.found)


def read_gpus(
    prometheus: Prometheus, cluster: Cluster, *, node_label: str = "", user_label: str = "user"
) -> Readings:
    """What the GPUs of the cluster's nodes say now. Raises PrometheusError."""
    answer = prometheus.query(QUERY)
    readings = to_readings(answer.samples, cluster, node_label=node_label, user_label=user_label)
    return Readings(readings.found, readings.dropped + answer.dropped, readings.strangers)


def to_readings(
    samples: Iterable[Sample], cluster: Cluster, *, node_label: str = "", user_label: str = "user"
) -> Readings:
    """Readings by node and GPU; what several exporters or MIG slices say of a GPU is merged."""
    nodes = NodeNames(cluster.nodes, node_label)
    found: dict[tuple[str, int], dict[tuple[str, str], dict[str, Sample]]]
    found = defaultdict(lambda: defaultdict(dict))
    dropped, strangers = 0, set[str]()
    for sample in samples:
        name, labels = sample.labels.get("__name__", ""), sample.labels
        node, gpu = nodes.find(labels), gpu_index(labels.get("gpu", ""))
        if node is None:
            strangers.add(nodes.shown(labels))
        elif gpu is None or gpu >= node.gpus or not _can_be_true(name, sample.value):
            dropped += 1
        else:
            part = labels.get("UUID", ""), labels.get("GPU_I_ID", "")
            parts = found[node.name, gpu][part]
            parts[name] = max(parts.get(name, sample), sample, key=lambda one: one.value)
    readings = tuple(
        _reading(node, gpu, list(parts.values()), user_label)
        for (node, gpu), parts in sorted(found.items())
    )
    return Readings(readings, dropped, tuple(sorted(strangers)[:STRANGERS]))


class NodeNames:
    """Finds the node that labels name: in any case, with or without a domain or a port."""

    def __init__(self, nodes: Iterable[Node], label: str = "") -> None:
        self._labels = (label,) if label else NODE_LABELS
        self._whole: dict[str, Node] = {}
        short: dict[str, list[Node]] = defaultdict(list)
        for node in nodes:
            name = node.name.casefold()
            self._whole[name] = node
            short[name.partition(".")[0]].append(node)
        # Two nodes of one short name can be told apart by their whole names alone.
        self._short = {name: found[0] for name, found in short.items() if len(found) == 1}

    def find(self, labels: Mapping[str, str]) -> Node | None:
        """The node; None when the labels name none that is known."""
        for label in self._labels:
            name = _without_port(labels.get(label, "")).casefold()
            found = self._whole.get(name) or self._by_short_name(name)
            if found is not None:
                return found
        return None

    def shown(self, labels: Mapping[str, str]) -> str:
        """What the labels call their machine."""
        return next((labels[label] for label in self._labels if labels.get(label)), "(no name)")

    def _by_short_name(self, name: str) -> Node | None:
        short, _, domain = name.partition(".")
        found = self._short.get(short)
        # A node that is known with its domain is not the one of the same name in another.
        return found if found is not None and not (domain and "." in found.name) else None


def _without_port(name: str) -> str:
    host, colon, port = name.strip().rpartition(":")
    return host if colon and port.isdecimal() else name.strip()


def gpu_index(text: str) -> int | None:
    """The number of a GPU in a label; None when it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 3 else None


def _can_be_true(name: str, value: float) -> bool:
    return 0 <= value < BLANK and value <= LARGEST.get(name, value)


def _reading(node: str, gpu: int, parts: list[dict[str, Sample]], user_label: str) -> Reading:
    def most(name: str) -> float | None:
        return max((part[name].value for part in parts if name in part), default=None)

    engine, failed = most(ENGINE), most(REMAP)
    use = [value for value in (most(UTILISATION), None if engine is None else 100 * engine)
           if value is not None]  # fmt: skip
    fullest = max((part for part in parts if USED in part and FREE in part), key=_fullness,
                  default=None)  # fmt: skip
    xid, ecc = most(XID), most(ECC)
    labels = [sample.labels for part in parts for sample in part.values()]
    return Reading(
        node=node,
        gpu=gpu,
        utilisation=max(use, default=None),
        temperature=most(TEMPERATURE),
        used_mib=None if fullest is None else fullest[USED].value,
        free_mib=None if fullest is None else fullest[FREE].value,
        xid=None if xid is None else int(xid),
        ecc=None if ecc is None else int(ecc),
        remap_failed=None if failed is None else failed > 0,
        # Where Prometheus keeps its own labels, the exporter's are called so.
        namespace=_first(labels, "exported_namespace", "namespace"),
        pod=_first(labels, "exported_pod", "pod"),
        hpc_job=_first(labels, "hpc_job"),
        user=_first(labels, user_label),
    )


def _fullness(part: Mapping[str, Sample]) -> float:
    used, free = part[USED].value, part[FREE].value
    return used / (used + free) if used + free > 0 else 0.0


def _first(labels: Iterable[Mapping[str, str]], *names: str) -> str:
    """The first of these labels that anything has."""
    known = list(labels)
    return next((one[name] for name in names for one in known if one.get(name)), "")
