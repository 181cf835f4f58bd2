"""Runs of bookings as processes on this host. The supervisor imports this: keep it light."""
