"""What the tests of reading text share: who asks, when, and of which cluster."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from bot.domain.cluster import Cluster, Node, Team

SHANGHAI = ZoneInfo("Asia/Shanghai")
PARIS = ZoneInfo("Europe/Paris")
NEW_YORK = ZoneInfo("America/New_York")
HOUR = timedelta(hours=1)

#: A Wednesday.
NOW = datetime(2026, 11, 25, 10, 37, tzinfo=SHANGHAI)

CLUSTER = Cluster(
    name="Vision Lab",
    zone=SHANGHAI,
    zone_name="Asia/Shanghai",
    nodes=(
        Node("gpu-01", 4, "V100"),
        Node("gpu-02", 4, "V100"),
        Node("gpu-10", 4, "V100"),
        Node("gpu-03", 8, "A100"),
        Node("gpu-04", 8, "A100"),
        Node("box", 2, "RTX 4090"),
    ),
    teams=(Team("vision", "C0VISION"), Team("Speech Lab", "C0SPEECH")),
)

#: Some days before the clocks of Europe and of North America go back, and forward.
BEFORE_AUTUMN = datetime(2026, 10, 20, 10, tzinfo=UTC)
BEFORE_SPRING = datetime(2027, 3, 10, 10, tzinfo=UTC)

ZONES = ("Asia/Shanghai", "Europe/Paris", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
zones = st.sampled_from([ZoneInfo(name) for name in ZONES])
#: Over two years, with fractions of a second.
instants = st.floats(0, 730 * 86400).map(
    lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


def at(text: str, zone: tzinfo = SHANGHAI) -> datetime:
    """`11-26 22:00` in 2026, or with its year, on the wall clock of `zone`."""
    full = text if text.count("-") == 2 else f"2026-{text}"
    return datetime.strptime(full, "%Y-%m-%d %H:%M").replace(tzinfo=zone)
