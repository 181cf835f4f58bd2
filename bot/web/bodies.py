"""Bodies of requests as text, and forms in them."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, HTTPException, Request

#: No form of ours has more fields.
MOST_FIELDS = 20


async def read_body(request: Request) -> str:
    """The request's body as it was sent; 400 when it is not text. Its length is bounded before."""
    try:
        return (await request.body()).decode()
    except UnicodeDecodeError:
        raise HTTPException(400, "The body is not text.") from None


Body = Annotated[str, Depends(read_body)]


def form_fields(body: str) -> dict[str, str]:
    """The fields of a form; 400 when there are too many."""
    try:
        return dict(parse_qsl(body, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise HTTPException(400, "The body is not a form of this page.") from None
