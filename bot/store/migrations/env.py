"""Run by Alembic: applies migrations on the connection that bot.store.migrate provides."""

from alembic import context
from sqlmodel import SQLModel

from bot.store import models

assert models.Booking.metadata is SQLModel.metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    # SQLite cannot alter most things in place; Alembic then builds the table anew.
    render_as_batch=True,
)
context.run_migrations()
