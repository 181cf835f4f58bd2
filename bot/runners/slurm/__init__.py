"""Runs as Slurm jobs, and their nodes reserved in Slurm for the bookings' windows."""
