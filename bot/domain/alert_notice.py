"""What Alertmanager says: that something began or is over, and what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.domain.gpu_health import Kind

#: The label by which a rule says which of our own alerts it is; else its name tells.
KIND_LABEL = "gpubot_kind"
#: Words in the names of rules, the surest first: a rule about XID errors may speak of memory.
WORDS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    (Kind.XID, ("xid",)),
    (Kind.ECC, ("ecc", "remap", "dbe")),
    (Kind.TEMPERATURE, ("temp", "hot", "therm")),
    (Kind.MEMORY, ("memory", "framebuffer", "fbused", "vram", "oom")),
)


@dataclass(frozen=True, slots=True)
class AlertNotice:
    """One alert of a webhook."""

    #: Alertmanager's own name for the set of labels.
    fingerprint: str
    is_firing: bool
    starts_at: datetime
    name: str
    labels: Mapping[str, str]
    severity: str = ""
    summary: str = ""
    description: str = ""
    #: What there is to do.
    runbook: str = ""
    value: float | None = None
    #: The node, as it is called here, and its GPU; None where the labels name none.
    node: str | None = None
    gpu: int | None = None

    @property
    def kind(self) -> Kind:
        """Which of our own alerts it is; OTHER unless it is about one GPU of a node."""
        if self.node is None or self.gpu is None:
            return Kind.OTHER
        said = self.labels.get(KIND_LABEL, "")
        if said in {kind.value for kind, _ in WORDS}:
            return Kind(said)
        name = self.name.casefold().replace("_", "")
        found = (kind for kind, words in WORDS if any(word in name for word in words))
        return next(found, Kind.OTHER)
