"""Errors of rules that several commands share, told in the words of one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from bot.domain.errors import BadJob, InputError

#: From an error whose example belongs to another command to the example to show instead.
ExampleOf = Callable[[InputError], str]

#: The same job, ordered by other commands.
_WITH_JOB = {"/gpu wait": "/gpu wait 4 20h", "/gpu queue": "/gpu queue 1 45m"}


def _job_example(example: str, command: str) -> str:
    """An example of a booking with a job, as one of `command`."""
    _, word, job = example.partition(" job ")
    return f"{_WITH_JOB[command]} job {job}" if word and command in _WITH_JOB else example


@contextmanager
def retold(
    command: str, example_of: ExampleOf, form_fields: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Have every InputError within show an example of `command`, such as `/gpu wait`.

    `form_fields` says what the fields of the booking form are called in this command's form.
    """
    try:
        yield
    except InputError as error:
        field = error.form_field
        if field is not None and form_fields is not None:
            error.form_field = form_fields.get(field, field)
        example = error.fields.get("example")
        if isinstance(error, BadJob):
            error.fields["example"] = _job_example(str(example), command)
        elif example is not None and not str(example).startswith(f"{command} "):
            error.fields["example"] = example_of(error)
        raise
