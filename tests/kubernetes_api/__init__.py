"""A small API server for tests, and a Volcano and nodes that are played on it."""
