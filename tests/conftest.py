"""What holds for all tests."""

from hypothesis import settings

# A deadline in seconds would fail on a slow machine; speed is measured in benchmarks.
settings.register_profile("gpubot", deadline=None)
settings.load_profile("gpubot")
