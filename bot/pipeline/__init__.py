"""Booking from a pipeline: `gpubot book`, `release` and `cancel`, over the HTTP API."""
