"""Work that is done by the clock."""
