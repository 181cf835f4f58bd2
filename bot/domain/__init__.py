"""The rules of booking GPUs: pure functions and values, no Slack, no database, no clock."""
