"""From readings to troubles: where they begin, where they end, and what says nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.gpu_health import (
    HARDWARE_XID,
    HARDWARE_XIDS,
    HEALTH,
    MEMORY_XID,
    PROGRAM_XID,
    Kind,
    Reading,
    Severity,
    Thresholds,
    advice,
    clears_by_itself,
    findings,
    severity,
)

LIMITS = Thresholds()


def trouble(kind: Kind, **said) -> bool | None:
    found = findings(Reading("gpu-01", 0, **said), LIMITS)
    return next(one.trouble for one in found if one.kind is kind)


@pytest.mark.parametrize(
    ("celsius", "is_hot"),
    [(88.0, True), (104.0, True), (87.9, None), (83.1, None), (83.0, False), (20.0, False)],
)
def test_a_gpu_is_hot_at_the_threshold_and_no_more_well_below_it(celsius, is_hot):
    assert trouble(Kind.TEMPERATURE, temperature=celsius) is is_hot


@pytest.mark.parametrize(
    ("used", "free", "is_full"),
    [(97.0, 3.0, True), (100.0, 0.0, True), (95.0, 5.0, None), (91.0, 9.0, False)],
)
def test_memory_is_nearly_full_by_its_share(used, free, is_full):
    assert trouble(Kind.MEMORY, used_mib=used, free_mib=free) is is_full


@pytest.mark.parametrize("said", [{"used_mib": 9.0}, {"free_mib": 9.0},
                                  {"used_mib": 0.0, "free_mib": 0.0}])  # fmt: skip
def test_half_of_what_memory_needs_says_nothing(said):
    assert trouble(Kind.MEMORY, **said) is None


def test_no_reading_is_no_health():
    assert {one.trouble for one in findings(Reading("gpu-01", 0), LIMITS)} == {None}


def test_errors_are_trouble_and_their_absence_is_health():
    assert [trouble(Kind.XID, xid=number) for number in (0, 31, 79)] == [False, True, True]
    assert [trouble(Kind.ECC, ecc=number) for number in (0, 2)] == [False, True]
    assert trouble(Kind.ECC, ecc=0, remap_failed=True) is True
    assert trouble(Kind.ECC, remap_failed=False) is None


@given(st.floats(0, 150), st.floats(0, 150))
def test_no_value_begins_and_ends_a_trouble_at_once(first, second):
    hot, cool = (
        trouble(Kind.TEMPERATURE, temperature=first),
        trouble(Kind.TEMPERATURE, temperature=second),
    )
    if hot is True and cool is False:
        assert first - second >= 4.9


def test_every_trouble_has_advice_and_a_gpus_own_errors_are_critical():
    for kind in HEALTH:
        assert len(advice(kind, 79.0)) > 50
    assert [advice(Kind.XID, float(n)) for n in (79, 31, 43)] == [
        HARDWARE_XID, MEMORY_XID, PROGRAM_XID,
    ]  # fmt: skip
    assert severity(Kind.XID, 79.0) is severity(Kind.ECC, 1.0) is Severity.CRITICAL
    assert severity(Kind.XID, 31.0) is severity(Kind.TEMPERATURE, 99.0) is Severity.WARNING


def test_only_a_programs_mistake_is_over_by_itself():
    assert clears_by_itself(Kind.XID, 31.0)
    assert not any(clears_by_itself(Kind.XID, float(number)) for number in HARDWARE_XIDS)
    assert not clears_by_itself(Kind.TEMPERATURE, 99.0)
