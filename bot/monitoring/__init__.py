"""What the GPUs say of themselves, by way of Prometheus."""
