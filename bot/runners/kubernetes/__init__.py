"""Runs as Volcano jobs in a Kubernetes cluster."""
