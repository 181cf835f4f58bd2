"""Errors of rules that several commands share, told in the words of one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from bot.domain.errors import InputError

#: From an error whose example belongs to another command to the example to show instead.
ExampleOf = Callable[[InputError], str]


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
        if example is not None and not str(example).startswith(f"{command} "):
            error.fields["example"] = example_of(error)
        raise
