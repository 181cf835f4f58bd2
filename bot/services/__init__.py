"""Use-cases: one function, one transaction each; audit and outbox rows inside it."""
