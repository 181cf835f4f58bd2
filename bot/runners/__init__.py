"""What runs the work of bookings: processes, Slurm jobs, Volcano jobs."""
