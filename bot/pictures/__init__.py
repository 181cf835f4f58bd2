"""Pictures of the calendar and of reports, as PNG."""
