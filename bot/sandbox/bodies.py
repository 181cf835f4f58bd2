"""Reading what the app posts: JSON, form and multipart bodies become one mapping."""

import email.parser
import email.policy
import json
import urllib.parse

from bot.sandbox.errors import SlackError
from bot.sandbox.records import Json


def read_arguments(content_type: str, body: bytes, query: str, *, takes_json: bool) -> Json:
    """The arguments of a Web API call.

    A JSON body is ignored by methods that do not take one, as in Slack. Raises SlackError
    invalid_json or json_not_object.
    """
    arguments: Json = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        given = _json(body)
        arguments |= given if takes_json else {}
    elif kind == "multipart/form-data":
        arguments |= _multipart(content_type, body)
    else:
        arguments |= dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
    return arguments


def _json(body: bytes) -> Json:
    try:
        given = json.loads(body or b"{}")
    except ValueError as error:
        raise SlackError("invalid_json") from error
    if not isinstance(given, dict):
        raise SlackError("json_not_object")
    return given


def _multipart(content_type: str, body: bytes) -> Json:
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    parsed = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    fields: Json = {}
    for part in parsed.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            fields[name] = content.decode()
    return fields
